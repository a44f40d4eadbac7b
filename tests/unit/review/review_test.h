/* review_test.h - a policy with a route of each kind, and one request at a time. */
#ifndef TESTS_UNIT_REVIEW_TEST_H
#define TESTS_UNIT_REVIEW_TEST_H

#include "conf/tenant.h"
#include "review/explain.h"
#include "support/check.h"

#define ALICE                                                                                     \
    "apiVersion: clawbox/v1\nkind: Tenant\nmetadata: {name: alice}\nspec:\n  routes:\n"           \
    "    - {provider: openai, credential: openai}\n"                                              \
    "    - {name: wide, host: '*.openai.com', methods: [GET]}\n"                                  \
    "    - {name: no-files, host: api.openai.com, action: deny, paths: [/v1/files/**]}\n"         \
    "    - {provider: telegram, credential: tg}\n"                                                \
    "    - {name: maps, host: maps.example.com, inject: {query: key}, credential: maps}\n"        \
    "    - {name: git, host: git.example.com, inject: {basic: true, user: u}, credential: git}\n" \
    "    - {name: inside, host: llm.example.com, upstream: {address: '10.1.2.3:8443'}}\n"         \
    "    - {name: literal, host: 10.0.0.1}\n"

/* Reads the tenants of a text, with the list of grants beside it; NULL after a failed check. */
static inline struct review_policy *policy_with(const char *text, struct span grants)
{
    struct conf_tenants tenants;
    struct buf errors;
    struct review_policy *policy = NULL;
    char why[256];
    buf_init(&errors, (size_t)64 * 1024);
    int r = conf_tenants_load(span_str(text), "t.yaml", NULL, &tenants, &errors);
    if (r != 0) {
        printf("%.*s", SPAN_ARG(buf_span(&errors)));
    }
    if (CHECK_EQ_INT(r, 0)) {
        struct spec *spec = tenants.specs[0];
        tenants.specs[0] = NULL;
        if (CHECK_EQ_INT(review_policy_new(spec, grants, &policy, why, sizeof(why)), 0)) {
            CHECK_EQ_INT(review_policy_assume(policy), 0);
        }
    }
    conf_tenants_deinit(&tenants);
    buf_deinit(&errors);
    return policy;
}

static inline struct review_policy *policy_of(const char *text)
{
    return policy_with(text, SPAN_EMPTY);
}

#endif
