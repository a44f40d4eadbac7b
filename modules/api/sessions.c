/*
 * sessions.c - signing in at the console, and whose session a request of it shows. The api sees no password: the console makes a key of it, with
 * the salt and costs that it gets here.
 */
#include "api/state.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/secret.h"
#include "http/fields.h"
#include "tls/seal.h"

#include <stdio.h>

#define DEVICE_PREFIX "cbxd_"
#define DEVICE_SIZE   (sizeof(DEVICE_PREFIX) + 2 * (size_t)IPC_DEVICE_LEN)

/* ---- whose session it is ---- */

static void refuse_session(struct api_request *q)
{
    q->challenge = "Bearer realm=\"clawbox\", error=\"invalid_token\"";
    api_refuse(q, 401, "This session has ended. Sign in again.");
}

/* False: it is not what msgs.h promises. */
static bool take_who(struct api_request *q, const struct ipc_session *m)
{
    bool tenant = m->scope == IPC_SCOPE_TENANT;
    if (tenant != (m->tenant.len != 0) || tenant != (m->tenant_id != 0) ||
        (m->kind == IPC_SIGN_IN_LINK) != (m->name.len == 0)) {
        return false;
    }
    struct api_who *who = &q->who;
    *who = (struct api_who){.scope = (enum ipc_scope)m->scope,
                            .tenant_id = m->tenant_id,
                            .since_ms = m->tenant_created_ms,
                            .signed_in = true,
                            .kind = (enum ipc_sign_in)m->kind,
                            .made_ms = m->made_ms,
                            .ends_ms = m->ends_ms};
    (void)snprintf(who->name, sizeof(who->name), "%.*s", SPAN_ARG(m->name));
    (void)snprintf(who->tenant, sizeof(who->tenant), "%.*s", SPAN_ARG(m->tenant));
    (void)snprintf(who->by, sizeof(who->by), "%s%s",
                   m->kind == IPC_SIGN_IN_LINK    ? "link"
                   : m->kind == IPC_SIGN_IN_TOKEN ? "token:"
                                                  : "admin:",
                   who->name);
    return true;
}

static int on_checked(struct api_request *q, struct span payload)
{
    struct ipc_session m;
    int r = ipc_get_session(payload, &m);
    if (r != 0) {
        return r;
    }
    if (ipc_result(m.code) == CB_ENOTFOUND) {
        refuse_session(q);
        return 0;
    }
    if (m.code != 0) {
        api_refuse_code(q, ipc_result(m.code),
                        SPAN_LIT("the session cannot be looked up; the server's log says why"));
        return 0;
    }
    if (!take_who(q, &m)) {
        return CB_EMALFORMED;
    }
    memcpy(q->who.session, q->hash, sizeof(q->who.session));
    api_conn_admit(q->conn);
    return 0;
}

void api_session_check(struct api_request *q)
{
    struct ipc_chan *store = q->api->store;
    struct span session;
    if (http_field_find(q->head->fields, q->head->field_count, "Authorization") == NULL) {
        api_conn_admit(q->conn); /* as nobody, who may sign in */
    } else if (!api_bearer_read(q->head, &session) || !api_secret_formed(API_SESSION_PREFIX, session)) {
        refuse_session(q);
    } else {
        digest_sha256_of(session, q->hash);
        struct ipc_session_check m = {.hash = span_of(q->hash, sizeof(q->hash))};
        api_wait(q, store, API_CALL(q, store, session_check, &m), IPC_MSG_SESSION, on_checked);
    }
}

/* ---- what every answer about a session has ---- */

static void write_session(struct json *j, const struct api_who *who)
{
    json_text(j, "name", span_str(who->name));
    json_text(j, "by", span_str(who->by));
    api_write_scope(j, (uint8_t)who->scope, span_str(who->tenant));
    json_bool(j, "first", who->kind == IPC_SIGN_IN_LINK);
    json_time(j, "since", who->made_ms);
    json_time(j, "expires", who->ends_ms);
}

void api_session_show(struct api_request *q)
{
    if (api_query_read(q, NULL, 0)) {
        uint64_t now_ms = clock_wall_ms();
        struct json *j = api_json_begin(q);
        write_session(j, &q->who);
        json_number(j, "age", now_ms > q->who.made_ms ? (now_ms - q->who.made_ms) / 1000 : 0);
        api_answer_json(q);
    }
}

