/*
 * tokens.c - tokens for the API over TCP: list, create, delete. A token is made here and shown once; the store gets its hash, and nothing
 * reads it back.
 */
#include "api/state.h"

#include "base/clock.h"
#include "base/secret.h"
#include "base/strnum.h"

#include <stdio.h>

#define TOKENS_MAX     256
#define DAYS_MAX       3650
#define DAY_MS         UINT64_C(86400000)
#define SCOPE_TENANT   "tenant:"
#define SCOPE_TEXT_MAX (sizeof(SCOPE_TENANT) + IPC_NAME_MAX)

/* ---- list ---- */

void api_write_scope(struct json *j, uint8_t scope, struct span tenant)
{
    char text[SCOPE_TEXT_MAX];
    (void)snprintf(text, sizeof(text), "%s%.*s",
                   scope == IPC_SCOPE_ADMIN    ? "admin"
                   : scope == IPC_SCOPE_VIEWER ? "viewer"
                                               : SCOPE_TENANT,
                   SPAN_ARG(tenant));
    json_text(j, "scope", span_str(text));
}

void api_write_time(struct json *j, const char *key, uint64_t ms)
{
    if (ms != 0) {
        json_time(j, key, ms);
    } else {
        json_null(j, key);
    }
}

static int on_list(struct api_request *q, struct span payload)
{
    struct ipc_tokens m;
    int error = ipc_get_tokens(payload, &m);
    if (error != 0) {
        return error;
    }
    if (m.code != 0) {
        api_refuse_code(q, ipc_result(m.code),
                        SPAN_LIT("the tokens cannot be listed; the server's log says why"));
        return 0;
    }
    struct json *j = api_json_begin(q);
    struct reader r = reader_of(m.tokens);
    uint32_t count = ipc_list_read(&r, TOKENS_MAX);
    json_array(j, "tokens");
    for (uint32_t i = 0; i < count && r.error == 0; i++) {
        json_object(j, NULL);
        json_text(j, "name", ipc_read_text(&r, IPC_NAME_MAX));
        uint8_t scope = reader_u8(&r);
        api_write_scope(j, scope, ipc_read_text(&r, IPC_NAME_MAX));
        json_time(j, "created", reader_u64(&r));
        api_write_time(j, "expires", reader_u64(&r));
        api_write_time(j, "used", reader_u64(&r));
        json_object_end(j);
    }
    json_array_end(j);
    error = reader_finish(&r);
    if (error == 0) {
        api_answer_json(q);
    }
    return error;
}

void api_tokens_list(struct api_request *q)
{
    if (!api_query_read(q, NULL, 0)) {
        return;
    }
    struct ipc_chan *store = q->api->store;
    struct ipc_token_list m = {.version = 0};
    api_wait(q, store, API_CALL(q, store, token_list, &m), IPC_MSG_TOKENS, on_list);
}

/* ---- create ---- */

static bool read_scope(struct api_request *q, struct span text, struct ipc_token_create *out)
{
    if (span_eq_str(text, "admin")) {
        out->scope = IPC_SCOPE_ADMIN;
        return true;
    }
    if (span_eq_str(text, "viewer")) {
        out->scope = IPC_SCOPE_VIEWER;
        return true;
    }
    out->scope = IPC_SCOPE_TENANT;
    out->tenant = span_starts(text, SPAN_LIT(SCOPE_TENANT)) ? span_sub(text, strlen(SCOPE_TENANT), SIZE_MAX)
                                                            : SPAN_EMPTY;
    if (!spec_name_valid(out->tenant)) {
        api_refuse(q, 422, "\"scope\" should be admin, viewer or tenant:NAME, not \"%.*s\".",
                   API_SHORT(text));
        return false;
    }
    return true;
}

static bool read_expiry(struct api_request *q, const struct conf_tree *body, uint64_t *out)
{
    uint64_t days = 0;
    if (conf_node_get(body->documents, "expires_days") == NULL) {
        *out = 0;
        return true;
    }
    if (!api_member_number(q, body, "expires_days", &days)) {
        return false;
    }
    if (days < 1 || days > DAYS_MAX) {
        api_refuse(q, 422, "\"expires_days\" should be a number from 1 to %d.", DAYS_MAX);
        return false;
    }
    *out = clock_wall_ms() + days * DAY_MS;
    return true;
}

static int on_created(struct api_request *q, struct span payload)
{
    struct ipc_done m;
    int r = ipc_get_done(payload, &m);
    if (r != 0) {
        return r;
    }
    if (m.code != 0) {
        api_refuse_answer(q, m.code, m.why);
    } else {
        api_answer_json(q); /* begun when the token was made */
    }
    return 0;
}

static void create(struct api_request *q, struct ipc_token_create m)
{
    uint8_t hash[IPC_HASH_LEN];
    char token[API_SECRET_SIZE];
    api_secret_make(API_TOKEN_PREFIX, token, hash);
    m.hash = span_of(hash, sizeof(hash));

    struct json *j = api_json_begin(q);
    json_text(j, "name", m.name);
    api_write_scope(j, (uint8_t)m.scope, m.tenant);
    api_write_time(j, "expires", m.expires_ms);
    json_text(j, "token", span_str(token));
    (void)snprintf(q->location, sizeof(q->location), "/v1/tokens/%.*s", SPAN_ARG(m.name));
    secret_wipe(token, sizeof(token));

    struct ipc_chan *store = q->api->store;
    api_wait(q, store, API_CALL(q, store, token_create, &m), IPC_MSG_DONE, on_created);
    secret_wipe(hash, sizeof(hash));
}

void api_token_create(struct api_request *q)
{
    static const char *const known[] = {"name", "scope", "expires_days", NULL};
    struct ipc_token_create m = {.tenant = SPAN_EMPTY, .by = api_by(q)};
    struct conf_tree body;
    struct span scope;
    if (!api_query_read(q, NULL, 0) || !api_body_read(q, known, &body)) {
        return;
    }
    if (api_member_text(q, &body, "name", &m.name) && api_member_text(q, &body, "scope", &scope)) {
        if (!spec_name_valid(m.name)) {
            api_refuse(q, 422, "\"%.*s\" cannot be the name of a token.", API_SHORT(m.name));
        } else if (read_scope(q, scope, &m) && read_expiry(q, &body, &m.expires_ms)) {
            create(q, m);
        }
    }
    conf_tree_deinit(&body);
}

/* ---- delete ---- */

void api_token_delete(struct api_request *q)
{
    if (!api_query_read(q, NULL, 0)) {
        return;
    }
    struct ipc_chan *store = q->api->store;
    struct ipc_token_delete m = {.name = q->token, .by = api_by(q)};
    api_wait(q, store, API_CALL(q, store, token_delete, &m), IPC_MSG_DONE, api_on_done);
}
