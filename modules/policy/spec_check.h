/*
 * spec_check.h - whether a specification is one that conf would have made. Part of spec_encode() and spec_decode().
 */
#ifndef CB_POLICY_SPEC_CHECK_H
#define CB_POLICY_SPEC_CHECK_H

#include "policy/spec.h"

#define SPEC_HEADER_MAX    128
#define SPEC_PREFIX_MAX    64
#define SPEC_VALUE_MAX     1024 /* of a header that every request gets */
#define SPEC_USER_MAX      64
#define SPEC_PARAMETER_MAX 64
#define SPEC_ENV_MAX       128 /* all names of a credential, with the commas between them */
#define SPEC_AWS_NAME_MAX  32
#define SPEC_METHOD_MAX    32
#define SPEC_SHAPE_MAX     255
#define SPEC_CLAIM_MAX     512  /* a client id, an audience, a subject */
#define SPEC_SCOPE_MAX     2048 /* all scopes, with the blanks between them */
#define SPEC_PIN_MAX       64
#define SPEC_UPSTREAM_MAX  64 /* a literal address, IPv6 in brackets */

/*
 * True when everything is within its bounds and canonical: names, hosts, methods, paths, header names and prefixes,
 * the injector with what it needs, a known credential, unique route and credential names. Texts for people are
 * conf's matter: by the time a spec gets here, somebody has read them.
 */
bool spec_is_valid(const struct spec *spec);

/* The parts of it that conf asks about one by one, for messages of its own. */
/* Headers that the proxy itself writes or that decide how a message is framed or routed: no route sets or passes them. */
bool spec_header_is_reserved(struct span name);
/* A header name that a route may write: a token within SPEC_HEADER_MAX, not reserved. */
bool spec_header_is_valid(struct span name);
/* What may stand in front of a credential or as an extra header's value: printable ASCII without a blank in front. */
bool spec_value_is_valid(struct span value, size_t max);
bool spec_user_is_valid(struct span user);
/* A service or a region of AWS: 1 to SPEC_AWS_NAME_MAX of a-z, 0-9 and "-". */
bool spec_aws_name_is_valid(struct span name);
/* Names of environment variables, joined by commas. */
bool spec_env_is_valid(struct span names);
/* A parameter's name: letters, digits, "-", ".", "_", "~"; so it has one spelling only. */
bool spec_parameter_is_valid(struct span name);
/* A name in a list of places or of what passes, in lower case. A header's may end in "*". */
bool spec_place_header_is_valid(struct span name);
bool spec_place_parameter_is_valid(struct span name);
/* True when the route passes what it injects: the agent's word would stand beside ours. */
bool spec_route_passes_own(const struct spec_route *route);
/* True when a rule allows every resource without a namespace, and with that everybody's: those have to be named. */
bool spec_kube_rule_is_too_wide(const struct spec_kube_rule *rule);
/* Printable ASCII without blanks around it, 1 to SPEC_CLAIM_MAX. */
bool spec_claim_is_valid(struct span text);
/* Scopes as RFC 6749, 3.3 has them: visible ASCII without '"' and '\\', one blank between two. */
bool spec_scope_is_valid(struct span text);
/* True when the "*" at `mark` is the only one of its segment. */
bool spec_mark_is_valid(struct span pattern, size_t mark);

/* True when the route lists the method. */
bool spec_route_has_method(const struct spec_route *route, struct span method);

#endif