/* ---- before a password is tried ---- */

static bool read_device(struct api_request *q, struct span text, uint8_t device[IPC_DEVICE_LEN])
{
    size_t prefix = strlen(DEVICE_PREFIX);
    if (text.len == DEVICE_SIZE - 1 && span_starts(text, SPAN_LIT(DEVICE_PREFIX)) &&
        decode_hex(span_sub(text, prefix, SIZE_MAX), device, IPC_DEVICE_LEN) == 0) {
        return true;
    }
    api_refuse(q, 400, "\"device\" should be what a sign-in has answered as such.");
    return false;
}

/* False when it refused the request: the name or device has used its tries up. */
static bool may_try(struct api_request *q, bool known, struct span whose)
{
    uint64_t wait_ms = attempts_wait(&q->api->attempts, known, whose, net_loop_now_ms(q->api->loop));
    if (wait_ms == 0) {
        return true;
    }
    q->retry_s = (uint32_t)(wait_ms / 1000) + 1;
    api_refuse(q, 429,
               "Too many attempts to sign in. Try again in %u seconds; `clawbox console` makes a link.",
               (unsigned)q->retry_s);
    return false;
}

/* Whose tries an attempt takes from. */
static struct span tries_of(const struct api_request *q, struct span name)
{
    return q->sign_in.known ? span_of(q->sign_in.device, sizeof(q->sign_in.device)) : name;
}

static int on_how(struct api_request *q, struct span payload, struct ipc_sign_in_how *m)
{
    int r = ipc_get_sign_in_how(payload, m);
    if (r == 0 && m->code != 0) {
        api_refuse_code(q, ipc_result(m->code), SPAN_LIT("nobody can sign in; the server's log says why"));
    } else if (r == 0 && m->kdf.len != IPC_KDF_LEN) {
        r = CB_EMALFORMED;
    }
    q->sign_in.known = r == 0 && m->known;
    return r;
}

static int on_sign_in_get(struct api_request *q, struct span payload)
{
    struct ipc_sign_in_how m;
    char kdf[2 * IPC_KDF_LEN + 1];
    int r = on_how(q, payload, &m);
    if (r == 0 && !q->answered && may_try(q, m.known, tries_of(q, q->administrator))) {
        encode_hex(m.kdf.ptr, m.kdf.len, kdf);
        struct json *j = api_json_begin(q);
        json_text(j, "kdf", span_str(kdf));
        json_bool(j, "known", m.known);
        api_answer_json(q);
    }
    return r;
}

void api_sign_in_get(struct api_request *q)
{
    struct span device = SPAN_EMPTY;
    const struct api_param params[] = {{.name = "device", .word = &device}};
    struct ipc_chan *store = q->api->store;
    if (!api_query_read(q, params, 1) || (device.len != 0 && !read_device(q, device, q->sign_in.device))) {
        return;
    }
    struct ipc_sign_in_get m = {.name = q->administrator,
                                .device = span_of(q->sign_in.device, device.len != 0 ? IPC_DEVICE_LEN : 0)};
    api_wait(q, store, API_CALL(q, store, sign_in_get, &m), IPC_MSG_SIGN_IN_HOW, on_sign_in_get);
}

/* ---- signing in ---- */

static void refuse_wrong(struct api_request *q)
{
    api_refuse(q, 401, "%s",
               q->sign_in.kind == IPC_SIGN_IN_LINK
                   ? "The link was used, or is too old. `clawbox console` makes another."
               : q->sign_in.kind == IPC_SIGN_IN_TOKEN ? "The token is wrong, has expired, or was removed."
                                                      : "The name or the password is wrong.");
}

static void write_signed_in(struct api_request *q, const struct ipc_session *m)
{
    char device[DEVICE_SIZE] = DEVICE_PREFIX;
    struct json *j = api_json_begin(q);
    json_text(j, "session", span_str(q->sign_in.session));
    write_session(j, &q->who);
    if (m->device.len == IPC_DEVICE_LEN) {
        encode_hex(m->device.ptr, m->device.len, device + strlen(DEVICE_PREFIX));
        json_text(j, "device", span_str(device));
    } else {
        json_null(j, "device");
    }
    (void)snprintf(q->location, sizeof(q->location), "/v1/session");
    api_answer_json(q);
}

