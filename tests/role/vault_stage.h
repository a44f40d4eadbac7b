/*
 * vault_stage.h - everybody around a vault, for test_vault.c: a child runs vault_main(), the test is its monitor, its
 * store, and the gates, egresses and the api that ask it.
 *
 * The store answers from what is in struct stage_store, or holds a kind of request back until stage_release(). Its
 * content survives its channel, as a database survives its process.
 */
#ifndef TESTS_ROLE_VAULT_STAGE_H
#define TESTS_ROLE_VAULT_STAGE_H

#include "base/encode.h"
#include "base/log.h"
#include "ipc/pair.h"
#include "ipc/role.h"
#include "priv/confine.h"
#include "support/check.h"
#include "tls/cert.h"
#include "tls/seal.h"
#include "vault/vault.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define STAGE_TENANTS     200 /* ids below it have a CA row */
#define STAGE_HELD        512
#define STAGE_ROWS        4
#define STAGE_PATIENCE_MS 40000 /* a test that waits that long for an event has failed */
#define STAGE_KEY         "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

#define HOSTS "api.openai.com\n*.example.com\n[2001:db8::1]\n192.0.2.7"

enum { ALICE = 7, BOB = 8 };

/* Sanitizers need calls that the filter forbids, and more memory than the limits give. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define STAGE_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(STAGE_SANITIZED)
#define STAGE_WAIVED ((uint32_t)(PRIV_LAYER_SECCOMP | PRIV_LAYER_LIMITS))
#else
#define STAGE_WAIVED 0U
#endif

struct stage_held {
    enum ipc_msg msg;
    uint32_t call;
    uint64_t tenant_id;
};

struct stage_store {
    struct ipc_chan *chan;
    bool closed;
    bool hold[IPC_MSG__COUNT];
    unsigned asked[IPC_MSG__COUNT];
    struct stage_held held[STAGE_HELD];
    size_t held_count;

    uint8_t key[SEAL_PUBLIC_LEN];
    size_t key_len;
    struct span database_id;
    uint8_t kdf[32]; /* how the key is made from a passphrase */
    size_t kdf_len;
    uint32_t key_put_code;
    const char *hosts;
    const char *names; /* to which CAs are to be constrained; NULL: they are not */
    uint32_t hosts_code;
    struct buf box; /* of every SEALED_GET */
    uint32_t sealed_code;
    uint32_t replace_code;  /* of every SEALED_REPLACE; with 0 its box is the one */
    uint64_t sealed_tenant; /* of the last SEALED_GET */
    char sealed_name[IPC_NAME_MAX + 1];
    struct buf ca_cert[STAGE_TENANTS];
    struct buf ca_key[STAGE_TENANTS];
    uint32_t ca_put_code;
    char ca_by[IPC_BY_MAX + 1]; /* who asked for the last CA_PUT or CA_FINISH */
    struct buf next_cert;       /* of the successor of ALICE's CA */
    struct buf next_key;

    /* of a rekey: the rows are the credentials "a", "b", ... of ALICE, with the boxes here, and what came back */
    struct buf rows[STAGE_ROWS];
    size_t row_count;
    size_t rows_asked;
    size_t rows_back;
    bool committed;
};

struct stage {
    struct net_loop *loop;
    struct net_timer *patience;
    bool overdue;
    struct ipc_chan *life;
    bool life_closed;
    bool ready;
    uint32_t layers;
    pid_t pid;
    bool rekey;        /* what START says */
    unsigned key_said; /* KEY_IN_USE, and the last one */
    bool key_is_next;
    uint64_t key_rows;
    int log_fd; /* receives what the vault logs from warnings on; -1: errors go where they go */
    struct stage_store store;
};

/* A gate, an egress or the api. */
struct stage_peer {
    struct stage *stage;
    struct ipc_chan *chan;
    bool closed;
};

