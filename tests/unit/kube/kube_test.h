/* kube_test.h - a tenant's manifests made of the text of its file. */
#ifndef TESTS_UNIT_KUBE_TEST_H
#define TESTS_UNIT_KUBE_TEST_H

#include "conf/tenant.h"
#include "conf/tree.h"
#include "kube/kube.h"
#include "support/check.h"

#define KUBE_HEAD   "apiVersion: clawbox/v1\nkind: Tenant\nmetadata: {name: alice}\nspec:\n  routes:\n"
#define KUBE_OPENAI "  - {provider: openai, credential: openai}\n"

struct made {
    struct conf_tenants tenants;
    struct kube_placeholder placeholders[64];
    char values[64][64];
    struct kube_tenant tenant;
    struct kube_manifests manifests;
    struct buf why;
    int r;
};

/* The file /big.pem: 40 KiB that look like a certificate. */
static inline int read_big(void *arg, const char *path, struct buf *out)
{
    (void)arg;
    int r =
        strcmp(path, "/big.pem") == 0 ? buf_append_str(out, "-----BEGIN CERTIFICATE-----\n") : CB_ENOTFOUND;
    for (int i = 0; r == 0 && i < 640; i++) {
        r = buf_append_str(out, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n");
    }
    return r == 0 ? buf_append_str(out, "-----END CERTIFICATE-----\n") : r;
}

/* Loads the text and makes the manifests; made_free() in any case. */
static inline struct made *make(const char *text)
{
    static const struct conf_files files = {.read = read_big};
    struct made *m = calloc(1, sizeof(*m));
    struct buf errors;
    if (!CHECK(m != NULL)) {
        exit(1);
    }
    buf_init(&errors, (size_t)64 * 1024);
    buf_init(&m->why, 4096);
    if (!CHECK_EQ_INT(conf_tenants_load(span_str(text), "t.yaml", &files, &m->tenants, &errors), 0)) {
        printf("%.*s", (int)buf_len(&errors), (const char *)buf_span(&errors).ptr);
        exit(1);
    }
    buf_deinit(&errors);
    const struct spec *spec = m->tenants.specs[0];
    for (size_t i = 0; i < spec->credential_count && i < 64; i++) {
        (void)snprintf(m->values[i], sizeof(m->values[i]), "placeholder-of-%s", spec->credentials[i].name);
        m->placeholders[i] = (struct kube_placeholder){spec->credentials[i].name, m->values[i]};
    }
    m->tenant = (struct kube_tenant){.spec = spec,
                                     .settings = &m->tenants.kubernetes[0],
                                     .placeholders = m->placeholders,
                                     .placeholder_count = spec->credential_count,
                                     .version = "1.2.3"};
    m->r = kube_manifests_make(&m->tenant, &m->manifests, &m->why);
    return m;
}

static inline void made_free(struct made *m)
{
    kube_manifests_deinit(&m->manifests);
    conf_tenants_deinit(&m->tenants);
    buf_deinit(&m->why);
    free(m);
}

/* The text of a file by the end of its path; "" when there is none. It ends in a NUL. */
static inline const char *file_of(struct made *m, const char *end)
{
    for (size_t i = 0; i < m->manifests.file_count; i++) {
        struct kube_file *file = &m->manifests.files[i];
        if (span_ends(span_str(file->path), span_str(end))) {
            CHECK_EQ_INT(buf_append_byte(&file->content, 0), 0);
            file->content.end--;
            return (const char *)buf_span(&file->content).ptr;
        }
    }
    return "";
}

#endif
