/*
 * remote.c - requests that came over TCP: who asks, and whether a page in a browser does.
 *
 * The kernel says nothing of who connects, so the head of every request is looked at before a byte of its body is read: it has to
 * name this listener as Host (a name that was rebound to this address is another), it must not come from a page, and it shows a token.
 * The store is asked about the token each time, so that one that is removed is of no use from then on, on open connections too.
 *
 * Tokens have 256 random bits; nobody guesses one. Who tries all the same gets each answer late, and holds a place for that long: places
 * are taken from whoever has shown a wrong token, then from whoever has shown none for some time, the oldest first, so that trying keeps
 * nobody out who has one.
 */
#include "api/state.h"

#include "base/log.h"
#include "base/secret.h"
#include "base/strnum.h"
#include "http/fields.h"
#include "ipc/role.h"
#include "tls/seal.h"

#include <stdio.h>

#define BEARER       "Bearer "
#define WRONG_SAY_MS 60000
#define HTTP_PORT    80

/* ---- places ---- */

/* Whose place is taken: of those who have shown a wrong token the oldest, else of those who have shown none for some time. NULL: nobody's. */
static struct api_conn *least(struct api *api)
{
    struct api_conn *unknown = NULL;
    LIST_FOR_EACH (node, safe, &api->conns) { /* the oldest first */
        struct api_conn *c = LIST_ENTRY(node, struct api_conn, link);
        if (c->kind != API_CONN_REMOTE || c->admitted) {
            continue;
        }
        if (c->delayed) {
            return c;
        }
        if (unknown == NULL && net_loop_now_ms(api->loop) - c->since_ms >= API_REMOTE_GRACE_MS) {
            unknown = c;
        }
    }
    return unknown;
}

static void on_room_timer(void *arg)
{
    api_remote_make_room(arg);
}

void api_remote_make_room(struct api *api)
{
    struct api_conn *c;
    if (api->remote == NULL) {
        return;
    }
    if (api->remote_count < API_REMOTE_MAX) {
        net_listener_pause(api->remote, false);
        return;
    }
    c = least(api);
    if (c != NULL) {
        api_conn_close(c); /* which comes here again */
        return;
    }
    /* All are new, or right: whoever comes now waits, until one of them has had the time to show a token. */
    net_listener_pause(api->remote, true);
    net_timer_start(api->room_timer, API_REMOTE_GRACE_MS, 0);
}

/* ---- the listener ---- */

int api_remote_listens(struct api *api, int fd)
{
    int r = net_listener_place(fd, &api->remote_place);
    if (r != 0) {
        return r;
    }
    api->room_timer = net_timer_new(ipc_role()->loop, on_room_timer, api);
    return api->room_timer != NULL ? 0 : CB_ENOMEM;
}

/* ---- the head ---- */

static struct span without_brackets(struct span host)
{
    return host.len > 2 && host.ptr[0] == '[' ? span_sub(host, 1, host.len - 2) : host;
}

static bool is_own_host(const struct api *api, struct span host)
{
    const uint8_t *colon = NULL;
    uint64_t port = HTTP_PORT;
    for (size_t i = host.len; i > 0 && host.ptr[i - 1] != ']' && colon == NULL; i--) {
        colon = host.ptr[i - 1] == ':' ? &host.ptr[i - 1] : NULL;
    }
    if (colon != NULL) {
        struct span digits = span_sub(host, (size_t)(colon - host.ptr) + 1, SIZE_MAX);
        if (strnum_u64(digits, UINT16_MAX, &port) != 0) {
            return false;
        }
        host = span_sub(host, 0, (size_t)(colon - host.ptr));
    }
    if (api->serving != NULL && link_serves(api->serving, without_brackets(host))) {
        return true; /* at whichever port somebody has put before this one */
    }
    return port == api->remote_place.port && (span_eq_nocase(host, SPAN_LIT("localhost")) ||
                                              span_eq_nocase(host, span_str(api->remote_place.host)));
}

/* A browser says of a request where the page is from that makes it. No page of ours exists, so none may. */
static bool is_from_page(const struct http_head *head)
{
    struct span site;
    bool elsewhere = !http_field_only(head, "Sec-Fetch-Site", &site) ||
                     (site.len != 0 && !span_eq_str(site, "none") && !span_eq_str(site, "same-origin"));
    return elsewhere || http_field_find(head->fields, head->field_count, "Origin") != NULL;
}