/* What came for one call. */
struct stage_answer {
    struct stage *stage;
    bool done;
    int channel; /* 0, or CB_ECLOSED: the channel ended without an answer */
    int result;  /* of the answer's code: 0 or negative */
    bool denial;
    uint64_t not_after_ms;
    struct buf a; /* certificate, value or key */
    struct buf b; /* CA or binding */
};

/* Runs the loop until the condition holds; false when nothing makes it true. */
#define STAGE_UNTIL(stage_, condition_)                    \
    do {                                                   \
        while (!(condition_) && !(stage_)->overdue) {      \
            net_loop_run((stage_)->loop);                  \
        }                                                  \
        CHECK((condition_) && "before the patience ends"); \
    } while (0)

/* ---- the store ---- */

static inline void stage_store_answer(struct stage *s, const struct stage_held *h)
{
    struct stage_store *store = &s->store;
    bool row = h->tenant_id < STAGE_TENANTS;
    int r;
    switch (h->msg) {
    case IPC_MSG_VAULT_KEY_GET:
        r = ipc_send_vault_key(store->chan, h->call,
                               &(struct ipc_vault_key){.public_key = span_of(store->key, store->key_len),
                                                       .database_id = store->database_id,
                                                       .kdf = span_of(store->kdf, store->kdf_len)});
        break;
    case IPC_MSG_VAULT_KEY_PUT:
        r = ipc_send_done(store->chan, h->call, &(struct ipc_done){.code = store->key_put_code});
        break;
    case IPC_MSG_SEALED_GET:
        r = ipc_send_sealed(store->chan, h->call,
                            &(struct ipc_sealed){.code = store->sealed_code, .box = buf_span(&store->box)});
        break;
    case IPC_MSG_SEALED_REPLACE:
        r = ipc_send_done(store->chan, h->call, &(struct ipc_done){.code = store->replace_code});
        break;
    case IPC_MSG_HOSTS_GET:
        r = ipc_send_hosts(store->chan, h->call,
                           &(struct ipc_hosts){.code = store->hosts_code, .hosts = span_str(store->hosts)});
        break;
    case IPC_MSG_CA_GET: {
        struct ipc_ca_row m = {.code = row ? 0 : (uint32_t)-CB_ENOTFOUND, .tenant = SPAN_LIT("alice")};
        if (row) {
            m.cert = buf_span(&store->ca_cert[h->tenant_id]);
            m.sealed_key = buf_span(&store->ca_key[h->tenant_id]);
            m.next_cert = buf_span(&store->next_cert);
            m.constrained = store->names != NULL;
            m.names = store->names != NULL ? span_str(store->names) : SPAN_EMPTY;
        }
        r = ipc_send_ca_row(store->chan, h->call, &m);
        break;
    }
    case IPC_MSG_REKEY_NEXT: {
        char name[2] = {(char)('a' + store->rows_asked), '\0'};
        bool more = store->rows_asked < store->row_count;
        struct ipc_rekey_box m = {.code = more ? 0 : (uint32_t)-CB_ENOTFOUND, .tenant_id = ALICE};
        if (more) {
            m.name = span_str(name);
            m.box = buf_span(&store->rows[store->rows_asked++]);
        }
        r = ipc_send_rekey_box(store->chan, h->call, &m);
        break;
    }
    case IPC_MSG_REKEY_PUT:
    case IPC_MSG_REKEY_COMMIT:
        r = ipc_send_done(store->chan, h->call, &(struct ipc_done){.code = 0});
        break;
    default:
        r = ipc_send_done(store->chan, h->call, &(struct ipc_done){.code = store->ca_put_code});
        break;
    }
    CHECK_EQ_INT(r, 0);
}

static inline void stage_release(struct stage *s, enum ipc_msg msg)
{
    s->store.hold[msg] = false;
    for (size_t i = 0; i < s->store.held_count; i++) {
        if (s->store.held[i].msg == msg) {
            stage_store_answer(s, &s->store.held[i]);
            s->store.held[i].msg = IPC_MSG__COUNT; /* never again */
        }
    }
}

