/*
 * json.h - explanations and comparisons as JSON: what `clawbox explain --json` and `clawbox tenant diff --json` print, and the API answers.
 */
#ifndef CB_REVIEW_JSON_H
#define CB_REVIEW_JSON_H

#include "base/json.h"
#include "review/diff.h"
#include "review/explain.h"

/* Writes the members of an explanation into the object that is open. 0, or CB_ENOMEM or CB_ELIMIT; the writer's own errors latch in it. */
CB_MUST_USE int review_explanation_write(struct json *j, const struct review_policy *policy,
                                         const struct review_explanation *e,
                                         const struct review_request *request);
/* Writes the member "changes": in the order of danger, each with its effect, the effect's heading for people, the route or null, and words. */
void review_diff_write(struct json *j, const struct review_diff *diff);

#endif
