/*
 * placeholder.h - the values that the agent holds instead of credentials.
 */
#ifndef CB_POLICY_PLACEHOLDER_H
#define CB_POLICY_PLACEHOLDER_H

#include "base/err.h"
#include "base/span.h"

#define PLACEHOLDER_MAX 256

/* Makes a random placeholder of a shape such as "sk-ant-api03-{93}AA": {N} becomes N random letters and digits (at least
 * 22 of them in all, so that none is ever guessed). `out` is NUL-terminated. CB_EINVAL for a bad shape. */
CB_MUST_USE int placeholder_make(struct span shape, char out[PLACEHOLDER_MAX]);
/* True for a value that some shape could have made: one that a person brings, so that two places have the same. */
bool placeholder_is_valid(struct span value);
/* Checks a shape of the configuration; message for people in `why`. */
CB_MUST_USE int placeholder_shape_check(struct span shape, char *why, size_t why_size);

#endif