static inline int stage_store_read(struct stage_store *store, const struct ipc_in *in, struct stage_held *h)
{
    struct ipc_vault_key_get key_get;
    struct ipc_vault_key_put key_put;
    struct ipc_sealed_get sealed_get;
    struct ipc_sealed_replace replace;
    uint8_t hash[DIGEST_LEN];
    struct span box;
    struct ipc_hosts_get hosts_get;
    struct ipc_ca_get ca_get;
    struct ipc_ca_put ca_put;
    struct ipc_rekey_next rekey_next;
    struct ipc_rekey_put rekey_put;
    struct ipc_rekey_commit commit;
    struct ipc_ca_finish finish;
    int r;
    switch (in->msg) {
    case IPC_MSG_REKEY_NEXT:
        return ipc_get_rekey_next(in->payload, &rekey_next);
    case IPC_MSG_REKEY_PUT:
        r = ipc_get_rekey_put(in->payload, &rekey_put);
        if (r == 0 && CHECK(store->rows_back < store->rows_asked)) {
            struct buf *row = &store->rows[store->rows_back++];
            buf_reset(row);
            CHECK_EQ_INT(buf_append_span(row, rekey_put.box), 0);
        }
        return r;
    case IPC_MSG_REKEY_COMMIT:
        r = ipc_get_rekey_commit(in->payload, &commit);
        if (r == 0 && CHECK_EQ_UINT(commit.rows, store->rows_back)) {
            store->committed = true;
            memcpy(store->key, commit.public_key.ptr, SEAL_PUBLIC_LEN);
            store->kdf_len = commit.kdf.len;
            memcpy(store->kdf, commit.kdf.ptr, commit.kdf.len);
        }
        return r;
    case IPC_MSG_CA_FINISH:
        r = ipc_get_ca_finish(in->payload, &finish);
        (void)snprintf(store->ca_by, sizeof(store->ca_by), "%.*s", SPAN_ARG(finish.by));
        if (r == 0 && store->ca_put_code == 0) {
            buf_deinit(&store->ca_cert[finish.tenant_id]);
            buf_deinit(&store->ca_key[finish.tenant_id]);
            store->ca_cert[finish.tenant_id] = store->next_cert;
            store->ca_key[finish.tenant_id] = store->next_key;
            buf_init(&store->next_cert, IPC_CERT_MAX);
            buf_init(&store->next_key, IPC_CERT_MAX);
        }
        return r;
    case IPC_MSG_VAULT_KEY_GET:
        return ipc_get_vault_key_get(in->payload, &key_get);
    case IPC_MSG_VAULT_KEY_PUT:
        r = ipc_get_vault_key_put(in->payload, &key_put);
        if (r == 0 && CHECK_EQ_UINT(key_put.public_key.len, SEAL_PUBLIC_LEN)) {
            memcpy(store->key, key_put.public_key.ptr, SEAL_PUBLIC_LEN);
            store->key_len = SEAL_PUBLIC_LEN;
            store->kdf_len = key_put.kdf.len;
            memcpy(store->kdf, key_put.kdf.ptr, key_put.kdf.len);
        }
        return r;
    case IPC_MSG_SEALED_GET:
        r = ipc_get_sealed_get(in->payload, &sealed_get);
        if (r == 0) {
            store->sealed_tenant = h->tenant_id = sealed_get.tenant_id;
            (void)snprintf(store->sealed_name, sizeof(store->sealed_name), "%.*s",
                           SPAN_ARG(sealed_get.credential));
        }
        return r;
    case IPC_MSG_SEALED_REPLACE:
        r = ipc_get_sealed_replace(in->payload, &replace);
        box = buf_span(&store->box);
        digest_sha256(&box, 1, hash);
        if (r == 0 && CHECK(span_eq(replace.old_box_hash, span_of(hash, sizeof(hash)))) &&
            store->replace_code == 0) {
            buf_reset(&store->box);
            CHECK_EQ_INT(buf_append_span(&store->box, replace.box), 0);
        }
        return r;
    case IPC_MSG_HOSTS_GET:
        r = ipc_get_hosts_get(in->payload, &hosts_get);
        h->tenant_id = r == 0 ? hosts_get.tenant_id : 0;
        return r;
    case IPC_MSG_CA_GET:
        r = ipc_get_ca_get(in->payload, &ca_get);
        h->tenant_id = r == 0 ? ca_get.tenant_id : 0;
        return r;
    case IPC_MSG_CA_PUT:
        r = ipc_get_ca_put(in->payload, &ca_put);
        (void)snprintf(store->ca_by, sizeof(store->ca_by), "%.*s", SPAN_ARG(ca_put.by));
        if (r == 0 && ca_put.next && store->ca_put_code == 0) {
            buf_reset(&store->next_cert);
            buf_reset(&store->next_key);
            CHECK_EQ_INT(buf_append_span(&store->next_cert, ca_put.cert), 0);
            CHECK_EQ_INT(buf_append_span(&store->next_key, ca_put.sealed_key), 0);
        } else if (r == 0 && CHECK(ca_put.tenant_id < STAGE_TENANTS) && store->ca_put_code == 0) {
            struct buf *cert = &store->ca_cert[ca_put.tenant_id];
            struct buf *key = &store->ca_key[ca_put.tenant_id];
            buf_reset(cert);
            buf_reset(key);
            CHECK_EQ_INT(buf_append_span(cert, ca_put.cert), 0);
            CHECK_EQ_INT(buf_append_span(key, ca_put.sealed_key), 0);
        }
        return r;
    default:
        return CB_EPERM;
    }
}

