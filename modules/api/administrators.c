/* administrators.c - administrators of the console: list, make, remove; links that sign one in. */
#include "api/state.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "ipc/role.h"

#include <stdio.h>

#define ADMINISTRATORS_MAX 64
#define LINK_MS            UINT64_C(600000)

/* ---- list ---- */

static int on_list(struct api_request *q, struct span payload)
{
    struct ipc_administrators m;
    int error = ipc_get_administrators(payload, &m);
    if (error != 0) {
        return error;
    }
    if (m.code != 0) {
        api_refuse_code(q, ipc_result(m.code),
                        SPAN_LIT("the administrators cannot be listed; the server's log says why"));
        return 0;
    }
    struct json *j = api_json_begin(q);
    struct reader r = reader_of(m.administrators);
    uint32_t count = ipc_list_read(&r, ADMINISTRATORS_MAX);
    json_array(j, "administrators");
    for (uint32_t i = 0; i < count && r.error == 0; i++) {
        json_object(j, NULL);
        json_text(j, "name", ipc_read_text(&r, IPC_NAME_MAX));
        api_write_scope(j, reader_u8(&r), SPAN_EMPTY);
        json_time(j, "created", reader_u64(&r));
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

void api_administrators_list(struct api_request *q)
{
    struct ipc_chan *store = q->api->store;
    struct ipc_administrator_list m = {.version = 0};
    if (api_query_read(q, NULL, 0)) {
        api_wait(q, store, API_CALL(q, store, administrator_list, &m), IPC_MSG_ADMINISTRATORS, on_list);
    }
}

/* ---- make, remove ---- */

static bool read_scope(struct api_request *q, const struct api_texts *body, uint8_t *out)
{
    struct span text;
    if (!api_text(q, body, "scope", &text)) {
        return false;
    }
    bool admin = span_eq_str(text, "admin");
    if (!admin && !span_eq_str(text, "viewer")) {
        api_refuse(q, 422, "\"scope\" should be admin or viewer, not \"%.*s\".", API_SHORT(text));
        return false;
    }
    *out = admin ? IPC_SCOPE_ADMIN : IPC_SCOPE_VIEWER;
    return true;
}

void api_administrator_put(struct api_request *q)
{
    static const char *const known[] = {"scope", "kdf", "key", NULL};
    struct ipc_chan *store = q->api->store;
    bool link = q->who.signed_in && q->who.kind == IPC_SIGN_IN_LINK;
    struct ipc_administrator_put m = {.name = q->administrator, .by = api_by(q)};
    uint8_t kdf[IPC_KDF_LEN];
    uint8_t key[IPC_HASH_LEN];
    struct api_texts body;
    if (!api_query_read(q, NULL, 0) || !api_texts_read(q, known, &body)) {
        return;
    }
    if (read_scope(q, &body, &m.scope) && api_text_hex(q, &body, "kdf", kdf, sizeof(kdf)) &&
        api_text_hex(q, &body, "key", key, sizeof(key))) {
        m.kdf = span_of(kdf, sizeof(kdf));
        m.key = span_of(key, sizeof(key));
        m.link = span_of(q->who.session, link ? sizeof(q->who.session) : 0);
        api_wait(q, store, API_CALL(q, store, administrator_put, &m), IPC_MSG_DONE, api_on_done);
    }
    secret_wipe(key, sizeof(key));
    api_texts_deinit(&body);
}

void api_administrator_delete(struct api_request *q)
{
    struct ipc_chan *store = q->api->store;
    struct ipc_administrator_delete m = {.name = q->administrator, .by = api_by(q)};
    if (api_query_read(q, NULL, 0)) {
        api_wait(q, store, API_CALL(q, store, administrator_delete, &m), IPC_MSG_DONE, api_on_done);
    }
}

/* ---- links ---- */

static int on_link(struct api_request *q, struct span payload)
{
    struct ipc_done m;
    int r = ipc_get_done(payload, &m);
    if (r != 0) {
        return r;
    }
    if (m.code != 0) {
        api_refuse_answer(q, m.code, m.why);
    } else {
        api_answer_json(q); /* begun when the link was made */
    }
    return 0;
}

/* Where the console takes the link; null: there is no console. */
static void write_url(struct json *j, const char *link)
{
    char url[IPC_ORIGIN_MAX + API_SECRET_SIZE + 16];
    const char *origin = ipc_role()->console;
    (void)snprintf(url, sizeof(url), "%s/sign-in#%s", origin, link);
    api_json_text_or_null(j, "url", origin[0] != '\0' ? url : "");
    secret_wipe(url, sizeof(url));
}

void api_link_create(struct api_request *q)
{
    struct ipc_chan *store = q->api->store;
    char link[API_SECRET_SIZE];
    struct ipc_link_create m = {.ends_ms = clock_wall_ms() + LINK_MS, .by = api_by(q)};
    if (!api_query_read(q, NULL, 0)) {
        return;
    }
    api_secret_make(API_LINK_PREFIX, link, q->hash);
    m.hash = span_of(q->hash, sizeof(q->hash));
    struct json *j = api_json_begin(q);
    json_text(j, "link", span_str(link));
    json_time(j, "expires", m.ends_ms);
    write_url(j, link);
    (void)snprintf(q->location, sizeof(q->location), "/sign-in");
    secret_wipe(link, sizeof(link));
    api_wait(q, store, API_CALL(q, store, link_create, &m), IPC_MSG_DONE, on_link);
}

/* ---- the first start ---- */

static int on_first(void *arg, int code, const struct ipc_in *in)
{
    struct api *api = arg;
    struct ipc_done m;
    int r = code;
    if (r == 0) {
        r = in->msg == IPC_MSG_DONE ? ipc_get_done(in->payload, &m) : CB_EMALFORMED;
    }
    int result = r == 0 ? ipc_result(m.code) : r;
    if (result == 0) {
        (void)fprintf(stderr, "clawbox: console: %s\n", api->first_link);
    } else if (result != CB_EEXIST) {
        log_error_r(result, "no link for the first sign-in can be made; `clawbox console` makes one");
    }
    secret_wipe(api->first_link, sizeof(api->first_link));
    return code == 0 ? r : 0;
}

static void make_first(struct api *api)
{
    char link[API_SECRET_SIZE];
    uint8_t hash[IPC_HASH_LEN];
    api_secret_make(API_LINK_PREFIX, link, hash);
    (void)snprintf(api->first_link, sizeof(api->first_link), "%s/sign-in#%s", ipc_role()->console, link);
    secret_wipe(link, sizeof(link));
    struct ipc_link_create m = {.hash = span_of(hash, sizeof(hash)),
                                .first = true,
                                .ends_ms = clock_wall_ms() + LINK_MS,
                                .by = SPAN_LIT("start")};
    int r = api->store != NULL ? ipc_call_link_create(api->store, &m, on_first, api, NULL) : CB_ECLOSED;
    if (r != 0) {
        log_error_r(r, "no link for the first sign-in can be made; `clawbox console` makes one");
        secret_wipe(api->first_link, sizeof(api->first_link));
    }
}

static int on_vault_serves(void *arg, int code, const struct ipc_in *in)
{
    struct ipc_seal_key m;
    int r = code != 0                     ? 0 /* it has said why, and the server ends */
            : in->msg != IPC_MSG_SEAL_KEY ? CB_EMALFORMED
                                          : ipc_get_seal_key(in->payload, &m);
    if (code == 0 && r == 0) {
        make_first(arg);
    }
    return r;
}

/* The vault answers once its key has been found to fit: a start that fails writes nothing into a database that may be another's. */
void api_link_first(struct api *api)
{
    struct ipc_seal_key_get m = {.version = 0};
    int r =
        api->vault != NULL ? ipc_call_seal_key_get(api->vault, &m, on_vault_serves, api, NULL) : CB_ECLOSED;
    if (r != 0) {
        log_error_r(r, "no link for the first sign-in can be made; `clawbox console` makes one");
    }
}
