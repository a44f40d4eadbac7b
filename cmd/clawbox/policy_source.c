/* policy_source.c - a tenant's policy, from the server or from a file. */
#include "policy_source.h"

#include "control.h"
#include "tenant_file.h"

#include "base/encode.h"

#include <stdlib.h>

enum beside { WITHOUT_GRANTS, WITH_GRANTS };

/* 0 and *out, which the caller frees; CB_ENOMEM, or what decode_base64() says. */
static int decode_text(const char *text, uint8_t **bytes, struct span *out)
{
    size_t len = strlen(text);
    *bytes = malloc(len + 1);
    if (*bytes == NULL) {
        return CB_ENOMEM;
    }
    int r = decode_base64(span_str(text), *bytes, &len);
    *out = span_of(*bytes, r == 0 ? len : 0);
    return r;
}

static int decode_policy(const struct conf_node *root, enum beside beside, struct review_policy **out,
                         char *why, size_t why_size)
{
    struct spec *spec = NULL;
    uint8_t *spec_bytes = NULL;
    uint8_t *grant_bytes = NULL;
    struct span encoded;
    struct span grants = SPAN_EMPTY;
    int r = decode_text(control_text(root, "spec"), &spec_bytes, &encoded);
    r = r == 0 ? spec_decode(encoded, &spec) : r;
    if (r == 0 && beside == WITH_GRANTS) {
        r = decode_text(control_text(root, "grants"), &grant_bytes, &grants);
    }
    if (r == 0) {
        r = review_policy_new(spec, grants, out, why, why_size);
    } else {
        spec_free(spec);
    }
    free(spec_bytes);
    free(grant_bytes);
    return r;
}

static int add_credentials(struct review_policy *policy, const struct conf_node *root)
{
    int r = 0;
    for (const struct conf_node *c = control_first(root, "credentials"); r == 0 && c != NULL; c = c->next) {
        struct buf binding;
        buf_init(&binding, (size_t)64 * 1024);
        r = control_join(conf_node_get(c, "bound_to"), "\n", &binding);
        if (r == 0) {
            r = review_policy_credential(policy, span_str(control_text(c, "name")),
                                         span_str(control_text(c, "placeholder")), buf_span(&binding),
                                         control_number(c, "version") != 0);
        }
        buf_deinit(&binding);
    }
    return r;
}

static int from_answer(const char *tenant, const struct conf_node *root, enum beside beside,
                       struct review_policy **out)
{
    char why[256] = "";
    int r = decode_policy(root, beside, out, why, sizeof(why));
    if (r == 0 && (r = add_credentials(*out, root)) != 0) {
        review_policy_free(*out);
        *out = NULL;
    }
    return r == 0 ? CMD_GO
                  : cmd_fail_r(r, "the policy of %s cannot be read: is clawbox serve of another version?%s%s",
                               tenant, why[0] != '\0' ? " " : "", why);
}

static int ask(const char *state, const char *tenant, bool may_be_absent, enum beside beside,
               struct review_policy **out)
{
    char target[128];
    struct control_answer answer;
    (void)snprintf(target, sizeof(target), "/v1/tenants/%s/policy", tenant);
    struct control_request request = {.method = "GET", .target = target, .absent_is_fine = may_be_absent};
    *out = NULL;
    int status = control_ask(state, &request, &answer);
    if (status != CMD_GO) {
        return status;
    }
    if (answer.status != 404 && (status = control_answer_read(&answer)) == CMD_GO) {
        status = from_answer(tenant, control_answer_root(&answer), beside, out);
    }
    control_answer_deinit(&answer);
    return status;
}

int policy_from_server(const char *state, const char *tenant, struct review_policy **out)
{
    return ask(state, tenant, false, WITHOUT_GRANTS, out);
}

int policy_in_force(const char *state, const char *tenant, struct review_policy **out)
{
    return ask(state, tenant, false, WITH_GRANTS, out);
}

int policy_from_server_if_any(const char *state, const char *tenant, struct review_policy **out)
{
    return ask(state, tenant, true, WITHOUT_GRANTS, out);
}

int policy_from_tenants(struct conf_tenants *tenants, const char *path, const char *tenant,
                        struct review_policy **out)
{
    size_t at = 0;
    char why[256] = "";
    if (tenant == NULL && tenants->count > 1) {
        return cmd_fail("%s has %zu tenants: say which one is meant", path, tenants->count);
    }
    while (tenant != NULL && at < tenants->count &&
           (tenants->specs[at] == NULL || strcmp(tenants->specs[at]->tenant, tenant) != 0)) {
        at++;
    }
    if (at == tenants->count) {
        return cmd_fail("%s has no tenant \"%s\"", path, tenant);
    }
    struct spec *spec = tenants->specs[at];
    tenants->specs[at] = NULL;
    int r = review_policy_new(spec, SPAN_EMPTY, out, why, sizeof(why));
    if (r == 0 && (r = review_policy_assume(*out)) != 0) {
        review_policy_free(*out);
    }
    return r == 0
               ? CMD_GO
               : cmd_fail_r(r, "the policy in %s cannot be used%s%s", path, why[0] != '\0' ? ": " : "", why);
}

int policy_from_file(const char *path, const char *tenant, struct review_policy **out)
{
    struct conf_tenants tenants;
    int status = tenant_file_load(path, &tenants);
    if (status == CMD_GO) {
        status = policy_from_tenants(&tenants, path, tenant, out);
    }
    conf_tenants_deinit(&tenants);
    return status;
}
