/* internal.h - what the files of this module ask each other. Nothing outside of it includes this. */
#ifndef CB_INJECT_INTERNAL_H
#define CB_INJECT_INTERNAL_H

#include "inject/inject.h"

/* ---- text.c ---- */

/* The byte or percent-escape at *at; *at moves behind it. An escape that is none stands for itself. */
uint8_t inject_text_next(struct span text, size_t *at);
/* True when the text is `want` once its escapes are decoded. */
bool inject_text_is(struct span text, struct span want);
/* True when `part`, which is not empty, stands in the text as it is or once its escapes are decoded. */
bool inject_text_contains(struct span text, struct span part);
/* Appends `text` with an escape for every byte that is neither unreserved (RFC 3986, 2.3) nor in `keep`. */
CB_MUST_USE int inject_text_escape(struct span text, const char *keep, struct buf *out);

/* ---- header.c ---- */

/* Which of the route's own headers has that name; SIZE_MAX: none. */
size_t inject_header_find(const struct spec_route *route, struct span name);
/* True for the prefix and the placeholder. Prefixes are compared without case, as schemes are (RFC 9110, 11.1);
 * "token" stands for "Bearer" too, which is what GitHub's clients write. */
bool inject_header_holds(const struct spec_field *header, struct span value, struct span placeholder);
CB_MUST_USE int inject_header_write(const struct spec_route *route, struct span credential, struct buf *out);

/* ---- basic.c ---- */

#define INJECT_BASIC_MAX 1024 /* bytes of user and password that are looked at */

/* Decodes "Basic ..." into `out`. False when the value is something else, or too long. */
bool inject_basic_decode(struct span value, uint8_t out[INJECT_BASIC_MAX], struct span *decoded);
/* True when the value is Basic with the placeholder as password (of any user: ours goes out), or alone, or as user
 * without a password. */
bool inject_basic_holds(struct span value, struct span placeholder);
CB_MUST_USE int inject_basic_write(const struct spec_route *route, struct span credential, struct buf *out);

/* ---- query.c ---- */

struct inject_pair {
    struct span whole;
    struct span name;
    struct span value; /* behind '=' */
};

/* Takes the first parameter off the query (at '&'). False at the end. */
bool inject_query_next(struct span *query, struct inject_pair *out);
/* True when it is the parameter that the route injects. */
bool inject_query_is_own(const struct spec_route *route, const struct inject_pair *pair);
/* Appends the query with the credential: what the agent wrote for the parameter is left out, ours comes last. */
CB_MUST_USE int inject_query_write(const struct spec_route *route, struct span query, struct span credential,
                                   struct buf *out);

/* ---- path.c ---- */

struct inject_place {
    struct span before;
    struct span value; /* what the agent wrote in the credential's place */
    struct span after;
};

/* Finds the place: by the first of the route's patterns that matches the path. False when the route does not inject
 * into the path, or none matches. */
bool inject_path_find(const struct spec_route *route, struct span path, struct inject_place *out);
/* True for a value that stays within its segment. */
bool inject_path_fits(struct span credential);
CB_MUST_USE int inject_path_write(const struct inject_place *place, struct span credential, struct buf *out);

/* ---- aws.c ---- */

struct inject_aws;

/* True for an Authorization whose signature was made with the placeholder as key id. */
bool inject_aws_holds(struct span value, struct span placeholder);
/* True for the X-Amz-* fields that belong to the signature: ours stand in their place. */
bool inject_aws_writes(struct span name);
/* True for the one among the X-Amz-* fields that carries a credential. */
bool inject_aws_is_place(struct span name);
/* Signs the lines under time and scope; the signature is in `signing`. At most 5 lines. */
void inject_aws_sign(struct inject_aws *signing, const char *algorithm, const struct span *lines,
                     size_t count);

/* ---- screen.c ---- */

/* True when the field stands in a credential's place: of places.h, or one that the route adds, and none that it passes. */
bool inject_is_place(const struct spec_route *route, const struct http_field *field);
/* The same for a parameter, by its decoded name. */
bool inject_is_query_place(const struct spec_route *route, struct span name);

#endif
