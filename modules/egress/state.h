/*
 * state.h - what the files of this role share. Nothing outside of it includes this.
 *
 *   egress.c      the role: channels, setup, stop
 *   config.c      the tenant's routes, placeholders and unsealed credentials; reloads
 *   stream.c      one agent connection: fields in, decision, answer out
 *   exchange.c    the half of a stream that talks to the provider
 *   token*.c      access tokens that are fetched with a credential (token.h)
 *   body.c        a request's body: as it is, looked through, signed or held
 *   websocket.c   an exchange that has become a WebSocket
 *   trust.c       whom a route's connections trust, and what they show of themselves
 *   upstream.c    one connection to a provider: dialling, TLS, HTTP
 *   parent.c      the parent proxy of a corporate network: what it is asked and what it answers
 *   pool.c        idle connections to providers
 *   usage.c       the model and the tokens that a provider reports (usage.h)
 *   record.c      decision and outcome records
 *   limits.c      request rate and concurrency
 */
#ifndef CB_EGRESS_STATE_H
#define CB_EGRESS_STATE_H

#include "base/list.h"
#include "base/secret.h"
#include "egress/token.h"
#include "egress/usage.h"
#include "http/parser.h"
#include "http/websocket.h"
#include "inject/aws.h"
#include "inject/body.h"
#include "inject/frames.h"
#include "inject/inject.h"
#include "inject/scan.h"
#include "ipc/chan.h"
#include "net/dial.h"
#include "net/resolvconf.h"
#include "policy/grants.h"
#include "policy/host.h"
#include "policy/table.h"
#include "tls/session.h"

#define EGRESS_STREAMS_MAX         4096 /* agent connections at once, whatever the tenant's limits say */
#define EGRESS_REFUSALS_PER_MINUTE 6000 /* of records that a hostile gate may cause */

struct egress;
struct stream;
struct upstream;

/* ---- config.c ---- */

struct egress_credential {
    char *name;
    char *placeholder;
    uint64_t version;         /* 0: not set */
    bool signs;               /* a route to AWS uses it */
    struct secret *value;     /* NULL until it is first needed */
    struct inject_scan *scan; /* with `value`: looks for it in answers; NULL when it is too short for that */
    char *binding;            /* as the vault opened it */
};

/* Whom the connections of one route trust. */
struct egress_trust {
    struct tls_roots *roots;       /* NULL: the system's */
    bool identified;               /* they have the route's client certificate */
    struct tls_roots *token_roots; /* of its token endpoint; NULL: the system's */
};

/* One generation of the tenant's configuration. Streams under way keep theirs. */
struct egress_config {
    unsigned refs;
    uint64_t generation;
    uint64_t ca_ms;    /* when the tenant's CA was made; for the gate */
    bool suspended;    /* every request is refused, and no credential is there */
    struct spec *spec; /* its routes, and then a route for each grant */
    struct policy_grants grants;
    struct policy_table *table;
    struct egress_credential *credentials;
    size_t credential_count;
    struct inject_placeholder *placeholders; /* views of the credentials, for screening */
    struct egress_trust *trust;              /* per route */
    char **ways;                             /* per route: what a binding has to say of it (spec_route_way) */
    uint8_t token_hash[IPC_HASH_LEN];        /* of the proxy token, for the gate */
};

struct egress_config *config_ref(struct egress_config *config);
void config_unref(struct egress_config *config);
/* Asks the store for the configuration if there is a channel; when it has come, the whole table is swapped at once. */
void config_fetch(struct egress *e);
/* Tells the gate which hosts there are. */
void config_send_to_gate(struct egress *e);
struct egress_credential *config_credential(struct egress_config *config, const char *name);
/* Whether the credential may go to this canonical host by this route of the config: its binding was sealed together with it, so
 * whoever edits routes cannot change it. */
bool config_is_bound(const struct egress_config *config, const struct egress_credential *credential,
                     const struct spec_route *route, struct span host);
