/*
 * strnum.h - numbers in text, strictly: decimal digits only, no sign, no blanks, no leading zero but "0" itself.
 */
#ifndef CB_BASE_STRNUM_H
#define CB_BASE_STRNUM_H

#include "base/err.h"
#include "base/span.h"

/* Reads a whole span as a decimal number of at most `max`. 0, CB_EMALFORMED or CB_ELIMIT (too large). */
CB_MUST_USE int strnum_u64(struct span text, uint64_t max, uint64_t *out);

#endif
