/*
 * explain.h - what would become of a request, without sending it: pure, and by the very functions that gate and egress use.
 *
 * What cannot be known without traffic is left out: limits, name resolution, what a body carries, what the provider says.
 */
#ifndef CB_REVIEW_EXPLAIN_H
#define CB_REVIEW_EXPLAIN_H

#include "policy/host.h"
#include "review/policy.h"

#define REVIEW_TEXT_MAX   320
#define REVIEW_RIVALS_MAX 4

struct review_request {
    struct span method;
    struct span url; /* https://HOST[:PORT]/PATH?QUERY, or http:// */
    const struct http_field *fields;
    size_t field_count;
};

/* A route that would decide as well if the others were not there. */
struct review_rival {
    const struct spec_route *route;
    char why[REVIEW_TEXT_MAX]; /* the one before it wins over it */
};

struct review_explanation {
    enum policy_reason reason;
    char detail[REVIEW_TEXT_MAX]; /* what in the request was refused, or "" */

    /* What the URL was read as; `port` is 0 when it could not be. */
    enum spec_scheme scheme;
    struct policy_host host;
    uint16_t port;
    struct buf path; /* canonical; empty when it could not be read */
    struct span query;
    bool has_query;

    /* The route that decided, which can be a grant's, or that came nearest; NULL when there is none. */
    const struct spec_route *route;
    bool decides; /* it decided */
    const struct policy_grant
        *grant; /* whose route it is, or NULL; and what the request would get without it: */
    enum policy_reason ungranted;
    struct review_rival rivals[REVIEW_RIVALS_MAX];
    size_t rival_count;

    /* The target as it is sent, with INJECT_SHOWN in place of a credential; empty when nothing is sent. */
    struct buf target;
    const struct review_credential *credential; /* that goes in, or NULL */
    bool bound;                                 /* it may go to this host by this route */
    char address[REVIEW_TEXT_MAX + 128];        /* where the connection goes */
};

/* What to say of the decision, for people: of the grant, or the reason's own text. */
const char *review_explanation_text(const struct review_explanation *e);
/* Explains. 0 and *out, free with review_explanation_deinit(); CB_ENOMEM. The policy and the request outlive it. */
CB_MUST_USE int review_explain(const struct review_policy *policy, const struct review_request *request,
                               struct review_explanation *out);
void review_explanation_deinit(struct review_explanation *e);
/* The request as the inject module sees it, for inject_field_fate() on its fields. */
struct inject_request review_inject_request(const struct review_explanation *e,
                                            const struct review_request *request);
/* How a credential goes in on this route, for people: "header Authorization: Bearer {credential}", or "{token}" where one is
 * fetched with it, and so on. Appends one line
 * for each place, and one for each header that is the same in every request. Names and fixed texts only. */
CB_MUST_USE int review_injected(const struct spec_route *route, struct buf *out);

#endif