/* The opened credential that the route injects; empty when it injects none, or it is not open. */
struct span config_value(struct egress_config *config, const struct spec_route *route);
/* Takes over what the vault answered. 0, CB_ENOTFOUND, CB_EAUTHENTIC, CB_ENOMEM, ... */
CB_MUST_USE int config_take_credential(const struct egress_config *config,
                                       struct egress_credential *credential, const struct ipc_in *in);

/* ---- trust.c ---- */

/* The trust of every route of the config's spec; `system` may be NULL. */
CB_MUST_USE int trust_make(const struct tls_roots *system, struct egress_config *config);
void trust_free(struct egress_config *config);
/*
 * What a connection for this route is made with; *out is NULL when there is nothing to trust. The credential of a client
 * certificate has been unsealed. 0, CB_ENOMEM, or CB_EINVAL with *why, when the credential is no certificate with its key.
 */
CB_MUST_USE int trust_of(const struct egress *e, struct egress_config *config, const struct spec_route *route,
                         const struct tls_roots **out, const char **why);

/* The same for the connection to the route's token endpoint: its own CA or the system's. */
const struct tls_roots *trust_of_token(const struct egress *e, const struct egress_config *config,
                                       const struct spec_route *route);

/* ---- limits.c ---- */

struct limits {
    uint64_t window_start_ms;
    uint32_t in_window;
    uint32_t in_flight;
    uint64_t refusal_window_ms;
    uint32_t refusals;
};

/* Counts a request in. POLICY_REASON_ROUTE, RATE or CONCURRENCY; on ROUTE limits_leave() must follow. */
enum policy_reason limits_enter(struct limits *l, const struct spec_limits *spec, uint64_t now_ms);
void limits_leave(struct limits *l);
/* False when too many refusals were recorded this minute. */
bool limits_refusal(struct limits *l, uint64_t now_ms);

/* ---- the role ---- */

/* An outcome that waits for a store. The spans in `m` are set anew from the arrays. */
struct kept_outcome {
    struct ipc_audit_outcome m;
    uint8_t request_id[IPC_REQUEST_ID_LEN];
    char peer[64];
    char detail[IPC_AUDIT_DETAIL_MAX + 1];
    char model[IPC_MODEL_MAX + 1];
};

/* A proxy behind which the providers are. */
struct parent {
    bool used;
    struct policy_host host;
    uint16_t port;
    struct secret *login; /* "Basic ...", or NULL */
};

struct egress {
    struct net_loop *loop;
    struct ipc_chan *store;
    struct ipc_chan *vault;
    struct ipc_chan *gate;
    struct net_dialer *dialer;
    struct parent parent;
    struct tls_client *tls;
    struct tls_roots *system_roots;
    char name_servers[NET_RESOLVCONF_TEXT]; /* the system's; "": none were said */
    struct egress_config *config;           /* NULL until the first has come */
    struct limits limits;
    struct kept_outcome *kept;
    size_t kept_count;
    struct list streams;
    size_t stream_count;
    size_t held_bodies;    /* bytes, of all streams: body.c */
    struct list tokens;    /* token.c */
    struct list rotations; /* token_rotate.c */
    struct list idle;      /* pool.c */
    size_t idle_count;
    struct net_timer *idle_timer;
    bool stopping;
    uint64_t stop_by_ms; /* on the loop's clock */
    bool fetching;
    bool fetch_again;
};

/* ---- record.c ---- */

struct record {
    uint8_t id[IPC_REQUEST_ID_LEN];
    char id_text[2 * IPC_REQUEST_ID_LEN + 1];
    uint64_t start_us;
    uint64_t first_byte_us;
    uint64_t request_bytes;
    uint64_t response_bytes;
    uint32_t scrubs; /* times that the credential was found in the answer */
    unsigned status;
    char peer[64];
    char detail[IPC_AUDIT_DETAIL_MAX + 1]; /* what stands behind a failure, for the audit alone */
    struct usage usage;                    /* what the provider reports */
    bool decided;                          /* an allowed decision was stored, so an outcome is owed */
};

