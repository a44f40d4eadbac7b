/*
 * token.c - which tokens there are, who waits for one, and when one is fetched.
 *
 * A token belongs to a credential in one version and to what is asked of which endpoint, so routes that agree in that share
 * it. It is fetched when a request needs it: the first one waits, and all that come meanwhile wait with it. Ahead of its end
 * the next request starts a fetch and goes out with the old one; without requests nothing is fetched. An endpoint that fails
 * is left alone for a while, and requests are refused at once.
 */
#include "base/log.h"
#include "egress/state.h"

#include <stdlib.h>

#define LIFETIME_UNKNOWN_S 300
#define MARGIN_MS          10000 /* before its end a token is not used any more: clocks, and the way to the provider */
#define AHEAD_MS_MAX       300000 /* a fetch ahead starts at most so long before the end */
#define RETRY_MS_MIN       1000
#define RETRY_MS_MAX       30000
#define REJECT_AGE_MS      30000

struct token {
    struct list link; /* egress.tokens */
    struct egress *egress;
    struct egress_config *config;
    const struct spec_route *route; /* of config: the first that needed it */
    uint64_t version;               /* of the credential */
    struct access *access;          /* NULL: none */
    uint64_t got_ms;
    uint64_t ahead_ms; /* from then on it is fetched anew */
    uint64_t end_ms;   /* from then on it is not used */
    struct list waits;
    struct fetch *fetch;
    enum policy_reason failed; /* the last fetch; ROUTE: it did not */
    uint64_t retry_ms;
    uint64_t pause_ms;
};

void access_unref(struct access *access)
{
    if (access != NULL && --access->refs == 0) {
        secret_free(access->value);
        inject_scan_unref(access->scan);
        free(access);
    }
}

static struct access *access_ref(struct access *access)
{
    access->refs++;
    return access;
}

/* What comes back from the provider may hold the token, and what its own endpoint knows: the client's secret and the refresh
 * token. A private key is not looked for: it never leaves this process. */
static int access_new(const struct inject_token_answer *answer, const struct inject_grant *grant,
                      struct access **out)
{
    const struct span needles[] = {answer->access_token, grant->client_secret, grant->refresh_token,
                                   answer->refresh_token};
    struct access *access = calloc(1, sizeof(*access));
    if (access == NULL) {
        return CB_ENOMEM;
    }
    access->refs = 1;
    access->value = secret_from(answer->access_token);
    int r = access->value != NULL
                ? inject_scan_new_of(needles, sizeof(needles) / sizeof(needles[0]), &access->scan)
                : CB_ENOMEM;
    if (r == CB_ELIMIT) {
        log_warn("a token is too short to be looked for in answers");
        r = 0;
    }
    if (r != 0) {
        access_unref(access);
        return r;
    }
    *out = access;
    return 0;
}

/* ---- which tokens there are ---- */

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_token(const struct spec_route *a, const struct spec_route *b)
{
    const struct spec_token *s = &a->token;
    const struct spec_token *t = &b->token;
    return same_text(a->credential, b->credential) && s->grant == t->grant && same_text(s->host, t->host) &&
           s->port == t->port && same_text(s->path, t->path) && same_text(s->client_id, t->client_id) &&
           same_text(s->scope, t->scope) && same_text(s->audience, t->audience) &&
           same_text(s->subject, t->subject) && s->client_in_body == t->client_in_body &&
           same_text(s->address, t->address) && s->address_port == t->address_port && same_text(s->ca, t->ca);
}

static struct token *token_find(struct egress *e, const struct spec_route *route, uint64_t version)
{
    LIST_FOR_EACH (node, safe, &e->tokens) {
        struct token *t = LIST_ENTRY(node, struct token, link);
        if (t->version == version && same_token(t->route, route)) {
            return t;
        }
    }
    return NULL;
}

static struct token *token_new(struct egress *e, struct egress_config *config, const struct spec_route *route,
                               uint64_t version)
{
    struct token *t = calloc(1, sizeof(*t));
    if (t == NULL) {
        return NULL;
    }
    t->egress = e;
    t->config = config_ref(config);
    t->route = route;
    t->version = version;
    list_init(&t->waits);
    list_push_back(&e->tokens, &t->link);
    return t;
}

/* Everybody who waits hears of it. Each may do anything, also wait again. */
static void token_tell(struct token *t, enum policy_reason reason)
{
    struct list told;
    list_init(&told);
    while (!list_empty(&t->waits)) {
        struct list *node = t->waits.next;
        list_remove(node);
        list_push_back(&told, node);
    }
    struct access *access = t->access != NULL ? access_ref(t->access) : NULL;
    while (!list_empty(&told)) {
        struct token_wait *wait = LIST_ENTRY(told.next, struct token_wait, link);
        list_remove(&wait->link);
        if (reason == POLICY_REASON_ROUTE) {
            wait->access = access_ref(access);
        }
        wait->done(wait, reason);
    }
    access_unref(access);
}

