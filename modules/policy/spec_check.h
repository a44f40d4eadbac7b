/*
 * spec_check.h - whether a specification is one that conf would have made. Part of spec_encode() and spec_decode().
 */
#ifndef CB_POLICY_SPEC_CHECK_H
#define CB_POLICY_SPEC_CHECK_H

#include "policy/spec.h"

#define SPEC_HEADER_MAX   128
#define SPEC_PREFIX_MAX   64
#define SPEC_ENV_MAX      128
#define SPEC_METHOD_MAX   32
#define SPEC_SHAPE_MAX    255
#define SPEC_UPSTREAM_MAX 64 /* a literal address, IPv6 in brackets */

/*
 * True when everything is within its bounds and canonical: names, hosts, methods, paths, header names and prefixes,
 * the injector with what it needs, a known credential, unique route and credential names. Texts for people are
 * conf's matter: by the time a spec gets here, somebody has read them.
 */
bool spec_is_valid(const struct spec *spec);

#endif
