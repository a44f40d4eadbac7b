/*
 * path.h - request paths: made canonical once; what is matched is what is sent.
 *
 * Canonical means: starts with '/', percent-escapes of unreserved characters decoded, other escapes in upper-case hex,
 * dot segments resolved (RFC 3986, 5.2.4; climbing above the root is refused), no empty segment but the last. Refused:
 * %2f, %5c, %00 and every other escape of a control byte, a backslash, control bytes, space, '#', bytes above 0x7e, "..;"-like
 * segments (a dot segment with path parameters), a malformed escape, "//" anywhere.
 */
#ifndef CB_POLICY_PATH_H
#define CB_POLICY_PATH_H

#include "base/buf.h"

/* Splits an origin-form target into path and query, and appends the canonical path to `path`. *query borrows from
 * `target` (without '?'); *has_query tells "/x?" from "/x". The query must consist of visible ASCII without '#'; it is
 * not changed. 0, CB_EMALFORMED, CB_ELIMIT (the path part of `target` has more bytes than `path` has room), CB_ENOMEM; nothing
 * is appended then. */
CB_MUST_USE int policy_path_parse(struct span target, struct buf *path, struct span *query, bool *has_query);
/* Checks a pattern of a configuration: canonical segments; "*" inside a segment matches any run of bytes without '/',
 * but no pattern with a "*" matches an empty segment ("/v1/" + "*" does not match "/v1/");
 * a last segment of "**" matches zero or more segments. On CB_EINVAL `why` has a message for people. */
CB_MUST_USE int policy_path_pattern_check(struct span pattern, char *why, size_t why_size);
/* True when the canonical path is matched by the (checked) pattern. Time is linear in both for sane patterns and bounded by
 * their product. "/v1/" + "**" matches "/v1/x" and "/v1/", and "/v1" too. */
bool policy_path_matches(struct span pattern, struct span path);

#endif