static void token_drop(struct token *t)
{
    list_remove(&t->link);
    if (t->fetch != NULL) {
        fetch_cancel(t->fetch);
        t->fetch = NULL;
    }
    access_unref(t->access);
    t->access = NULL;
    token_tell(t, POLICY_REASON_TOKEN_UNAVAILABLE);
    config_unref(t->config);
    free(t);
}

void token_wait_cancel(struct token_wait *wait)
{
    list_remove(&wait->link);
    access_unref(wait->access);
    wait->access = NULL;
}

/* ---- fetching ---- */

static void tokens_go_on(struct egress *e);

static void token_failed(struct token *t, enum policy_reason reason, uint64_t now)
{
    t->failed = reason;
    t->pause_ms = t->pause_ms == 0 ? RETRY_MS_MIN : 2 * t->pause_ms;
    t->pause_ms = t->pause_ms < RETRY_MS_MAX ? t->pause_ms : RETRY_MS_MAX;
    t->retry_ms = now + t->pause_ms;
}

static void token_take(struct token *t, struct access *access, uint64_t lifetime_s, uint64_t now)
{
    uint64_t life_ms = 1000 * (lifetime_s != 0 ? lifetime_s : LIFETIME_UNKNOWN_S);
    uint64_t margin = life_ms / 10 < MARGIN_MS ? life_ms / 10 : MARGIN_MS;
    uint64_t ahead = life_ms / 5 < AHEAD_MS_MAX ? life_ms / 5 : AHEAD_MS_MAX;
    uint32_t dice;
    secret_random(&dice, sizeof(dice));
    access_unref(t->access);
    t->access = access;
    t->got_ms = now;
    t->end_ms = now + life_ms - margin;
    /* Not all at the same moment: processes that were started together fetch together. */
    t->ahead_ms = now + life_ms - margin - ahead - dice % (ahead + 1);
    t->failed = POLICY_REASON_ROUTE;
    t->pause_ms = 0;
}

/* The endpoint has given another refresh token: the one used for this is worth nothing any more. */
static void token_rotate(struct token *t, const struct inject_token_answer *answer,
                         const struct inject_grant *grant)
{
    const struct egress_credential *c = config_credential(t->config, t->route->credential);
    if (t->route->token.grant != SPEC_GRANT_REFRESH || answer->refresh_token.len == 0 ||
        span_eq(answer->refresh_token, grant->refresh_token) || c == NULL || c->value == NULL) {
        return;
    }
    struct buf value;
    buf_init(&value, IPC_SECRET_MAX);
    buf_set_sensitive(&value);
    int r = inject_grant_replace(grant, answer->refresh_token, &value);
    if (r == 0) {
        r = rotation_begin(t->egress, t->config, t->route->credential, secret_span(c->value),
                           buf_span(&value));
    }
    if (r != 0) {
        log_error_r(r, "credential \"%s\" has a new refresh token that cannot be kept", t->route->credential);
    }
    buf_deinit(&value);
}

static void on_fetched(void *arg, enum policy_reason reason, const struct inject_token_answer *answer,
                       const struct inject_grant *grant)
{
    struct token *t = arg;
    struct egress *e = t->egress;
    uint64_t now = net_loop_now_ms(e->loop);
    struct access *access = NULL;
    t->fetch = NULL;
    if (reason == POLICY_REASON_ROUTE) {
        token_rotate(t, answer, grant);
        int r = access_new(answer, grant, &access);
        if (r != 0) {
            log_error_r(r, "a token for credential \"%s\" cannot be kept", t->route->credential);
            reason = POLICY_REASON_INTERNAL;
        }
    }
    if (reason == POLICY_REASON_ROUTE) {
        token_take(t, access, answer->lifetime_s, now);
    } else {
        token_failed(t, reason, now);
    }
    token_tell(t, reason);
    tokens_go_on(e);
}

/* A refresh token may be good for one use only, so of a credential one is under way at a time. */
static bool must_queue(const struct token *t)
{
    LIST_FOR_EACH (node, safe, &t->egress->tokens) {
        const struct token *other = LIST_ENTRY(node, struct token, link);
        if (other != t && other->fetch != NULL && t->route->token.grant == SPEC_GRANT_REFRESH &&
            same_text(other->route->credential, t->route->credential)) {
            return true;
        }
    }
    return false;
}

