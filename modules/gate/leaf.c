/*
 * leaf.c - certificates that the gate presents: one key made at start, a leaf per host signed by the vault and kept
 * until shortly before it ends. Several connections that wait for the same host wait for one signature.
 */
#include "base/clock.h"
#include "base/log.h"
#include "gate/state.h"

#include <stdlib.h>

#define LEAF_BUCKETS  256
#define LEAF_MAX      2048
#define LEAF_SPARE_MS ((uint64_t)10 * 60 * 1000) /* a leaf this close to its end is replaced */

struct leaf_waiter {
    struct list link;
    leaf_fn *on_leaf;
    void *arg;
};

struct leaf_entry {
    struct list link; /* in its bucket */
    struct list age;  /* in the cache, least recently used first */
    struct leaf_cache *cache;
    struct tls_leaf *leaf; /* NULL while the vault is asked */
    uint64_t not_after_ms;
    bool denial;
    bool asking;
    struct list waiters;
    size_t host_len;
    char host[];
};

struct leaf_cache {
    struct gate *gate;
    struct tls_key *key;
    struct buf public_key;
    struct list buckets[LEAF_BUCKETS];
    struct list ages;
    size_t count;
};

struct leaf_cache *leaf_cache_new(struct gate *gate)
{
    struct leaf_cache *cache = calloc(1, sizeof(*cache));
    if (cache == NULL) {
        return NULL;
    }
    cache->gate = gate;
    buf_init(&cache->public_key, TLS_PUBLIC_KEY_MAX);
    list_init(&cache->ages);
    for (size_t i = 0; i < LEAF_BUCKETS; i++) {
        list_init(&cache->buckets[i]);
    }
    cache->key = tls_key_new();
    if (cache->key == NULL || tls_key_public(cache->key, &cache->public_key) != 0) {
        tls_key_free(cache->key);
        buf_deinit(&cache->public_key);
        free(cache);
        return NULL;
    }
    return cache;
}

static struct list *leaf_bucket(struct leaf_cache *cache, struct span host)
{
    uint32_t hash = 2166136261U;
    for (size_t i = 0; i < host.len; i++) {
        hash = (hash ^ host.ptr[i]) * 16777619U;
    }
    return &cache->buckets[hash % LEAF_BUCKETS];
}

static void leaf_drop(struct leaf_entry *entry)
{
    list_remove(&entry->link);
    list_remove(&entry->age);
    entry->cache->count--;
    tls_leaf_unref(entry->leaf);
    free(entry);
}

/* Tells everybody who waits, each exactly once; a waiter may close other connections meanwhile. */
static void leaf_tell(struct leaf_entry *entry, int code)
{
    entry->asking = false;
    while (!list_empty(&entry->waiters)) {
        struct leaf_waiter *w = LIST_ENTRY(entry->waiters.next, struct leaf_waiter, link);
        list_remove(&w->link);
        leaf_fn *on_leaf = w->on_leaf;
        void *arg = w->arg;
        free(w);
        on_leaf(arg, code, code == 0 ? tls_leaf_ref(entry->leaf) : NULL);
    }
    if (code != 0) {
        leaf_drop(entry);
    }
}

static int on_leaf(void *arg, int code, const struct ipc_in *in)
{
    struct leaf_entry *entry = arg;
    struct ipc_leaf m = {0};
    int bad = 0;
    int r = code;
    if (r == 0) {
        bad = in->msg == IPC_MSG_LEAF ? ipc_get_leaf(in->payload, &m) : CB_EMALFORMED;
        r = bad != 0 ? bad : ipc_result(m.code);
    }
    if (r == 0) {
        r = tls_leaf_new(m.cert, m.ca, entry->cache->key, &entry->leaf);
        entry->not_after_ms = m.not_after_ms;
        entry->denial = m.denial;
    }
    if (r != 0) {
        log_warn_r(r, "no certificate for %s", entry->host);
    }
    leaf_tell(entry, r);
    return bad;
}

