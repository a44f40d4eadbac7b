/*
 * credentials.c - credentials: list, prepare, put, delete. Values never come here: whoever sets one seals it to the vault's
 * public key, which `prepare` gives out together with what it is to be bound to.
 */
#include "api/state.h"

#include "base/encode.h"
#include "policy/placeholder.h"
#include "tls/seal.h"

#include <stdlib.h>

/* ---- the list in TENANT ---- */

uint32_t api_credentials_begin(const struct api_tenant *tenant, struct reader *r)
{
    *r = reader_of(tenant->row.credentials);
    return ipc_list_read(r, UINT16_MAX);
}

struct api_credential api_credential_read(struct reader *r)
{
    struct api_credential out;
    out.name = ipc_read_text(r, IPC_NAME_MAX);
    out.placeholder = ipc_read_text(r, PLACEHOLDER_MAX - 1);
    out.binding = reader_bytes(r, IPC_BINDING_MAX);
    out.version = reader_u64(r);
    out.set_ms = reader_u64(r);
    out.used_ms = reader_u64(r);
    return out;
}

static void write_used(struct json *j, uint64_t used_ms)
{
    if (used_ms != 0) {
        json_time(j, "last_used", used_ms);
    } else {
        json_null(j, "last_used");
    }
}

int api_credentials_write(struct json *j, const struct api_tenant *tenant, const struct api_page *page,
                          struct span *last)
{
    struct reader r;
    uint32_t count = api_credentials_begin(tenant, &r);
    uint64_t left = page->limit;
    bool begun = page->after.len == 0;
    json_array(j, "credentials");
    for (uint32_t i = 0; i < count && r.error == 0; i++) {
        struct api_credential credential = api_credential_read(&r);
        if (!begun || left == 0) {
            begun = begun || span_eq(credential.name, page->after);
            continue;
        }
        left--;
        if (last != NULL) {
            *last = i + 1 < count ? credential.name : SPAN_EMPTY;
        }
        const struct spec_credential *used = spec_find_credential(tenant->spec, credential.name);
        json_object(j, NULL);
        json_text(j, "name", credential.name);
        if (!tenant->brief) {
            json_bool(j, "used", used != NULL);
            json_text(j, "placeholder", credential.placeholder);
        }
        api_json_text_or_null(j, "env", used != NULL ? used->env : NULL);
        json_number(j, "version", credential.version);
        if (credential.set_ms != 0) {
            json_time(j, "set", credential.set_ms);
        } else {
            json_null(j, "set");
        }
        if (last != NULL) {
            /* Not in the tenant's own representation, whose tag would change with every minute. */
            write_used(j, credential.used_ms);
        }
        api_json_lines(j, "bound_to", credential.binding);
        json_object_end(j);
    }
    json_array_end(j);
    return r.error == 0 && !begun ? CB_ENOTFOUND : reader_finish(&r);
}

static int on_list(struct api_request *q, struct span payload)
{
    struct api_tenant tenant;
    struct span last = SPAN_EMPTY;
    int r = api_tenant_read(q, payload, &tenant);
    if (r != 0) {
        return r > 0 ? 0 : r;
    }
    r = api_credentials_write(api_json_begin(q), &tenant, &q->page, &last);
    if (r == CB_ENOTFOUND) {
        api_page_refuse(q, "credential");
        r = 0;
    } else if (r == 0) {
        api_page_next(q, last);
        api_answer_json(q);
    }
    api_tenant_deinit(&tenant);
    return r;
}

void api_credentials_list(struct api_request *q)
{
    if (api_page_read(q, API_PAGE_MAX)) {
        api_tenant_get(q, on_list);
    }
}

/* ---- prepare ---- */

