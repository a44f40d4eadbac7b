/* tenant.h - the verbs of `clawbox tenant` that have files of their own. */
#ifndef CB_CLAWBOX_TENANT_H
#define CB_CLAWBOX_TENANT_H

int tenant_diff(int argc, char **argv);
int tenant_test(int argc, char **argv);

#endif
