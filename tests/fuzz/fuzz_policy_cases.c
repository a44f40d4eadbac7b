/* fuzz_policy_cases.c - files of policy tests: what is accepted can be asked, what is refused says why. */
#include <stdlib.h>

#include "conf/tenant.h"
#include "review/cases.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static struct review_policy *policy(void)
{
    static const char text[] =
        "apiVersion: clawbox/v1\nkind: Tenant\nmetadata: {name: alice}\nspec: {routes: [\n"
        "{provider: openai, credential: openai},\n"
        "{name: wide, host: '*.openai.com', action: deny, paths: [/x/**]},\n"
        "{name: q, host: q.example.com, inject: {query: key}, credential: q}]}\n";
    static struct review_policy *made;
    if (made == NULL) {
        struct conf_tenants tenants;
        struct buf errors;
        char why[256];
        buf_init(&errors, 65536);
        require(conf_tenants_load(span_str(text), "f", NULL, &tenants, &errors) == 0);
        require(review_policy_new(tenants.specs[0], SPAN_EMPTY, &made, why, sizeof(why)) == 0);
        tenants.specs[0] = NULL;
        require(review_policy_assume(made) == 0);
        conf_tenants_deinit(&tenants);
        buf_deinit(&errors);
    }
    return made;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct review_cases cases;
    struct buf errors;
    buf_init(&errors, (size_t)256 * 1024);
    int r = review_cases_load(span_of(data, size), "f", &cases, &errors);
    require(r == 0 || r == CB_ECONFIG);
    require((r == 0) == (buf_len(&errors) == 0) && (r == 0) == (cases.count != 0));
    for (size_t i = 0; i < cases.count; i++) {
        struct review_result result;
        r = review_case_run(policy(), &cases.list[i], &result);
        require(r == 0 || r == CB_ELIMIT);
        require(r != 0 || result.passed == (result.why[0] == '\0'));
    }
    review_cases_deinit(&cases);
    buf_deinit(&errors);
    return 0;
}
