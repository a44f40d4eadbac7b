/*
 * dns_server.h - a small DNS server for tests, under the test's own loop: UDP and TCP on the same loopback port.
 *
 * For each question it asks the test's function what to answer.
 */
#ifndef TESTS_UNIT_NET_DNS_SERVER_H
#define TESTS_UNIT_NET_DNS_SERVER_H

#include "net/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DNS_TYPE_A = 1, DNS_TYPE_CNAME = 5, DNS_TYPE_AAAA = 28 };
enum { DNS_RCODE_SERVFAIL = 2, DNS_RCODE_NXDOMAIN = 3, DNS_RCODE_REFUSED = 5 };

struct dns_server;

struct dns_reply {
    bool over_tcp;  /* how the question came */
    bool drop;      /* say nothing */
    bool truncated; /* say that it does not fit; the records are left out */
    uint8_t rcode;
    uint64_t delay_ms;
    /* Changes the finished message before it leaves; NULL for none. */
    void (*spoil)(uint8_t *message, size_t *len);
    /* The rest is the server's. */
    uint8_t message[65535];
    size_t len;
    unsigned records;
};

typedef void dns_answer_fn(void *arg, const char *name, int type, struct dns_reply *reply);

struct dns_server *dns_server_new(struct net_loop *loop, dns_answer_fn *answer, void *arg);
void dns_server_free(struct dns_server *s);
/* "127.0.0.1:PORT" */
const char *dns_server_address(const struct dns_server *s);
/* How many questions of this type came. */
int dns_server_asked(const struct dns_server *s, int type);

/* A record for `owner`, or for the question when that is NULL. */
void dns_reply_a(struct dns_reply *r, const char *owner, uint32_t ttl, const char *address);
void dns_reply_aaaa(struct dns_reply *r, const char *owner, uint32_t ttl, const char *address);
void dns_reply_cname(struct dns_reply *r, const char *owner, uint32_t ttl, const char *target);

#endif