void record_begin(struct record *r);
/* Appends the names of a query's parameters, joined by '&', to `out`, as far as they fit. */
void record_query_keys(struct span query, struct buf *out);
/* Sends the decision; `grant` is the one that allows the request, or 0. on_stored may be NULL for a refusal, whose record nobody waits for. */
CB_MUST_USE int record_decision(struct egress *e, const struct record *r, enum policy_reason reason,
                                const struct spec_route *route, const struct ipc_request *request,
                                uint64_t grant, ipc_answer_fn *on_stored, void *arg, uint32_t *call);
/* A placeholder was where it does not belong, and that is recorded: asks the store to suspend the tenant if that is wanted. */
void record_tripwire(struct egress *e, const struct record *r);
/* Notes what stands behind a failure; bytes that are not printable become '?'. */
void record_detail(struct record *r, const char *text);
/* Sends the outcome of an allowed request, or keeps it until there is a store. */
void record_outcome(struct egress *e, struct record *r, enum policy_reason reason);
/* There is a store again: sends what was kept. */
void record_tell_kept(struct egress *e);

/* ---- stream.c and exchange.c ---- */

enum stream_state {
    STREAM_IDLE,       /* between requests */
    STREAM_DECIDING,   /* waiting for the vault or the store */
    STREAM_HOLDING,    /* the body is taken in whole before anything is sent */
    STREAM_CONNECTING, /* waiting for a connection to the provider */
    STREAM_EXCHANGING, /* the request is going out, the answer coming in */
    STREAM_DRAINING    /* answered; the rest of the request's body is thrown away */
};

/* body.c: what is done with the body of the request under way. */
struct stream_body {
    struct inject_body *search;       /* NULL: nothing is looked for */
    struct inject_aws_chunks *chunks; /* NULL: nothing is signed in it */
    enum inject_aws_payload payload;
    struct span
        signed_payload;   /* what the head's signature covers: a literal, or of the request, or `hash` */
    struct digest digest; /* of what is held */
    char hash[INJECT_AWS_HEX + 1];
    struct buf held;
    size_t room; /* for `held`; 0: the body is sent while it comes */
    struct net_task pump;
};

/* One agent connection. Requests follow each other; there is never more than one. */
struct stream {
    struct list link; /* first: egress.streams */
    struct egress *egress;
    struct ipc_chan *chan; /* to the gate */
    enum stream_state state;
    bool closed; /* freed as soon as no callback of it is on the stack */
    unsigned depth;

    /* the request under way */
    struct egress_config *config;
    const struct spec_route *route; /* of config */
    uint64_t grant;                 /* by which it passes; 0: by its route */
    enum policy_reason ungranted;   /* what it would be without the grant */
    struct record record;
    struct buf request_bytes; /* the REQUEST message, kept until its head is written */
    struct ipc_request request;
    struct http_field *fields;
    size_t field_count;
    bool counted;          /* limits_enter() was called */
    bool request_complete; /* REQUEST_END has come */
    bool answered;         /* RESPONSE was sent */
    bool retried;
    struct inject_scan *scan; /* the answer is searched for the credential */
    struct inject_scanner scanner;
    struct stream_body body;
    bool asks_websocket;                /* the request does, and its route may */
    bool is_websocket;                  /* the answer was a 101 */
    struct inject_frames *frames;       /* of a WebSocket whose messages are searched */
    struct token_wait token;            /* the token that goes in, or the wait for it */
    const struct spec_route *answering; /* of config: for its token endpoint, and answered here */
    const char *unsealing;              /* the credential that was asked for */
    struct ipc_chan *call_chan;         /* where `call` is open, or NULL */
    uint32_t call;
    struct upstream *upstream;
    struct net_timer *timer;
    uint64_t patience_ms; /* without anything that moves */
    uint64_t moved_ms;    /* when something did last, on the loop's clock */
};

