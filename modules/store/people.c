/*
 * people.c - what the api asks about administrators, sessions and sign-in links.
 *
 * What anybody can make it ask (SIGN_IN_GET, SESSION_CREATE with a wrong key, SESSION_CHECK) does not end the open transaction: whoever tries
 * passwords shall not force writes.
 */
#include "base/clock.h"
#include "base/log.h"
#include "store/administrators.h"
#include "store/sessions.h"
#include "store/state.h"

static int people_done(struct store_peer *p, uint32_t call, int code)
{
    struct ipc_done m = {.code = ipc_code(code),
                         .why = code != 0 ? span_str(store_db_why(p->store->db)) : SPAN_EMPTY};
    return ipc_send_done(p->chan, call, &m);
}

/* ---- administrators ---- */

static int administrator_list(struct store_peer *p, const struct ipc_in *in)
{
    struct ipc_administrator_list m;
    struct buf list;
    uint32_t count = 0;
    int r = ipc_get_administrator_list(in->payload, &m);
    if (r != 0) {
        return r;
    }
    buf_init(&list, IPC_TOKENS_MAX - 64);
    struct ipc_administrators answer = {.code = 0};
    int code = store_administrator_list(p->store->db, &list, &count);
    if (code == 0) {
        answer.administrators = buf_span(&list);
    } else {
        log_error_r(code, "the administrators cannot be listed (%s)", store_db_why(p->store->db));
    }
    answer.code = ipc_code(code);
    r = ipc_send_administrators(p->chan, in->call, &answer);
    buf_deinit(&list);
    return r;
}

static int administrator_put(struct store_peer *p, const struct ipc_in *in)
{
    struct ipc_administrator_put m;
    int r = ipc_get_administrator_put(in->payload, &m);
    if (r != 0) {
        return r;
    }
    int code = store_administrator_put(p->store->db, &m, clock_wall_ms());
    if (code == 0) {
        log_info("administrator %.*s was set by %.*s", SPAN_ARG(m.name), SPAN_ARG(m.by));
    }
    return people_done(p, in->call, code);
}

static int administrator_delete(struct store_peer *p, const struct ipc_in *in)
{
    struct ipc_administrator_delete m;
    int r = ipc_get_administrator_delete(in->payload, &m);
    if (r != 0) {
        return r;
    }
    int code = store_administrator_delete(p->store->db, &m, clock_wall_ms());
    if (code == 0) {
        log_info("administrator %.*s was removed by %.*s", SPAN_ARG(m.name), SPAN_ARG(m.by));
    }
    return people_done(p, in->call, code);
}

static int session_key(struct store_peer *p, const struct ipc_in *in)
{
    struct ipc_session_key m;
    int r = ipc_get_session_key(in->payload, &m);
    if (r != 0) {
        return r;
    }
    int code = store_administrator_rekey(p->store->db, &m, clock_wall_ms());
    if (code == 0) {
        log_info("%.*s has another password", SPAN_ARG(m.by));
    }
    return people_done(p, in->call, code);
}

/* ---- signing in ---- */

static int sign_in_get(struct store_peer *p, const struct ipc_in *in)
{
    struct store_db *db = p->store->db;
    struct ipc_sign_in_get m;
    uint8_t kdf[IPC_KDF_LEN] = {0};
    struct ipc_sign_in_how answer = {.known = false};
    int r = ipc_get_sign_in_get(in->payload, &m);
    if (r != 0) {
        return r;
    }
    int code = store_sign_in_kdf(db, m.name, kdf);
    code = code == 0 ? store_device_check(db, m.name, m.device, &answer.known) : code;
    if (code == 0) {
        answer.kdf = span_of(kdf, sizeof(kdf));
    } else {
        log_error_r(code, "an administrator cannot be looked up (%s)", store_db_why(db));
    }
    answer.code = ipc_code(code);
    return ipc_send_sign_in_how(p->chan, in->call, &answer);
}

/* Says whose session it is. Remembers the use, but not each. */
static int session_answer(struct store_peer *p, uint32_t call, struct span hash, struct span device)
{
    struct store_db *db = p->store->db;
    struct store_session s;
    uint64_t now_ms = clock_wall_ms();
    int code = store_session_find(db, hash, now_ms, &s);
    struct ipc_session answer = {.code = ipc_code(code), .scope = IPC_SCOPE_VIEWER};
    if (code == 0) {
        answer = (struct ipc_session){.kind = (uint8_t)s.kind,
                                      .name = span_str(s.name),
                                      .scope = (uint8_t)s.scope,
                                      .tenant_id = s.tenant_id,
                                      .tenant = span_str(s.tenant),
                                      .tenant_created_ms = s.tenant_created_ms,
                                      .made_ms = s.made_ms,
                                      .ends_ms = s.ends_ms,
                                      .device = device};
        /* The clock may have gone back. */
        uint64_t since = now_ms > s.used_ms ? now_ms - s.used_ms : s.used_ms - now_ms;
        int used = since >= STORE_SESSION_USED_MS ? store_session_used(db, hash, now_ms) : 0;
        if (used != 0) {
            log_warn_r(used, "the last use of a session cannot be written (%s)", store_db_why(db));
        }
    } else if (code != CB_ENOTFOUND) {
        log_error_r(code, "a session cannot be looked up (%s)", store_db_why(db));
    }
    return ipc_send_session(p->chan, call, &answer);
}