bool api_bearer_read(const struct http_head *head, struct span *out)
{
    struct span value;
    size_t scheme = strlen(BEARER);
    if (!http_field_only(head, "Authorization", &value) || value.len <= scheme ||
        !span_eq_nocase(span_sub(value, 0, scheme), SPAN_LIT(BEARER))) {
        return false;
    }
    *out = span_sub(value, scheme, SIZE_MAX);
    return true;
}

static void refuse_token(struct api_request *q, bool shown)
{
    q->challenge = shown ? "Bearer realm=\"clawbox\", error=\"invalid_token\"" : "Bearer realm=\"clawbox\"";
    api_refuse(q, 401, "%s `clawbox token create` makes one.",
               shown ? "This token is of no use here: it is wrong, has expired, or was removed."
                     : "Requests over TCP need a token, as \"Authorization: Bearer TOKEN\".");
}

static void refuse_late(struct api_request *q)
{
    refuse_token(q, true);
}

/* ---- the token ---- */

/* A log that can be filled by trying tokens would be a way to fill the disk. */
void api_remote_wrong(struct api *api)
{
    uint64_t now_ms = net_loop_now_ms(api->loop);
    api->wrong_tokens++;
    if (api->wrong_said_ms == 0 || now_ms - api->wrong_said_ms >= WRONG_SAY_MS) {
        log_warn("%llu requests with a wrong token, password or link", (unsigned long long)api->wrong_tokens);
        api->wrong_said_ms = now_ms;
        api->wrong_tokens = 0;
    }
}

static void copy_name(struct span from, char to[IPC_NAME_MAX + 1])
{
    (void)snprintf(to, IPC_NAME_MAX + 1, "%.*s", SPAN_ARG(from));
}

static int on_token(struct api_request *q, struct span payload)
{
    struct ipc_token m;
    int r = ipc_get_token(payload, &m);
    if (r != 0) {
        return r;
    }
    if (ipc_result(m.code) == CB_ENOTFOUND) {
        api_remote_wrong(q->api);
        api_conn_delay(q->conn, q->api->wrong_ms, refuse_late);
        return 0;
    }
    if (m.code != 0) {
        api_refuse_code(q, ipc_result(m.code),
                        SPAN_LIT("the token cannot be looked up; the server's log says why"));
        return 0;
    }
    bool tenant = m.scope == IPC_SCOPE_TENANT;
    if (tenant != (m.tenant.len != 0) || tenant != (m.tenant_id != 0)) {
        return CB_EMALFORMED;
    }
    q->who = (struct api_who){
        .scope = (enum ipc_scope)m.scope, .tenant_id = m.tenant_id, .since_ms = m.tenant_created_ms};
    copy_name(m.name, q->who.name);
    (void)snprintf(q->who.by, sizeof(q->who.by), "token:%s", q->who.name);
    copy_name(m.tenant, q->who.tenant);
    api_conn_admit(q->conn);
    return 0;
}

void api_remote_check(struct api_request *q)
{
    const struct http_head *head = q->head;
    struct ipc_chan *store = q->api->store;
    struct span token;
    struct span host;
    if (!http_field_only(head, "Host", &host) || !is_own_host(q->api, host)) {
        api_refuse(q, 421, "This is %s://%s:%u, and no other host.",
                   q->api->serving != NULL ? "https" : "http", q->api->remote_place.host,
                   (unsigned)q->api->remote_place.port);
    } else if (is_from_page(head)) {
        api_refuse(q, 403, "Requests that a page in a browser makes are not answered here.");
    } else if (!api_bearer_read(head, &token)) {
        refuse_token(q, false);
    } else if (!api_secret_formed(API_TOKEN_PREFIX, token)) {
        api_remote_wrong(q->api);
        api_conn_delay(q->conn, q->api->wrong_ms, refuse_late);
    } else {
        uint8_t hash[DIGEST_LEN];
        digest_sha256_of(token, hash);
        struct ipc_token_check m = {.hash = span_of(hash, sizeof(hash))};
        api_wait(q, store, API_CALL(q, store, token_check, &m), IPC_MSG_TOKEN, on_token);
        secret_wipe(hash, sizeof(hash));
    }
}
