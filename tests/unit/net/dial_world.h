/*
 * dial_world.h - what the tests of dial.c and resolve.c share: a loop, a scripted DNS server, a dialler that asks it, and
 * somebody who listens. Every address that is contacted is a loopback one.
 */
#ifndef TESTS_UNIT_NET_DIAL_WORLD_H
#define TESTS_UNIT_NET_DIAL_WORLD_H

#include "dns_server.h"
#include "net/conn.h"
#include "net/dial.h"
#include "net/listener.h"
#include "net_test.h"

#include "base/clock.h"

#include <stdio.h>

#define CONNECT_MS 5000
#define RESOLVE_MS 5000
#define FILLERS    8

struct world {
    struct net_loop *loop;
    struct dns_server *dns;
    struct net_dialer *dialer;
    uint16_t port; /* somebody listens there on 127.0.0.1 */
    int listening;
    int closed; /* closed_port() */
};

/* What one dial came to. */
struct result {
    struct world *world;
    struct net_dial *dial;
    int calls;
    int code;
    enum net_dial_stage stage;
    int fd;
    char peer[64];
    int checks;
    int *left; /* dials that have not ended, when a test starts several */
};

/* The addresses that a test names, in order, both families mixed. */
struct script {
    const char *const *addresses;
    uint32_t ttl;
    uint64_t delay_v6_ms;
    bool drop_v6;
};

/* Notes the result in the `struct result` and stops the loop when no other dial is left. */
void on_done(void *arg, int code, enum net_dial_stage stage, int fd, const struct net_peer *peer);
/* Checks of addresses; they count their calls. allow_one() is for 127.0.0.1 only. */
bool allow_all(void *arg, const uint8_t *address, size_t len);
bool refuse_all(void *arg, const uint8_t *address, size_t len);
bool allow_one(void *arg, const uint8_t *address, size_t len);
/* False after a failed check; the time limits are the dialler's. */
bool world_open_with(struct world *w, dns_answer_fn *answer, void *arg, uint32_t resolve_ms,
                     uint32_t connect_ms);
bool world_open(struct world *w, dns_answer_fn *answer, void *arg);
void world_close(struct world *w);
/* Dials and waits, then closes the socket: most tests look at the result only. */
struct result dial(struct world *w, const char *host, uint16_t port, net_address_check_fn *check);
/* "ADDRESS:PORT" as net_peer writes it; until the next call. */
const char *peer_at(const char *address, uint16_t port);
/* A port of 127.0.0.1 that is taken and where nobody listens. */
uint16_t closed_port(struct world *w);
/* A listener whose queue is full: whoever connects waits. */
int black_hole(const char *address, uint16_t port, int fillers[FILLERS]);
void black_hole_close(int fd, int fillers[FILLERS]);
bool have_ipv6(void);
/* Answers: 127.0.0.1 for 60 s; what a `struct script` says; NXDOMAIN; nothing at all. */
void answer_loopback(void *arg, const char *name, int type, struct dns_reply *r);
void answer_script(void *arg, const char *name, int type, struct dns_reply *r);
void answer_nxdomain(void *arg, const char *name, int type, struct dns_reply *r);
void answer_silence(void *arg, const char *name, int type, struct dns_reply *r);

#endif
