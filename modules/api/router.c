/* router.c - the table of everything that can be asked of this role, and finding the row that a request means. */
#include "api/state.h"

#include <stdio.h>

static const struct api_route routes[] = {
    {"POST", "/v1/tenants:apply", api_tenants_apply, API_BODY},
    {"GET", "/v1/tenants", api_tenants_list, API_TAGGED},
    {"GET", "/v1/tenants/{tenant}", api_tenant_show, API_TAGGED},
    {"PUT", "/v1/tenants/{tenant}", api_tenant_put, API_BODY | API_CONDITION},
    {"DELETE", "/v1/tenants/{tenant}", api_tenant_delete, API_CONDITION},
    {"POST", "/v1/tenants/{tenant}:suspend", api_tenant_suspend, 0},
    {"POST", "/v1/tenants/{tenant}:resume", api_tenant_resume, 0},
    {"POST", "/v1/tenants/{tenant}:rotate-ca", api_tenant_rotate_ca, 0},
    {"POST", "/v1/tenants/{tenant}:finish-ca", api_tenant_finish_ca, 0},
    {"PUT", "/v1/tenants/{tenant}/proxy-token", api_tenant_token, API_BODY},
    {"GET", "/v1/tenants/{tenant}/routes", api_routes_list, API_TAGGED},
    {"GET", "/v1/tenants/{tenant}/manifests", api_manifests_get, API_TAGGED},
    {"POST", "/v1/tenants/{tenant}/manifests:preview", api_manifests_preview, API_BODY},
    {"GET", "/v1/tenants/{tenant}/env", api_tenant_env, 0},
    {"GET", "/v1/tenants/{tenant}/policy", api_tenant_policy, API_TAGGED},
    {"GET", "/v1/tenants/{tenant}/credentials", api_credentials_list, API_TAGGED},
    {"GET", "/v1/tenants/{tenant}/credentials/{credential}:prepare", api_credential_prepare, 0},
    {"PUT", "/v1/tenants/{tenant}/credentials/{credential}", api_credential_put, API_BODY},
    {"DELETE", "/v1/tenants/{tenant}/credentials/{credential}", api_credential_delete, 0},
    {"GET", "/v1/audit", api_audit_page, 0},
    {"GET", "/v1/audit:verify", api_audit_verify, 0},
    {"GET", "/v1/status", api_status, 0},
};

#define ROUTE_COUNT (sizeof(routes) / sizeof(routes[0]))

/* A name ends where the path's own punctuation begins; whether it is one is asked later. */
static struct span take_name(struct span *path)
{
    size_t len = 0;
    while (len < path->len && path->ptr[len] != '/' && path->ptr[len] != ':') {
        len++;
    }
    struct span name = span_sub(*path, 0, len);
    *path = span_sub(*path, len, SIZE_MAX);
    return name;
}

/* Whether the path has the template's form. No escapes are decoded: names have none. */
static bool matches(const char *template, struct span path, struct span *tenant, struct span *credential)
{
    *tenant = *credential = SPAN_EMPTY;
    for (struct span t = span_str(template); t.len != 0;) {
        if (t.ptr[0] != '{') {
            if (path.len == 0 || path.ptr[0] != t.ptr[0]) {
                return false;
            }
            path = span_sub(path, 1, SIZE_MAX);
            t = span_sub(t, 1, SIZE_MAX);
            continue;
        }
        bool is_tenant = span_starts(t, SPAN_LIT("{tenant}"));
        struct span *name = is_tenant ? tenant : credential;
        *name = take_name(&path);
        if (name->len == 0) {
            return false;
        }
        t = span_sub(t, is_tenant ? strlen("{tenant}") : strlen("{credential}"), SIZE_MAX);
    }
    return path.len == 0;
}

/* Says which paths there are, each once. */
static void refuse_path(struct api_request *q, struct span path)
{
    char list[2048] = "";
    size_t len = 0;
    for (size_t i = 0; i < ROUTE_COUNT && len < sizeof(list); i++) {
        bool listed = false;
        for (size_t k = 0; k < i; k++) {
            listed = listed || strcmp(routes[k].path, routes[i].path) == 0;
        }
        if (!listed) {
            int put = snprintf(list + len, sizeof(list) - len, "%s%s", i != 0 ? ", " : "", routes[i].path);
            len += put > 0 ? (size_t)put : 0;
        }
    }
    api_refuse(q, 404, "There is nothing at \"%.*s\". There are: %s.", API_SHORT(path), list);
}

static void add_method(struct api_request *q, const char *method)
{
    size_t len = strlen(q->allow);
    (void)snprintf(q->allow + len, sizeof(q->allow) - len, "%s%s", len != 0 ? ", " : "", method);
}

/* The methods that a path has. */
static void list_methods(struct api_request *q, struct span path)
{
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        struct span tenant;
        struct span credential;
        if (matches(routes[i].path, path, &tenant, &credential)) {
            add_method(q, routes[i].method);
            if (strcmp(routes[i].method, "GET") == 0) {
                add_method(q, "HEAD");
            }
        }
    }
    add_method(q, "OPTIONS");
}

/* The path is known, the method is not one of its own; or it is OPTIONS, which asks for just that. */
static void answer_methods(struct api_request *q, struct span path)
{
    list_methods(q, path);
    if (span_eq_str(q->head->method, "OPTIONS")) {
        api_answer_nothing(q);
    } else {
        api_refuse(q, 405, "%.*s is not possible here. Possible: %s.", API_SHORT(q->head->method), q->allow);
    }
}

static bool is_method(const struct api_route *route, struct span method)
{
    return span_eq_str(method, route->method) ||
           (span_eq_str(method, "HEAD") && strcmp(route->method, "GET") == 0);
}

static void run(struct api_request *q, const struct api_route *route)
{
    if (q->tenant.len != 0 && !spec_name_valid(q->tenant)) {
        api_refuse(q, 404, "\"%.*s\" cannot be the name of a tenant.", API_SHORT(q->tenant));
    } else if (q->credential.len != 0 && !spec_name_valid(q->credential)) {
        api_refuse(q, 404, "\"%.*s\" cannot be the name of a credential.", API_SHORT(q->credential));
    } else if (q->body.len != 0 && (route->flags & API_BODY) == 0) {
        api_refuse(q, 400, "%s takes no body here.", route->method);
    } else if (api_condition_read(q, route)) {
        route->handle(q);
    }
}

void api_dispatch(struct api_request *q)
{
    struct span path = q->head->target;
    const uint8_t *mark = path.len != 0 ? memchr(path.ptr, '?', path.len) : NULL;
    if (mark != NULL) {
        q->query = span_sub(path, (size_t)(mark - path.ptr) + 1, SIZE_MAX);
        path = span_sub(path, 0, (size_t)(mark - path.ptr));
    }
    bool known = false;
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        if (!matches(routes[i].path, path, &q->tenant, &q->credential)) {
            continue;
        }
        known = true;
        if (is_method(&routes[i], q->head->method)) {
            run(q, &routes[i]);
            return;
        }
    }
    if (known) {
        answer_methods(q, path);
    } else {
        refuse_path(q, path);
    }
}
