/*
 * put.c - PUT and DELETE of one tenant, which may depend on what is there (condition.c).
 *
 * PUT is idempotent: the same document again changes nothing, and says so. Its body is the tenant's document, kept as it is written when it is YAML,
 * and as YAML when it is JSON; or, for a document that names files (caFile), the document with the files' contents.
 */
#include "api/state.h"

#include "conf/convert.h"
#include "conf/tenant.h"

#include <stdio.h>

#define TYPE_FILE "application/vnd.clawbox.tenant-file+json"

/* ---- what is there ---- */

/*
 * Reads TENANT, and whether the change may be made of it. 0, and the generation that it then is about (no tenant: 0); 1: answered.
 * q->out is empty afterwards.
 */
static int read_present(struct api_request *q, struct span payload, struct ipc_tenant *out)
{
    struct api_tenant tenant;
    int r = ipc_get_tenant(payload, out);
    if (r != 0) {
        return r;
    }
    if (out->code == -CB_ENOTFOUND) {
        *out = (struct ipc_tenant){.code = 0};
        return api_condition_allows(q, false) ? 0 : 1;
    }
    r = api_tenant_read(q, payload, &tenant);
    if (r != 0) {
        return r;
    }
    r = api_tenant_write(q, &tenant);
    r = r == 0 ? api_json_finish(q) : r;
    api_tenant_deinit(&tenant);
    if (r != 0) {
        return r;
    }
    bool allowed = api_condition_allows(q, true);
    if (allowed) {
        buf_reset(&q->out);
    }
    return allowed ? 0 : 1;
}

/* ---- PUT ---- */

/* The tenant as it is after the change: its tag is for the next one. */
static int on_put_after(struct api_request *q, struct span payload)
{
    struct api_tenant tenant;
    int r = api_tenant_read(q, payload, &tenant);
    if (r != 0) {
        return r > 0 ? 0 : r;
    }
    r = api_tenant_write(q, &tenant);
    r = r == 0 ? api_json_finish(q) : r;
    if (r == 0) {
        api_condition_tag(q);
        struct json *j = api_json_begin(q);
        json_text(j, "name", q->tenant);
        json_text(j, "result", span_str(api_applied_word(q->applied)));
        json_number(j, "generation", tenant.row.generation);
        api_answer_json(q);
    }
    api_tenant_deinit(&tenant);
    return r;
}

static void answer_dry_run(struct api_request *q)
{
    struct json *j = api_json_begin(q);
    json_text(j, "name", q->tenant);
    json_text(j, "result", span_str(api_applied_word(q->applied)));
    json_bool(j, "dry_run", true);
    api_answer_json(q);
}

static int on_put(struct api_request *q, struct span payload)
{
    struct ipc_tenants_applied m;
    int error = ipc_get_tenants_applied(payload, &m);
    if (error != 0) {
        return error;
    }
    if (ipc_result(m.code) == CB_EEXIST && q->expect == IPC_EXPECT_ABSENT) {
        api_refuse(q, 412, "If-None-Match asks for a new tenant, and there is one of that name.");
        return 0;
    }
    if (ipc_result(m.code) == CB_ECONFLICT && q->expect == IPC_EXPECT_GENERATION) {
        api_condition_lost(q);
        return 0;
    }
    if (m.code != 0) {
        api_refuse_answer(q, m.code, m.why);
        return 0;
    }
    struct reader r = reader_of(m.results);
    uint32_t count = ipc_list_read(&r, 1);
    struct span name = ipc_read_text(&r, IPC_NAME_MAX);
    q->applied = reader_u8(&r);
    error = reader_finish(&r);
    if (error != 0 || count != 1 || !span_eq(name, q->tenant) || api_applied_word(q->applied) == NULL) {
        return error != 0 ? error : CB_EMALFORMED;
    }
    if (q->dry_run) {
        answer_dry_run(q);
        return 0;
    }
    if (strcmp(api_applied_word(q->applied), "created") == 0) {
        (void)snprintf(q->location, sizeof(q->location), "/v1/tenants/%.*s", SPAN_ARG(q->tenant));
    }
    api_tenant_get(q, on_put_after);
    return 0;
}

static void put_send(struct api_request *q, uint64_t tenant_id, uint64_t generation)
{
    struct ipc_chan *store = q->api->store;
    struct ipc_tenants_apply m = {.expect = (uint8_t)q->expect,
                                  .tenant_id = tenant_id,
                                  .generation = generation,
                                  .dry_run = q->dry_run,
                                  .by = api_by(q),
                                  .tenants = buf_span(&q->list)};
    api_wait(q, store, API_CALL(q, store, tenants_apply, &m), IPC_MSG_TENANTS_APPLIED, on_put);
}

static int on_put_before(struct api_request *q, struct span payload)
{
    struct ipc_tenant present;
    int r = read_present(q, payload, &present);
    if (r == 0 && q->who.scope == IPC_SCOPE_TENANT && present.tenant_id != q->who.tenant_id) {
        api_refuse(q, 404, "There is no tenant \"%.*s\".", SPAN_ARG(q->tenant));
    } else if (r == 0) {
        q->expect = present.tenant_id != 0 ? IPC_EXPECT_GENERATION : IPC_EXPECT_ABSENT;
        put_send(q, present.tenant_id, present.generation);
    }
    return r > 0 ? 0 : r;
}

