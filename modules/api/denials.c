/* denials.c - what was refused, counted, with the smallest route that would allow it; and muting it. */
#include "api/state.h"

#include "base/encode.h"
#include "base/strnum.h"
#include "policy/address.h"
#include "policy/grant.h"
#include "policy/host.h"
#include "policy/path.h"
#include "policy/verdict.h"
#include "tls/seal.h"

#include <stdio.h>

#define PAGE_LIMIT_DEFAULT 100
#define TAG_BYTES          4 /* of the digest in a suggested name */
#define WHY_MAX            768
/* In place of a credential in the audit, and of a tenant file's own meaning. */
#define CREDENTIAL_MARK SPAN_LIT("{credential}")

/* An element of the list of DENIALS. */
struct denial {
    struct span tenant;
    uint64_t id;
    struct api_what what;
    enum policy_reason reason;
    struct span detail; /* behind it; empty: none */
    struct span route;  /* that came nearest, with its credential; empty: none */
    struct span credential;
    uint64_t count;
    uint64_t first_ms;
    uint64_t last_ms;
    bool muted;
};

/* ---- what was asked for ---- */

bool api_what_read(struct api_request *q, const struct conf_tree *body, struct api_what *out)
{
    struct span scheme = SPAN_LIT("https");
    uint64_t port;
    *out = (struct api_what){.scheme = SPEC_SCHEME_HTTPS};
    if (conf_node_get(body->documents, "scheme") != NULL && !api_member_text(q, body, "scheme", &scheme)) {
        return false;
    }
    bool http = span_eq_str(scheme, "http");
    if (!http && !span_eq_str(scheme, "https")) {
        api_refuse(q, 422, "\"scheme\" should be \"https\" or \"http\".");
        return false;
    }
    out->scheme = http ? SPEC_SCHEME_HTTP : SPEC_SCHEME_HTTPS;
    port = http ? 80 : 443;
    if ((conf_node_get(body->documents, "port") != NULL && !api_member_number(q, body, "port", &port)) ||
        !api_member_text(q, body, "host", &out->host) || !api_member_text(q, body, "method", &out->method) ||
        !api_member_text(q, body, "path", &out->path)) {
        return false;
    }
    if (port > UINT16_MAX) {
        api_refuse(q, 422, "\"port\" is a number up to 65535.");
        return false;
    }
    out->port = (uint16_t)port;
    return true;
}

void api_what_write(struct json *j, const struct api_what *what)
{
    json_text(j, "scheme", span_str(what->scheme == SPEC_SCHEME_HTTP ? "http" : "https"));
    json_text(j, "host", what->host);
    json_number(j, "port", what->port);
    json_text(j, "method", what->method);
    json_text(j, "path", what->path);
}

/* ---- the smallest route ---- */

/* Whether this is a request that a route could allow which has exactly this method and this path. */
static bool is_plain(const struct api_what *what)
{
    char why[128];
    bool method = what->method.len != 0;
    for (size_t i = 0; method && i < what->method.len; i++) {
        uint8_t c = what->method.ptr[i];
        method = !(c >= 'a' && c <= 'z');
    }
    return method && what->path.len != 0 && what->path.len <= SPEC_PATH_MAX &&
           memchr(what->path.ptr, '*', what->path.len) == NULL &&
           memmem(what->path.ptr, what->path.len, CREDENTIAL_MARK.ptr, CREDENTIAL_MARK.len) == NULL &&
           policy_path_pattern_check(what->path, why, sizeof(why)) == 0;
}

/* The block that an address stands in which no route reaches without naming it; NULL: it is a name, or public. */
static const char *special_block(struct span host)
{
    struct policy_host parsed;
    const char *block = NULL;
    if (policy_host_parse(host, &parsed) != 0 || parsed.kind == POLICY_HOST_NAME) {
        return NULL;
    }
    bool public = policy_address_is_public(parsed.address, parsed.kind == POLICY_HOST_IPV4 ? 4 : 16, &block);
    return public ? NULL : block;
}

