/*
 * body.h - the credential in a request's body, as a stream: the value of one field of a form (application/x-www-form-urlencoded),
 * or of one key of the object that a JSON text is (application/json, +json), in place of the tenant's placeholder.
 *
 * Only there: a credential that went in wherever the agent wrote its placeholder would stand in the message that is posted. So
 * the placeholder anywhere else, and any other placeholder of the tenant, is a tripwire, and any other value in the field's place
 * is a foreign credential. Every other byte stays as it is: order, numbers, blanks, doubled keys.
 *
 * Held back is only the value of that field, until its end. So a value that is refused never leaves, although what stood before
 * it may have: the request that has lost its end is no request.
 *
 * What a provider might read in another way than this file does is refused (POLICY_REASON_BODY_FORMAT): escapes that are none,
 * control bytes, JSON with comments or single quotes, texts that end in the middle, other charsets than UTF-8, codings, and every
 * other type. Multipart is not looked into, so it does not go out either on such a route.
 */
#ifndef CB_INJECT_BODY_H
#define CB_INJECT_BODY_H

#include "inject/inject.h"

enum inject_body_format { INJECT_BODY_UNKNOWN, INJECT_BODY_JSON, INJECT_BODY_FORM };

/* The format, by Content-Type and Content-Encoding. */
enum inject_body_format inject_body_format(const struct http_field *fields, size_t count);

/* How many bytes the credential takes in the format, when no more of it is escaped than must be. */
size_t inject_body_len(enum inject_body_format format, struct span credential);

struct inject_body; /* one body; opaque */

struct inject_body_setup {
    enum inject_body_format format;
    const struct spec_route *route; /* of SPEC_INJECT_BODY */
    const struct inject_placeholder *placeholders;
    size_t placeholder_count;
    /* The body may not change its length: a credential that is too short is filled up with escapes, where that comes out even. */
    bool same_length;
};

/* What the setup points to is borrowed. NULL when out of memory. */
struct inject_body *inject_body_new(const struct inject_body_setup *setup);
/* NULL is fine. */
void inject_body_free(struct inject_body *b);
/* The most bytes by which what comes out of one feed, or of the end, is longer than what went in. */
#define INJECT_BODY_GROWTH(credential_len) (6 * (credential_len) + (size_t)6 * 256)
/*
 * Takes a piece of the body and appends what may leave to `out`, a sensitive buffer. POLICY_REASON_ROUTE, or why the request is
 * to be refused: FOREIGN_CREDENTIAL, PLACEHOLDER_MISPLACED, BODY_FORMAT, BODY_BUFFER (the credential does not fit where the
 * length must stay), CREDENTIAL_UNAVAILABLE (it has a byte that stands in no body), INTERNAL (memory). Nothing of this piece is
 * to be sent then, and the answer stays the same from then on.
 */
enum policy_reason inject_body_feed(struct inject_body *b, struct span credential, struct span in,
                                    struct buf *out);
/* The end of the body: as above. */
enum policy_reason inject_body_end(struct inject_body *b, struct span credential, struct buf *out);

#endif
