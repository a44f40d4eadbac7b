/*
 * diff.h - what a change of a tenant's policy newly allows and newly refuses, in words, most dangerous first. Pure.
 *
 * The comparison is by what requests would get, not by names or the order of routes: a route that is renamed or split is no
 * change. Patterns are compared by coverage, and where coverage cannot be shown the change is told, so it says
 * too much rather than too little. Settings that it has no words for are told as such.
 */
#ifndef CB_REVIEW_DIFF_H
#define CB_REVIEW_DIFF_H

#include "policy/spec.h"

/* What a change does: identifier, name in JSON, heading for people. In the order of danger. */
#define REVIEW_EFFECTS(E)                                                          \
    E(CREDENTIAL, "credential", "a credential goes where it did not go before")    \
    E(TRANSPORT, "transport", "requests go another way, or are checked otherwise") \
    E(ALLOWS, "allows", "newly allowed")                                           \
    E(WEAKER, "weaker", "weaker settings")                                         \
    E(LIMIT, "limit", "limits raised or removed")                                  \
    E(OTHER, "other", "other changes")                                             \
    E(REFUSES, "refuses", "newly refused")                                         \
    E(STRICTER, "stricter", "stricter settings")

enum review_effect {
#define REVIEW_EFFECT(id_, name_, text_) REVIEW_EFFECT_##id_,
    REVIEW_EFFECTS(REVIEW_EFFECT)
#undef REVIEW_EFFECT
        REVIEW_EFFECT__COUNT
};

const char *review_effect_name(enum review_effect effect);
const char *review_effect_heading(enum review_effect effect);

struct review_change {
    enum review_effect effect;
    char *route; /* of the new policy, or of the old one where it is gone; NULL when it is about the tenant */
    char *text;
};

struct review_diff {
    struct review_change *changes; /* sorted by effect, and then as the routes stand in the file */
    size_t count;
    int error; /* the first one that latched */
};

/* Compares. `old` NULL is a tenant that did not exist. 0 and *out, free with review_diff_deinit(); CB_ENOMEM. */
CB_MUST_USE int review_diff(const struct spec *old, const struct spec *new, struct review_diff *out);
void review_diff_deinit(struct review_diff *diff);

/* ---- between the files of the comparison ---- */

/* Adds a change, once. */
void review_diff_add(struct review_diff *diff, enum review_effect effect, const char *route, const char *fmt,
                     ...) CB_PRINTF(4, 5);
/* Two routes that decide about the same requests: what the new one does otherwise. diff_route.c. */
void review_diff_routes(struct review_diff *diff, const struct spec_route *old, const struct spec *new_spec,
                        const struct spec_route *new);
/* Credentials, limits, and the CA. diff_tenant.c. */
void review_diff_tenant(struct review_diff *diff, const struct spec *old, const struct spec *new);

#endif