CB_MUST_USE int stream_open(struct egress *e, int fd);
/* Around every callback that reaches a stream: one that was closed meanwhile is released by the outermost leave. */
void stream_enter(struct stream *s);
void stream_leave(struct stream *s);
void stream_close(struct stream *s);
/* The peer was replaced: a request that waits for its answer is refused. */
void stream_lose_call(struct stream *s, const struct ipc_chan *chan);
/* After a reload: ends an exchange whose route is gone. */
void stream_recheck(struct stream *s);
/* Answers the request with a problem document and ends it. */
void stream_refuse(struct stream *s, enum policy_reason reason);
/* The answer is complete (or was refused): records the outcome, lets go of everything, waits for the next request. */
void stream_finish(struct stream *s, enum policy_reason reason);
/* exchange.c: the decision is durable; connect and send. */
void exchange_begin(struct stream *s);
CB_MUST_USE int exchange_body(struct stream *s, struct span data);
CB_MUST_USE int exchange_request_end(struct stream *s);
/* The gate takes data again. */
void exchange_resume(struct stream *s);
/* Lets go of the connection to the provider; it may serve again when `reusable`. */
void exchange_release(struct stream *s, bool reusable);

/* The Host field of the request as it is sent. */
#define EXCHANGE_HOST_MAX (IPC_HOST_MAX + 8)
void exchange_host(const struct ipc_request *q, char out[EXCHANGE_HOST_MAX]);

/* ---- body.c ---- */

void body_init(struct stream *s);
/* Before the decision: BODY_FORMAT when the route injects into a body of which nothing can be known. */
enum policy_reason body_screen(const struct stream *s);
/* After it: prepares for the body. ROUTE, or why there is none to be taken. */
enum policy_reason body_begin(struct stream *s);
/* Appends what the route writes into the head: the fields with the credential, or the signature with it, and its own extras. */
CB_MUST_USE int body_write_fields(struct stream *s, const struct inject_request *request,
                                  struct span credential, struct buf *out);
/* All of the body is held: what its head has to say of it is settled. */
void body_complete(struct stream *s);
/* True when all of the body is taken into `held` before the request is sent. */
bool body_is_held(const struct stream *s);
/* True when what is sent of the body is what body_take() makes of it. */
bool body_is_changed(const struct stream *s);
/* Appends to `out`, which is sensitive, what becomes of a piece of the body, or of its end. ROUTE, or why the request ends here. */
enum policy_reason body_take(struct stream *s, struct span data, struct buf *out);
enum policy_reason body_end(struct stream *s, struct buf *out);
/* Sends what was held, as the connection takes it. */
void body_send(struct stream *s);
void body_forget(struct stream *s);
/* ---- websocket.c ---- */

/* Appends the fields with which a handshake asks. */
CB_MUST_USE int websocket_write_wish(const struct stream *s, struct buf *out);
/* False for a field of the request that does not travel in this handshake. */
bool websocket_field_passes(const struct stream *s, const struct http_field *field);
/* The answer is a 101: checks it, and readies both directions. CB_EMALFORMED when it is not what was asked for, CB_ENOMEM. */
CB_MUST_USE int websocket_begin(struct stream *s, const struct http_head *head);
/* Bytes from the provider, and from the agent. */
CB_MUST_USE int websocket_down(struct stream *s, struct span data);
CB_MUST_USE int websocket_up(struct stream *s, struct span data);
/* Lets go of what websocket_begin() made. */
void websocket_forget(struct stream *s);

/* exchange.c: bytes of an answer to the gate, in parts. `arg` is the stream. */
CB_MUST_USE int exchange_pass(void *arg, struct span body);

/* ---- upstream.c ---- */

struct upstream_handler {
    void (*on_ready)(void *arg); /* connected and verified */
    void (*on_head)(void *arg, const struct http_head *head, bool interim);
    void (*on_body)(void *arg, struct span body);
    void (*on_end)(void *arg); /* the answer is complete */
    void (*on_drained)(void *arg);
    /* It failed; `unused` says that no byte of an answer came on a connection that had served before. */
    void (*on_fail)(void *arg, enum policy_reason reason, bool stale);
};

