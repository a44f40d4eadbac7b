/* tenants.c - tenants: list, show, suspend, their policy, and what their agents need (env). */
#include "api/state.h"

#include "base/encode.h"
#include "base/log.h"
#include "policy/spec_check.h"
#include "tls/cert.h"

#include <stdio.h>
#include <stdlib.h>

#define LIST_LIMIT_DEFAULT 100

/* ---- reading TENANT ---- */

void api_tenant_get(struct api_request *q, api_answer_fn *next)
{
    struct ipc_chan *store = q->api->store;
    struct ipc_tenant_get m = {.tenant = q->tenant};
    api_wait(q, store, API_CALL(q, store, tenant_get, &m), IPC_MSG_TENANT, next);
}

int api_tenant_read(struct api_request *q, struct span payload, struct api_tenant *out)
{
    *out = (struct api_tenant){.spec = NULL, .brief = q->who.scope == IPC_SCOPE_VIEWER};
    int r = ipc_get_tenant(payload, &out->row);
    if (r != 0) {
        return r;
    }
    bool other = q->who.scope == IPC_SCOPE_TENANT && out->row.tenant_id != q->who.tenant_id;
    if (out->row.code == -CB_ENOTFOUND || (out->row.code == 0 && other)) {
        api_refuse(q, 404, "There is no tenant \"%.*s\".", SPAN_ARG(q->tenant));
        return 1;
    }
    if (out->row.code != 0) {
        api_refuse_answer(q, out->row.code, SPAN_EMPTY);
        return 1;
    }
    r = spec_decode(out->row.spec, &out->spec);
    if (r == CB_ENOMEM) {
        api_refuse_code(q, r, SPAN_EMPTY);
    } else if (r != 0) {
        log_error_r(r, "the stored specification of tenant %.*s cannot be read", SPAN_ARG(q->tenant));
        api_refuse(q, 500, "The stored specification of this tenant cannot be read: apply its file again.");
    }
    return r != 0;
}

void api_tenant_deinit(struct api_tenant *tenant)
{
    spec_free(tenant->spec);
    tenant->spec = NULL;
}

/* ---- list ---- */

static void write_time_or_null(struct json *j, const char *key, uint64_t ms)
{
    if (ms != 0) {
        json_time(j, key, ms);
    } else {
        json_null(j, key);
    }
}

static int on_list(struct api_request *q, struct span payload)
{
    struct ipc_tenant_page m;
    int error = ipc_get_tenant_page(payload, &m);
    if (error != 0) {
        return error;
    }
    if (m.code != 0) {
        api_refuse_code(q, ipc_result(m.code),
                        SPAN_LIT("the tenants cannot be listed; the server's log says why"));
        return 0;
    }
    struct json *j = api_json_begin(q);
    struct reader r = reader_of(m.tenants);
    uint32_t count = ipc_list_read(&r, UINT16_MAX);
    struct span last = SPAN_EMPTY;
    json_array(j, "tenants");
    for (uint32_t i = 0; i < count && r.error == 0; i++) {
        json_object(j, NULL);
        last = ipc_read_text(&r, IPC_NAME_MAX);
        json_text(j, "name", last);
        json_number(j, "id", reader_u64(&r));
        json_number(j, "port", reader_u16(&r));
        json_number(j, "routes", reader_u32(&r));
        json_number(j, "credentials_used", reader_u32(&r));
        json_number(j, "credentials_set", reader_u32(&r));
        json_time(j, "created", reader_u64(&r));
        json_time(j, "updated", reader_u64(&r));
        write_time_or_null(j, "suspended", reader_u64(&r));
        json_number(j, "requests_24h", reader_u64(&r));
        json_number(j, "denied_24h", reader_u64(&r));
        write_time_or_null(j, "last_request", reader_u64(&r));
        json_number(j, "grants", reader_u32(&r));
        json_object_end(j);
    }
    json_array_end(j);
    api_page_next(q, m.more ? last : SPAN_EMPTY);
    error = reader_finish(&r);
    if (error == 0) {
        api_answer_json(q);
    }
    return error;
}

void api_tenants_list(struct api_request *q)
{
    if (!api_page_read(q, LIST_LIMIT_DEFAULT)) {
        return;
    }
    struct ipc_chan *store = q->api->store;
    struct ipc_tenant_list m = {
        .only = span_str(q->who.tenant), .after = q->page.after, .limit = (uint16_t)q->page.limit};
    api_wait(q, store, API_CALL(q, store, tenant_list, &m), IPC_MSG_TENANT_PAGE, on_list);
}