static struct leaf_entry *leaf_find(struct leaf_cache *cache, struct span host)
{
    struct list *bucket = leaf_bucket(cache, host);
    LIST_FOR_EACH (node, safe, bucket) {
        struct leaf_entry *entry = LIST_ENTRY(node, struct leaf_entry, link);
        if (!span_eq(host, span_of(entry->host, entry->host_len))) {
            continue;
        }
        if (entry->leaf != NULL && entry->not_after_ms < clock_wall_ms() + LEAF_SPARE_MS) {
            leaf_drop(entry);
            return NULL;
        }
        return entry;
    }
    return NULL;
}

/* Makes room by dropping the least recently used leaf that nobody waits for. */
static bool leaf_make_room(struct leaf_cache *cache)
{
    if (cache->count < LEAF_MAX) {
        return true;
    }
    LIST_FOR_EACH (node, safe, &cache->ages) {
        struct leaf_entry *entry = LIST_ENTRY(node, struct leaf_entry, age);
        if (!entry->asking) {
            leaf_drop(entry);
            return true;
        }
    }
    return false;
}

static struct leaf_entry *leaf_add(struct leaf_cache *cache, struct span host)
{
    struct leaf_entry *entry = leaf_make_room(cache) ? calloc(1, sizeof(*entry) + host.len + 1) : NULL;
    if (entry == NULL) {
        return NULL;
    }
    entry->cache = cache;
    entry->host_len = host.len;
    memcpy(entry->host, host.ptr, host.len);
    list_init(&entry->waiters);
    list_push_back(leaf_bucket(cache, host), &entry->link);
    list_push_back(&cache->ages, &entry->age);
    cache->count++;
    return entry;
}

static int leaf_ask(struct leaf_cache *cache, struct leaf_entry *entry)
{
    struct ipc_leaf_sign m = {.host = span_of(entry->host, entry->host_len),
                              .public_key = buf_span(&cache->public_key)};
    struct ipc_chan *vault = cache->gate->vault;
    int r = vault != NULL ? ipc_call_leaf_sign(vault, &m, on_leaf, entry, NULL) : CB_ECLOSED;
    entry->asking = r == 0;
    return r;
}

bool leaf_get(struct leaf_cache *cache, struct span host, leaf_fn *on_leaf_done, void *arg)
{
    struct leaf_entry *entry = leaf_find(cache, host);
    if (entry != NULL && entry->leaf != NULL) {
        list_remove(&entry->age);
        list_push_back(&cache->ages, &entry->age);
        on_leaf_done(arg, 0, tls_leaf_ref(entry->leaf));
        return true;
    }
    struct leaf_waiter *w = calloc(1, sizeof(*w));
    int r = w != NULL ? 0 : CB_ENOMEM;
    if (r == 0 && entry == NULL) {
        entry = leaf_add(cache, host);
        r = entry != NULL ? leaf_ask(cache, entry) : CB_ELIMIT;
        if (r != 0 && entry != NULL) {
            leaf_drop(entry);
        }
    }
    if (r != 0) {
        free(w);
        on_leaf_done(arg, r, NULL);
        return true;
    }
    w->on_leaf = on_leaf_done;
    w->arg = arg;
    list_push_back(&entry->waiters, &w->link);
    return false;
}

void leaf_ask_again(struct leaf_cache *cache)
{
    LIST_FOR_EACH (node, safe, &cache->ages) {
        struct leaf_entry *entry = LIST_ENTRY(node, struct leaf_entry, age);
        int r = entry->asking ? leaf_ask(cache, entry) : 0;
        if (r != 0) {
            leaf_tell(entry, r);
        }
    }
}

void leaf_cancel(struct leaf_cache *cache, void *arg)
{
    LIST_FOR_EACH (node, safe, &cache->ages) {
        struct leaf_entry *entry = LIST_ENTRY(node, struct leaf_entry, age);
        LIST_FOR_EACH (waiting, next, &entry->waiters) {
            struct leaf_waiter *w = LIST_ENTRY(waiting, struct leaf_waiter, link);
            if (w->arg == arg) {
                list_remove(&w->link);
                free(w);
            }
        }
    }
}

void leaf_drop_some(struct leaf_cache *cache, bool all)
{
    LIST_FOR_EACH (node, safe, &cache->ages) {
        struct leaf_entry *entry = LIST_ENTRY(node, struct leaf_entry, age);
        if ((all || entry->denial) && !entry->asking) {
            leaf_drop(entry);
        }
    }
}