/* What a connection is made for; two requests share connections only when all of it is equal. */
struct upstream_key {
    const char *host;
    uint16_t port;
    enum spec_scheme scheme;
    const char *address; /* literal to dial, or NULL */
    uint16_t address_port;
    const struct tls_roots *roots;
};

struct upstream {
    struct list link; /* in the pool */
    struct egress *egress;
    const struct upstream_handler *handler;
    void *arg;
    /* the key, with strings of its own */
    char *host;
    char *address;
    struct upstream_key key;
    struct egress_config *config; /* keeps the roots alive */

    struct net_dial *dial;
    struct net_conn *conn;
    struct tls_session *tls;
    struct http_parser *parser;
    struct http_parser *tunnel; /* while the parent proxy has not answered */
    struct net_task flush;
    struct buf plain_out; /* plain http only */
    char peer[64];
    char detail[IPC_AUDIT_DETAIL_MAX + 1]; /* what stands behind its failure; never for the agent */
    uint64_t idle_since_ms;
    bool ready;
    bool served;     /* has answered at least one request */
    bool raw;        /* HTTP is over: bytes go to on_body as they come */
    bool answering;  /* a request is out and its answer not complete */
    bool got_bytes;  /* of the present answer */
    bool keep_alive; /* the present answer allows another request */
    bool paused;
    bool failed;
    unsigned depth;
    bool freed;
};

/* A new connection; on_ready or on_fail follows, never from inside the call. */
CB_MUST_USE int upstream_open(struct egress *e, const struct upstream_key *key, struct egress_config *config,
                              const struct upstream_handler *handler, void *arg, struct upstream **out);
void upstream_set_handler(struct upstream *u, const struct upstream_handler *handler, void *arg);
/* Begins a request: the answer to it is expected from now on. */
void upstream_begin(struct upstream *u, bool is_head);
/* After upstream_begin(): the answer may be a 101. */
void upstream_allow_upgrade(struct upstream *u);
/* In on_head of a 101: what follows is no HTTP. */
void upstream_become_raw(struct upstream *u);
CB_MUST_USE int upstream_write(struct upstream *u, struct span data);
bool upstream_is_full(const struct upstream *u);
void upstream_pause(struct upstream *u, bool paused);
/* Ends it; no callback after this. NULL is fine. */
void upstream_close(struct upstream *u);

/* ---- parent.c ---- */

/* Takes over "host:port"; an empty text is no parent. 0 or CB_EINVAL. */
CB_MUST_USE int parent_set(struct parent *parent, struct span authority);
/* Takes over "user:password", of which one line break at the end is left out. 0, CB_EINVAL or CB_ENOMEM. */
CB_MUST_USE int parent_login(struct parent *parent, struct span text);
/* Dials it, whatever kind of address it has: it is the administrator's. */
CB_MUST_USE int parent_dial(const struct parent *parent, struct net_dialer *dialer, net_dial_fn *on_done,
                            void *arg, struct net_dial **out);
/* Appends the request for a tunnel to "address:port". */
CB_MUST_USE int parent_ask(const struct parent *parent, const char *target, struct buf *out);
/*
 * Reads its answer with a parser for responses. 0 when the tunnel is there; CB_EAGAIN when more is needed; else an error, with `why` for the
 * audit. Nothing may come behind the head: the other end waits for us to begin.
 */
CB_MUST_USE int parent_read(struct http_parser *parser, struct span bytes, char *why, size_t why_size);

/* ---- pool.c ---- */

/* Needs the loop; the list is initialised with the role. */
void pool_init(struct egress *e);
/* An idle connection for the key, or NULL. */
struct upstream *pool_take(struct egress *e, const struct upstream_key *key);
/* Keeps a connection whose answer was complete; closes it when it cannot serve again. */
void pool_put(struct egress *e, struct upstream *u);
/* Closes every idle connection: the configuration changed. */
void pool_clear(struct egress *e);

#endif
