/*
 * resolve.c - names to addresses, with c-ares driven by the loop.
 *
 * c-ares gets its configuration once; afterwards it needs UDP and TCP sockets and nothing else: no file, no thread. Its
 * own cache is off, because it knows neither our bounds nor failures.
 */
#include "net/resolve.h"
#include "net/dial.h"

#include "base/log.h"

#include <ares.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#define RESOLVE_NAMES_MAX   1024
#define RESOLVE_BUCKETS     1024 /* a power of two */
#define RESOLVE_NAME_LENGTH 254  /* 253 and a final dot */
#define RESOLVE_TTL_MIN_S   1
#define RESOLVE_TTL_MAX_S   300
#define RESOLVE_NEGATIVE_S  5
#define RESOLVE_FAILED_S    1
#define RESOLVE_TRIES       3
/* How long a silent server is waited for before the next one is asked. */
#define RESOLVE_TRY_MIN_MS 50U
#define RESOLVE_TRY_MAX_MS 1500U
/* Half for each family, so that neither can crowd out the other. */
#define RESOLVE_ADDRESSES_MAX (NET_ADDRESSES_MAX / 2)

/* One of the two questions about a name, and its last answer. */
struct resolve_question {
    struct net_name *name;
    int family;
    bool open;   /* c-ares has it */
    bool failed; /* there was no answer to the question */
    uint64_t expires_ms;
    struct net_address addresses[RESOLVE_ADDRESSES_MAX];
    size_t count;
};

struct net_name {
    struct list bucket;
    struct list by_use; /* the resolver's list, the longest unused first */
    struct list lookups;
    struct net_resolver *resolver;
    struct resolve_question questions[2]; /* IPv6, IPv4 */
    char text[];
};

/* A socket of c-ares. */
struct resolve_socket {
    struct list link;
    struct net_resolver *resolver;
    struct net_watch *watch;
    ares_socket_t fd;
};

struct net_resolver {
    struct net_loop *loop;
    ares_channel_t *channel;
    struct net_timer *timer; /* when c-ares wants to look at its queries again */
    struct list sockets;
    struct list by_use;
    struct list buckets[RESOLVE_BUCKETS];
    size_t names;
};

/* ---- driving c-ares ---- */

static void resolver_set_timer(struct net_resolver *r)
{
    struct timeval room;
    struct timeval *left = ares_timeout(r->channel, NULL, &room);
    if (left == NULL) {
        net_timer_stop(r->timer);
    } else {
        /* Rounded up: waking a little early would only mean to wake twice. */
        net_timer_start(r->timer, (uint64_t)left->tv_sec * 1000 + (uint64_t)(left->tv_usec + 999) / 1000, 0);
    }
}

static void resolver_timer(void *arg)
{
    struct net_resolver *r = arg;
    ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    resolver_set_timer(r);
}

static void resolver_ready(void *arg, int events)
{
    struct resolve_socket *s = arg;
    struct net_resolver *r = s->resolver;
    ares_socket_t fd = s->fd;
    ares_process_fd(r->channel, (events & NET_WATCH_READ) != 0 ? fd : ARES_SOCKET_BAD,
                    (events & NET_WATCH_WRITE) != 0 ? fd : ARES_SOCKET_BAD);
    resolver_set_timer(r);
}

static struct resolve_socket *resolver_find_socket(struct net_resolver *r, ares_socket_t fd)
{
    LIST_FOR_EACH (node, next, &r->sockets) {
        struct resolve_socket *s = LIST_ENTRY(node, struct resolve_socket, link);
        if (s->fd == fd) {
            return s;
        }
    }
    return NULL;
}

/* c-ares says what it waits for on a socket; neither means that it is about to close it. A socket that cannot be watched
 * is one that never answers: c-ares runs into its time limit. */