static inline int stage_on_store_message(void *arg, struct ipc_in *in)
{
    struct stage *s = arg;
    struct stage_store *store = &s->store;
    struct stage_held h = {.msg = in->msg, .call = in->call};
    int r = stage_store_read(store, in, &h);
    CHECK_EQ_INT(r, 0);
    if (r == 0) {
        store->asked[in->msg]++;
        if (!store->hold[in->msg]) {
            stage_store_answer(s, &h);
        } else if (CHECK(store->held_count < STAGE_HELD)) {
            store->held[store->held_count++] = h;
        }
        net_loop_stop(s->loop);
    }
    return r;
}

static inline void stage_on_store_closed(void *arg, int code)
{
    struct stage *s = arg;
    CHECK_EQ_INT(code, CB_ECLOSED);
    s->store.closed = true;
    net_loop_stop(s->loop);
}

static const struct ipc_chan_handler stage_store_handler = {.on_message = stage_on_store_message,
                                                            .on_closed = stage_on_store_closed};

/* ---- the monitor ---- */

static inline int stage_on_life_message(void *arg, struct ipc_in *in)
{
    struct stage *s = arg;
    struct ipc_ready ready;
    struct ipc_key_in_use key;
    if (in->msg == IPC_MSG_KEY_IN_USE) {
        CHECK_EQ_INT(ipc_get_key_in_use(in->payload, &key), 0);
        s->key_said++;
        s->key_is_next = key.next;
        s->key_rows = key.rows;
        return 0;
    }
    int r = in->msg == IPC_MSG_READY ? ipc_get_ready(in->payload, &ready) : CB_EPERM;
    CHECK_EQ_INT(r, 0);
    if (r == 0) {
        CHECK(!s->ready);
        s->ready = true;
        s->layers = ready.layers;
        net_loop_stop(s->loop);
    }
    return r;
}

static inline void stage_on_life_closed(void *arg, int code)
{
    struct stage *s = arg;
    CHECK_EQ_INT(code, CB_ECLOSED);
    s->life_closed = true;
    net_loop_stop(s->loop);
}

