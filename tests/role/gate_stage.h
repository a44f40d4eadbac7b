/*
 * gate_stage.h - everybody around a gate: a child runs gate_main(), the test is its monitor, its vault, its egress and
 * the agents that come by TCP and by the Unix socket.
 *
 * The vault signs with a real CA whatever it is asked, or holds its answers back. Egress notes what it is sent and
 * answers what the test says. Agents speak through TLS of modules/tls, or throw bytes as they like.
 */
#ifndef TESTS_ROLE_GATE_STAGE_H
#define TESTS_ROLE_GATE_STAGE_H

#include "http/parser.h"
#include "ipc/chan.h"
#include "net/conn.h"
#include "policy/spec.h"
#include "policy/verdict.h"
#include "support/check.h"
#include "tls/session.h"

#include <sys/types.h>

#define STAGE_TOKEN       "cbx_right-token"
#define STAGE_ASKS        64
#define STAGE_STREAMS     128
#define STAGE_PATIENCE_MS 40000 /* a test that waits that long for an event has failed */

/* The hosts of the first configuration. */
#define API     "api.example.com:443"   /* https */
#define PLAIN   "plain.example.com:80"  /* http */
#define LITERAL "192.0.2.7:443"         /* https */
#define NOBODY  "other.example.net:443" /* no route */

struct stage;

/* A leaf that the vault was asked for. */
struct stage_ask {
    uint32_t call;
    char host[IPC_HOST_MAX + 1];
    struct buf public_key;
};

struct stage_vault {
    struct ipc_chan *chan;
    bool closed;
    int closed_code;
    bool hold;
    uint32_t code;         /* of every answer, when not 0 */
    const char *leaf_name; /* signs for this host instead of the one asked for */
    bool hold_trust;
    bool has_next;       /* a successor, beside the CA */
    uint32_t trust_code; /* of the answers to TRUST_GET */
    unsigned trust_asked;
    uint32_t trust_call; /* the one that is held */
    unsigned asked;
    char last_host[IPC_HOST_MAX + 1];
    struct stage_ask held[STAGE_ASKS];
    size_t held_count;
};

/* A request as egress got it. */
struct stage_request {
    uint8_t scheme;
    char host[IPC_HOST_MAX + 1];
    uint16_t port;
    char method[33];
    struct buf path;
    bool has_query;
    struct buf query;
    struct buf fields;
    uint8_t framing;
    uint64_t content_length;
    bool expect_continue;
    bool websocket;
};

struct stage_stream {
    struct stage *stage;
    struct ipc_chan *chan;
    int fd;
    bool closed;
    int closed_code;
    unsigned begun; /* requests whose head came */
    unsigned ended;
    struct stage_request request; /* the last one */
    struct buf body;
    size_t largest_part;
    uint64_t end_total;
};

struct stage_egress {
    struct ipc_chan *chan;
    bool closed;
    bool no_reading; /* of streams that come from now on */
    struct stage_stream *streams[STAGE_STREAMS];
    size_t stream_count;
    unsigned refused; /* REFUSED messages, and the last one */
    enum policy_reason reason;
    char refused_method[33];
    char refused_host[IPC_HOST_MAX + 1];
    uint16_t refused_port;
};

struct stage {
    struct net_loop *loop;
    struct net_timer *patience;
    bool overdue;
    struct ipc_chan *life;
    bool life_closed;
    bool ready;
    bool suspended; /* what egress_configure() says */
    uint64_t ca_ms;
    uint32_t layers;
    pid_t pid;
    uint16_t port;
    char folder[64];
    char path[96];
    struct stage_vault vault;
    struct stage_egress egress;
};

/* An agent. */
struct client {
    struct stage *stage;
    struct net_conn *conn;
    int fd;
    bool tcp;
    bool ended; /* the gate sent FIN */
    int error;
    struct tls_session *tls;
    bool tunnel_up; /* what comes now is TLS */
    bool tls_ready;
    bool tls_closed; /* close_notify came */
    int tls_error;
    struct buf got; /* clear bytes that no answer has used */
    struct http_parser *parser;
};

struct answer {
    unsigned status;
    unsigned interims[4];
    size_t interim_count;
    enum http_framing framing;
    bool keep_alive;
    bool complete; /* its end came; else it was cut, or malformed */
    struct buf fields;
    struct buf body;
    char text[256]; /* scratch of answer_field() */
};

