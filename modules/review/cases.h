/*
 * cases.h - policy tests: requests written down with what is to become of them. schema/policy-test.schema.json is the format for
 * editors; a text holds one document or several.
 *
 *     apiVersion: clawbox/v1
 *     kind: PolicyTest
 *     spec:
 *       tenant: alice                     # not needed when the tenant file has one tenant
 *       tests:
 *         - request: POST https://api.openai.com/v1/chat/completions
 *           expect: allow
 *           route: openai
 *         - name: an attacker's key
 *           request: {method: GET, url: "https://api.openai.com/v1/models", headers: {Authorization: Bearer sk-foreign}}
 *           expect: deny
 *           reason: foreign_credential
 */
#ifndef CB_REVIEW_CASES_H
#define CB_REVIEW_CASES_H

#include "conf/tree.h"
#include "review/explain.h"

#define REVIEW_CASES_MAX        4096
#define REVIEW_CASE_HEADERS_MAX 32

/* Texts are borrowed from the tree. */
struct review_case {
    size_t line;
    size_t column;
    const char *name;   /* NULL: none */
    const char *tenant; /* NULL: the only one of the tenant file */
    struct span method;
    struct span url;                      /* with {placeholder:NAME} in it */
    const struct conf_node *first_header; /* key and text; the others follow with ->next */
    bool allow;
    bool has_reason;
    enum policy_reason reason;
    const char *route; /* NULL: any */
};

struct review_cases {
    struct conf_tree tree;
    struct review_case *list;
    size_t count;
};

/* Reads a text. 0 with at least one case; CB_ECONFIG, and `errors` has a line for each; CB_ENOMEM, CB_ELIMIT. Free with
 * review_cases_deinit() after 0. */
CB_MUST_USE int review_cases_load(struct span text, const char *file_name, struct review_cases *out,
                                  struct buf *errors);
void review_cases_deinit(struct review_cases *cases);

/* What came of a case. `why` is "" when it is as expected, else says what was and what should have been. */
struct review_result {
    bool passed;
    enum policy_reason reason;
    const char *route; /* of the policy, or NULL */
    char why[2 * REVIEW_TEXT_MAX];
};

/* Asks the policy. 0 and *out; CB_ENOMEM or CB_ELIMIT. */
CB_MUST_USE int review_case_run(const struct review_policy *policy, const struct review_case *test,
                                struct review_result *out);

#endif
