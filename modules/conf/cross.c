/* cross.c - what the routes and credentials of one tenant have to do with each other. */
#include <stdlib.h>

#include "conf/route.h"
#include "policy/table.h"

/* The routes that were read without an error, while conflicts are looked for. They are copies of the spec's structs, and
 * share their texts. */
struct candidates {
    struct spec spec; /* only its routes are used */
    const struct conf_node *nodes[SPEC_ROUTES_MAX];
};

static void check_route_names(const struct conf_draft *draft)
{
    const struct spec *spec = draft->spec;
    for (size_t i = 1; i < spec->route_count; i++) {
        const char *name = spec->routes[i].name;
        for (size_t j = 0; name != NULL && j < i; j++) {
            if (spec->routes[j].name != NULL && strcmp(spec->routes[j].name, name) == 0) {
                const struct conf_node *said = conf_node_get(draft->route_nodes[i], "name");
                conf_report_node(draft->report, said != NULL ? said : draft->route_nodes[i],
                                 "the route in line %zu has the name \"%s\" too: write %s",
                                 draft->route_nodes[j]->line, name,
                                 said != NULL ? "another name" : "a name of its own, name: NAME");
                break;
            }
        }
    }
}

/* What goes into a request is one line, and a client certificate is not. */
static void check_client_certificates(const struct conf_draft *draft)
{
    const struct spec *spec = draft->spec;
    for (size_t i = 0; i < spec->route_count; i++) {
        const char *name = spec->routes[i].upstream_credential;
        for (size_t j = 0; name != NULL && j < spec->route_count; j++) {
            const char *other = spec->routes[j].credential;
            if (other != NULL && strcmp(name, other) == 0) {
                const struct conf_node *upstream = conf_node_get(draft->route_nodes[i], "upstream");
                conf_report_node(draft->report, conf_node_get(upstream, "clientCredential"),
                                 "the route in line %zu puts \"%s\" into requests: write another name",
                                 draft->route_nodes[j]->line, name);
                break;
            }
        }
    }
}

/* A variable that is in both lists; empty when there is none. */
static struct span common_variable(struct span a, struct span b)
{
    struct span left;
    while (spec_env_next(&a, &left)) {
        struct span rest = b;
        struct span right;
        while (spec_env_next(&rest, &right)) {
            if (span_eq(left, right)) {
                return left;
            }
        }
    }
    return SPAN_EMPTY;
}

/* Two placeholders cannot stand in one variable. */
static void check_envs(const struct conf_draft *draft)
{
    const struct spec *spec = draft->spec;
    for (size_t i = 1; i < spec->credential_count; i++) {
        for (size_t j = 0; j < i; j++) {
            struct span common =
                common_variable(span_str(spec->credentials[i].env), span_str(spec->credentials[j].env));
            if (common.len != 0) {
                conf_report_node(draft->report, draft->credential_nodes[i],
                                 "its variable %.*s is the one of credential \"%s\" too: write another env",
                                 SPAN_ARG(common), spec->credentials[j].name);
                break;
            }
        }
    }
}

static bool has_method(const struct spec_route *route, const char *method)
{
    for (size_t i = 0; i < route->method_count; i++) {
        if (strcmp(route->methods[i], method) == 0) {
            return true;
        }
    }
    return false;
}

/* Adds a route's methods to those of a deny route, whose list has room for SPEC_METHODS_MAX. CB_ELIMIT when it is full. */
static int add_methods(struct spec_route *deny, const struct spec_route *route)
{
    for (size_t i = 0; i < route->method_count; i++) {
        if (has_method(deny, route->methods[i])) {
            continue;
        }
        if (deny->method_count == SPEC_METHODS_MAX) {
            return CB_ELIMIT;
        }
        char *copy = strdup(route->methods[i]);
        if (copy == NULL) {
            return CB_ENOMEM;
        }
        deny->methods[deny->method_count++] = copy;
    }
    return 0;
}

/* A deny route without methods denies all that this tenant's routes allow, whatever the methods are called. */
static int widen_deny(const struct conf_draft *draft, size_t index)
{
    struct spec_route *deny = &draft->spec->routes[index];
    if (deny->action != SPEC_ACTION_DENY || conf_node_get(draft->route_nodes[index], "methods") != NULL) {
        return 0;
    }
    for (size_t i = 0; i < draft->spec->route_count; i++) {
        const struct spec_route *route = &draft->spec->routes[i];
        int r = route->action == SPEC_ACTION_ALLOW ? add_methods(deny, route) : 0;
        if (r == CB_ELIMIT) {
            conf_report_node(draft->report, draft->route_nodes[index],
                             "the routes allow more than %d methods: write the methods to deny",
                             SPEC_METHODS_MAX);
            return 0;
        }
        if (r != 0) {
            return r;
        }
    }
    return 0;
}

