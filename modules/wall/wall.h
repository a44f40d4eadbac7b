/*
 * wall.h - whether a tenant's two namespaces hold, judged from Kubernetes objects: can the assistant read its own secrets, and can it
 * send data anywhere else? Pure: trees of YAML in, answers out, each with the object and the field that opens a hole.
 *
 * The assistant is taken to be hostile. It is every pod of NAME-claw but the proxy's, and it may have the proxy send anything
 * to the API server, so the rights of the proxy's ServiceAccount count as its own; so does whatever it can start in NAME-dev.
 *
 * An answer is "no" only when nothing speaks against it. What the objects cannot show, or what is not known here, is "unsure".
 */
#ifndef CB_WALL_WALL_H
#define CB_WALL_WALL_H

#include "base/buf.h"
#include "conf/tree.h"

enum wall_question { WALL_SECRETS, WALL_ELSEWHERE, WALL_QUESTION__COUNT };

enum wall_weight {
    WALL_HOLE,    /* it opens a hole: the answer is "yes" */
    WALL_UNSURE,  /* it may: the answer is "unsure" */
    WALL_ASSUMED, /* the answer holds as long as this is so */
    WALL_WEIGHT__COUNT
};

struct wall_finding {
    enum wall_question question;
    enum wall_weight weight;
    /* The object that opens it, or of which one is missing. Texts of the objects stand in these as they are: whoever shows
     * them makes them printable. `kind` may be "" when there is no object, `space` for what is in no namespace. */
    char *kind;
    char *space;
    char *name;
    char *field; /* "spec.egress[1].to[0]", or "" for the object as a whole */
    char *text;  /* a sentence for people */
};

struct wall;

/* How the objects were come by. */
enum wall_source {
    WALL_FILES, /* one tenant's manifests: what else is in the cluster is not known, and assumed to be harmless */
    WALL_CLUSTER /* all that there is of the kinds in wall_kinds */
};

/* What the judgement looks at. */
struct wall_kind {
    const char *resource; /* as kubectl takes it */
    const char *kind;
    enum {
        WALL_IN_BOTH,
        WALL_EVERYWHERE,
        WALL_NAMED
    } where; /* in both namespaces; everywhere; by the names of the namespaces */
    bool in_namespace;
    bool optional; /* a cluster that does not know this kind has no object of it */
};
extern const struct wall_kind wall_kinds[];
extern const size_t wall_kind_count;

/* `tenant` is borrowed as long as the result lives. NULL when out of memory. */
struct wall *wall_new(const char *tenant, enum wall_source source);
/* NULL is fine. */
void wall_free(struct wall *wall);
/* Adds the objects of a document: one object, or a List of them. The tree is borrowed as long as the wall lives. CB_EMALFORMED for
 * what is no Kubernetes object, with a message in `why`; CB_ELIMIT for too many; CB_ENOMEM. */
CB_MUST_USE int wall_add(struct wall *wall, const struct conf_node *document, char *why, size_t why_size);
/* Says that something could not be read, and why: both answers can then be no better than unsure. */
CB_MUST_USE int wall_unreadable(struct wall *wall, const char *what, const char *why);
/* A ValidatingAdmissionPolicy that clawbox itself writes for this tenant, a borrowed tree: one that refuses the same is known to be good.
 * At most WALL_POLICIES_MAX; more are not taken. */
#define WALL_POLICIES_MAX 4
void wall_expect_policy(struct wall *wall, const struct conf_node *policy);
/* Somebody knows that the cluster's network enforces NetworkPolicies. */
void wall_network_enforces(struct wall *wall);

/* Judges. 0, or CB_ENOMEM. */
CB_MUST_USE int wall_judge(struct wall *wall);
/* After that: the weightiest finding's weight, or WALL_WEIGHT__COUNT when there is none; ASSUMED and none mean "no". */
enum wall_weight wall_answer(const struct wall *wall, enum wall_question question);
/* "yes", "unsure" or "no". */
const char *wall_answer_text(enum wall_weight weight);
/* The findings, the weightiest first. */
const struct wall_finding *wall_findings(const struct wall *wall, size_t *count);

#endif
