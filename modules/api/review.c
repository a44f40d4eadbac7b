/*
 * review.c - policies looked at without traffic: a tenant's document as JSON, what a request would get, what a document would change; and what one
 * needs to write a document: the providers, and the description of this API.
 *
 * :explain and :diff take the text of a document that is nowhere yet, with the files that it names, and keep nothing. What the tenant is granted
 * stands beside either document.
 */
#include "api/state.h"

#include "base/embed.h"
#include "conf/convert.h"
#include "conf/preset.h"
#include "conf/tenant.h"
#include "policy/placeholder.h"
#include "review/json.h"

#define REQUEST_MAX ((size_t)64 * 1024)
#define LINES_MAX   ((size_t)64 * 1024)

extern const struct embed_file embed_openapi[];
extern const size_t embed_openapi_count;

/* What is asked about: the tenant as it is, and the document that may come in its place. */
struct subject {
    struct api_tenant tenant;
    bool exists;
    struct conf_tree body;
    struct conf_tenants given; /* of the document; empty: there is none */
};

static void subject_deinit(struct subject *s)
{
    api_tenant_deinit(&s->tenant);
    conf_tenants_deinit(&s->given);
    conf_tree_deinit(&s->body);
}

/* Reads TENANT. 1: refused. A tenant that is not there is no error, but for who has a token of one. */
static int read_present(struct api_request *q, struct span payload, struct subject *s)
{
    struct ipc_tenant row;
    int r = ipc_get_tenant(payload, &row);
    if (r != 0) {
        return r;
    }
    if (row.code == -CB_ENOTFOUND && q->who.scope != IPC_SCOPE_TENANT) {
        return 0;
    }
    r = api_tenant_read(q, payload, &s->tenant);
    s->exists = r == 0;
    return r;
}

/* Reads the members "document" and "files", when they are there. False when it refused the request. */
static bool read_given(struct api_request *q, struct subject *s)
{
    const struct conf_node *files = conf_node_get(s->body.documents, "files");
    struct span text;
    if (conf_node_get(s->body.documents, "document") == NULL) {
        if (files != NULL) {
            api_refuse(q, 422, "\"files\" are those of a \"document\", and there is none.");
        }
        return files == NULL;
    }
    return api_member_text(q, &s->body, "document", &text) && api_files_check(q, files) &&
           api_tenants_load(q, "document", text, files, q->tenant, &s->given);
}

/* ---- explain ---- */

/* What the store knows of credentials; those that only the document has are not set. */
static int add_credentials(struct review_policy *policy, const struct api_tenant *tenant)
{
    struct reader r;
    int error = 0;
    uint32_t count = api_credentials_begin(tenant, &r);
    for (uint32_t i = 0; error == 0 && i < count && r.error == 0; i++) {
        struct api_credential c = api_credential_read(&r);
        if (r.error == 0) {
            error = review_policy_credential(policy, c.name, c.placeholder, c.binding, c.version != 0);
        }
    }
    error = error == 0 ? reader_finish(&r) : error;
    for (size_t i = 0; error == 0 && i < policy->spec->credential_count; i++) {
        const struct spec_credential *c = &policy->spec->credentials[i];
        char placeholder[PLACEHOLDER_MAX];
        if (review_policy_find(policy, c->name) != NULL) {
            continue;
        }
        error = placeholder_make(span_str(c->shape), placeholder);
        if (error == 0) {
            error =
                review_policy_credential(policy, span_str(c->name), span_str(placeholder), SPAN_EMPTY, false);
        }
    }
    return error;
}

/* The policy that is explained: of the document, else of the tenant. NULL when it refused the request. */
static struct review_policy *make_policy(struct api_request *q, struct subject *s)
{
    char why[256] = "";
    struct review_policy *policy = NULL;
    struct spec **from = s->given.count != 0 ? &s->given.specs[0] : &s->tenant.spec;
    struct spec *spec = *from;
    *from = NULL;
    int r = review_policy_new(spec, buf_span(&q->list), &policy, why, sizeof(why));
    if (r == 0) {
        r = s->exists ? add_credentials(policy, &s->tenant) : review_policy_assume(policy);
        if (r != 0) {
            review_policy_free(policy);
            policy = NULL;
        }
    }
    if (r != 0) {
        api_refuse_code(q, r, span_str(why));
    }
    return policy;
}

