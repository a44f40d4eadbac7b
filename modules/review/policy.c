/* policy.c - a tenant's policy as egress holds it. */
#include "review/policy.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "policy/placeholder.h"
#include "tls/seal.h"

#define BINDING_MAX ((size_t)64 * 1024)

int review_policy_new(struct spec *spec, struct span grants, struct review_policy **out, char *why,
                      size_t why_size)
{
    struct review_policy *policy = calloc(1, sizeof(*policy));
    if (policy == NULL) {
        spec_free(spec);
        return CB_ENOMEM;
    }
    policy->spec = spec;
    policy->now_ms = clock_wall_ms();
    int r = policy_grants_take(&policy->grants, spec, grants);
    if (r == 0) {
        r = policy_grants_table(&policy->grants, &policy->table, why, why_size);
    }
    if (r != 0) {
        review_policy_free(policy);
        return r;
    }
    *out = policy;
    return 0;
}

void review_policy_free(struct review_policy *policy)
{
    if (policy == NULL) {
        return;
    }
    for (size_t i = 0; i < policy->credential_count; i++) {
        free(policy->credentials[i].name);
        free(policy->credentials[i].placeholder);
        free(policy->credentials[i].binding);
    }
    free(policy->credentials);
    free(policy->placeholders);
    policy_grants_free(&policy->grants);
    policy_table_free(policy->table);
    spec_free(policy->spec);
    free(policy);
}

static char *copy(struct span text)
{
    return strndup(text.len != 0 ? (const char *)text.ptr : "", text.len);
}

int review_policy_credential(struct review_policy *policy, struct span name, struct span placeholder,
                             struct span binding, bool set)
{
    size_t count = policy->credential_count;
    void *more = realloc(policy->credentials, (count + 1) * sizeof(*policy->credentials));
    if (more == NULL) {
        return CB_ENOMEM;
    }
    policy->credentials = more;
    more = realloc(policy->placeholders, (count + 1) * sizeof(*policy->placeholders));
    if (more == NULL) {
        return CB_ENOMEM;
    }
    policy->placeholders = more;
    struct review_credential *c = &policy->credentials[count];
    *c = (struct review_credential){.name = copy(name), .placeholder = copy(placeholder), .set = set};
    c->binding = copy(binding);
    policy->credential_count++;
    if (c->name == NULL || c->placeholder == NULL || c->binding == NULL) {
        return CB_ENOMEM;
    }
    policy->placeholders[count] =
        (struct inject_placeholder){.credential = span_str(c->name), .value = span_str(c->placeholder)};
    return 0;
}

int review_policy_assume(struct review_policy *policy)
{
    policy->assumed = true;
    for (size_t i = 0; i < policy->spec->credential_count; i++) {
        const struct spec_credential *c = &policy->spec->credentials[i];
        char placeholder[PLACEHOLDER_MAX];
        struct buf binding;
        buf_init(&binding, BINDING_MAX);
        int r = placeholder_make(span_str(c->shape), placeholder);
        if (r == 0) {
            r = spec_credential_binding(policy->spec, span_str(c->name), digest_sha256_of, &binding);
        }
        if (r == 0) {
            r = review_policy_credential(policy, span_str(c->name), span_str(placeholder), buf_span(&binding),
                                         true);
        }
        buf_deinit(&binding);
        if (r != 0) {
            return r;
        }
    }
    return 0;
}

const struct review_credential *review_policy_find(const struct review_policy *policy, const char *name)
{
    for (size_t i = 0; name != NULL && i < policy->credential_count; i++) {
        if (strcmp(policy->credentials[i].name, name) == 0) {
            return &policy->credentials[i];
        }
    }
    return NULL;
}

/* The credential that "{placeholder...}" at the start of the text means, and how long that is. */
static const struct review_credential *meant(const struct review_policy *policy, struct span text,
                                             size_t *len, char *why, size_t why_size)
{
    static const char word[] = "{placeholder";
    const uint8_t *end = memchr(text.ptr, '}', text.len);
    struct span inside = span_sub(text, sizeof(word) - 1, end != NULL ? (size_t)(end - text.ptr) : 0);
    inside = span_sub(inside, 0, end != NULL ? (size_t)(end - inside.ptr) : 0);
    *len = end != NULL ? (size_t)(end - text.ptr) + 1 : 0;
    if (end != NULL && inside.len == 0 && policy->credential_count == 1) {
        return &policy->credentials[0];
    }
    if (end == NULL || (inside.len != 0 && inside.ptr[0] != ':')) {
        (void)snprintf(why, why_size, "write {placeholder:CREDENTIAL}");
        return NULL;
    }
    if (inside.len == 0) {
        (void)snprintf(why, why_size, "say which one: {placeholder:CREDENTIAL}");
        return NULL;
    }
    inside = span_sub(inside, 1, inside.len);
    for (size_t i = 0; i < policy->credential_count; i++) {
        if (span_eq_str(inside, policy->credentials[i].name)) {
            return &policy->credentials[i];
        }
    }
    (void)snprintf(why, why_size, "no route uses a credential of the name in {placeholder:NAME}");
    return NULL;
}

int review_policy_expand(const struct review_policy *policy, struct span text, struct buf *out, char *why,
                         size_t why_size)
{
    const struct span word = SPAN_LIT("{placeholder");
    int r = 0;
    for (size_t at = 0; r == 0 && at < text.len;) {
        struct span rest = span_sub(text, at, text.len);
        if (!span_starts(rest, word)) {
            r = buf_append_byte(out, text.ptr[at++]);
            continue;
        }
        size_t len;
        const struct review_credential *c = meant(policy, rest, &len, why, why_size);
        if (c == NULL) {
            return CB_ENOTFOUND;
        }
        r = buf_append_str(out, c->placeholder);
        at += len;
    }
    return r;
}

int review_binding_lacks(const struct spec *spec, struct span name, struct span binding, bool *out)
{
    struct buf wanted;
    buf_init(&wanted, BINDING_MAX);
    int r = spec_credential_binding(spec, name, digest_sha256_of, &wanted);
    *out = r == 0 && !spec_binding_covers(binding, buf_span(&wanted));
    buf_deinit(&wanted);
    return r == CB_ENOTFOUND ? 0 : r; /* no route uses it */
}
