/* fuzz_policy_grants.c - lists of grants: what is taken is what a route could allow, and comes out as it went in. */
#include <stdlib.h>

#include "policy/grants.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void check_grants(const struct policy_grants *grants, struct span list)
{
    char why[256];
    struct buf again;
    buf_init(&again, list.len + 4);
    struct writer w = writer_to(&again);
    writer_u32(&w, (uint32_t)grants->count);
    for (size_t i = 0; i < grants->count; i++) {
        const struct policy_grant *g = &grants->items[i];
        const struct spec_route *route = policy_grants_route(grants, g);
        require(policy_grant_check(g, why, sizeof(why)) == 0);
        require(span_eq_str(g->host, route->host) && span_eq_str(g->path, route->paths[0]));
        require(route->inject == SPEC_INJECT_NONE && route->credential == NULL);
        policy_grant_write(&w, g);
    }
    require(writer_finish(&w) == 0);
    require(list.len == 0 || span_eq(buf_span(&again), list));
    buf_deinit(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span list = span_of(data, size);
    struct spec *spec = spec_new();
    struct policy_grants grants;
    if (spec == NULL) {
        return 0;
    }
    int r = policy_grants_take(&grants, spec, list);
    require(spec->route_count <= POLICY_GRANTS_MAX);
    if (r == 0) {
        check_grants(&grants, list);
    }
    policy_grants_free(&grants);
    spec_free(spec);
    return 0;
}
