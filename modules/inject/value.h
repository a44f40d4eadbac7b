/*
 * value.h - whether a value is one that can go in where the routes want it. Asked when it is set, so that whoever sets it hears
 * of it, and not the agent at its next request.
 */
#ifndef CB_INJECT_VALUE_H
#define CB_INJECT_VALUE_H

#include "policy/spec.h"

/* NULL when the value has the form (spec_inject_form(); an unknown one asks nothing), or what is wrong with it: the end of a
 * sentence that begins with the credential's name. */
const char *inject_value_wrong(struct span form, struct span value);

#endif
