/*
 * egress_stage.h - everybody around an egress, for test_egress.c: a child runs egress_main(), the test is its monitor, its
 * store, its vault, its gate with agent connections, and the providers.
 *
 * What happens is noted in one string, in the order in which the test sees it: U a credential is asked for, D a
 * decision comes, S it is answered, C a provider is connected to, R a provider has a whole request, O an outcome comes.
 */
#ifndef TESTS_ROLE_EGRESS_STAGE_H
#define TESTS_ROLE_EGRESS_STAGE_H

#include "egress/egress.h"
#include "http/fields.h"
#include "http/write.h"
#include "net/conn.h"
#include "policy/verdict.h"
#include "role_stage.h"
#include "support/spec_make.h"
#include "tls/seal.h"
#include "tls/session.h"

#define EGRESS_NOTES_MAX     4096
#define EGRESS_RECORDS_MAX   64
#define EGRESS_PROVIDERS_MAX 64

#define ALICE_KEY   "sk-the-real-one-0123456789"
#define ALICE_PH    "sk-proj-placeholder-abcdefghijklmnop"
#define UNSET_PH    "sk-unset-placeholder-abcdefghijklmno"
#define TLS_HOST    "tls.example.com"
#define ANSWER_OK   "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-From: provider\r\n\r\nhi"
#define BEARER_PH   "Bearer " ALICE_PH
#define BEARER_REAL "Authorization: Bearer " ALICE_KEY "\r\n"

struct egress_stage;

struct egress_decision_seen {
    uint8_t reason;
    uint64_t grant;
    uint8_t scheme;
    uint8_t id[IPC_REQUEST_ID_LEN];
    char route[IPC_NAME_MAX + 1];
    char credential[IPC_NAME_MAX + 1];
    char host[IPC_HOST_MAX + 1];
    char path[64];
    char query_keys[64];
};

struct egress_outcome_seen {
    uint8_t reason;
    uint16_t status;
    uint64_t request_bytes;
    uint64_t response_bytes;
    uint8_t id[IPC_REQUEST_ID_LEN];
    char peer[64];
    char detail[IPC_AUDIT_DETAIL_MAX + 1];
    char model[IPC_MODEL_MAX + 1];
    uint64_t input_tokens;
    uint64_t output_tokens;
};

/* One connection that a provider accepted. */
struct egress_provider {
    struct egress_stage *t;
    struct net_conn *conn;
    struct tls_session *tls;
    struct buf in; /* what came, in the clear */
    size_t requests;
    bool closed; /* by the egress */
};

enum provider_mode {
    PROVIDER_ANSWERS,         /* each whole request with t->answer */
    PROVIDER_ANSWERS_CLOSING, /* and then closes */
    PROVIDER_SILENT,
    PROVIDER_CLOSES_AT_REQUEST, /* without an answer */
    PROVIDER_CLOSES_AT_ONCE,
    PROVIDER_NO_HANDSHAKE /* accepts, and does not speak TLS */
};

struct egress_stage {
    struct stage s;
    struct spec *spec;
    uint64_t generation;
    uint64_t key_version;
    struct buf grants; /* the list of SPEC; empty: none */
    bool suspended;
    size_t tripwires;
    char notes[EGRESS_NOTES_MAX];
    size_t note_count;

    struct ipc_chan *store;
    bool hold_stored;
    uint32_t held_call;
    int stored_code;
    struct egress_decision_seen decisions[EGRESS_RECORDS_MAX];
    size_t decision_count;
    struct egress_outcome_seen outcomes[EGRESS_RECORDS_MAX];
    size_t outcome_count;

    struct ipc_chan *vault;
    bool hold_credential;
    uint32_t held_unseal;
    int credential_code;
    struct buf binding;
    size_t unseals;

    struct ipc_chan *gate;
    size_t gate_configs;
    uint64_t gate_generation;
    uint32_t gate_hosts;
    bool store_closed;
    bool vault_closed;
    bool gate_closed;

    struct net_listener *listener;
    struct net_listener *tls_listener;
    uint16_t port;
    uint16_t tls_port;
    uint16_t dead_port; /* nobody listens there */
    enum provider_mode mode;
    const char *answer;
    struct egress_provider *providers[EGRESS_PROVIDERS_MAX];
    size_t provider_count;
    struct tls_server *server;
    struct tls_key *key;
    struct tls_leaf *leaf;
    struct buf ca_pem;
};

