/*
 * inject.h - what a request carries as a credential, what is taken out of it, and what goes in. Pure functions.
 */
#ifndef CB_INJECT_INJECT_H
#define CB_INJECT_INJECT_H

#include "http/fields.h"
#include "policy/spec.h"
#include "policy/verdict.h"

/* What the agent holds instead of one of the tenant's credentials. */
struct inject_placeholder {
    struct span credential; /* name */
    struct span value;
};

struct inject_request {
    struct span path;
    struct span query;
    const struct http_field *fields;
    size_t field_count;
};

/* True for a header that is a credential's place. */
bool inject_is_place(struct span header_name);

/*
 * Looks at every place of a request that the route allows. POLICY_REASON_ROUTE: it may go on.
 * POLICY_REASON_FOREIGN_CREDENTIAL: something in a credential's place is not the route's placeholder.
 * POLICY_REASON_PLACEHOLDER_MISPLACED: a placeholder of this tenant stands where it does not belong: another route's,
 * another header, the path, the query. POLICY_REASON_PLACEHOLDER_REQUIRED: the route demands one and there is none.
 */
enum policy_reason inject_screen(const struct spec_route *route, const struct inject_request *request,
                                 const struct inject_placeholder *placeholders, size_t placeholder_count);

/* True when a field of the request is to be forwarded on this route: not about the connection, not rewritten by us
 * (Host, Content-Length, Expect), not a credential's place, not the header that the route injects, not a method override. */
bool inject_field_passes(const struct spec_route *route, const struct inject_request *request,
                         const struct http_field *field);

/* True when a field of the answer may go back: not about the connection, no Alt-Svc (it would invite the agent past the
 * proxy); on a route with a credential no Set-Cookie either, because a session that the credential opened is one too. */
bool inject_answer_field_passes(const struct spec_route *route, const struct http_field *fields, size_t count,
                                const struct http_field *field);

/* Appends the route's credential field to a head that is being written. `out` must be a sensitive buffer. */
CB_MUST_USE int inject_write(const struct spec_route *route, struct span credential, struct buf *out);

#endif