static const struct ipc_chan_handler stage_life_handler = {.on_message = stage_on_life_message,
                                                           .on_closed = stage_on_life_closed};

static inline void stage_on_patience(void *arg)
{
    struct stage *s = arg;
    s->overdue = true;
    net_loop_stop(s->loop);
}

/* One end of a new channel goes to the vault as that role's, the other one is returned. */
static inline int stage_wire(struct stage *s, enum ipc_role role, uint64_t tenant_id)
{
    int fds[2];
    if (!CHECK_EQ_INT(ipc_pair(fds), 0)) {
        abort();
    }
    struct ipc_peer peer = {.role = (uint8_t)role,
                            .tenant_id = tenant_id,
                            .tenant = tenant_id != 0 ? SPAN_LIT("alice") : SPAN_EMPTY};
    CHECK_EQ_INT(ipc_send_peer(s->life, 0, &peer, fds[1]), 0);
    return fds[0];
}

static inline void stage_add_store(struct stage *s)
{
    int fd = stage_wire(s, IPC_ROLE_STORE, 0);
    s->store.closed = false;
    s->store.held_count = 0;
    CHECK_EQ_INT(ipc_chan_open(s->loop, fd, IPC_CHANNEL_PEER, IPC_ROLE_STORE, IPC_ROLE_VAULT, false,
                               &stage_store_handler, s, &s->store.chan),
                 0);
}

static inline void stage_drop_store(struct stage *s)
{
    ipc_chan_free(s->store.chan);
    s->store.chan = NULL;
}

/* The master key as a file has it. */
static inline void stage_send_file(struct stage *s, enum ipc_file_kind what, const char *text)
{
    int fd = memfd_create("key", MFD_CLOEXEC);
    CHECK_EQ_INT(write(fd, text, strlen(text)), strlen(text));
    CHECK_EQ_INT(ipc_send_file(s->life, 0, &(struct ipc_file){.what = (uint8_t)what}, fd), 0);
}

static inline void stage_send_key(struct stage *s, const char *text)
{
    stage_send_file(s, IPC_FILE_MASTER_KEY, text);
}

static inline void stage_go(struct stage *s)
{
    CHECK_EQ_INT(ipc_send_go(s->life, 0, &(struct ipc_go){.waived = STAGE_WAIVED}), 0);
}

/* Starts the child and says START. The store's content stays what it is. */
static inline void stage_start(struct stage *s)
{
    int fds[2];
    if (!CHECK_EQ_INT(ipc_pair(fds), 0)) {
        abort();
    }
    s->ready = s->life_closed = s->overdue = false;
    s->pid = fork();
    if (s->pid == 0) {
        /* As after an exec: the channel on its descriptor, the monitor's end gone. */
        (void)close(fds[0]);
        if (s->log_fd >= 0) {
            (void)dup2(s->log_fd, STDERR_FILENO);
        }
        if (fds[1] != IPC_ROLE_LIFE_FD && dup2(fds[1], IPC_ROLE_LIFE_FD) < 0) {
            _exit(100);
        }
        _exit(vault_main());
    }
    (void)close(fds[1]);
    s->loop = net_loop_new();
    s->patience = net_timer_new(s->loop, stage_on_patience, s);
    net_timer_start(s->patience, STAGE_PATIENCE_MS, 0);
    CHECK(s->pid > 0);
    CHECK_EQ_INT(ipc_chan_open(s->loop, fds[0], IPC_CHANNEL_LIFE, IPC_ROLE_MONITOR, IPC_ROLE_VAULT, true,
                               &stage_life_handler, s, &s->life),
                 0);
    CHECK_EQ_INT(
        ipc_send_start(s->life, 0,
                       &(struct ipc_start){.rekey = s->rekey,
                                           .log_level = s->log_fd >= 0 ? LOG_LEVEL_WARN : LOG_LEVEL_ERROR}),
        0);
}