/* What can be said to somebody who looks at a refusal. */
struct advice {
    bool grantable;        /* a grant would let it pass */
    bool suggests;         /* so would a route of its own: */
    struct api_what route; /* of just that */
    char why[WHY_MAX];     /* in words what there is to know before somebody does */
};

/* Nothing is suggested: a route for the host is there already, and where the host leads says whoever answers for its name. A suggestion
 * with that address in it would let them choose what of the inside is opened. */
static void judge_special(const struct denial *d, struct advice *out)
{
    (void)snprintf(
        out->why, WHY_MAX,
        "\"%.*s\" allows it, but the name leads to an address that is not public%s%.*s. Whoever answers for the name "
        "chooses that, so no route is suggested. If it belongs there, write the address that you know of into a route for "
        "this host (upstream.address).",
        SPAN_ARG(d->route), d->detail.len != 0 ? ": " : "", SPAN_ARG(d->detail));
}

/* The least that opens the tunnel: then what is asked in it is seen, refused, and listed with a route of its own. */
static void judge_tunnel(const struct denial *d, struct advice *out)
{
    bool clear = d->what.port == 80;
    out->suggests = d->what.port != 0;
    out->route.scheme = clear ? SPEC_SCHEME_HTTP : SPEC_SCHEME_HTTPS;
    out->route.method = SPAN_LIT("HEAD");
    out->route.path = SPAN_LIT("/");
    (void)snprintf(
        out->why, WHY_MAX,
        "The tunnel itself was refused, so what would have been asked for in it is not known. What is suggested opens the tunnel and "
        "allows next to nothing in it%s: what is then asked for is listed here, each with a route of its own.",
        clear ? " (port 80 is for clear text)" : "");
}

static void judge_request(const struct denial *d, struct advice *out)
{
    out->suggests = is_plain(&d->what);
    if (!out->suggests) {
        (void)snprintf(out->why, WHY_MAX,
                       "No pattern stands for exactly this method and path: write a route by hand.");
    } else if (d->credential.len != 0) {
        (void)snprintf(
            out->why, WHY_MAX,
            "Route \"%.*s\" comes nearest. What is suggested carries no credential, and a request with a "
            "placeholder is refused as a tripwire: if credential \"%.*s\" is to go in, widen that route.",
            SPAN_ARG(d->route), SPAN_ARG(d->credential));
    } else {
        (void)snprintf(out->why, WHY_MAX, "%s What is suggested allows just this, without a credential.",
                       policy_reason_detail(d->reason));
    }
}

static void judge(const struct denial *d, struct advice *out)
{
    const char *block = special_block(d->what.host);
    bool special = d->reason == POLICY_REASON_SPECIAL_ADDRESS;
    bool open = policy_grant_may(d->reason);
    *out = (struct advice){.grantable = open && block == NULL, .route = d->what};
    if (block != NULL && (open || special)) {
        (void)snprintf(out->why, WHY_MAX,
                       "The address is in %s: only a route that names it (upstream.address) leads there.",
                       block);
    } else if (special) {
        judge_special(d, out);
    } else if (!open) {
        (void)snprintf(out->why, WHY_MAX, "%s", policy_reason_detail(d->reason));
    } else if (span_eq_str(d->what.method, "CONNECT")) {
        judge_tunnel(d, out);
    } else {
        judge_request(d, out);
    }
}

/* A name that no other route is likely to have, and always the same for the same route. */
static void suggest_name(const struct api_what *what, char out[SPEC_NAME_MAX + 1])
{
    uint8_t digest[DIGEST_LEN];
    char hex[2 * TAG_BYTES + 1];
    const uint8_t numbers[] = {(uint8_t)what->scheme, (uint8_t)(what->port >> 8), (uint8_t)what->port};
    const struct span parts[] = {span_of(numbers, sizeof(numbers)), what->host, SPAN_LIT(" "), what->method,
                                 what->path};
    digest_sha256(parts, sizeof(parts) / sizeof(parts[0]), digest);
    encode_hex(digest, TAG_BYTES, hex);
    (void)snprintf(out, SPEC_NAME_MAX + 1, "allow-%s", hex);
}

