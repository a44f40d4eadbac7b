/* system_roots.h - where this machine keeps the root certificates that it trusts. */
#ifndef CB_CLAWBOX_SYSTEM_ROOTS_H
#define CB_CLAWBOX_SYSTEM_ROOTS_H

/* The path of a file in PEM that can be read, or NULL. Static storage. */
const char *system_roots(void);

#endif
