/* test_route_kubernetes.c - the rules of a route for a Kubernetes API: what they become, and what is wrong with them. */
#include "conf/route.h"

#include "conf_test.h"

#define ROUTE(rules_)    HEAD "{host: k.example, kubernetes: " rules_ "}" TAIL
#define AT(col_, rest_)  "t.yaml:5:" #col_ ": spec.routes[0]" rest_ "\n"
#define RULE(resources_) "[{namespaces: [dev], verbs: [get], resources: " resources_ "}]"

TEST(rules_become_lists)
{
    struct conf_tenants tenants;
    struct buf errors;
    const char *text =
        ROUTE("[{namespaces: [dev, test], verbs: [get, watch], resources: [\"*\", secrets]}, "
              "{verbs: [\"*\"], resources: [nodes, \"*.metrics.k8s.io\", deployments.apps/scale]}]");
    if (CHECK_EQ_INT(test_load(text, &tenants, &errors), 0)) {
        const struct spec_route *route = &tenants.specs[0]->routes[0];
        if (CHECK_EQ_UINT(route->kube_rule_count, 2)) {
            CHECK_EQ_UINT(route->kube_rules[0].namespaces.count, 2);
            CHECK_EQ_STR(route->kube_rules[0].namespaces.items[1], "test");
            CHECK_EQ_STR(route->kube_rules[0].verbs.items[1], "watch");
            CHECK_EQ_STR(route->kube_rules[0].resources.items[0], "*");
            CHECK_EQ_UINT(route->kube_rules[1].namespaces.count, 0);
            CHECK_EQ_STR(route->kube_rules[1].resources.items[2], "deployments.apps/scale");
        }
    }
    conf_tenants_deinit(&tenants);
    buf_deinit(&errors);
}

TEST(mistakes)
{
    CHECK_ERRORS(ROUTE("[]"), AT(31, ".kubernetes: should have 1 to 32 entries"));
    CHECK_ERRORS(ROUTE("true"), AT(31, ".kubernetes: should be a list, not a single value"));
    CHECK_ERRORS(
        ROUTE("[{verbs: [get]}]"),
        AT(32,
           ".kubernetes[0]: should be {namespaces: [NAME], verbs: [get, list], resources: [pods, pods/log]}"));
    CHECK_ERRORS(ROUTE("[{verbs: [GET], resources: [nodes]}]"),
                 AT(41, ".kubernetes[0].verbs[0]: should be get, list, watch, create, update, patch, delete, "
                        "deletecollection or \"*\""));
    CHECK_ERRORS(ROUTE(RULE("[Pods]")), AT(78, ".kubernetes[0].resources[0]: should be as in pods, pods/log, "
                                               "deployments.apps, \"*.apps\" or \"*\""));
    CHECK_ERRORS(ROUTE(RULE("[pods, pods]")),
                 AT(84, ".kubernetes[0].resources[1]: stands in this list already: remove it"));
    CHECK_ERRORS(ROUTE("[{namespaces: [\"*\"], verbs: [get], resources: [pods]}]"),
                 AT(46, ".kubernetes[0].namespaces[0]: not a namespace's name: a-z, 0-9 and \"-\""));
    CHECK_ERRORS(
        ROUTE("[{verbs: [get], resources: [\"*\"]}]"),
        AT(58,
           ".kubernetes[0].resources: \"*\" without namespaces would be everybody's: name the namespaces, "
           "or the resources"));
    CHECK_ERRORS(
        HEAD "{provider: kubernetes-workspace, credential: k}" TAIL,
        AT(1,
           ": provider kubernetes-workspace needs rules: write kubernetes: [{namespaces: [NAME], verbs: [get, "
           "list], resources: [\"*\"]}]"));
    CHECK_ERRORS(HEAD
                 "{host: k.example, action: deny, kubernetes: [{verbs: [get], resources: [nodes]}]}" TAIL,
                 AT(33, ".kubernetes: a deny route injects and sends nothing: remove it"));
}

TEST_MAIN()
