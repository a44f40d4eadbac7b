/* pen_filter.h - the calls that a program in a pen may not make (pen.h). */
#ifndef CB_PRIV_PEN_FILTER_H
#define CB_PRIV_PEN_FILTER_H

#include "base/err.h"

/* Refuses them with an error, and allows all others, to this process and all that it starts. no_new_privs must hold. 0 or a negative
 * error. */
CB_MUST_USE int pen_filter_load(void);

#endif
