/* ca.c - a tenant's CA: its certificate and its successor's, with their dates; making a successor, and letting it sign. */
#include "api/state.h"

#include "base/encode.h"
#include "base/log.h"
#include "tls/cert.h"
#include "tls/seal.h"

/* The number of the tenant that TENANT has told of. 0; 1: the request has been answered; or an error. */
static int read_id(struct api_request *q, struct span payload, uint64_t *id)
{
    struct api_tenant tenant;
    int r = api_tenant_read(q, payload, &tenant);
    if (r == 0) {
        *id = tenant.row.tenant_id;
        api_tenant_deinit(&tenant);
    }
    return r;
}

/* ---- what it is ---- */

static int write_cert(struct json *j, struct span der, bool signs)
{
    uint64_t from_ms;
    uint64_t to_ms;
    uint8_t digest[DIGEST_LEN];
    char hex[2 * DIGEST_LEN + 1];
    struct buf pem;
    int r = tls_cert_validity(der, &from_ms, &to_ms);
    if (r != 0) {
        return r;
    }
    buf_init(&pem, (size_t)2 * IPC_CERT_MAX);
    r = tls_cert_to_pem(der, &pem);
    if (r == 0) {
        digest_sha256_of(der, digest);
        encode_hex(digest, sizeof(digest), hex);
        json_object(j, NULL);
        json_bool(j, "signs", signs);
        json_time(j, "not_before", from_ms);
        json_time(j, "not_after", to_ms);
        json_text(j, "sha256", span_str(hex));
        json_text(j, "pem", buf_span(&pem));
        json_object_end(j);
    }
    buf_deinit(&pem);
    return r;
}

static int on_certs(struct api_request *q, struct span payload)
{
    struct ipc_ca_cert m;
    int r = ipc_get_ca_cert(payload, &m);
    if (r != 0) {
        return r;
    }
    if (m.code != 0) {
        api_refuse_answer(q, m.code, SPAN_EMPTY);
        return 0;
    }
    struct json *j = api_json_begin(q);
    json_array(j, "certificates");
    r = write_cert(j, m.cert, true);
    r = r == 0 && m.next.len != 0 ? write_cert(j, m.next, false) : r;
    json_array_end(j);
    if (r == 0) {
        api_answer_json(q);
    } else {
        log_error_r(r, "the CA of tenant %.*s cannot be read", SPAN_ARG(q->tenant));
        api_refuse(q, 500, "The certificate of this tenant's CA cannot be read.");
    }
    return 0;
}

static int on_ca(struct api_request *q, struct span payload)
{
    struct ipc_chan *vault = q->api->vault;
    struct ipc_ca_cert_get m = {.tenant_id = 0};
    int r = read_id(q, payload, &m.tenant_id);
    if (r != 0) {
        return r > 0 ? 0 : r;
    }
    api_wait(q, vault, API_CALL(q, vault, ca_cert_get, &m), IPC_MSG_CA_CERT, on_certs);
    return 0;
}

void api_tenant_ca(struct api_request *q)
{
    if (api_query_read(q, NULL, 0)) {
        api_tenant_get(q, on_ca);
    }
}

/* ---- its successor ---- */

static int on_rotated(struct api_request *q, struct span payload)
{
    struct ipc_ca_cert m;
    int r = ipc_get_ca_cert(payload, &m);
    if (r != 0) {
        return r;
    }
    if (ipc_result(m.code) == CB_ENOTFOUND) {
        api_refuse(
            q, 409,
            "The CA of this tenant has no successor yet: make one first, and give agents time to learn of it.");
    } else if (m.code != 0) {
        api_refuse_answer(q, m.code, SPAN_EMPTY);
    } else {
        api_answer_nothing(q);
    }
    return 0;
}

static int rotate(struct api_request *q, struct span payload, bool finish)
{
    struct ipc_chan *vault = q->api->vault;
    struct ipc_ca_rotate m = {.finish = finish, .by = api_by(q)};
    int r = read_id(q, payload, &m.tenant_id);
    if (r != 0) {
        return r > 0 ? 0 : r;
    }
    api_wait(q, vault, API_CALL(q, vault, ca_rotate, &m), IPC_MSG_CA_CERT, on_rotated);
    return 0;
}

static int on_rotate(struct api_request *q, struct span payload)
{
    return rotate(q, payload, false);
}

static int on_finish(struct api_request *q, struct span payload)
{
    return rotate(q, payload, true);
}

void api_tenant_rotate_ca(struct api_request *q)
{
    if (api_query_read(q, NULL, 0)) {
        api_tenant_get(q, on_rotate);
    }
}

void api_tenant_finish_ca(struct api_request *q)
{
    if (api_query_read(q, NULL, 0)) {
        api_tenant_get(q, on_finish);
    }
}