/* Runs the loop until the condition holds; a failed check when nothing makes it true. */
#define UNTIL(stage_, condition_)                          \
    do {                                                   \
        while (!(condition_) && !(stage_)->overdue) {      \
            net_loop_run((stage_)->loop);                  \
        }                                                  \
        CHECK((condition_) && "before the patience ends"); \
    } while (0)

/* ---- the gate's life ---- */

/* A gate with its peers, before GO, and without a configuration. */
struct stage *stage_new(void);
/* The same, with an idle time. */
struct stage *stage_new_resting(uint32_t idle_ms);
void stage_go(struct stage *s);
/* The layers of confinement that may be missing: none, but for sanitizers. */
uint32_t stage_waived(void);
/* A gate that serves, with the first configuration. */
struct stage *stage_serve(void);
/* Says STOP and waits for the end; the exit status, or 1000 and the signal. */
int stage_stop(struct stage *s, uint32_t grace_ms);
int stage_wait(struct stage *s);
void stage_free(struct stage *s);
/* Most tests: STOP without grace, status 0, and everything freed. */
void stage_end(struct stage *s);

/* ---- the vault ---- */

void vault_join(struct stage *s);
void vault_leave(struct stage *s);
/* Answers what was held, and holds no more. */
void vault_release(struct stage *s);
/* Answers TRUST_GET. */
void vault_answer_trust(struct stage *s, uint32_t call);

/* ---- egress ---- */

void egress_join(struct stage *s);
/* Goes, as a process goes: with all its streams. */
void egress_leave(struct stage *s);
/* Routes to the hosts ("host:port", "http:host:port"), separated by blanks. */
void egress_configure(struct stage *s, uint64_t generation, const char *hosts);
/* The stream of this number, once it exists; and once it has brought so many requests. */
struct stage_stream *egress_stream(struct stage *s, size_t number);
struct stage_stream *egress_request(struct stage *s, size_t number, unsigned requests);
/* The value of a field of the last request, or NULL. */
const char *request_field(struct stage_stream *st, const char *name);
void stream_head(struct stage_stream *st, unsigned status, enum http_framing framing, uint64_t length,
                 const char *name, const char *value);
void stream_interim(struct stage_stream *st, unsigned status, const char *name, const char *value);
void stream_body(struct stage_stream *st, struct span data);
void stream_end(struct stage_stream *st, uint64_t total);
void stream_abort(struct stage_stream *st);
/* A whole answer with a length. */
void stream_reply(struct stage_stream *st, unsigned status, const char *body);
/* A frame of any content. */
void stream_raw(struct stage_stream *st, unsigned msg, uint32_t len, struct span payload);
/* Waits for this many refusals; checks the reason of the last. */
void expect_refused(struct stage *s, unsigned count, enum policy_reason reason);

/* ---- agents ---- */

struct client *client_tcp(struct stage *s);
struct client *client_unix(struct stage *s);
void client_free(struct client *c);
/* Through TLS when it stands. */
void client_send(struct client *c, struct span data);
void client_text(struct client *c, const char *text);
/* Each byte after the one before was read (Unix socket only). */
void client_text_bytewise(struct client *c, struct span data);
/* "CONNECT authority", with the token by TCP. */
void client_ask_tunnel(struct client *c, const char *authority);
/* The same, and waits for the 200. */
void client_tunnel(struct client *c, const char *authority);
/* Begins TLS for a server of that name: the first flight is in the session's output, and sent by client_flush(). */
void client_begin_tls(struct client *c, const char *host);
void client_flush(struct client *c);
/* Begins and waits; true when it stands. */
bool client_tls(struct client *c, const char *host);
/* An agent by TCP with a tunnel and TLS, or with a clear tunnel by the Unix socket. */
struct client *client_https(struct stage *s);
struct client *client_clear(struct stage *s);
/* No byte more will come. */
bool client_is_over(const struct client *c);

void answer_init(struct answer *a);
void answer_deinit(struct answer *a);
/* Waits for the next answer, to a HEAD or not. */
void client_answer_to(struct client *c, bool head, struct answer *a);
void client_answer(struct client *c, struct answer *a);
/* Waits for an answer, checks its status and that it is complete; and its body unless NULL. */
void expect_answer(struct client *c, unsigned status, const char *body);
/* The same; the connection ends after it and nothing more comes. */
void expect_last_answer(struct client *c, unsigned status);
/* The connection ends, and nothing came before. */
void expect_end(struct client *c);
/* The value of a field, or "". */
const char *answer_field(struct answer *a, const char *name);
/* A full round: GET through the client, answered by egress on that stream. Everything that the gate could do before, it has done
 * by then. */
void round_trip(struct client *c, struct stage_stream *st);

#endif
