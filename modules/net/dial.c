/*
 * dial.c - racing connections to the checked addresses of a name.
 *
 * A dial goes through two stages. Resolving ends when there is an address to try: at once when an IPv6 address is
 * known or no answer is outstanding, otherwise after a short wait for the IPv6 answer. Connecting then starts one attempt
 * after the other, the next one when the last failed or took too long; the first that is connected wins. Addresses that
 * come late join the race.
 */
#include "net/dial.h"
#include "net/resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* RFC 8305, section 8: Resolution Delay and Connection Attempt Delay. */
#define DIAL_RESOLUTION_DELAY_MS 50
#define DIAL_ATTEMPT_DELAY_MS    250
/* How long a failure is held against an address, and of how many addresses that is known. */
#define DIAL_GRUDGE_MS   30000
#define DIAL_GRUDGES_MAX 64

struct dial_grudge {
    struct net_address address;
    uint16_t port;
    uint64_t until_ms;
};

struct net_dialer {
    struct net_loop *loop;
    struct net_resolver *resolver;
    uint32_t resolve_timeout_ms;
    uint32_t connect_timeout_ms;
    struct dial_grudge grudges[DIAL_GRUDGES_MAX];
    size_t next_grudge;
};

struct dial_candidate {
    struct net_address address;
    bool tried;
};

struct net_dial {
    struct net_dialer *dialer;
    net_address_check_fn *check;
    net_dial_fn *on_done;
    void *arg;
    uint16_t port;
    enum net_dial_stage stage;
    struct net_lookup lookup;
    bool resolve_only;
    bool looking_up; /* more addresses may come */
    bool head_start; /* the last attempt has its time for itself: `next` runs */
    size_t seen;     /* addresses of the lookup that were checked */
    struct dial_candidate candidates[NET_ADDRESSES_MAX];
    size_t count;
    uint8_t last_len; /* family of the last attempt, as an address length */
    int last_error;
    struct list attempts;       /* oldest first */
    struct net_timer *deadline; /* of the stage */
    struct net_timer *next;     /* time to start connecting, or for the next attempt */
    struct net_task begin;      /* for a literal address */
};

struct dial_attempt {
    struct list link;
    struct net_dial *dial;
    struct net_watch *watch;
    struct net_address address;
    int fd;
};

