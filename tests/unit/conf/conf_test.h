/* conf_test.h - loads a tenant file in a test and compares its errors. */
#ifndef TESTS_UNIT_CONF_TEST_H
#define TESTS_UNIT_CONF_TEST_H

#include "conf/tenant.h"
#include "support/check.h"

/* The lines before a tenant's routes: the routes start in line 5. */
#define HEAD "apiVersion: clawbox/v1\nkind: Tenant\nmetadata: {name: t}\nspec: {routes: [\n"
#define TAIL "]}\n"

static inline int test_read(void *arg, const char *path, struct buf *out)
{
    if (strcmp(path, "/ca.pem") == 0) {
        return buf_append_str(out, (const char *)arg);
    }
    return CB_ENOTFOUND;
}

static inline int test_load(const char *text, struct conf_tenants *out, struct buf *errors)
{
    static char pem[] = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
    const struct conf_files files = {.read = test_read, .arg = pem};
    buf_init(errors, (size_t)64 * 1024);
    return conf_tenants_load(span_str(text), "t.yaml", &files, out, errors);
}

/* The whole text of errors is `want`; "" wants none. */
#define CHECK_ERRORS(text_, want_) check_errors((text_), (want_), __FILE__, __LINE__)
static inline void check_errors(const char *text, const char *want, const char *file, int line)
{
    struct conf_tenants tenants;
    struct buf errors;
    int r = test_load(text, &tenants, &errors);
    struct span got = buf_span(&errors);
    check_eq_int(r, *want == '\0' ? 0 : CB_ECONFIG, "result", file, line);
    check_eq_bytes(got.ptr, got.len, want, strlen(want), "errors", file, line);
    check_true((tenants.count == 0) == (*want != '\0'), "all or none", file, line);
    conf_tenants_deinit(&tenants);
    buf_deinit(&errors);
}

#endif