static int compile(const struct spec *spec, char *why, size_t why_size)
{
    struct policy_table *table = NULL;
    int r = policy_table_new(spec, &table, why, why_size);
    policy_table_free(table);
    return r;
}

/* Of routes that conflict, the first that does so with one before it. More routes never have fewer conflicts, so it can
 * be searched by halves. */
static int find_later(const struct spec *all, size_t *out)
{
    struct spec part = *all;
    char why[64];
    size_t good = 1;
    size_t bad = all->route_count;
    while (bad - good > 1) {
        part.route_count = good + (bad - good) / 2;
        int r = compile(&part, why, sizeof(why));
        if (r != 0 && r != CB_ECONFLICT) {
            return r;
        }
        *(r == 0 ? &good : &bad) = part.route_count;
    }
    *out = bad - 1;
    return 0;
}

/* The first route with which `later` conflicts, and what the two have in common. */
static int find_earlier(const struct spec *all, size_t later, size_t *out, char *why, size_t why_size)
{
    for (size_t i = 0; i < later; i++) {
        if (strcmp(all->routes[i].host, all->routes[later].host) != 0) {
            continue;
        }
        struct spec_route two[] = {all->routes[i], all->routes[later]};
        const struct spec pair = {.routes = two, .route_count = 2};
        int r = compile(&pair, why, why_size);
        if (r != 0) {
            *out = i;
            return r == CB_ECONFLICT ? 0 : r;
        }
    }
    return CB_EINTERNAL;
}

static void drop_candidate(struct candidates *candidates, size_t index)
{
    struct spec *spec = &candidates->spec;
    spec->route_count--;
    for (size_t i = index; i < spec->route_count; i++) {
        spec->routes[i] = spec->routes[i + 1];
        candidates->nodes[i] = candidates->nodes[i + 1];
    }
}

/* Reports each route that could win where an earlier one could, until there are enough errors. */
static int report_conflicts(const struct conf_draft *draft, struct candidates *candidates)
{
    const struct spec *spec = &candidates->spec;
    while (draft->report->count < CONF_REPORT_MAX) {
        char why[512] = "";
        size_t earlier = 0;
        size_t later = 0;
        int r = compile(spec, why, sizeof(why));
        if (r != CB_ECONFLICT) {
            return r;
        }
        r = find_later(spec, &later);
        if (r == 0) {
            r = find_earlier(spec, later, &earlier, why, sizeof(why));
        }
        if (r != 0) {
            return r;
        }
        conf_report_node(draft->report, candidates->nodes[later], "lines %zu and %zu: %s",
                         candidates->nodes[earlier]->line, candidates->nodes[later]->line, why);
        drop_candidate(candidates, later);
    }
    return 0;
}

static int check_conflicts(const struct conf_draft *draft)
{
    struct candidates *candidates = calloc(1, sizeof(*candidates));
    int r = CB_ENOMEM;
    if (candidates == NULL) {
        goto out;
    }
    struct spec *spec = &candidates->spec;
    spec->routes = calloc(draft->spec->route_count + 1, sizeof(*spec->routes));
    if (spec->routes == NULL) {
        goto out;
    }
    for (size_t i = 0; i < draft->spec->route_count; i++) {
        if (draft->route_good[i]) {
            candidates->nodes[spec->route_count] = draft->route_nodes[i];
            spec->routes[spec->route_count++] = draft->spec->routes[i];
        }
    }
    r = report_conflicts(draft, candidates);
out:
    if (candidates != NULL) {
        free(candidates->spec.routes);
    }
    free(candidates);
    return r;
}

/* Reports the route with which it is too much. */
static bool check_patterns(const struct conf_draft *draft)
{
    size_t patterns = 0;
    for (size_t i = 0; i < draft->spec->route_count; i++) {
        patterns += draft->spec->routes[i].path_count;
        if (patterns > CONF_PATTERNS_MAX) {
            conf_report_node(
                draft->report, draft->route_nodes[i],
                "a tenant has at most %d path patterns in all its routes: join some of them with * or **",
                CONF_PATTERNS_MAX);
            return false;
        }
    }
    return true;
}

int conf_routes_cross_check(const struct conf_draft *draft)
{
    check_route_names(draft);
    check_client_certificates(draft);
    check_envs(draft);
    conf_check_grants(draft);
    for (size_t i = 0; i < draft->spec->route_count; i++) {
        int r = widen_deny(draft, i);
        if (r != 0) {
            return r;
        }
    }
    return check_patterns(draft) ? check_conflicts(draft) : 0;
}