static int on_created(struct api_request *q, struct span payload)
{
    struct ipc_session m;
    int r = ipc_get_session(payload, &m);
    if (r != 0) {
        return r;
    }
    if (ipc_result(m.code) == CB_EAUTHENTIC) {
        api_remote_wrong(q->api);
        api_conn_delay(q->conn, q->api->wrong_ms, refuse_wrong);
    } else if (m.code != 0) {
        api_refuse_code(q, ipc_result(m.code), SPAN_LIT("nobody can sign in; the server's log says why"));
    } else if (!take_who(q, &m)) {
        return CB_EMALFORMED;
    } else {
        write_signed_in(q, &m);
    }
    return 0;
}

static void create(struct api_request *q)
{
    struct ipc_chan *store = q->api->store;
    struct api_sign_in *s = &q->sign_in;
    if (s->kind == IPC_SIGN_IN_PASSWORD) {
        if (!may_try(q, s->known, tries_of(q, span_str(s->name)))) {
            return;
        }
        attempts_take(&q->api->attempts, s->known, tries_of(q, span_str(s->name)),
                      net_loop_now_ms(q->api->loop));
    }
    api_secret_make(API_SESSION_PREFIX, s->session, q->hash);
    struct ipc_session_create m = {.kind = (uint8_t)s->kind,
                                   .name = span_str(s->name),
                                   .shown = span_of(s->shown, sizeof(s->shown)),
                                   .hash = span_of(q->hash, sizeof(q->hash))};
    api_wait(q, store, API_CALL(q, store, session_create, &m), IPC_MSG_SESSION, on_created);
}

static int on_device(struct api_request *q, struct span payload)
{
    struct ipc_sign_in_how m;
    int r = on_how(q, payload, &m);
    if (r == 0 && !q->answered) {
        create(q);
    }
    return r;
}

/* What is shown as a token or link is not even asked about when it is none. */
static bool read_shown(struct api_request *q, const struct api_texts *body, const char *key,
                       const char *prefix)
{
    struct span text;
    if (!api_text(q, body, key, &text)) {
        return false;
    }
    if (!api_secret_formed(prefix, text)) {
        api_remote_wrong(q->api);
        api_conn_delay(q->conn, q->api->wrong_ms, refuse_wrong);
        return false;
    }
    digest_sha256_of(text, q->sign_in.shown);
    return true;
}

static bool read_password(struct api_request *q, const struct api_texts *body)
{
    struct api_sign_in *s = &q->sign_in;
    struct span name;
    struct span device;
    if (!api_text(q, body, "name", &name) || !api_text_hex(q, body, "key", s->shown, sizeof(s->shown))) {
        return false;
    }
    if (!spec_name_valid(name)) {
        api_refuse(q, 422, "\"%.*s\" cannot be the name of an administrator.", API_SHORT(name));
        return false;
    }
    (void)snprintf(s->name, sizeof(s->name), "%.*s", SPAN_ARG(name));
    if (!api_texts_have(body, "device")) {
        return true;
    }
    s->asks_device = api_text(q, body, "device", &device) && read_device(q, device, s->device);
    return s->asks_device;
}

static bool read_sign_in(struct api_request *q, const struct api_texts *body)
{
    struct span kind;
    if (!api_text(q, body, "kind", &kind)) {
        return false;
    }
    if (span_eq_str(kind, "password")) {
        q->sign_in.kind = IPC_SIGN_IN_PASSWORD;
        return read_password(q, body);
    }
    if (span_eq_str(kind, "token")) {
        q->sign_in.kind = IPC_SIGN_IN_TOKEN;
        return read_shown(q, body, "token", API_TOKEN_PREFIX);
    }
    if (span_eq_str(kind, "link")) {
        q->sign_in.kind = IPC_SIGN_IN_LINK;
        return read_shown(q, body, "link", API_LINK_PREFIX);
    }
    api_refuse(q, 422, "\"kind\" should be password, token or link, not \"%.*s\".", API_SHORT(kind));
    return false;
}