static void resolver_socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
    struct net_resolver *r = arg;
    struct resolve_socket *s = resolver_find_socket(r, fd);
    int events = (readable ? NET_WATCH_READ : 0) | (writable ? NET_WATCH_WRITE : 0);
    if (events == 0) {
        if (s != NULL) {
            list_remove(&s->link);
            net_watch_free(s->watch);
            free(s);
        }
        return;
    }
    if (s == NULL) {
        s = calloc(1, sizeof(*s));
        if (s == NULL) {
            return;
        }
        s->resolver = r;
        s->fd = fd;
        s->watch = net_watch_new(r->loop, fd, resolver_ready, s);
        if (s->watch == NULL) {
            free(s);
            return;
        }
        list_push_back(&r->sockets, &s->link);
    }
    int code = net_watch_set(s->watch, events);
    if (code != 0) {
        log_warn_r(code, "a resolver socket cannot be watched");
    }
}

static int resolver_open_channel(struct net_resolver *r, const char *servers, uint32_t timeout_ms)
{
    char lookups[] = "b"; /* DNS; no hosts file */
    uint32_t try_ms = timeout_ms / RESOLVE_TRIES;
    struct ares_options options = {
        .flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_EDNS,
        .lookups = lookups,
        .timeout = (int)(try_ms < RESOLVE_TRY_MIN_MS   ? RESOLVE_TRY_MIN_MS
                         : try_ms > RESOLVE_TRY_MAX_MS ? RESOLVE_TRY_MAX_MS
                                                       : try_ms),
        .tries = RESOLVE_TRIES,
        .udp_max_queries = 1, /* every question from a port of its own: harder to forge an answer */
        .qcache_max_ttl = 0,
        .sock_state_cb = resolver_socket_state,
        .sock_state_cb_data = r,
    };
    options.maxtimeout = options.timeout;
    int code = ares_init_options(&r->channel, &options,
                                 ARES_OPT_FLAGS | ARES_OPT_LOOKUPS | ARES_OPT_TIMEOUTMS |
                                     ARES_OPT_MAXTIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_UDP_MAX_QUERIES |
                                     ARES_OPT_QUERY_CACHE | ARES_OPT_SOCK_STATE_CB);
    if (code != ARES_SUCCESS) {
        r->channel = NULL;
        return CB_ENOMEM;
    }
    if (servers != NULL && ares_set_servers_ports_csv(r->channel, servers) != ARES_SUCCESS) {
        return CB_EINVAL;
    }
    return 0;
}

int net_resolver_new(struct net_loop *loop, const char *servers, uint32_t timeout_ms,
                     struct net_resolver **out)
{
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) {
        return CB_ENOMEM;
    }
    struct net_resolver *r = calloc(1, sizeof(*r));
    if (r == NULL) {
        ares_library_cleanup();
        return CB_ENOMEM;
    }
    r->loop = loop;
    list_init(&r->sockets);
    list_init(&r->by_use);
    for (size_t i = 0; i < RESOLVE_BUCKETS; i++) {
        list_init(&r->buckets[i]);
    }
    r->timer = net_timer_new(loop, resolver_timer, r);
    int code = r->timer != NULL ? resolver_open_channel(r, servers, timeout_ms) : CB_ENOMEM;
    if (code != 0) {
        net_resolver_free(r);
        return code;
    }
    *out = r;
    return 0;
}

/* ---- the cache ---- */

static void name_free(struct net_name *n)
{
    list_remove(&n->bucket);
    list_remove(&n->by_use);
    n->resolver->names--;
    free(n);
}

void net_resolver_free(struct net_resolver *r)
{
    if (r == NULL) {
        return;
    }
    if (r->channel != NULL) {
        /* Ends the open questions with ARES_EDESTRUCTION and closes every socket. */
        ares_destroy(r->channel);
    }
    while (!list_empty(&r->by_use)) {
        name_free(LIST_ENTRY(r->by_use.next, struct net_name, by_use));
    }
    net_timer_free(r->timer);
    free(r);
    ares_library_cleanup();
}

static bool name_is_open(const struct net_name *n)
{
    return n->questions[0].open || n->questions[1].open;
}

/* FNV-1a. Whoever chose names that collide would make a walk along at most RESOLVE_NAMES_MAX of them. */
static struct list *resolver_bucket(struct net_resolver *r, const char *host)
{
    uint32_t hash = 2166136261U;
    for (const char *p = host; *p != '\0'; p++) {
        hash = (hash ^ (uint8_t)*p) * 16777619U;
    }
    return &r->buckets[hash & (RESOLVE_BUCKETS - 1)];
}