/* What the body is: the document itself, or a file with others; its media type tells which. False when it refused the request, being
 * neither; else the caller frees file->tree. */
static bool open_body(struct api_request *q, struct api_file *file)
{
    static const char *const document_types[] = {"", "application/yaml", "application/json",
                                                 "application/x-yaml", "text/yaml"};
    char type[64];
    *file = (struct api_file){.name = "body", .text = q->body};
    api_body_type(q, type, sizeof(type));
    if (strcmp(type, TYPE_FILE) == 0) {
        return api_file_read(q, file);
    }
    for (size_t i = 0; i < sizeof(document_types) / sizeof(document_types[0]); i++) {
        if (strcmp(type, document_types[i]) == 0) {
            return true;
        }
    }
    api_refuse(q, 415,
               "The body should be the tenant's document, application/yaml or application/json; or, with the "
               "files that it names, " TYPE_FILE ".");
    return false;
}

bool api_document_load(struct api_request *q, struct conf_tenants *out)
{
    struct api_file file;
    if (!open_body(q, &file)) {
        return false;
    }
    bool fine = api_tenants_load(q, file.name, file.text, file.files, q->tenant, out);
    conf_tree_deinit(&file.tree);
    return fine;
}

/* The text that is kept: as it was written, or, of JSON that programs send, YAML, since people will read it. False when it refused the request. */
static bool kept_text(struct api_request *q, const struct api_file *file, struct buf *yaml, struct span *out)
{
    char type[64];
    struct conf_tree tree;
    struct conf_tree_error error;
    *out = file->text;
    api_body_type(q, type, sizeof(type));
    if (strcmp(type, "application/json") != 0) {
        return true;
    }
    int r = conf_tree_read(file->text, &tree, &error);
    if (r == 0) {
        struct emit *e = emit_new(yaml);
        if (e != NULL) {
            conf_node_to_yaml(e, tree.documents);
        }
        r = emit_finish(e);
    }
    conf_tree_deinit(&tree);
    *out = buf_span(yaml);
    if (r == CB_ELIMIT) {
        api_refuse(q, 422, "As YAML this document would have more than %zu bytes.", API_BODY_MAX);
    } else if (r != 0) {
        api_refuse_code(q, r, SPAN_EMPTY);
    }
    return r == 0;
}

/* What the store gets is read from the very text that it keeps. */
static bool read_document(struct api_request *q)
{
    struct api_file file;
    struct conf_tenants tenants;
    struct buf yaml;
    struct span kept;
    if (!open_body(q, &file)) {
        return false;
    }
    buf_init(&yaml, API_BODY_MAX);
    bool fine = api_tenants_load(q, file.name, file.text, file.files, q->tenant, &tenants);
    if (fine && (fine = kept_text(q, &file, &yaml, &kept)) && kept.ptr != file.text.ptr) {
        conf_tenants_deinit(&tenants);
        fine = api_tenants_load(q, file.name, kept, file.files, q->tenant, &tenants);
    }
    fine = fine && api_tenants_encode(q, &tenants, kept, &q->list);
    conf_tenants_deinit(&tenants);
    buf_deinit(&yaml);
    conf_tree_deinit(&file.tree);
    return fine;
}

void api_tenant_put(struct api_request *q)
{
    uint64_t dry_run = 0;
    const struct api_param params[] = {{.name = "dry_run", .number = &dry_run, .max = 1}};
    if (!api_query_read(q, params, 1) || !read_document(q)) {
        return;
    }
    q->dry_run = dry_run != 0;
    /* A token for a tenant makes none: not even one in the place of its own that has just been removed. */
    if (api_condition_needs_tag(q) || q->who.scope == IPC_SCOPE_TENANT) {
        api_tenant_get(q, on_put_before);
    } else {
        q->expect = q->if_none_match.len != 0 ? IPC_EXPECT_ABSENT : IPC_EXPECT_ANY;
        put_send(q, 0, 0);
    }
}

/* ---- DELETE ---- */

static int on_deleted(struct api_request *q, struct span payload)
{
    struct ipc_done m;
    int r = ipc_get_done(payload, &m);
    if (r == 0 && ipc_result(m.code) == CB_ECONFLICT && q->expect == IPC_EXPECT_GENERATION) {
        api_condition_lost(q);
        return 0;
    }
    return r == 0 ? api_on_done(q, payload) : r;
}

static void delete_send(struct api_request *q, uint64_t tenant_id, uint64_t generation)
{
    struct ipc_chan *store = q->api->store;
    struct ipc_tenant_delete m = {
        .tenant = q->tenant, .tenant_id = tenant_id, .generation = generation, .by = api_by(q)};
    api_wait(q, store, API_CALL(q, store, tenant_delete, &m), IPC_MSG_DONE, on_deleted);
}

static int on_delete_before(struct api_request *q, struct span payload)
{
    struct ipc_tenant present;
    int r = read_present(q, payload, &present);
    if (r == 0) {
        q->expect = present.tenant_id != 0 ? IPC_EXPECT_GENERATION : IPC_EXPECT_ANY;
        delete_send(q, present.tenant_id, present.generation);
    }
    return r > 0 ? 0 : r;
}

void api_tenant_delete(struct api_request *q)
{
    if (!api_query_read(q, NULL, 0)) {
        return;
    }
    if (q->if_match.len != 0 || q->if_none_match.len != 0) {
        api_tenant_get(q, on_delete_before);
    } else {
        delete_send(q, 0, 0);
    }
}