/* ---- show ---- */

/* Where its agent is listened to. The address is the server's for all tenants, and the monitor's to say. */
static void write_listener(struct api_request *q, uint16_t port)
{
    struct ipc_status status;
    struct json *j = &q->json;
    bool said = buf_len(&q->api->status) != 0 && ipc_get_status(buf_span(&q->api->status), &status) == 0;
    json_number(j, "port", port);
    if (said && status.listens_on.len != 0) {
        json_text(j, "address", status.listens_on);
    } else {
        json_null(j, "address");
    }
}

int api_tenant_write(struct api_request *q, const struct api_tenant *tenant)
{
    int r;
    struct json *j = api_json_begin(q);
    json_text(j, "name", q->tenant);
    json_number(j, "id", tenant->row.tenant_id);
    json_number(j, "generation", tenant->row.generation);
    write_listener(q, tenant->row.port);
    write_time_or_null(j, "suspended", tenant->row.suspended_ms);
    if (tenant->row.suspended_ms != 0) {
        json_text(j, "suspended_by", tenant->row.suspended_by);
    }
    if (!tenant->brief) {
        json_text(j, "yaml", tenant->row.yaml);
    }
    const struct api_page all = {.limit = UINT64_MAX};
    r = api_routes_write(j, tenant, &all, NULL);
    return r == 0 ? api_credentials_write(j, tenant, &all, NULL) : r;
}

static int on_show(struct api_request *q, struct span payload)
{
    struct api_tenant tenant;
    int r = api_tenant_read(q, payload, &tenant);
    if (r != 0) {
        return r > 0 ? 0 : r;
    }
    r = api_tenant_write(q, &tenant);
    if (r == 0) {
        api_answer_json(q);
    }
    api_tenant_deinit(&tenant);
    return r;
}

void api_tenant_show(struct api_request *q)
{
    if (api_query_read(q, NULL, 0)) {
        api_tenant_get(q, on_show);
    }
}

/* ---- policy ---- */

/* The specification, or the grants beside it, as egress reads them, for commands that ask them offline what egress would say. */
static int write_encoded(struct json *j, const char *key, struct span bytes)
{
    char *text = malloc(ENCODE_BASE64_SIZE(bytes.len));
    if (text == NULL) {
        return CB_ENOMEM;
    }
    size_t len = encode_base64(bytes.ptr, bytes.len, text);
    json_text(j, key, span_of(text, len));
    free(text);
    return 0;
}

static int on_policy(struct api_request *q, struct span payload)
{
    const struct api_page all = {.limit = UINT64_MAX};
    struct api_tenant tenant;
    int r = api_tenant_read(q, payload, &tenant);
    if (r != 0) {
        return r > 0 ? 0 : r;
    }
    struct json *j = api_json_begin(q);
    json_text(j, "name", q->tenant);
    json_number(j, "generation", tenant.row.generation);
    r = write_encoded(j, "spec", tenant.row.spec);
    r = r == 0 ? write_encoded(j, "grants", buf_span(&q->list)) : r;
    if (r == CB_ENOMEM) {
        api_refuse_code(q, r, SPAN_EMPTY);
        r = 0;
    } else if ((r = api_credentials_write(j, &tenant, &all, NULL)) == 0) {
        api_answer_json(q);
    }
    api_tenant_deinit(&tenant);
    return r;
}

void api_tenant_policy(struct api_request *q)
{
    if (api_query_read(q, NULL, 0)) {
        api_tenant_get_with_grants(q, on_policy);
    }
}

/* ---- the proxy token ---- */

void api_tenant_token(struct api_request *q)
{
    static const char *const known[] = {"token", NULL};
    struct api_texts body;
    struct ipc_tenant_token m = {.tenant = q->tenant, .by = api_by(q)};
    if (!api_query_read(q, NULL, 0) || !api_texts_read(q, known, &body)) {
        return;
    }
    if (!api_text(q, &body, "token", &m.token)) {
        /* it has said so */
    } else if (m.token.len > IPC_TOKEN_MAX) {
        api_refuse(q, 422, "\"token\" should have %d bytes at most.", IPC_TOKEN_MAX);
    } else {
        struct ipc_chan *store = q->api->store;
        api_wait(q, store, API_CALL(q, store, tenant_token, &m), IPC_MSG_DONE, api_on_done);
    }
    api_texts_deinit(&body);
}