/* Makes room for one more name: drops the one that was unused longest and that nobody waits for. */
static int resolver_make_room(struct net_resolver *r)
{
    if (r->names < RESOLVE_NAMES_MAX) {
        return 0;
    }
    LIST_FOR_EACH (node, next, &r->by_use) {
        struct net_name *n = LIST_ENTRY(node, struct net_name, by_use);
        if (!name_is_open(n) && list_empty(&n->lookups)) {
            name_free(n);
            return 0;
        }
    }
    return CB_ELIMIT;
}

static struct net_name *resolver_find_name(struct net_resolver *r, const char *host)
{
    struct list *bucket = resolver_bucket(r, host);
    LIST_FOR_EACH (node, next, bucket) {
        struct net_name *n = LIST_ENTRY(node, struct net_name, bucket);
        if (strcmp(n->text, host) == 0) {
            return n;
        }
    }
    return NULL;
}

static int resolver_add_name(struct net_resolver *r, const char *host, struct net_name **out)
{
    int code = resolver_make_room(r);
    if (code != 0) {
        return code;
    }
    size_t size = strlen(host) + 1;
    struct net_name *n = calloc(1, sizeof(*n) + size);
    if (n == NULL) {
        return CB_ENOMEM;
    }
    memcpy(n->text, host, size);
    n->resolver = r;
    n->questions[0] = (struct resolve_question){.name = n, .family = AF_INET6};
    n->questions[1] = (struct resolve_question){.name = n, .family = AF_INET};
    list_init(&n->lookups);
    list_push_back(resolver_bucket(r, host), &n->bucket);
    list_push_back(&r->by_use, &n->by_use);
    r->names++;
    *out = n;
    return 0;
}

/* ---- questions and answers ---- */

static uint64_t smaller_ttl(uint64_t ttl_s, int of_record)
{
    uint64_t other_s =
        of_record > 0 ? (uint64_t)of_record : 0; /* RFC 2181, section 8: beyond 31 bits it is 0 */
    return other_s < ttl_s ? other_s : ttl_s;
}

/* Keeps the addresses. Returns for how long, in seconds. */
static uint64_t question_keep(struct resolve_question *q, const struct ares_addrinfo *answer)
{
    uint64_t ttl_s = RESOLVE_TTL_MAX_S;
    for (const struct ares_addrinfo_node *node = answer->nodes;
         node != NULL && q->count < RESOLVE_ADDRESSES_MAX; node = node->ai_next) {
        struct net_address *a = &q->addresses[q->count];
        if (node->ai_family != q->family) {
            continue;
        }
        if (node->ai_family == AF_INET && node->ai_addrlen >= sizeof(struct sockaddr_in)) {
            struct sockaddr_in v4;
            memcpy(&v4, node->ai_addr, sizeof(v4));
            a->len = 4;
            memcpy(a->bytes, &v4.sin_addr, 4);
        } else if (node->ai_family == AF_INET6 && node->ai_addrlen >= sizeof(struct sockaddr_in6)) {
            struct sockaddr_in6 v6;
            memcpy(&v6, node->ai_addr, sizeof(v6));
            a->len = 16;
            memcpy(a->bytes, &v6.sin6_addr, 16);
        } else {
            continue;
        }
        q->count++;
        ttl_s = smaller_ttl(ttl_s, node->ai_ttl);
    }
    if (q->count == 0) {
        return RESOLVE_NEGATIVE_S;
    }
    for (const struct ares_addrinfo_cname *c = answer->cnames; c != NULL; c = c->next) {
        ttl_s = smaller_ttl(ttl_s, c->ttl);
    }
    return ttl_s < RESOLVE_TTL_MIN_S ? RESOLVE_TTL_MIN_S : ttl_s;
}

static void name_tell(struct net_name *n)
{
    LIST_FOR_EACH (node, next, &n->lookups) {
        net_task_post(n->resolver->loop, &LIST_ENTRY(node, struct net_lookup, link)->tell);
    }
}