union dial_sockaddr {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* ---- addresses ---- */

static socklen_t dial_fill_sockaddr(union dial_sockaddr *to, const struct net_address *address, uint16_t port)
{
    memset(to, 0, sizeof(*to));
    if (address->len == 4) {
        to->v4.sin_family = AF_INET;
        to->v4.sin_port = htons(port);
        memcpy(&to->v4.sin_addr, address->bytes, 4);
        return sizeof(to->v4);
    }
    to->v6.sin6_family = AF_INET6;
    to->v6.sin6_port = htons(port);
    memcpy(&to->v6.sin6_addr, address->bytes, 16);
    return sizeof(to->v6);
}

static void dial_name_peer(struct net_peer *peer, const struct net_address *address, uint16_t port)
{
    char text[INET6_ADDRSTRLEN];
    bool v4 = address->len == 4;
    /* Cannot fail: the family is known and the room suffices. */
    (void)inet_ntop(v4 ? AF_INET : AF_INET6, address->bytes, text, sizeof(text));
    (void)snprintf(peer->text, sizeof(peer->text), v4 ? "%s:%u" : "[%s]:%u", text, (unsigned)port);
}

static bool dial_same_address(const struct net_address *a, const struct net_address *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

/* Whether the socket is connected to what was dialled, and to nothing that something on the way made of it. */
static bool dial_peer_is(int fd, const struct net_address *address, uint16_t port)
{
    union dial_sockaddr is;
    union dial_sockaddr should;
    memset(&is, 0, sizeof(is));
    socklen_t size = sizeof(is);
    (void)dial_fill_sockaddr(&should, address, port);
    if (getpeername(fd, &is.any, &size) != 0 || is.any.sa_family != should.any.sa_family) {
        return false;
    }
    if (address->len == 4) {
        return is.v4.sin_port == should.v4.sin_port &&
               memcmp(&is.v4.sin_addr, &should.v4.sin_addr, sizeof(is.v4.sin_addr)) == 0;
    }
    return is.v6.sin6_port == should.v6.sin6_port &&
           memcmp(&is.v6.sin6_addr, &should.v6.sin6_addr, sizeof(is.v6.sin6_addr)) == 0;
}

/* ---- grudges ---- */

static struct dial_grudge *dialer_find_grudge(struct net_dialer *d, const struct net_address *address,
                                              uint16_t port)
{
    for (size_t i = 0; i < DIAL_GRUDGES_MAX; i++) {
        struct dial_grudge *g = &d->grudges[i];
        if (g->port == port && dial_same_address(&g->address, address)) {
            return g;
        }
    }
    return NULL;
}

static void dialer_bear_grudge(struct net_dialer *d, const struct net_address *address, uint16_t port)
{
    struct dial_grudge *g = dialer_find_grudge(d, address, port);
    if (g == NULL) {
        g = &d->grudges[d->next_grudge];
        d->next_grudge = (d->next_grudge + 1) % DIAL_GRUDGES_MAX;
    }
    *g = (struct dial_grudge){*address, port, net_loop_now_ms(d->loop) + DIAL_GRUDGE_MS};
}

static void dialer_forgive(struct net_dialer *d, const struct net_address *address, uint16_t port)
{
    struct dial_grudge *g = dialer_find_grudge(d, address, port);
    if (g != NULL) {
        g->until_ms = 0;
    }
}

static bool dialer_has_grudge(struct net_dialer *d, const struct net_address *address, uint16_t port)
{
    const struct dial_grudge *g = dialer_find_grudge(d, address, port);
    return g != NULL && net_loop_now_ms(d->loop) < g->until_ms;
}

/* ---- the end of a dial ---- */

static void attempt_free(struct dial_attempt *a)
{
    list_remove(&a->link);
    net_watch_free(a->watch);
    if (a->fd >= 0) {
        (void)close(a->fd);
    }
    free(a);
}

static void dial_free(struct net_dial *dial)
{
    net_lookup_cancel(&dial->lookup);
    net_task_cancel(&dial->begin);
    while (!list_empty(&dial->attempts)) {
        attempt_free(LIST_ENTRY(dial->attempts.next, struct dial_attempt, link));
    }
    net_timer_free(dial->deadline);
    net_timer_free(dial->next);
    free(dial);
}

static void dial_finish(struct net_dial *dial, int code)
{
    net_dial_fn *on_done = dial->on_done;
    void *arg = dial->arg;
    enum net_dial_stage stage = dial->stage;
    dial_free(dial);
    on_done(arg, code, stage, -1, NULL);
}

static void dial_win(struct net_dial *dial, struct dial_attempt *winner)
{
    net_dial_fn *on_done = dial->on_done;
    void *arg = dial->arg;
    struct net_peer peer;
    int fd = winner->fd;
    winner->fd = -1;
    dial_name_peer(&peer, &winner->address, dial->port);
    dialer_forgive(dial->dialer, &winner->address, dial->port);
    /* Whoever had a head start and did not use it is tried last for a while. */
    LIST_FOR_EACH (node, after, &dial->attempts) {
        struct dial_attempt *a = LIST_ENTRY(node, struct dial_attempt, link);
        if (a == winner) {
            break;
        }
        dialer_bear_grudge(dial->dialer, &a->address, dial->port);
    }
    dial_free(dial);
    on_done(arg, 0, NET_DIAL_CONNECTING, fd, &peer);
}

void net_dial_cancel(struct net_dial *dial)
{
    if (dial != NULL) {
        dial_free(dial);
    }
}

/* ---- connecting ---- */

static void dial_try_next(struct net_dial *dial);

/* The attempt came to nothing; the address may be to blame. */
static void attempt_lose(struct dial_attempt *a, int code)
{
    dialer_bear_grudge(a->dial->dialer, &a->address, a->dial->port);
    a->dial->last_error = code;
    attempt_free(a);
}

static void attempt_ready(void *arg, int events)
{
    struct dial_attempt *a = arg;
    struct net_dial *dial = a->dial;
    int error = 0;
    socklen_t size = sizeof(error);
    (void)events;
    if (getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
        error = errno;
    }
    if (error == 0 && !dial_peer_is(a->fd, &a->address, dial->port)) {
        error = ENOTCONN;
    }
    if (error == 0) {
        dial_win(dial, a);
    } else {
        attempt_lose(a, -error);
        dial_try_next(dial);
    }
}

/* Starts connecting. The result comes through attempt_ready(), also when there is one at once. */
static int dial_attempt_start(struct net_dial *dial, const struct net_address *address)
{
    struct dial_attempt *a = calloc(1, sizeof(*a));
    if (a == NULL) {
        return CB_ENOMEM;
    }
    union dial_sockaddr to;
    socklen_t size = dial_fill_sockaddr(&to, address, dial->port);
    list_init(&a->link);
    a->dial = dial;
    a->address = *address;
    int r;
    a->fd = socket(to.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (a->fd < 0) {
        r = -errno;
        goto out;
    }
    if (connect(a->fd, &to.any, size) != 0 && errno != EINPROGRESS) {
        r = -errno;
        dialer_bear_grudge(dial->dialer, address, dial->port);
        goto out;
    }
    a->watch = net_watch_new(dial->dialer->loop, a->fd, attempt_ready, a);
    r = a->watch != NULL ? net_watch_set(a->watch, NET_WATCH_WRITE) : CB_ENOMEM;
out:
    if (r != 0) {
        attempt_free(a);
        return r;
    }
    list_push_back(&dial->attempts, &a->link);
    return 0;
}

/* Families take turns, beginning with IPv6; addresses with a grudge come last. */
static struct dial_candidate *dial_pick(struct net_dial *dial)
{
    struct dial_candidate *best = NULL;
    int best_rank = 0;
    uint8_t wanted_len = dial->last_len == 16 ? 4 : 16;
    for (size_t i = 0; i < dial->count; i++) {
        struct dial_candidate *c = &dial->candidates[i];
        if (c->tried) {
            continue;
        }
        int rank = (dialer_has_grudge(dial->dialer, &c->address, dial->port) ? 0 : 2) +
                   (c->address.len == wanted_len ? 1 : 0);
        if (best == NULL || rank > best_rank) {
            best = c;
            best_rank = rank;
        }
    }
    return best;
}

static void dial_try_next(struct net_dial *dial)
{
    struct dial_candidate *c;
    net_timer_stop(dial->next);
    dial->head_start = false;
    while ((c = dial_pick(dial)) != NULL) {
        c->tried = true;
        dial->last_len = c->address.len;
        int r = dial_attempt_start(dial, &c->address);
        if (r == 0) {
            net_timer_start(dial->next, DIAL_ATTEMPT_DELAY_MS, 0);
            dial->head_start = true;
            return;
        }
        dial->last_error = r;
    }
    if (list_empty(&dial->attempts) && !dial->looking_up) {
        dial_finish(dial, dial->last_error);
    }
}

/* The end of a dial that does not connect. */
static void dial_tell_address(struct net_dial *dial)
{
    net_dial_fn *on_done = dial->on_done;
    void *arg = dial->arg;
    struct net_peer peer;
    dial->last_len = 16; /* so that IPv4 is next */
    dial_name_peer(&peer, &dial_pick(dial)->address, dial->port);
    dial_free(dial);
    on_done(arg, 0, NET_DIAL_RESOLVING, -1, &peer);
}

static void dial_begin(void *arg)
{
    struct net_dial *dial = arg;
    if (dial->resolve_only) {
        dial_tell_address(dial);
        return;
    }
    dial->stage = NET_DIAL_CONNECTING;
    net_timer_start(dial->deadline, dial->dialer->connect_timeout_ms, 0);
    dial_try_next(dial);
}

static void dial_next_timer(void *arg)
{
    struct net_dial *dial = arg;
    if (dial->stage == NET_DIAL_RESOLVING) {
        dial_begin(dial);
    } else {
        dial_try_next(dial);
    }
}

/* ---- resolving ---- */

static bool dial_knows_v6(const struct net_dial *dial)
{
    for (size_t i = 0; i < dial->count; i++) {
        if (dial->candidates[i].address.len == 16) {
            return true;
        }
    }
    return false;
}

static void dial_addresses(void *arg, const struct net_address *addresses, size_t count, bool complete)
{
    struct net_dial *dial = arg;
    for (size_t i = 0; i < count; i++) {
        const struct net_address *a = &addresses[i];
        dial->seen++;
        if (dial->check(dial->arg, a->bytes, a->len)) {
            dial->candidates[dial->count++] = (struct dial_candidate){.address = *a};
        }
    }
    dial->looking_up = !complete;

    if (dial->stage == NET_DIAL_CONNECTING) {
        /* Late addresses wait until the head start of the last attempt is over. */
        if (list_empty(&dial->attempts) || !dial->head_start) {
            dial_try_next(dial);
        }
    } else if (dial->count == 0) {
        if (complete) {
            dial_finish(dial, dial->seen != 0 ? CB_EADDRESS : dial->lookup.failed ? CB_EDNS : CB_ENOTFOUND);
        }
    } else if (complete || (dial_knows_v6(dial) && !dial->resolve_only)) {
        dial_begin(dial);
    } else if (!dial->resolve_only) {
        net_timer_start(dial->next, DIAL_RESOLUTION_DELAY_MS, 0);
    }
}

static void dial_deadline(void *arg)
{
    struct net_dial *dial = arg;
    if (dial->stage == NET_DIAL_RESOLVING && dial->count != 0) {
        dial_begin(dial);
        return;
    }
    LIST_FOR_EACH (node, next, &dial->attempts) {
        dialer_bear_grudge(dial->dialer, &LIST_ENTRY(node, struct dial_attempt, link)->address, dial->port);
    }
    /* Addresses that came and were refused say more than the answer that did not come. */
    dial_finish(dial, dial->stage == NET_DIAL_RESOLVING && dial->seen != 0 ? CB_EADDRESS : CB_ETIMEOUT);
}

/* ---- what others call ---- */

int net_dialer_new(struct net_loop *loop, const struct net_dialer_options *options, struct net_dialer **out)
{
    struct net_dialer *d = calloc(1, sizeof(*d));
    if (d == NULL) {
        return CB_ENOMEM;
    }
    d->loop = loop;
    d->resolve_timeout_ms = options->resolve_timeout_ms;
    d->connect_timeout_ms = options->connect_timeout_ms;
    int r = net_resolver_new(loop, options->servers, options->resolve_timeout_ms, &d->resolver);
    if (r != 0) {
        free(d);
        return r;
    }
    *out = d;
    return 0;
}

void net_dialer_free(struct net_dialer *d)
{
    if (d != NULL) {
        net_resolver_free(d->resolver);
        free(d);
    }
}

static struct net_dial *dial_new(struct net_dialer *d, uint16_t port, net_dial_fn *on_done, void *arg)
{
    struct net_dial *dial = calloc(1, sizeof(*dial));
    if (dial == NULL) {
        return NULL;
    }
    dial->dialer = d;
    dial->port = port;
    dial->on_done = on_done;
    dial->arg = arg;
    list_init(&dial->attempts);
    list_init(&dial->lookup.link);
    list_init(&dial->lookup.tell.link);
    net_task_init(&dial->begin, dial_begin, dial);
    dial->deadline = net_timer_new(d->loop, dial_deadline, dial);
    dial->next = net_timer_new(d->loop, dial_next_timer, dial);
    if (dial->deadline == NULL || dial->next == NULL) {
        dial_free(dial);
        return NULL;
    }
    return dial;
}

static int dial_lookup(struct net_dialer *d, const char *host, uint16_t port, bool resolve_only,
                       net_address_check_fn *check, net_dial_fn *on_done, void *arg, struct net_dial **out)
{
    struct net_dial *dial = dial_new(d, port, on_done, arg);
    if (dial == NULL) {
        return CB_ENOMEM;
    }
    dial->check = check;
    dial->stage = NET_DIAL_RESOLVING;
    dial->looking_up = true;
    dial->resolve_only = resolve_only;
    int r = net_resolver_lookup(d->resolver, host, dial_addresses, dial, &dial->lookup);
    if (r != 0) {
        dial_free(dial);
        return r;
    }
    net_timer_start(dial->deadline, d->resolve_timeout_ms, 0);
    *out = dial;
    return 0;
}

int net_dial_name(struct net_dialer *d, const char *host, uint16_t port, net_address_check_fn *check,
                  net_dial_fn *on_done, void *arg, struct net_dial **out)
{
    return dial_lookup(d, host, port, false, check, on_done, arg, out);
}

int net_dial_resolve(struct net_dialer *d, const char *host, uint16_t port, net_address_check_fn *check,
                     net_dial_fn *on_done, void *arg, struct net_dial **out)
{
    return dial_lookup(d, host, port, true, check, on_done, arg, out);
}

int net_dial_address(struct net_dialer *d, const char *address, uint16_t port, net_dial_fn *on_done,
                     void *arg, struct net_dial **out)
{
    struct net_address parsed = {.len = 0};
    if (inet_pton(AF_INET, address, parsed.bytes) == 1) {
        parsed.len = 4;
    } else if (inet_pton(AF_INET6, address, parsed.bytes) == 1) {
        parsed.len = 16;
    } else {
        return CB_EINVAL;
    }
    struct net_dial *dial = dial_new(d, port, on_done, arg);
    if (dial == NULL) {
        return CB_ENOMEM;
    }
    dial->candidates[dial->count++] = (struct dial_candidate){.address = parsed};
    net_task_post(d->loop, &dial->begin);
    *out = dial;
    return 0;
}
