/* pool.c - connections to providers that have answered and may serve again. */
#include "egress/state.h"

#define POOL_MAX      64
#define POOL_IDLE_MS  50000 /* shorter than the minute after which most providers close */
#define POOL_CHECK_MS 5000

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool key_equal(const struct upstream_key *a, const struct upstream_key *b)
{
    return a->port == b->port && a->scheme == b->scheme && a->address_port == b->address_port &&
           a->roots == b->roots && same_text(a->host, b->host) && same_text(a->address, b->address);
}

static void pool_drop(struct egress *e, struct upstream *u)
{
    list_remove(&u->link);
    e->idle_count--;
    upstream_close(u);
}

static void idle_fail(void *arg, enum policy_reason reason, bool stale)
{
    (void)reason;
    (void)stale;
    struct upstream *u = arg;
    pool_drop(u->egress, u);
}

/* A provider that speaks on an idle connection closes it, as far as we are concerned. */
static const struct upstream_handler idle_handler = {.on_fail = idle_fail};

static void pool_expire(void *arg)
{
    struct egress *e = arg;
    uint64_t now = net_loop_now_ms(e->loop);
    LIST_FOR_EACH (node, safe, &e->idle) {
        struct upstream *u = LIST_ENTRY(node, struct upstream, link);
        if (now - u->idle_since_ms >= POOL_IDLE_MS) {
            pool_drop(e, u);
        }
    }
    if (e->idle_count == 0) {
        net_timer_stop(e->idle_timer);
    }
}

void pool_init(struct egress *e)
{
    e->idle_timer = net_timer_new(e->loop, pool_expire, e);
}

struct upstream *pool_take(struct egress *e, const struct upstream_key *key)
{
    LIST_FOR_EACH (node, safe, &e->idle) {
        struct upstream *u = LIST_ENTRY(node, struct upstream, link);
        if (key_equal(&u->key, key)) {
            list_remove(&u->link);
            e->idle_count--;
            return u;
        }
    }
    return NULL;
}

void pool_put(struct egress *e, struct upstream *u)
{
    /* Of a configuration that is not in use any more, the credentials would live as long as the connection. */
    if (u->failed || !u->keep_alive || u->answering || e->stopping || e->idle_timer == NULL ||
        u->config != e->config) {
        upstream_close(u);
        return;
    }
    if (e->idle_count >= POOL_MAX) {
        pool_drop(e, LIST_ENTRY(e->idle.prev, struct upstream, link));
    }
    upstream_set_handler(u, &idle_handler, u);
    upstream_pause(u, false);
    u->idle_since_ms = net_loop_now_ms(e->loop);
    /* The one used last is the one least likely to have been closed by the provider. */
    list_push_front(&e->idle, &u->link);
    if (e->idle_count++ == 0) {
        net_timer_start(e->idle_timer, POOL_CHECK_MS, POOL_CHECK_MS);
    }
}

void pool_clear(struct egress *e)
{
    LIST_FOR_EACH (node, safe, &e->idle) {
        pool_drop(e, LIST_ENTRY(node, struct upstream, link));
    }
}