static int on_seal_key(struct api_request *q, struct span payload)
{
    struct ipc_seal_key m;
    char hex[2 * 32 + 1];
    int r = ipc_get_seal_key(payload, &m);
    if (r != 0 || m.public_key.len != 32) {
        return r != 0 ? r : CB_EMALFORMED;
    }
    encode_hex(m.public_key.ptr, m.public_key.len, hex);
    json_text(&q->json, "public_key", span_str(hex));
    api_answer_json(q);
    return 0;
}

/* Names what the routes use instead: most often the name was mistyped. */
static int refuse_unused(struct api_request *q, const struct spec *spec)
{
    struct buf names;
    buf_init(&names, 512);
    int r = 0;
    for (size_t i = 0; r == 0 && i < spec->credential_count; i++) {
        r = buf_appendf(&names, "%s\"%s\"", i != 0 ? ", " : "", spec->credentials[i].name);
    }
    if (r == CB_ELIMIT) {
        r = 0; /* enough of them */
    }
    if (r == 0 && spec->credential_count == 0) {
        api_refuse(q, 404, "No route of tenant \"%.*s\" uses a credential.", SPAN_ARG(q->tenant));
    } else if (r == 0) {
        api_refuse(q, 404, "No route of tenant \"%.*s\" uses a credential \"%.*s\". Its routes use %.*s.",
                   SPAN_ARG(q->tenant), SPAN_ARG(q->credential), SPAN_ARG(buf_span(&names)));
    }
    buf_deinit(&names);
    return r;
}

/* What the routes need the value to look like, each once: clawbox serve never sees it, so whoever seals it has to look. */
static void write_forms(struct json *j, const struct spec *spec, struct span credential)
{
    static const char *const forms[] = {SPEC_FORM_USER, SPEC_FORM_SEGMENT, SPEC_FORM_AWS};
    json_array(j, "forms");
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        bool wanted = false;
        for (size_t k = 0; k < spec->route_count; k++) {
            const struct spec_route *route = &spec->routes[k];
            const char *form = spec_inject_form(route);
            wanted = wanted || (form != NULL && route->credential != NULL &&
                                span_eq_str(credential, route->credential) && strcmp(form, forms[i]) == 0);
        }
        if (wanted) {
            json_text(j, NULL, span_str(forms[i]));
        }
    }
    json_array_end(j);
}

static int on_prepare(struct api_request *q, struct span payload)
{
    struct api_tenant tenant;
    struct buf binding;
    int r = api_tenant_read(q, payload, &tenant);
    if (r != 0) {
        return r > 0 ? 0 : r;
    }
    buf_init(&binding, IPC_BINDING_MAX);
    r = spec_credential_binding(tenant.spec, q->credential, digest_sha256_of, &binding);
    if (r == CB_ENOTFOUND) {
        r = refuse_unused(q, tenant.spec);
    } else if (r == CB_ELIMIT) {
        r = 0;
        api_refuse(q, 422, "The routes send this credential to too many hosts to bind it to.");
    } else if (r == 0) {
        struct json *j = api_json_begin(q);
        struct ipc_chan *vault = q->api->vault;
        struct ipc_seal_key_get m = {.version = 0};
        json_number(j, "tenant_id", tenant.row.tenant_id);
        if (spec_credential_is_client(tenant.spec, q->credential)) {
            json_bool(j, "client_certificate", true);
        }
        json_text(j, "grant", span_str(spec_grant_name(spec_credential_grant(tenant.spec, q->credential))));
        write_forms(j, tenant.spec, q->credential);
        api_json_lines(j, "binding", buf_span(&binding));
        api_wait(q, vault, API_CALL(q, vault, seal_key_get, &m), IPC_MSG_SEAL_KEY, on_seal_key);
    }
    buf_deinit(&binding);
    api_tenant_deinit(&tenant);
    return r;
}

void api_credential_prepare(struct api_request *q)
{
    if (api_query_read(q, NULL, 0)) {
        api_tenant_get(q, on_prepare);
    }
}

/* ---- put ---- */

