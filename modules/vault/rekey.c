/*
 * rekey.c - everything that is sealed is opened with the old key and sealed for the new one, box after box.
 *
 * The store has one transaction open all the while: what it hands out, takes back and counts is durable together with
 * the new public key, or not at all. One box is open at a time. A box that does not open, or is not what its row says, ends it
 * and changes nothing.
 */
#include "vault/state.h"

#include "base/log.h"
#include "ipc/role.h"

#include <inttypes.h>
#include <stdio.h>

#define CA_NAME SPAN_LIT("@ca")

static void rekey_fail(struct vault *v, int r, const char *what)
{
    log_error_r(r, "%s: nothing was changed", what);
    vault_end(v, 1);
}

/* The sending of a call; when the channel is dead, on_store_closed() hears of it. */
static void rekey_sent(struct vault *v, int r)
{
    if (r != 0 && r != CB_ECLOSED) {
        rekey_fail(v, r, "the store cannot be asked");
    }
}

static void rekey_next(struct vault *v);

static int done_of(const struct ipc_in *in, struct ipc_done *m)
{
    return in->msg == IPC_MSG_DONE ? ipc_get_done(in->payload, m) : CB_EMALFORMED;
}

static int on_put(void *arg, int code, const struct ipc_in *in)
{
    struct vault *v = arg;
    struct ipc_done m;
    if (code != 0) {
        return 0;
    }
    int r = done_of(in, &m);
    if (r == 0 && m.code != 0) {
        rekey_fail(v, ipc_result(m.code), "the store does not take a box");
    } else if (r == 0) {
        v->rekey.rows++;
        rekey_next(v);
    }
    return r;
}

static int on_committed(void *arg, int code, const struct ipc_in *in)
{
    struct vault *v = arg;
    struct ipc_done m;
    if (code != 0) {
        return 0;
    }
    int r = done_of(in, &m);
    if (r == 0 && m.code != 0) {
        rekey_fail(v, ipc_result(m.code), "the store does not commit");
    } else if (r == 0) {
        vault_say_key(true, v->rekey.rows);
        vault_end(v, 0);
    }
    return r;
}

static void rekey_commit(struct vault *v)
{
    struct ipc_rekey_commit m = {.public_key = span_of(v->rekey.pair.public_key, SEAL_PUBLIC_LEN),
                                 .kdf = span_of(v->rekey.kdf.bytes, v->rekey.kdf.len),
                                 .rows = v->rekey.rows};
    rekey_sent(v, ipc_call_rekey_commit(v->store, &m, on_committed, v, NULL));
}

/* Opens the row's box, looks whether it is the row's, and gives it back sealed anew. */
static int rekey_row(struct vault *v, const struct ipc_rekey_box *row)
{
    struct secret *opened = NULL;
    struct seal_credential c;
    struct buf sealed;
    buf_init(&sealed, IPC_BOX_MAX);
    int r = seal_open(v->pair.public_key, v->pair.secret_key, row->box, &opened);
    if (r == 0) {
        struct span name = row->kind != IPC_SEALED_CREDENTIAL ? CA_NAME : row->name;
        bool right = seal_credential_read(secret_span(opened), &c) == 0 && c.tenant_id == row->tenant_id &&
                     span_eq(c.name, name);
        r = right ? seal_box(v->rekey.pair.public_key, secret_span(opened), &sealed) : CB_EAUTHENTIC;
    }
    secret_free(opened);
    if (r != 0) {
        log_error("tenant %" PRIu64
                  ": %s%.*s does not open with the present key: remove what was damaged or moved there",
                  row->tenant_id, row->kind != IPC_SEALED_CREDENTIAL ? "its CA " : "credential ",
                  SPAN_ARG(row->name));
        buf_deinit(&sealed);
        return r;
    }
    v->rekey.kind = row->kind;
    v->rekey.tenant_id = row->tenant_id;
    (void)snprintf(v->rekey.name, sizeof(v->rekey.name), "%.*s", SPAN_ARG(row->name));
    struct ipc_rekey_put put = {
        .kind = row->kind, .tenant_id = row->tenant_id, .name = row->name, .box = buf_span(&sealed)};
    rekey_sent(v, ipc_call_rekey_put(v->store, &put, on_put, v, NULL));
    buf_deinit(&sealed);
    return 0;
}

static int on_box(void *arg, int code, const struct ipc_in *in)
{
    struct vault *v = arg;
    struct ipc_rekey_box m;
    if (code != 0) {
        return 0;
    }
    int r = in->msg == IPC_MSG_REKEY_BOX ? ipc_get_rekey_box(in->payload, &m) : CB_EMALFORMED;
    if (r != 0) {
        return r;
    }
    if (m.code == -CB_ENOTFOUND) {
        rekey_commit(v);
    } else if (m.code != 0) {
        rekey_fail(v, ipc_result(m.code), "the store does not hand out its boxes");
    } else if ((r = rekey_row(v, &m)) != 0) {
        rekey_fail(v, r, "a box does not open");
    }
    return 0;
}

static void rekey_next(struct vault *v)
{
    struct ipc_rekey_next m = {
        .kind = (uint8_t)v->rekey.kind, .tenant_id = v->rekey.tenant_id, .name = span_str(v->rekey.name)};
    rekey_sent(v, ipc_call_rekey_next(v->store, &m, on_box, v, NULL));
}

void rekey_begin(struct vault *v)
{
    rekey_next(v);
}