/* An agent's connection, seen from the gate. */
struct egress_stream {
    struct egress_stage *t;
    struct ipc_chan *chan;
    bool closed;
    unsigned status; /* 0: no RESPONSE yet */
    unsigned interims;
    uint8_t framing;
    uint64_t content_length;
    bool ended;
    bool aborted;
    uint8_t abort_reason;
    struct buf fields;
    struct buf body;
    uint64_t body_len; /* also of what is not kept */
};

/* A request as the gate says it. */
struct egress_ask {
    uint8_t scheme;
    const char *host;
    uint16_t port;
    const char *method;
    const char *path;
    const char *query; /* NULL: none */
    const char *auth;  /* of Authorization, or NULL */
    const char *extra_name;
    const char *extra_value;
    uint8_t framing;
    uint64_t content_length;
    bool expect_continue;
    const char
        *socket_key; /* it asks for a WebSocket, with this Sec-WebSocket-Key and an extension; else NULL */
};

/* egress_stage.c */
struct egress_stage *egress_stage_new(void);
/* With all channels, ready, and with the routes in use. */
void egress_stage_serve(struct egress_stage *t);
/* Without anything: the test joins whom it wants. */
void egress_stage_start(struct egress_stage *t);
void egress_join_store(struct egress_stage *t);
void egress_join_vault(struct egress_stage *t);
void egress_join_gate(struct egress_stage *t);
/* Stops the child with status 0 and frees everything. */
void egress_stage_end(struct egress_stage *t);
void egress_stage_free(struct egress_stage *t);
/* The store's spec is another one now: says so, and waits until the gate has heard of it. */
void egress_reload(struct egress_stage *t);
/* The egress has read what was sent to it before. */
void egress_settle(struct egress_stage *t);
void egress_answer_stored(struct egress_stage *t, uint32_t call, int code);
void egress_answer_credential(struct egress_stage *t, uint32_t call, int code);
/* Adds to the notes, and lets the test look. */
void egress_note(struct egress_stage *t, char what);

/* egress_provider.c */
void egress_providers_open(struct egress_stage *t);
void egress_providers_close(struct egress_stage *t);
/* A certificate of the provider for that host, by a CA that the route trusts or by another one. */
void egress_provider_leaf(struct egress_stage *t, const char *host, bool trusted);
void egress_provider_write(struct egress_provider *p, const char *text);
void egress_provider_send(struct egress_provider *p, struct span bytes);
void egress_provider_close(struct egress_provider *p);
bool egress_provider_got(const struct egress_provider *p, const char *text);

/* egress_stage.c: what the gate does with a connection of an agent */
void egress_stream_open(struct egress_stage *t, struct egress_stream *st);
/* Only the descriptor, for bytes that no sender of ours would send. */
int egress_stream_raw(struct egress_stage *t);
void egress_stream_close(struct egress_stream *st);
/* Forgets the answer before. */
void egress_stream_reset(struct egress_stream *st);
/* REQUEST, without its end. */
void egress_send(struct egress_stream *st, const struct egress_ask *ask);
void egress_send_bytes(struct egress_stream *st, struct span bytes);
void egress_send_body(struct egress_stream *st, const char *text);
void egress_send_end(struct egress_stream *st, uint64_t total);
/* Waits for the end of the answer and checks that it is the problem of that reason. */
void egress_expect(struct egress_stream *st, enum policy_reason reason);
/* A whole request without a body. */
void egress_ask(struct egress_stream *st, const struct egress_ask *ask);

/* A GET to the plain, credentialed route. */
static inline struct egress_ask egress_get(const char *path)
{
    return (struct egress_ask){.scheme = SPEC_SCHEME_HTTP,
                               .host = "plain.example.com",
                               .port = 80,
                               .method = "GET",
                               .path = path,
                               .auth = BEARER_PH};
}

#define EGRESS_UNTIL(t_, condition_) STAGE_UNTIL(&(t_)->s, condition_)

/* Waits until this provider has so many whole requests. */
static inline struct egress_provider *egress_provider_with(struct egress_stage *t, size_t which,
                                                           size_t requests)
{
    EGRESS_UNTIL(t, t->provider_count > which && t->providers[which]->requests == requests);
    if (t->provider_count <= which) {
        abort(); /* said already; nothing more can be learnt */
    }
    return t->providers[which];
}

#endif