static bool is_binding_line(const struct conf_node *node)
{
    bool fine = api_is_text(node) && node->len != 0;
    for (size_t i = 0; fine && i < node->len; i++) {
        fine = node->text[i] >= 0x20 && node->text[i] < 0x7f;
    }
    return fine;
}

/* The array's lines joined by newlines again. False when it refused the request. */
static bool read_binding(struct api_request *q, const struct conf_tree *body, struct buf *out)
{
    const struct conf_node *list = conf_node_get(body->documents, "binding");
    bool fine = list != NULL && list->kind == CONF_KIND_SEQUENCE && list->count != 0;
    for (const struct conf_node *node = fine ? list->first : NULL; fine && node != NULL; node = node->next) {
        fine = is_binding_line(node) && (node == list->first || buf_append_byte(out, '\n') == 0) &&
               buf_append(out, node->text, node->len) == 0;
    }
    if (!fine) {
        api_refuse(q, 422, "\"binding\" should be the list of strings that :prepare gave.");
    }
    return fine;
}

static bool read_box(struct api_request *q, const struct conf_tree *body, struct buf *out)
{
    struct span text;
    uint8_t *to;
    if (!api_member_text(q, body, "box", &text)) {
        return false;
    }
    size_t len = IPC_BOX_MAX;
    int r = buf_reserve(out, len, &to);
    if (r == 0) {
        r = decode_base64(text, to, &len);
    }
    if (r == CB_ENOMEM) {
        api_refuse_code(q, r, SPAN_EMPTY);
    } else if (r != 0 || len == 0) {
        api_refuse(q, 422, "\"box\" should be a sealed box of at most %zu bytes in base64.", IPC_BOX_MAX);
        r = CB_EINVAL;
    } else {
        buf_commit(out, len);
    }
    return r == 0;
}

static int on_put(struct api_request *q, struct span payload)
{
    struct ipc_done m;
    int r = ipc_get_done(payload, &m);
    if (r != 0) {
        return r;
    }
    if (m.code != 0) {
        api_refuse_answer(q, m.code, m.why);
    } else {
        api_answer_json(q); /* begun when the binding was read */
    }
    return 0;
}

static void put(struct api_request *q, const struct conf_tree *body, struct buf *binding, struct buf *box)
{
    uint64_t tenant_id = 0;
    if (!api_member_number(q, body, "tenant_id", &tenant_id) || !read_binding(q, body, binding) ||
        !read_box(q, body, box)) {
        return;
    }
    api_json_lines(api_json_begin(q), "bound_to", buf_span(binding));
    struct ipc_chan *store = q->api->store;
    struct ipc_credential_put m = {.tenant = q->tenant,
                                   .tenant_id = tenant_id,
                                   .credential = q->credential,
                                   .binding = buf_span(binding),
                                   .box = buf_span(box),
                                   .by = api_by(q)};
    api_wait(q, store, API_CALL(q, store, credential_put, &m), IPC_MSG_DONE, on_put);
}

void api_credential_put(struct api_request *q)
{
    static const char *const known[] = {"tenant_id", "binding", "box", NULL};
    struct conf_tree body;
    struct buf binding;
    struct buf box;
    if (!api_query_read(q, NULL, 0) || !api_body_read(q, known, &body)) {
        return;
    }
    buf_init(&binding, IPC_BINDING_MAX);
    buf_init(&box, IPC_BOX_MAX);
    put(q, &body, &binding, &box);
    buf_deinit(&binding);
    buf_deinit(&box);
    conf_tree_deinit(&body);
}

/* ---- delete ---- */

void api_credential_delete(struct api_request *q)
{
    if (!api_query_read(q, NULL, 0)) {
        return;
    }
    struct ipc_chan *store = q->api->store;
    struct ipc_credential_delete m = {.tenant = q->tenant, .credential = q->credential, .by = api_by(q)};
    api_wait(q, store, API_CALL(q, store, credential_delete, &m), IPC_MSG_DONE, api_on_done);
}
