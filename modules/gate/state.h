/*
 * state.h - what the files of this role share. Nothing outside of it includes this.
 *
 *   gate.c      the role: listeners, channels, setup, stop
 *   routes.c    what is known of the routes: which hosts, ports and schemes there are
 *   leaf.c      certificates for the hosts that agents ask for, signed by the vault
 *   agent.c     one agent connection: bytes, TLS, HTTP events
 *   connect.c   proxy requests: CONNECT and what follows it; the proxy token
 *   trust.c     GET /ca.pem: the certificates that an agent has to trust
 *   base_url.c  requests of SDKs that take a base URL and no proxy
 *   request.c   a request inside: checks, and its way to egress as fields
 *   answer.c    the answer from egress, and answers of our own
 *   upgrade.c   what passes when a 101 has made the connection a WebSocket
 *   idle.c      the end of a gate that nobody uses
 */
#ifndef CB_GATE_STATE_H
#define CB_GATE_STATE_H

#include "base/list.h"
#include "http/parser.h"
#include "ipc/chan.h"
#include "net/conn.h"
#include "net/listener.h"
#include "policy/host.h"
#include "policy/spec.h"
#include "policy/verdict.h"
#include "tls/session.h"

#define GATE_AGENTS_MAX 4096

struct gate;
struct agent;

/* ---- routes.c ---- */

struct gate_route {
    char *host; /* pattern */
    uint16_t port;
    enum spec_scheme scheme;
};

struct gate_routes {
    bool known;     /* a configuration has come */
    bool suspended; /* every request is refused */
    uint64_t ca_ms; /* when the tenant's CA was made */
    uint64_t generation;
    uint8_t token_hash[IPC_HASH_LEN];
    struct gate_route *routes;
    size_t count;
};

CB_MUST_USE int routes_take(struct gate_routes *routes, struct span payload);
/* Whether some route has the host, the host on this port, the port at all, or the host on this port in this scheme. */
bool routes_have_host(const struct gate_routes *routes, struct span host);
bool routes_have_port(const struct gate_routes *routes, uint16_t port);
bool routes_have_host_port(const struct gate_routes *routes, struct span host, uint16_t port);
bool routes_have_scheme(const struct gate_routes *routes, struct span host, uint16_t port,
                        enum spec_scheme scheme);

/* ---- leaf.c ---- */

struct leaf_cache;
/* Called with the leaf (the callee's reference) or NULL and an error. */
typedef void leaf_fn(void *arg, int code, struct tls_leaf *leaf);

struct leaf_cache *leaf_cache_new(struct gate *gate);
/* The leaf for a host: at once when it is cached, else when the vault has answered. Returns true when on_leaf was called. */
bool leaf_get(struct leaf_cache *cache, struct span host, leaf_fn *on_leaf, void *arg);
/* The waiter no longer waits. */
void leaf_cancel(struct leaf_cache *cache, void *arg);
/* There is a new vault, and the one that was asked will not answer any more. */
void leaf_ask_again(struct leaf_cache *cache);
/* The routes changed: leaves that were denials may be proper ones now. Or, with `all`, the CA did. */
void leaf_drop_some(struct leaf_cache *cache, bool all);

/* ---- the role ---- */

struct gate {
    struct net_loop *loop;
    struct ipc_chan *vault;
    struct ipc_chan *egress;
    struct net_listener *listeners[2]; /* Unix, TCP */
    char base_literal[64];             /* "address:port" of a TCP listener on loopback, else "" */
    char base_name[32];                /* "localhost:port" of the same */
    struct gate_routes routes;
    struct tls_server *tls;
    struct leaf_cache *leaves;
    struct list agents;
    size_t agent_count;
    uint64_t next_serial;
    struct net_timer *stop_timer;
    struct net_timer *idle_timer;
    bool stopping;
};

/* ---- idle.c ---- */

/* Begins to watch for the idle time that the monitor gave. */
CB_MUST_USE int idle_begin(struct gate *g);
/* The number of agents has changed. */
void idle_update(struct gate *g);

/* ---- agent.c ---- */

enum agent_mode {
    AGENT_PROXY,       /* requests to the proxy itself: CONNECT or absolute-form */
    AGENT_TUNNEL_OPEN, /* CONNECT was answered; the first byte decides what is inside */
    AGENT_TUNNEL_LEAF, /* TLS is inside; waiting for its certificate */
    AGENT_TUNNEL_TLS,
    AGENT_TUNNEL_CLEAR,
    AGENT_WEBSOCKET /* HTTP is over: bytes in both directions */
};

struct agent {
    struct list link;
    struct gate *gate;
    struct net_conn *conn;
    bool needs_token; /* came by TCP */
    enum agent_mode mode;
    struct tls_session *tls;
    bool tls_ready;
    struct http_parser *parser;
    struct buf
        held; /* bytes of HTTP that wait until they may be parsed; before TLS stands: bytes as they came */
    struct buf out;       /* clear bytes to the agent; with TLS its session has its own */
    struct net_task turn; /* at the end of the turn: go on parsing, then one write */
    struct net_timer *timer;

    /* the tunnel */
    struct policy_host host;
    uint16_t port;
    bool mismatch; /* the TLS server name is another host's */