/* ---- suspend, resume ---- */

static void tenant_suspend(struct api_request *q, bool suspend)
{
    if (!api_query_read(q, NULL, 0)) {
        return;
    }
    struct ipc_chan *store = q->api->store;
    struct ipc_tenant_suspend m = {.tenant = q->tenant, .suspend = suspend, .by = api_by(q)};
    api_wait(q, store, API_CALL(q, store, tenant_suspend, &m), IPC_MSG_DONE, api_on_done);
}

void api_tenant_suspend(struct api_request *q)
{
    tenant_suspend(q, true);
}

void api_tenant_resume(struct api_request *q)
{
    tenant_suspend(q, false);
}

/* ---- env ---- */

static int on_env_ca(struct api_request *q, struct span payload)
{
    struct ipc_ca_cert m;
    struct buf pem;
    int r = ipc_get_ca_cert(payload, &m);
    if (r != 0) {
        return r;
    }
    if (m.code != 0) {
        api_refuse_answer(q, m.code, SPAN_EMPTY);
        return 0;
    }
    buf_init(&pem, (size_t)4 * IPC_CERT_MAX);
    r = tls_cert_to_pem(m.cert, &pem);
    r = r == 0 && m.next.len != 0 ? tls_cert_to_pem(m.next, &pem)
                                  : r; /* of its successor, to be known in time */
    if (r == 0) {
        json_text(&q->json, "ca_pem", buf_span(&pem));
        api_answer_json(q);
    }
    buf_deinit(&pem);
    return r;
}

/* The same value in each variable of the credential: an AWS SDK wants a key id, which is the placeholder, and a secret, which
 * may be anything. */
static void write_variables_of(struct json *j, const struct spec_credential *used, struct span placeholder)
{
    struct span list = span_str(used->env);
    struct span name;
    while (spec_env_next(&list, &name)) {
        char text[SPEC_ENV_MAX + 1];
        (void)snprintf(text, sizeof(text), "%.*s", SPAN_ARG(name));
        json_text(j, text, placeholder);
    }
}

/* Which variable holds which placeholder; or, for what Google's SDKs read, the name of a file with that. Credentials that no
 * route uses any more have no variable. */
static int write_variables(struct json *j, const struct api_tenant *tenant, bool google_files)
{
    struct reader r;
    uint32_t count = api_credentials_begin(tenant, &r);
    json_object(j, google_files ? "google_files" : "variables");
    for (uint32_t i = 0; i < count && r.error == 0; i++) {
        struct api_credential credential = api_credential_read(&r);
        const struct spec_credential *used = spec_find_credential(tenant->spec, credential.name);
        bool google = spec_credential_grant(tenant->spec, credential.name) == SPEC_GRANT_GCP;
        if (r.error == 0 && used != NULL && used->env != NULL && google == google_files) {
            write_variables_of(j, used, credential.placeholder);
        }
    }
    json_object_end(j);
    return reader_finish(&r);
}

static int on_env(struct api_request *q, struct span payload)
{
    struct api_tenant tenant;
    int r = api_tenant_read(q, payload, &tenant);
    if (r != 0) {
        return r > 0 ? 0 : r;
    }
    struct json *j = api_json_begin(q);
    json_text(j, "tenant", q->tenant);
    json_number(j, "id", tenant.row.tenant_id);
    json_number(j, "port", tenant.row.port);
    json_text(j, "token", tenant.row.token);
    r = write_variables(j, &tenant, false);
    r = r == 0 ? write_variables(j, &tenant, true) : r;
    api_tenant_deinit(&tenant);
    if (r == 0) {
        struct ipc_chan *vault = q->api->vault;
        struct ipc_ca_cert_get m = {.tenant_id = tenant.row.tenant_id};
        api_wait(q, vault, API_CALL(q, vault, ca_cert_get, &m), IPC_MSG_CA_CERT, on_env_ca);
    }
    return r;
}

void api_tenant_env(struct api_request *q)
{
    if (api_query_read(q, NULL, 0)) {
        api_tenant_get(q, on_env);
    }
}