static void explain_with(struct api_request *q, const struct review_policy *policy, struct span method,
                         struct span url)
{
    char why[128] = "";
    struct buf text;
    struct review_explanation e;
    buf_init(&text, REQUEST_MAX);
    buf_set_sensitive(&text); /* somebody may try a real key */
    int r = review_policy_expand(policy, url, &text, why, sizeof(why));
    struct review_request request = {.method = method, .url = buf_span(&text)};
    r = r == 0 ? review_explain(policy, &request, &e) : r;
    if (r == 0) {
        r = review_explanation_write(api_json_begin(q), policy, &e, &request);
        review_explanation_deinit(&e);
    }
    buf_deinit(&text);
    if (r == CB_ENOTFOUND) {
        api_refuse(q, 422, "\"url\": %s.", why);
    } else if (r != 0) {
        api_refuse_code(q, r, SPAN_EMPTY);
    } else {
        api_answer_json(q);
    }
}

static void explain(struct api_request *q, struct subject *s)
{
    struct span method;
    struct span url;
    if (!api_member_text(q, &s->body, "method", &method) || !api_member_text(q, &s->body, "url", &url) ||
        !read_given(q, s)) {
        return;
    }
    if (s->given.count == 0 && !s->exists) {
        api_refuse(q, 404, "There is no tenant \"%.*s\", and no \"document\" of it.", SPAN_ARG(q->tenant));
        return;
    }
    struct review_policy *policy = make_policy(q, s);
    if (policy != NULL) {
        explain_with(q, policy, method, url);
    }
    review_policy_free(policy);
}

static int on_explain(struct api_request *q, struct span payload)
{
    static const char *const known[] = {"method", "url", "document", "files", NULL};
    struct subject s = {.exists = false};
    int r = read_present(q, payload, &s);
    if (r == 0 && api_body_read(q, known, &s.body)) {
        explain(q, &s);
    }
    subject_deinit(&s);
    return r < 0 ? r : 0;
}

void api_tenant_explain(struct api_request *q)
{
    if (api_query_read(q, NULL, 0)) {
        api_tenant_get_with_grants(q, on_explain);
    }
}

/* ---- diff ---- */

/* The credentials that are set and not bound to all that the document sends them to, a line each. */
static int list_unbound(const struct subject *s, struct buf *out)
{
    struct reader r;
    uint32_t count = api_credentials_begin(&s->tenant, &r);
    for (uint32_t i = 0; i < count && r.error == 0; i++) {
        struct api_credential c = api_credential_read(&r);
        bool lacks = false;
        int error = r.error == 0 && c.version != 0
                        ? review_binding_lacks(s->given.specs[0], c.name, c.binding, &lacks)
                        : 0;
        if (error == 0 && lacks) {
            error = buf_appendf(out, "%.*s\n", SPAN_ARG(c.name));
        }
        if (error != 0) {
            return error;
        }
    }
    return reader_finish(&r);
}

static void diff(struct api_request *q, const struct subject *s)
{
    struct review_diff changes;
    struct buf unbound;
    buf_init(&unbound, LINES_MAX);
    int r = s->exists ? list_unbound(s, &unbound) : 0;
    r = r == 0 ? review_diff(s->exists ? s->tenant.spec : NULL, s->given.specs[0], &changes) : r;
    if (r == 0) {
        struct json *j = api_json_begin(q);
        json_bool(j, "new", !s->exists);
        review_diff_write(j, &changes);
        api_json_lines(j, "not_bound", buf_span(&unbound));
        review_diff_deinit(&changes);
        api_answer_json(q);
    } else {
        api_refuse_code(q, r, SPAN_EMPTY);
    }
    buf_deinit(&unbound);
}

static int on_diff(struct api_request *q, struct span payload)
{
    static const char *const known[] = {"document", "files", NULL};
    struct subject s = {.exists = false};
    int r = read_present(q, payload, &s);
    if (r == 0 && api_body_read(q, known, &s.body) && read_given(q, &s)) {
        if (s.given.count != 0) {
            diff(q, &s);
        } else {
            api_refuse(q, 422, "\"document\" should be a string.");
        }
    }
    subject_deinit(&s);
    return r < 0 ? r : 0;
}