/* Starts the fetch, or leaves it to the end of another one. */
static enum policy_reason token_fetch(struct token *t)
{
    if (t->fetch != NULL || must_queue(t)) {
        return POLICY_REASON_ROUTE;
    }
    enum policy_reason reason = fetch_start(t->egress, t->config, t->route, on_fetched, t, &t->fetch);
    if (reason != POLICY_REASON_ROUTE) {
        token_failed(t, reason, net_loop_now_ms(t->egress->loop));
    }
    return reason;
}

/* Starts one fetch for which somebody waits. False when there is none to be started. */
static bool tokens_start_one(struct egress *e)
{
    LIST_FOR_EACH (node, safe, &e->tokens) {
        struct token *t = LIST_ENTRY(node, struct token, link);
        if (list_empty(&t->waits) || t->fetch != NULL || must_queue(t)) {
            continue;
        }
        enum policy_reason reason = token_fetch(t);
        if (reason != POLICY_REASON_ROUTE) {
            token_tell(t, reason);
        }
        return true;
    }
    return false;
}

/* A fetch has ended: those that waited for it are started. Each gets a fetch or an answer, so this ends. */
static void tokens_go_on(struct egress *e)
{
    while (tokens_start_one(e)) {
    }
}

enum policy_reason token_get(struct egress *e, struct egress_config *config, const struct spec_route *route,
                             struct token_wait *wait)
{
    const struct egress_credential *c = config_credential(config, route->credential);
    uint64_t now = net_loop_now_ms(e->loop);
    if (c == NULL || c->value == NULL) {
        return POLICY_REASON_INTERNAL;
    }
    struct token *t = token_find(e, route, c->version);
    if (t == NULL && (t = token_new(e, config, route, c->version)) == NULL) {
        return POLICY_REASON_INTERNAL;
    }
    bool usable = t->access != NULL && now < t->end_ms;
    bool pausing = t->failed != POLICY_REASON_ROUTE && now < t->retry_ms;
    if (usable) {
        if (now >= t->ahead_ms && !pausing) {
            (void)token_fetch(t); /* its failure is noted there, and the token still holds */
        }
        wait->access = access_ref(t->access);
        return POLICY_REASON_ROUTE;
    }
    if (pausing) {
        return t->failed;
    }
    enum policy_reason reason = token_fetch(t);
    if (reason != POLICY_REASON_ROUTE) {
        return reason;
    }
    list_push_back(&t->waits, &wait->link);
    return POLICY_REASON__COUNT;
}

void token_reject(struct egress *e, const struct access *access)
{
    uint64_t now = net_loop_now_ms(e->loop);
    LIST_FOR_EACH (node, safe, &e->tokens) {
        struct token *t = LIST_ENTRY(node, struct token, link);
        if (t->access == access && now - t->got_ms >= REJECT_AGE_MS) {
            log_info("the token of credential \"%s\" is not accepted any more", t->route->credential);
            access_unref(t->access);
            t->access = NULL;
        }
    }
}

/* ---- around it ---- */

/* The same token in the new configuration, or NULL: a tenant that is suspended keeps none. */
static const struct spec_route *find_again(const struct token *t, struct egress_config *config)
{
    const struct egress_credential *c = config_credential(config, t->route->credential);
    for (size_t i = 0;
         !config->suspended && c != NULL && c->version == t->version && i < config->spec->route_count; i++) {
        const struct spec_route *route = &config->spec->routes[i];
        if (route->token.grant != SPEC_GRANT_NONE && same_token(route, t->route)) {
            return route;
        }
    }
    return NULL;
}

void tokens_recheck(struct egress *e)
{
    struct list gone;
    list_init(&gone);
    LIST_FOR_EACH (node, safe, &e->tokens) {
        struct token *t = LIST_ENTRY(node, struct token, link);
        const struct spec_route *route = find_again(t, e->config);
        if (route == NULL) {
            list_remove(&t->link);
            list_push_back(&gone, &t->link);
            continue;
        }
        config_unref(t->config);
        t->config = config_ref(e->config);
        t->route = route;
    }
    while (!list_empty(&gone)) {
        token_drop(LIST_ENTRY(gone.next, struct token, link));
    }
}

void tokens_stop(struct egress *e)
{
    LIST_FOR_EACH (node, safe, &e->tokens) {
        struct token *t = LIST_ENTRY(node, struct token, link);
        if (t->fetch != NULL) {
            fetch_cancel(t->fetch);
            t->fetch = NULL;
        }
    }
    rotations_retry(e);
}

void tokens_lose_call(struct egress *e, const struct ipc_chan *chan)
{
    LIST_FOR_EACH (node, safe, &e->tokens) {
        struct token *t = LIST_ENTRY(node, struct token, link);
        if (t->fetch != NULL) {
            fetch_lose_call(t->fetch, chan);
        }
    }
    rotations_lose_call(e, chan);
}