static int session_check(struct store_peer *p, const struct ipc_in *in)
{
    struct ipc_session_check m;
    int r = ipc_get_session_check(in->payload, &m);
    return r == 0 ? session_answer(p, in->call, m.hash, SPAN_EMPTY) : r;
}

static int session_create(struct store_peer *p, const struct ipc_in *in)
{
    struct store_db *db = p->store->db;
    struct ipc_session_create m;
    char name[IPC_NAME_MAX + 1];
    uint8_t device[IPC_DEVICE_LEN];
    struct span made = SPAN_EMPTY;
    int r = ipc_get_session_create(in->payload, &m);
    if (r != 0) {
        return r;
    }
    int code = store_sign_in_check(db, &m, clock_wall_ms(), name);
    if (code == 0) {
        batch_flush(p->store);
        code = store_session_add(db, &m, name, clock_wall_ms());
    }
    if (code == 0 && m.kind == IPC_SIGN_IN_PASSWORD) {
        code = store_device_make(db, span_str(name), device);
        made = span_of(device, sizeof(device));
    }
    if (code == 0) {
        log_info("%s%s is signed in at the console", m.kind == IPC_SIGN_IN_LINK ? "somebody by a link" : "",
                 name);
        return session_answer(p, in->call, m.hash, made);
    }
    if (code != CB_EAUTHENTIC) {
        log_error_r(code, "nobody can sign in (%s)", store_db_why(db));
    }
    return ipc_send_session(p->chan, in->call,
                            &(struct ipc_session){.code = ipc_code(code), .scope = IPC_SCOPE_VIEWER});
}

static int session_rotate(struct store_peer *p, const struct ipc_in *in)
{
    struct ipc_session_rotate m;
    int r = ipc_get_session_rotate(in->payload, &m);
    return r == 0
               ? people_done(p, in->call, store_session_rotate(p->store->db, m.hash, m.next, clock_wall_ms()))
               : r;
}

static int session_delete(struct store_peer *p, const struct ipc_in *in)
{
    struct ipc_session_delete m;
    int r = ipc_get_session_delete(in->payload, &m);
    return r == 0
               ? people_done(p, in->call, store_session_delete(p->store->db, m.hash, m.all, clock_wall_ms()))
               : r;
}

static int link_create(struct store_peer *p, const struct ipc_in *in)
{
    struct ipc_link_create m;
    int r = ipc_get_link_create(in->payload, &m);
    if (r != 0) {
        return r;
    }
    int code = store_link_create(p->store->db, &m, clock_wall_ms());
    if (code == 0) {
        log_info("a link for signing in was made by %.*s", SPAN_ARG(m.by));
    }
    return people_done(p, in->call, code);
}

bool people_is(enum ipc_msg msg)
{
    return msg >= IPC_MSG_ADMINISTRATOR_LIST && msg <= IPC_MSG_LINK_CREATE;
}

int people_message(struct store_peer *p, const struct ipc_in *in)
{
    switch (in->msg) {
    case IPC_MSG_SIGN_IN_GET:
        return sign_in_get(p, in);
    case IPC_MSG_SESSION_CHECK:
        return session_check(p, in);
    case IPC_MSG_SESSION_CREATE:
        return session_create(p, in);
    default:
        break;
    }
    batch_flush(p->store);
    switch (in->msg) {
    case IPC_MSG_ADMINISTRATOR_LIST:
        return administrator_list(p, in);
    case IPC_MSG_ADMINISTRATOR_PUT:
        return administrator_put(p, in);
    case IPC_MSG_ADMINISTRATOR_DELETE:
        return administrator_delete(p, in);
    case IPC_MSG_SESSION_KEY:
        return session_key(p, in);
    case IPC_MSG_SESSION_ROTATE:
        return session_rotate(p, in);
    case IPC_MSG_SESSION_DELETE:
        return session_delete(p, in);
    case IPC_MSG_LINK_CREATE:
        return link_create(p, in);
    default:
        return CB_EPERM;
    }
}