/* As a tenant file has it: what is the default there stands not here. */
static void write_suggestion(struct json *j, const struct api_what *what)
{
    char name[SPEC_NAME_MAX + 1];
    bool http = what->scheme == SPEC_SCHEME_HTTP;
    suggest_name(what, name);
    json_object(j, "suggestion");
    json_text(j, "name", span_str(name));
    json_text(j, "host", what->host);
    if (http) {
        json_text(j, "scheme", SPAN_LIT("http"));
    }
    if (what->port != (http ? 80 : 443)) {
        json_number(j, "port", what->port);
    }
    json_array(j, "methods");
    json_text(j, NULL, what->method);
    json_array_end(j);
    json_array(j, "paths");
    json_text(j, NULL, what->path);
    json_array_end(j);
    json_object_end(j);
}

/* ---- pages ---- */

static struct denial read_denial(struct reader *r)
{
    struct denial d = {.tenant = ipc_read_text(r, IPC_NAME_MAX)};
    d.id = reader_u64(r);
    uint8_t scheme = reader_u8(r);
    d.what.scheme = scheme == SPEC_SCHEME_HTTP ? SPEC_SCHEME_HTTP : SPEC_SCHEME_HTTPS;
    d.what.host = ipc_read_text(r, IPC_HOST_MAX);
    d.what.port = reader_u16(r);
    d.what.method = ipc_read_text(r, 32);
    d.what.path = ipc_read_text(r, IPC_AUDIT_PATH_MAX);
    d.reason = (enum policy_reason)reader_u8(r);
    d.detail = ipc_read_text(r, IPC_AUDIT_DETAIL_MAX);
    d.route = ipc_read_text(r, IPC_NAME_MAX);
    d.credential = ipc_read_text(r, IPC_NAME_MAX);
    d.count = reader_u64(r);
    d.first_ms = reader_u64(r);
    d.last_ms = reader_u64(r);
    d.muted = reader_u8(r) != 0;
    return d;
}

static void write_text_or_null(struct json *j, const char *key, struct span name)
{
    if (name.len != 0) {
        json_text(j, key, name);
    } else {
        json_null(j, key);
    }
}

static void write_denial(struct json *j, const struct denial *d)
{
    struct advice advice;
    judge(d, &advice);
    json_object(j, NULL);
    json_text(j, "tenant", d->tenant);
    api_what_write(j, &d->what);
    json_text(j, "reason", span_str(policy_reason_name(d->reason)));
    write_text_or_null(j, "detail", d->detail);
    write_text_or_null(j, "route", d->route);
    write_text_or_null(j, "credential", d->credential);
    json_number(j, "count", d->count);
    json_time(j, "first", d->first_ms);
    json_time(j, "last", d->last_ms);
    json_bool(j, "muted", d->muted);
    json_bool(j, "grantable", advice.grantable);
    if (advice.suggests) {
        write_suggestion(j, &advice.route);
    } else {
        json_null(j, "suggestion");
    }
    json_text(j, "why", span_str(advice.why));
    json_object_end(j);
}

/* What the query of a page says. */
struct page {
    struct span tenant;
    uint64_t muted;
    struct span after;
    uint64_t limit;
};

/* False when it refused the request. */
static bool read_page(struct api_request *q, struct page *out)
{
    *out = (struct page){.limit = PAGE_LIMIT_DEFAULT};
    const struct api_param params[] = {
        {.name = "tenant", .text = &out->tenant},
        {.name = "muted", .number = &out->muted, .max = 1},
        {.name = "after", .text = &out->after},
        {.name = "limit", .number = &out->limit, .min = 1, .max = API_PAGE_MAX}};
    if (!api_query_read(q, params, sizeof(params) / sizeof(params[0]))) {
        return false;
    }
    if (q->who.scope == IPC_SCOPE_TENANT && !span_eq_str(out->tenant, q->who.tenant)) {
        api_refuse(q, 403, "This token is for tenant \"%s\" alone: ask for tenant=%s.", q->who.tenant,
                   q->who.tenant);
        return false;
    }
    return true;
}

