/* fuzz_tenant_yaml.c - tenant files: what is accepted encodes, decodes, compiles and is written and read back as the same; what is
 * refused says why. */
#include <stdlib.h>

#include "conf/tenant.h"
#include "conf/write.h"
#include "policy/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static int read_file(void *arg, const char *path, struct buf *out)
{
    (void)arg;
    return path[0] == '/' ? buf_append_str(out, "-----BEGIN CERTIFICATE-----\n") : CB_ENOTFOUND;
}

static void check_spec(const struct spec *spec)
{
    char why[256] = "";
    struct policy_table *table = NULL;
    struct spec *again = NULL;
    struct buf encoded;
    buf_init(&encoded, SPEC_ENCODED_MAX);
    require(spec_encode(spec, &encoded) == 0);
    require(spec_decode(buf_span(&encoded), &again) == 0);
    require(policy_table_new(spec, &table, why, sizeof(why)) == 0);
    int written = conf_tenant_write_check(spec); /* in full it may be too large for one file */
    require(written == 0 || written == CB_ELIMIT);
    policy_table_free(table);
    spec_free(again);
    buf_deinit(&encoded);
}

static void check_errors(struct span text)
{
    size_t lines = 0;
    require(span_starts(text, SPAN_LIT("f:")) && text.ptr[text.len - 1] == '\n');
    for (size_t i = 0; i < text.len; i++) {
        lines += text.ptr[i] == '\n';
        require(text.ptr[i] == '\n' || (text.ptr[i] >= ' ' && text.ptr[i] <= '~'));
    }
    require(lines <= 21);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct conf_files files = {.read = read_file};
    struct conf_tenants tenants;
    struct buf errors;
    buf_init(&errors, (size_t)64 * 1024);
    int r = conf_tenants_load(span_of(data, size), "f", &files, &tenants, &errors);
    if (r == 0) {
        require(tenants.count > 0 && buf_len(&errors) == 0);
    } else {
        require(r == CB_ECONFIG && tenants.count == 0 && tenants.specs == NULL);
        check_errors(buf_span(&errors));
    }
    for (size_t i = 0; i < tenants.count; i++) {
        check_spec(tenants.specs[i]);
    }
    conf_tenants_deinit(&tenants);
    buf_deinit(&errors);
    return 0;
}