static void question_answered(void *arg, int status, int timeouts, struct ares_addrinfo *answer)
{
    struct resolve_question *q = arg;
    struct net_name *n = q->name;
    uint64_t keep_s = RESOLVE_FAILED_S;
    (void)timeouts;
    q->open = false;
    if (status == ARES_SUCCESS && answer != NULL) {
        keep_s = question_keep(q, answer);
    } else if (status == ARES_ENOTFOUND || status == ARES_ENODATA) {
        keep_s = RESOLVE_NEGATIVE_S;
    } else {
        q->failed = true;
    }
    if (status != ARES_SUCCESS && status != ARES_EDESTRUCTION) {
        log_debug("%s (IPv%d): %s", n->text, q->family == AF_INET ? 4 : 6, ares_strerror(status));
    }
    ares_freeaddrinfo(answer);
    q->expires_ms = net_loop_now_ms(n->resolver->loop) + keep_s * 1000;
    name_tell(n);
}

/* Asks what is not known any more and not asked already. */
static void name_ask(struct net_name *n)
{
    struct net_resolver *r = n->resolver;
    uint64_t now_ms = net_loop_now_ms(r->loop);
    bool ask[2];
    /* Both are open before either is asked: c-ares may answer from inside the call. */
    for (size_t i = 0; i < 2; i++) {
        struct resolve_question *q = &n->questions[i];
        ask[i] = !q->open && now_ms >= q->expires_ms;
        if (ask[i]) {
            q->open = true;
            q->failed = false;
            q->count = 0;
        }
    }
    for (size_t i = 0; i < 2; i++) {
        struct ares_addrinfo_hints hints = {
            .ai_flags = ARES_AI_NOSORT, /* sorting would open sockets to see which routes there are */
            .ai_family = n->questions[i].family,
            .ai_socktype = SOCK_STREAM,
        };
        if (ask[i]) {
            ares_getaddrinfo(r->channel, n->text, NULL, &hints, question_answered, &n->questions[i]);
        }
    }
    if (ask[0] || ask[1]) {
        resolver_set_timer(r);
    }
}

/* ---- lookups ---- */

static void lookup_tell(void *arg)
{
    struct net_lookup *lookup = arg;
    struct net_name *n = lookup->name;
    struct net_address news[NET_ADDRESSES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < 2; i++) {
        const struct resolve_question *q = &n->questions[i];
        if (!lookup->told[i] && !q->open) {
            lookup->told[i] = true;
            lookup->failed = lookup->failed || q->failed;
            memcpy(news + count, q->addresses, q->count * sizeof(news[0]));
            count += q->count;
        }
    }
    bool complete = lookup->told[0] && lookup->told[1];
    if (complete) {
        list_remove(&lookup->link);
    }
    lookup->on_addresses(lookup->arg, news, count, complete);
}

int net_resolver_lookup(struct net_resolver *r, const char *host, net_lookup_fn *on_addresses, void *arg,
                        struct net_lookup *lookup)
{
    size_t len = strlen(host);
    if (len == 0 || len > RESOLVE_NAME_LENGTH) {
        return CB_EINVAL;
    }
    struct net_name *n = resolver_find_name(r, host);
    if (n == NULL) {
        int code = resolver_add_name(r, host, &n);
        if (code != 0) {
            return code;
        }
    }
    list_remove(&n->by_use);
    list_push_back(&r->by_use, &n->by_use);

    lookup->name = n;
    lookup->told[0] = lookup->told[1] = lookup->failed = false;
    lookup->on_addresses = on_addresses;
    lookup->arg = arg;
    net_task_init(&lookup->tell, lookup_tell, lookup);
    list_init(&lookup->link);
    list_push_back(&n->lookups, &lookup->link);
    name_ask(n);
    if (!n->questions[0].open || !n->questions[1].open) {
        net_task_post(r->loop, &lookup->tell);
    }
    return 0;
}

void net_lookup_cancel(struct net_lookup *lookup)
{
    list_remove(&lookup->link);
    net_task_cancel(&lookup->tell);
}

/* ---- version ---- */

const char *net_cares_version(void)
{
    return ares_version(NULL);
}