/* A vault that serves, with the key of STAGE_KEY and an empty database. */
static inline void stage_serve(struct stage *s)
{
    stage_start(s);
    stage_send_key(s, STAGE_KEY "\n");
    stage_add_store(s);
    stage_go(s);
    STAGE_UNTIL(s, s->ready || s->life_closed);
    CHECK(s->ready);
}

static inline struct stage *stage_new(void)
{
    struct stage *s = calloc(1, sizeof(*s));
    if (!CHECK(s != NULL)) {
        abort();
    }
    s->log_fd = -1;
    s->store.hosts = "";
    buf_init(&s->store.box, IPC_BOX_MAX);
    buf_init(&s->store.next_cert, IPC_CERT_MAX);
    buf_init(&s->store.next_key, IPC_CERT_MAX);
    for (size_t i = 0; i < STAGE_ROWS; i++) {
        buf_init(&s->store.rows[i], IPC_BOX_MAX);
    }
    for (size_t i = 0; i < STAGE_TENANTS; i++) {
        buf_init(&s->store.ca_cert[i], IPC_CERT_MAX);
        buf_init(&s->store.ca_key[i], IPC_CERT_MAX);
    }
    return s;
}

/* Waits for the end of the child; its exit status, or 1000 and the signal. */
static inline int stage_wait(struct stage *s)
{
    int status = -1;
    STAGE_UNTIL(s, s->life_closed);
    if (!s->life_closed) {
        (void)kill(s->pid, SIGKILL);
    }
    ipc_chan_free(s->life); /* nor does a vault that is stuck outlive its monitor */
    CHECK(waitpid(s->pid, &status, 0) == s->pid);
    stage_drop_store(s);
    net_timer_free(s->patience);
    net_loop_free(s->loop);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static inline int stage_stop(struct stage *s)
{
    CHECK_EQ_INT(ipc_send_stop(s->life, 0, &(struct ipc_stop){.grace_ms = 1000}), 0);
    return stage_wait(s);
}

static inline void stage_free(struct stage *s)
{
    buf_deinit(&s->store.box);
    buf_deinit(&s->store.next_cert);
    buf_deinit(&s->store.next_key);
    for (size_t i = 0; i < STAGE_ROWS; i++) {
        buf_deinit(&s->store.rows[i]);
    }
    for (size_t i = 0; i < STAGE_TENANTS; i++) {
        buf_deinit(&s->store.ca_cert[i]);
        buf_deinit(&s->store.ca_key[i]);
    }
    free(s);
}

/* ---- who asks ---- */

static inline int stage_on_peer_message(void *arg, struct ipc_in *in)
{
    (void)arg;
    (void)in;
    FAIL("the vault only answers");
    return CB_EPERM;
}

static inline void stage_on_peer_closed(void *arg, int code)
{
    struct stage_peer *p = arg;
    CHECK_EQ_INT(code, CB_ECLOSED);
    p->closed = true;
    net_loop_stop(p->stage->loop);
}

static const struct ipc_chan_handler stage_peer_handler = {.on_message = stage_on_peer_message,
                                                           .on_closed = stage_on_peer_closed};

/* A peer that the vault takes for `role`; it speaks as `speaks`, which is the same unless it is broken into. */
static inline void stage_join_as(struct stage *s, struct stage_peer *p, enum ipc_role role,
                                 enum ipc_role speaks, uint64_t tenant_id)
{
    *p = (struct stage_peer){.stage = s};
    int fd = stage_wire(s, role, tenant_id);
    CHECK_EQ_INT(ipc_chan_open(s->loop, fd, IPC_CHANNEL_PEER, speaks, IPC_ROLE_VAULT, false,
                               &stage_peer_handler, p, &p->chan),
                 0);
}

static inline void stage_join(struct stage *s, struct stage_peer *p, enum ipc_role role, uint64_t tenant_id)
{
    stage_join_as(s, p, role, role, tenant_id);
}

static inline void stage_leave(struct stage_peer *p)
{
    ipc_chan_free(p->chan);
    p->chan = NULL;
}

static inline int stage_read_answer(struct stage_answer *a, const struct ipc_in *in)
{
    struct ipc_leaf leaf;
    struct ipc_credential credential;
    struct ipc_ca_cert ca_cert;
    struct ipc_trust trust;
    struct ipc_seal_key key;
    struct span first = SPAN_EMPTY;
    struct span second = SPAN_EMPTY;
    uint32_t code = 0;
    int r = CB_EMALFORMED;
    if (in->msg == IPC_MSG_LEAF && (r = ipc_get_leaf(in->payload, &leaf)) == 0) {
        code = leaf.code;
        a->denial = leaf.denial;
        a->not_after_ms = leaf.not_after_ms;
        first = leaf.cert;
        second = leaf.ca;
    } else if (in->msg == IPC_MSG_CREDENTIAL && (r = ipc_get_credential(in->payload, &credential)) == 0) {
        code = credential.code;
        first = credential.value;
        second = credential.binding;
    } else if (in->msg == IPC_MSG_CA_CERT && (r = ipc_get_ca_cert(in->payload, &ca_cert)) == 0) {
        code = ca_cert.code;
        first = ca_cert.cert;
        second = ca_cert.next;
    } else if (in->msg == IPC_MSG_TRUST && (r = ipc_get_trust(in->payload, &trust)) == 0) {
        code = trust.code;
        first = trust.cert;
        second = trust.next;
    } else if (in->msg == IPC_MSG_SEAL_KEY && (r = ipc_get_seal_key(in->payload, &key)) == 0) {
        first = key.public_key;
    }
    a->result = -(int)code;
    /* An error brings nothing along. */
    CHECK(code == 0 || (first.len == 0 && second.len == 0));
    CHECK_EQ_INT(buf_append_span(&a->a, first), 0);
    CHECK_EQ_INT(buf_append_span(&a->b, second), 0);
    return r;
}

static inline int stage_on_answer(void *arg, int code, const struct ipc_in *in)
{
    struct stage_answer *a = arg;
    CHECK(!a->done);
    a->done = true;
    a->channel = code;
    if (code == 0) {
        CHECK_EQ_INT(stage_read_answer(a, in), 0);
    }
    net_loop_stop(a->stage->loop);
    return 0;
}

static inline struct stage_answer *stage_answer_init(struct stage_peer *p, struct stage_answer *a)
{
    *a = (struct stage_answer){.stage = p->stage};
    buf_init(&a->a, IPC_BOX_MAX);
    buf_init(&a->b, IPC_BOX_MAX);
    return a;
}

static inline void stage_answer_deinit(struct stage_answer *a)
{
    buf_deinit(&a->a);
    buf_deinit(&a->b);
}

static inline void stage_ask_unseal(struct stage_peer *p, const char *name, struct stage_answer *a)
{
    CHECK_EQ_INT(ipc_call_unseal(p->chan, &(struct ipc_unseal){.credential = span_str(name)}, stage_on_answer,
                                 stage_answer_init(p, a), NULL),
                 0);
}

static inline void stage_ask_leaf(struct stage_peer *p, const char *host, struct span public_key,
                                  struct stage_answer *a)
{
    struct ipc_leaf_sign m = {.host = span_str(host), .public_key = public_key};
    CHECK_EQ_INT(ipc_call_leaf_sign(p->chan, &m, stage_on_answer, stage_answer_init(p, a), NULL), 0);
}

static inline void stage_ask_ca(struct stage_peer *p, uint64_t tenant_id, struct stage_answer *a)
{
    CHECK_EQ_INT(ipc_call_ca_cert_get(p->chan, &(struct ipc_ca_cert_get){.tenant_id = tenant_id},
                                      stage_on_answer, stage_answer_init(p, a), NULL),
                 0);
}

static inline void stage_ask_trust(struct stage_peer *p, struct stage_answer *a)
{
    struct ipc_trust_get m = {.version = 1};
    CHECK_EQ_INT(ipc_call_trust_get(p->chan, &m, stage_on_answer, stage_answer_init(p, a), NULL), 0);
}

static inline void stage_ask_key(struct stage_peer *p, struct stage_answer *a)
{
    CHECK_EQ_INT(ipc_call_seal_key_get(p->chan, &(struct ipc_seal_key_get){.version = 1}, stage_on_answer,
                                       stage_answer_init(p, a), NULL),
                 0);
}

/* ---- sealing, as the command line does it ---- */

static inline struct secret *master_of(const char *text)
{
    struct secret *master = secret_new(SEAL_MASTER_LEN);
    if (!CHECK(master != NULL)) {
        abort();
    }
    CHECK_EQ_INT(decode_hex(span_sub(span_str(text), 0, (size_t)2 * SEAL_MASTER_LEN), secret_ptr(master),
                            SEAL_MASTER_LEN),
                 0);
    return master;
}

static inline void public_key_of(const char *text, uint8_t out[SEAL_PUBLIC_LEN])
{
    struct secret *secret_key = NULL;
    struct secret *master = master_of(text);
    CHECK_EQ_INT(tls_init(), 0);
    CHECK_EQ_INT(seal_keypair(master, SPAN_EMPTY, out, &secret_key), 0);
    secret_free(secret_key);
    secret_free(master);
}

static inline void store_box_for(struct stage *s, uint64_t tenant_id, const char *name, const char *value,
                                 const char *binding)
{
    uint8_t public_key[SEAL_PUBLIC_LEN];
    public_key_of(STAGE_KEY, public_key);
    struct seal_credential c = {.tenant_id = tenant_id,
                                .tenant = SPAN_LIT("alice"),
                                .name = span_str(name),
                                .binding = span_str(binding),
                                .value = span_str(value)};
    buf_reset(&s->store.box);
    CHECK_EQ_INT(seal_credential(public_key, &c, &s->store.box), 0);
}

static inline void store_box(struct stage *s, uint64_t tenant_id, const char *name, const char *value)
{
    store_box_for(s, tenant_id, name, value, "api.openai.com:443");
}

static inline int unseal(struct stage_peer *egress, const char *name)
{
    struct stage_answer a;
    stage_ask_unseal(egress, name, &a);
    STAGE_UNTIL(egress->stage, a.done);
    CHECK_EQ_INT(a.channel, 0);
    stage_answer_deinit(&a);
    return a.result;
}

/* ---- the gate's side of a leaf ---- */

struct gate_key {
    struct tls_key *key;
    struct buf public_key;
};

static inline struct gate_key gate_key_new(void)
{
    struct gate_key k = {.key = tls_key_new()};
    buf_init(&k.public_key, TLS_PUBLIC_KEY_MAX);
    CHECK(k.key != NULL);
    CHECK_EQ_INT(tls_key_public(k.key, &k.public_key), 0);
    return k;
}

static inline void gate_key_free(struct gate_key *k)
{
    tls_key_free(k->key);
    buf_deinit(&k->public_key);
}

static inline void get_leaf(struct stage_peer *gate, const struct gate_key *k, const char *host,
                            struct stage_answer *a)
{
    stage_ask_leaf(gate, host, buf_span(&k->public_key), a);
    STAGE_UNTIL(gate->stage, a->done);
    CHECK_EQ_INT(a->channel, 0);
}

static inline int leaf_result(struct stage_peer *gate, const struct gate_key *k, const char *host,
                              bool *denial)
{
    struct stage_answer a;
    get_leaf(gate, k, host, &a);
    *denial = a.denial;
    stage_answer_deinit(&a);
    return a.result;
}

#endif
