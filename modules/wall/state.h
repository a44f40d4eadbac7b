/* state.h - what the files of the judgement share. */
#ifndef CB_WALL_STATE_H
#define CB_WALL_STATE_H

#include "wall/wall.h"

#include <stdio.h>

#define WALL_OBJECTS_MAX  200000
#define WALL_FINDINGS_MAX 2000

/* Names of what provisioning makes. */
#define WALL_PROXY         "proxy"
#define WALL_PROXY_PORT    "8080"
#define WALL_HEALTH_PORT   "8081"
#define WALL_PROXY_TOKEN   "proxy-token"
#define WALL_GATEWAY_TOKEN "gateway-token"

struct wall_object {
    const char *kind;
    const char *group; /* of its apiVersion; "" for the core */
    const char *space; /* "" when it is in no namespace */
    const char *name;
    const struct conf_node *node;
};

/* A pod, or what pods are made from. */
struct wall_pod {
    const struct wall_object *object;
    const struct conf_node *spec;
    const struct conf_node *labels; /* NULL: none */
    bool proxy;                     /* the tenant's proxy; every other one of NAME-claw is the assistant's */
    bool workspace;                 /* in NAME-dev */
};

struct wall {
    const char *tenant;
    enum wall_source source;
    bool enforces;
    const struct conf_node *policies[WALL_POLICIES_MAX]; /* that are known to be good */
    size_t policy_count;
    char claw[80];
    char dev[80];
    struct wall_object *objects;
    size_t object_count;
    size_t object_room;
    struct wall_pod *pods;
    size_t pod_count;
    struct wall_finding *findings;
    size_t finding_count;
    bool
        makes_pods; /* the assistant may create pods, or what makes them, in its workspace: the admission policy has to stand */
    bool runs_inside; /* it may run commands in pods of its workspace that are there already */
    bool writes;      /* it may write objects of its workspace */
    bool incomplete;  /* something could not be read */
    bool more;        /* there are more findings than are kept */
    int error;        /* the first one */
};

/* ---- objects.c ---- */

/* The value at a path of keys, "spec.template.spec"; NULL when there is none. */
const struct conf_node *wall_at(const struct conf_node *node, const char *path);
/* The text there, or `other`. Null counts as absent. */
const char *wall_text_at(const struct conf_node *node, const char *path, const char *other);
bool wall_is_text(const struct conf_node *node, const char *text);
/* True when the value is there and is the plain word true. */
bool wall_is_true(const struct conf_node *node);
/* True when a list of texts has this one. */
bool wall_list_has(const struct conf_node *list, const char *text);
const struct wall_object *wall_find(const struct wall *wall, const char *kind, const char *space,
                                    const char *name);
/* The one that made the object and is there too, up to the first of them; the object itself when nothing did. */
const struct wall_object *wall_root(const struct wall *wall, const struct wall_object *object);
/* Finds the pods of both namespaces. */
void wall_collect_pods(struct wall *wall);
/* The ServiceAccount that a pod runs as. */
const char *wall_account_of(const struct wall_pod *pod);
/* True when the pod gets a token of it: its own word counts, then the account's, and without either it does. */
bool wall_has_token(const struct wall *wall, const struct wall_pod *pod);

/* ---- selector.c ---- */

/* Whether a label selector (matchLabels, matchExpressions) takes these labels; an absent one takes none. What it says in words that
 * are not known takes everything. */
bool wall_selects(const struct conf_node *selector, const struct conf_node *labels);
/* True when a selector says nothing, so that it takes everything. */
bool wall_selects_all(const struct conf_node *selector);
/* True when a selector of namespaces can take this one only, by the label that the API server puts there. */
bool wall_selects_only(const struct conf_node *selector, const char *space);

/* ---- blocks.c ---- */

/* Whether a peer's ipBlock is one address. */
bool wall_is_single(const struct conf_node *peer);
/* Whether it is, as good as, the world; also when it cannot be read. */
bool wall_is_wide(const struct conf_node *peer);
/* The first block of addresses inside clusters, hosts and clouds that a peer lets through as a part of more; NULL: none. A route to one
 * server inside is a small block. */
const char *wall_inside_of(const struct conf_node *peer);

/* ---- finding.c ---- */

/* Adds a finding about an object, once. `node` is the value in it, or NULL for the object as a whole. A finding that the object's
 * maker has already, word for word, is not repeated. */
void wall_found(struct wall *wall, enum wall_question question, enum wall_weight weight,
                const struct wall_object *object, const struct conf_node *node, const char *fmt, ...)
    CB_PRINTF(6, 7);
/* About an object that is not there. */
void wall_missing(struct wall *wall, enum wall_question question, enum wall_weight weight, const char *kind,
                  const char *space, const char *name, const char *fmt, ...) CB_PRINTF(7, 8);

/* Frees its texts. */
void wall_finding_deinit(struct wall_finding *f);

/* ---- the parts of the judgement ---- */

void wall_judge_pods(struct wall *wall);      /* pods.c */
void wall_judge_policies(struct wall *wall);  /* policies.c: NetworkPolicies */
void wall_judge_network(struct wall *wall);   /* network.c: who enforces them */
void wall_judge_rights(struct wall *wall);    /* rbac.c; says what `makes_pods` and `runs_inside` are */
void wall_judge_admission(struct wall *wall); /* admission.c, after the rights */

/* ---- rights.c ---- */

/* Where a rule holds. */
enum wall_scope { WALL_SCOPE_DEV, WALL_SCOPE_CLAW, WALL_SCOPE_OTHER, WALL_SCOPE_CLUSTER };

/* What a rule of a Role means in the hands of the assistant. `say` is called for each danger once. */
typedef void wall_say_fn(void *arg, enum wall_question question, enum wall_weight weight, const char *what);
void wall_weigh_rule(struct wall *wall, const struct conf_node *rule, enum wall_scope scope, wall_say_fn *say,
                     void *arg);

#endif
