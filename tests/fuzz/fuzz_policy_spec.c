/* fuzz_policy_spec.c - encoded specifications: what decodes has these bytes as its encoding, and compiles or says why. */
#include <stdlib.h>

#include "policy/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void check_table(const struct spec *spec)
{
    struct policy_table *table = NULL;
    char why[512] = "";
    int r = policy_table_new(spec, &table, why, sizeof(why));
    if (r != 0) {
        require(r == CB_ENOMEM || (r == CB_ECONFLICT && why[0] != '\0'));
        return;
    }
    for (size_t i = 0; i < spec->route_count; i++) {
        const struct spec_route *route = &spec->routes[i];
        const struct spec_route *winner = NULL;
        struct policy_query query = {route->scheme,     span_str(route->host),
                                     route->port,       span_str(route->methods[0]),
                                     SPAN_LIT("/v1/x"), SPAN_EMPTY};
        enum policy_reason reason = policy_table_match(table, &query, &winner);
        require(reason != POLICY_REASON_ROUTE || (winner != NULL && winner->action == SPEC_ACTION_ALLOW));
        require(reason != POLICY_REASON_ROUTE_DENIES ||
                (winner != NULL && winner->action == SPEC_ACTION_DENY));
    }
    policy_table_free(table);
}

/* Any function of the text will do. */
static void no_digest(struct span bytes, uint8_t out[SPEC_DIGEST_LEN])
{
    memset(out, (int)(bytes.len & 0xff), SPEC_DIGEST_LEN);
}

static void check_bindings(const struct spec *spec)
{
    for (size_t i = 0; i < spec->credential_count; i++) {
        struct buf bound;
        buf_init(&bound, 1024 * 1024);
        if (spec_credential_binding(spec, span_str(spec->credentials[i].name), no_digest, &bound) == 0) {
            require(spec_binding_covers(buf_span(&bound), buf_span(&bound)));
        }
        buf_deinit(&bound);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct spec *spec = NULL;
    struct buf again;
    if (spec_decode(span_of(data, size), &spec) != 0) {
        require(spec == NULL);
        return 0;
    }
    buf_init(&again, SPEC_ENCODED_MAX);
    require(spec_encode(spec, &again) == 0);
    require(span_eq(buf_span(&again), span_of(data, size)));
    check_table(spec);
    check_bindings(spec);
    buf_deinit(&again);
    spec_free(spec);
    return 0;
}
