/*
 * inject.h - what a request carries as a credential, what is taken out of it, and what goes in. Pure functions.
 *
 *   fields.c  which header fields travel, and what is written instead of those that do not
 *   header.c  bearer and header: a prefix and the credential, in one header or several
 *   basic.c   Basic (RFC 7617): USER:CREDENTIAL, or a credential that is "user:password" already
 *   query.c   a parameter, set or replaced
 *   path.c    a part of a segment: the route's patterns say which
 *   body.c    a field of a form or a key of a JSON object, as the body streams (body.h)
 *   aws.c, aws_chunks.c  no secret, but a signature with it (aws.h)
 *   screen.c  finds credentials and placeholders in all places (places.h) and judges them
 *   decide.c  the decision about a request: which route, and whether what it carries may be there
 *   value.c   whether a value can go in at all, asked when it is set (value.h)
 *   text.c    percent-escapes
 *   scan.c    the credential in an answer (scan.h)
 */
#ifndef CB_INJECT_INJECT_H
#define CB_INJECT_INJECT_H

#include "http/fields.h"
#include "policy/grants.h"

/* What stands in records in place of a credential in a path. */
#define INJECT_SHOWN "{credential}"

/* What the agent holds instead of one of the tenant's credentials. */
struct inject_placeholder {
    struct span credential; /* name */
    struct span value;
};

struct inject_request {
    struct span path; /* canonical */
    struct span query;
    bool has_query; /* "/x?" has one that is empty */
    const struct http_field *fields;
    size_t field_count;
};

/*
 * Looks at every place of a request that the route allows. POLICY_REASON_ROUTE: it may go on.
 * POLICY_REASON_FOREIGN_CREDENTIAL: something in a credential's place is not the route's placeholder.
 * POLICY_REASON_PLACEHOLDER_MISPLACED: a placeholder of this tenant stands where it does not belong: another route's,
 * another header, the path, the query; also inside Basic, and with percent-escapes in the path and the query.
 * POLICY_REASON_PLACEHOLDER_REQUIRED: the route demands one and there is none.
 * The place itself may be empty: "Authorization:", "?key=", "/bot/sendMessage".
 */
enum policy_reason inject_screen(const struct spec_route *route, const struct inject_request *request,
                                 const struct inject_placeholder *placeholders, size_t placeholder_count);

/* What a tenant's requests are decided by. */
struct inject_rules {
    const struct policy_table *table;
    const struct policy_grants *grants;
    const struct inject_placeholder *placeholders;
    size_t placeholder_count;
};

struct inject_decision {
    enum policy_reason reason;
    const struct spec_route *
        route; /* that allows it, which can be a grant's; of a refusal the one that decided or came nearest, or NULL */
    const struct policy_grant
        *grant; /* by which it is allowed, or would be but for what it carries; NULL: none */
    enum policy_reason ungranted; /* what it would be without that */
};

/*
 * The decision about a request whose parts are canonical: by the routes; where none decides by the grants, of which `now_ms` tells which are over; then
 * by what it carries. This is what egress goes by, and what `clawbox explain` and policy tests ask. It knows no limits, and not whether
 * the credential is set.
 */
struct inject_decision inject_decide(const struct inject_rules *rules, const struct policy_query *query,
                                     const struct inject_request *request, uint64_t now_ms);

/* What becomes of a field of the request. All but the first leave it out. The texts are for people. */
#define INJECT_FATES(F)                                                                 \
    F(PASSES, "goes on as it is")                                                       \
    F(OURS, "the proxy writes it itself")                                               \
    F(OVERRIDE, "it would let an allowed method become another one")                    \
    F(IMPERSONATION, "it would make the credential act as somebody else")               \
    F(ROUTE, "the route writes a header of this name")                                  \
    F(PLACE, "a place where credentials stand, and the route does not pass it by name") \
    F(HOP, "about the connection, not the request (RFC 9110, 7.6.1)")

enum inject_fate {
#define INJECT_FATE(id_, text_) INJECT_FATE_##id_,
    INJECT_FATES(INJECT_FATE)
#undef INJECT_FATE
        INJECT_FATE__COUNT
};

enum inject_fate inject_field_fate(const struct spec_route *route, const struct inject_request *request,
                                   const struct http_field *field);
const char *inject_fate_text(enum inject_fate fate);

/* True when a field of the request is to be forwarded on this route. */
static inline bool inject_field_passes(const struct spec_route *route, const struct inject_request *request,
                                       const struct http_field *field)
{
    return inject_field_fate(route, request, field) == INJECT_FATE_PASSES;
}

/* True when a field of the answer may go back: not about the connection, no Alt-Svc (it would invite the agent past the
 * proxy); on a route with a credential no Set-Cookie either, because a session that the credential opened is one too. */
bool inject_answer_field_passes(const struct spec_route *route, const struct http_field *fields, size_t count,
                                const struct http_field *field);

/* Appends the header fields that the route writes: those with the credential, then the same for every request. (For AWS,
 * inject_aws_write() writes the former, and calls this.)
 * `out` must be a sensitive buffer. CB_EINVAL when the credential is not one that can stand there. */
CB_MUST_USE int inject_write(const struct spec_route *route, struct span credential, struct buf *out);
/* Appends the request's target, with the credential in it when that is its place. `out` must be a sensitive buffer.
 * CB_EINVAL when the credential is not one that can stand there. */
CB_MUST_USE int inject_write_target(const struct spec_route *route, const struct inject_request *request,
                                    struct span credential, struct buf *out);
/* Appends the path as records show it: INJECT_SHOWN stands where the credential belongs, whatever the agent wrote there.
 * `route` may be NULL. */
CB_MUST_USE int inject_shown_path(const struct spec_route *route, struct span path, struct buf *out);

#endif