/* "MILLISECONDS-ID" of the last one of a page. */
static bool read_after(struct span after, uint64_t *ms, uint64_t *id)
{
    const uint8_t *hyphen = after.len != 0 ? memchr(after.ptr, '-', after.len) : NULL;
    size_t len = hyphen != NULL ? (size_t)(hyphen - after.ptr) : 0;
    return hyphen != NULL && strnum_u64(span_sub(after, 0, len), INT64_MAX, ms) == 0 &&
           strnum_u64(span_sub(after, len + 1, SIZE_MAX), INT64_MAX, id) == 0 && *id != 0;
}

static void write_next(struct api_request *q, const struct denial *last)
{
    char next[256];
    struct page page;
    if (last->id == 0 || !read_page(q, &page)) {
        json_null(&q->json, "next");
        return;
    }
    (void)snprintf(next, sizeof(next), "/v1/denials?tenant=%.*s&muted=%u&limit=%llu&after=%llu-%llu",
                   SPAN_ARG(page.tenant), (unsigned)page.muted, (unsigned long long)page.limit,
                   (unsigned long long)last->last_ms, (unsigned long long)last->id);
    json_text(&q->json, "next", span_str(next));
}

static int on_denials(struct api_request *q, struct span payload)
{
    struct ipc_denials m;
    int error = ipc_get_denials(payload, &m);
    if (error != 0) {
        return error;
    }
    if (m.code != 0) {
        api_refuse_code(q, ipc_result(m.code),
                        SPAN_LIT("the refusals cannot be listed; the server's log says why"));
        return 0;
    }
    struct denial last = {.id = 0};
    struct json *j = api_json_begin(q);
    struct reader r = reader_of(m.denials);
    uint32_t count = ipc_list_read(&r, API_PAGE_MAX);
    json_array(j, "denials");
    for (uint32_t i = 0; i < count && r.error == 0; i++) {
        last = read_denial(&r);
        if (r.error == 0) {
            write_denial(j, &last);
        }
    }
    json_array_end(j);
    error = reader_finish(&r);
    if (error != 0) {
        return error;
    }
    last.id = m.more ? last.id : 0;
    write_next(q, &last);
    api_answer_json(q);
    return 0;
}

void api_denials_list(struct api_request *q)
{
    struct page page;
    struct ipc_denials_get m = {.limit = 0};
    if (!read_page(q, &page)) {
        return;
    }
    if (page.after.len != 0 && !read_after(page.after, &m.before_ms, &m.before_id)) {
        api_refuse(q, 400, "after should be what \"next\" has, not \"%.*s\".", API_SHORT(page.after));
        return;
    }
    m.tenant = page.tenant;
    m.muted = page.muted != 0;
    m.limit = (uint16_t)page.limit;
    struct ipc_chan *store = q->api->store;
    api_wait(q, store, API_CALL(q, store, denials_get, &m), IPC_MSG_DENIALS, on_denials);
}

/* ---- mute ---- */

void api_denials_mute(struct api_request *q)
{
    static const char *const known[] = {"scheme", "host", "port", "method", "path", "muted", NULL};
    struct conf_tree body;
    struct api_what what;
    if (!api_query_read(q, NULL, 0) || !api_body_read(q, known, &body)) {
        return;
    }
    bool muted;
    if (api_member_bool(q, &body, "muted", &muted) && api_what_read(q, &body, &what)) {
        struct ipc_chan *store = q->api->store;
        struct ipc_denial_mute m = {.tenant = q->tenant,
                                    .scheme = (uint8_t)what.scheme,
                                    .host = what.host,
                                    .port = what.port,
                                    .method = what.method,
                                    .path = what.path,
                                    .muted = muted,
                                    .by = api_by(q)};
        api_wait(q, store, API_CALL(q, store, denial_mute, &m), IPC_MSG_DONE, api_on_done);
    }
    conf_tree_deinit(&body);
}