void api_tenant_diff(struct api_request *q)
{
    if (api_query_read(q, NULL, 0)) {
        api_tenant_get(q, on_diff);
    }
}

/* ---- the document ---- */

static void write_document(struct api_request *q, struct span yaml)
{
    struct conf_tree tree;
    struct conf_tree_error error;
    int r = conf_tree_read(yaml, &tree, &error);
    const struct conf_node *root = tree.documents;
    if (r == CB_ENOMEM) {
        api_refuse_code(q, r, SPAN_EMPTY);
    } else if (r != 0 || root == NULL || root->next != NULL || root->kind != CONF_KIND_MAP) {
        api_refuse(q, 500, "The stored document of this tenant cannot be read: apply its file again.");
    } else {
        struct json *j = api_json_begin(q);
        for (const struct conf_node *node = root->first; node != NULL; node = node->next) {
            conf_node_to_json(j, node);
        }
        api_answer_json(q);
    }
    conf_tree_deinit(&tree);
}

/* Its tag is that of the tenant, because that is what a PUT of the changed document depends on. */
static int on_document(struct api_request *q, struct span payload)
{
    struct api_tenant tenant;
    int r = api_tenant_read(q, payload, &tenant);
    if (r != 0) {
        return r > 0 ? 0 : r;
    }
    r = api_tenant_write(q, &tenant);
    r = r == 0 ? api_json_finish(q) : r;
    if (r == 0 && api_condition_holds(q)) {
        q->has_tag = false; /* it has been made */
        write_document(q, tenant.row.yaml);
    }
    api_tenant_deinit(&tenant);
    return r;
}

void api_tenant_document(struct api_request *q)
{
    if (api_query_read(q, NULL, 0)) {
        api_tenant_get(q, on_document);
    }
}

/* ---- the providers ---- */

static void write_texts(struct json *j, const char *key, const struct conf_node *list)
{
    json_array(j, key);
    for (const struct conf_node *node = list->first; node != NULL; node = node->next) {
        json_text(j, NULL, span_of(node->text, node->len));
    }
    json_array_end(j);
}

static void write_preset(struct json *j, const struct conf_preset *preset)
{
    json_object(j, NULL);
    json_text(j, "name", span_str(preset->name));
    json_text(j, "title", span_str(preset->title));
    json_array(j, "hosts");
    if (preset->host != NULL) {
        json_text(j, NULL, span_str(preset->host));
    }
    json_array_end(j);
    api_json_text_or_null(j, "host_prefix", preset->prefix);
    api_json_text_or_null(j, "host_suffix", preset->suffix);
    write_texts(j, "methods", preset->methods);
    write_texts(j, "paths", preset->paths);
    json_bool(j, "websocket", preset->websocket);
    json_bool(j, "kubernetes", preset->kubernetes);
    json_bool(j, "credential", preset->inject != NULL);
    api_json_text_or_null(j, "env", preset->env);
    json_text(j, "example", span_str(preset->example));
    json_object_end(j);
}

void api_presets_list(struct api_request *q)
{
    struct conf_presets presets;
    if (!api_query_read(q, NULL, 0)) {
        return;
    }
    int r = conf_presets_load(&presets);
    if (r != 0) {
        api_refuse_code(q, r, SPAN_EMPTY);
        return;
    }
    struct json *j = api_json_begin(q);
    json_array(j, "presets");
    for (const struct conf_node *node = presets.tree.documents->first; r == 0 && node != NULL;
         node = node->next) {
        struct conf_preset preset;
        r = conf_presets_find(&presets, node->key, &preset);
        if (r == 0) {
            write_preset(j, &preset);
        }
    }
    json_array_end(j);
    conf_presets_deinit(&presets);
    if (r == 0) {
        api_answer_json(q);
    } else {
        api_refuse_code(q, r, SPAN_EMPTY);
    }
}

/* ---- the description of the API ---- */

void api_description(struct api_request *q)
{
    if (!api_query_read(q, NULL, 0)) {
        return;
    }
    buf_reset(&q->out);
    int r = embed_openapi_count == 1 ? buf_append(&q->out, embed_openapi[0].data, embed_openapi[0].size)
                                     : CB_EINTERNAL;
    if (r == 0) {
        api_answer_text(q, "application/yaml");
    } else {
        api_refuse_code(q, r, SPAN_EMPTY);
    }
}