    /* the request and its answer */
    struct ipc_chan *stream;
    struct ipc_chan *trust; /* the vault, while it is asked for /ca.pem */
    uint32_t trust_call;
    uint8_t id[IPC_REQUEST_ID_LEN]; /* of refusals made here */
    bool in_request;                /* its end has not been read */
    bool in_answer;                 /* it was handed on (or refused) and its answer is not complete */
    bool request_failed;            /* what remains of it is not passed on */
    bool is_head;
    bool asks_websocket;
    unsigned minor; /* HTTP/1.minor of the request */
    bool keep_alive;
    enum http_framing answer_framing;
    uint64_t answer_left; /* bytes of its body that have not come, when it has a length */
    bool answer_begun;
    uint64_t request_total;

    bool answer_cut;    /* the answer ends too early, and must look like it */
    bool end_seen;      /* the agent will send no more */
    bool closing;       /* after what is queued, close */
    uint64_t end_by_ms; /* since it is closing: until then the queue may empty itself */
    bool closed;
    unsigned depth;
};

CB_MUST_USE int agent_open(struct gate *g, int fd, bool needs_token);
void agent_close(struct agent *a);
/* Bytes as they came from the socket. */
void agent_received(struct agent *a, struct span data);
/* Sends what is queued, then closes. */
void agent_finish(struct agent *a);
void agent_enter(struct agent *a);
void agent_leave(struct agent *a);
/* Queues bytes for the agent: into TLS when it stands. */
CB_MUST_USE int agent_write(struct agent *a, struct span data);
/* Goes on with held bytes at the end of this turn. */
void agent_wake(struct agent *a);
/* (Re)starts the timer that ends a connection that does not go on. */
void agent_expect_more(struct agent *a, uint64_t within_ms);

/* ---- connect.c ---- */

/* A head that came outside of any tunnel. */
void connect_head(struct agent *a, const struct http_head *head);
/* Whether the head has a Proxy-Authorization with the tenant's token; whether this is the token. In constant time. */
bool connect_has_token(const struct agent *a, const struct http_head *head);
bool connect_token_matches(const struct agent *a, struct span token);
/* The first bytes inside a tunnel. */
void connect_first_bytes(struct agent *a, struct span bytes);

/* ---- request.c ---- */

/* What the target and the tunnel say together. */
struct destination {
    enum spec_scheme scheme;
    struct policy_host host;
    uint16_t port;
    struct span path_and_query;
};

/* Splits "authority/path"; an empty path is "/". */
void request_split_authority(struct span target, struct span *authority, struct span *rest);
/* Splits "http://authority/path" (RFC 9112, 3.2.2). False when it is not of that scheme. */
bool request_split_absolute(struct span target, struct span scheme, struct span *authority,
                            struct span *rest);
/* A head inside a tunnel, or outside of one in absolute-form or of a base URL. */
void request_head(struct agent *a, const struct http_head *head);
void request_body(struct agent *a, struct span body);
void request_end(struct agent *a);

/* ---- base_url.c ---- */

/* Notes where the TCP listener is reached, before the role is confined. */
void base_url_learn_listener(struct gate *g, int fd);
/* Whether the head is for the listener itself, as an origin. Its target may have the token in it, and is not for showing. */
bool base_url_is_asked(const struct agent *a, const struct http_head *head);
/* The destination of such a head, without the token; *d has as much as was found out when the answer is not ROUTE. */
enum policy_reason base_url_destination(const struct agent *a, const struct http_head *head,
                                        struct destination *d);

/* ---- trust.c ---- */

/* Whether the head asks the gate itself for the certificates that an agent has to trust. */
bool trust_is_asked(const struct agent *a, const struct http_head *head);
/* Answers such a head, once the vault has answered. The token has been looked at. */
void trust_head(struct agent *a, const struct http_head *head);
/* There is a new vault, and the one that was asked will not answer any more. */
void trust_ask_again(struct agent *a);
/* The agent no longer waits. */
void trust_cancel(struct agent *a);

/* ---- upgrade.c ---- */

/* The answer is a 101: appends the fields that it needs besides those from egress, and lets go of HTTP. CB_ESTATE when nobody asked. */
CB_MUST_USE int upgrade_begin(struct agent *a, struct buf *out);
/* Passes on as much as may be passed on now; what is left stays in *in. */
void upgrade_pass(struct agent *a, struct span *in);
/* The agent sends no more: so that is the end. */
void upgrade_agent_ended(struct agent *a);
/* True while egress takes no more. */
bool agent_is_pushed_back(const struct agent *a);

/* ---- answer.c ---- */

extern const struct ipc_chan_handler answer_handler;
/* Answers 200 with content of the gate's own, or with its head when that is what was asked for. */
void answer_content(struct agent *a, struct span content_type, struct span content);
/* Answers with a problem document and tells egress for the audit. The connection closes after it unless the request
 * was complete and well-formed. `head` may be NULL when there is none. */
void answer_refuse(struct agent *a, enum policy_reason reason, const struct http_head *head, struct span host,
                   uint16_t port, enum spec_scheme scheme);

#endif