void api_session_create(struct api_request *q)
{
    static const char *const known[] = {"kind", "name", "key", "device", "token", "link", NULL};
    struct ipc_chan *store = q->api->store;
    struct api_texts body;
    if (!api_query_read(q, NULL, 0) || !api_texts_read(q, known, &body)) {
        return;
    }
    bool fine = read_sign_in(q, &body);
    api_texts_deinit(&body);
    if (fine && q->sign_in.asks_device) {
        struct ipc_sign_in_get m = {.name = span_str(q->sign_in.name),
                                    .device = span_of(q->sign_in.device, sizeof(q->sign_in.device))};
        api_wait(q, store, API_CALL(q, store, sign_in_get, &m), IPC_MSG_SIGN_IN_HOW, on_device);
    } else if (fine) {
        create(q);
    }
}

/* ---- going on, and ending ---- */

static int on_rotated(struct api_request *q, struct span payload)
{
    struct ipc_done m;
    int r = ipc_get_done(payload, &m);
    if (r != 0) {
        return r;
    }
    if (m.code != 0) {
        api_refuse_answer(q, m.code, m.why);
    } else {
        json_text(api_json_begin(q), "session", span_str(q->sign_in.session));
        (void)snprintf(q->location, sizeof(q->location), "/v1/session");
        api_answer_json(q);
    }
    return 0;
}

void api_session_rotate(struct api_request *q)
{
    struct ipc_chan *store = q->api->store;
    if (!api_query_read(q, NULL, 0)) {
        return;
    }
    api_secret_make(API_SESSION_PREFIX, q->sign_in.session, q->hash);
    struct ipc_session_rotate m = {.hash = span_of(q->who.session, sizeof(q->who.session)),
                                   .next = span_of(q->hash, sizeof(q->hash))};
    api_wait(q, store, API_CALL(q, store, session_rotate, &m), IPC_MSG_DONE, on_rotated);
}

static void end(struct api_request *q, bool all)
{
    struct ipc_chan *store = q->api->store;
    struct ipc_session_delete m = {.hash = span_of(q->who.session, sizeof(q->who.session)), .all = all};
    if (api_query_read(q, NULL, 0)) {
        api_wait(q, store, API_CALL(q, store, session_delete, &m), IPC_MSG_DONE, api_on_done);
    }
}

void api_session_delete(struct api_request *q)
{
    end(q, false);
}

void api_sessions_delete(struct api_request *q)
{
    end(q, true);
}

/* ---- another password ---- */

static void refuse_current(struct api_request *q)
{
    api_refuse(q, 403, "The current password is another one.");
}

static int on_key(struct api_request *q, struct span payload)
{
    struct ipc_done m;
    int r = ipc_get_done(payload, &m);
    if (r == 0 && ipc_result(m.code) == CB_EAUTHENTIC) {
        api_remote_wrong(q->api);
        api_conn_delay(q->conn, q->api->wrong_ms, refuse_current);
        return 0;
    }
    return r == 0 ? api_on_done(q, payload) : r;
}

void api_session_key(struct api_request *q)
{
    static const char *const known[] = {"current", "kdf", "key", NULL};
    struct ipc_chan *store = q->api->store;
    struct span session = span_of(q->who.session, sizeof(q->who.session));
    struct span whose =
        span_str(q->who.by); /* not the session, which gets another value as often as it wants */
    uint8_t current[IPC_HASH_LEN];
    uint8_t key[IPC_HASH_LEN];
    uint8_t kdf[IPC_KDF_LEN];
    struct api_texts body;
    if (!api_query_read(q, NULL, 0) || !api_texts_read(q, known, &body)) {
        return;
    }
    if (api_text_hex(q, &body, "current", current, sizeof(current)) &&
        api_text_hex(q, &body, "kdf", kdf, sizeof(kdf)) && api_text_hex(q, &body, "key", key, sizeof(key)) &&
        may_try(q, true, whose)) {
        attempts_take(&q->api->attempts, true, whose, net_loop_now_ms(q->api->loop));
        struct ipc_session_key m = {.hash = session,
                                    .current = span_of(current, sizeof(current)),
                                    .kdf = span_of(kdf, sizeof(kdf)),
                                    .key = span_of(key, sizeof(key)),
                                    .by = api_by(q)};
        api_wait(q, store, API_CALL(q, store, session_key, &m), IPC_MSG_DONE, on_key);
    }
    secret_wipe(current, sizeof(current));
    secret_wipe(key, sizeof(key));
    api_texts_deinit(&body);
}
