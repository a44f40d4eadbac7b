/* router.c - the table of everything that can be asked of this role, and finding the row that a request means. */
#include "api/state.h"

#include <stdio.h>

/*
 * Which tokens may ask for what; over the control socket everybody is ADMIN. TENANT: about its own tenant. It may hold its tenant, and not let go on what
 * an administrator or a tripwire held; what it sees of others' is nothing. VIEWER: what has no proxy token, placeholder or anything that is made of
 * them in it, and changes nothing.
 */
enum {
    ADMIN = 1 << IPC_SCOPE_ADMIN,
    VIEWER = 1 << IPC_SCOPE_VIEWER,
    TENANT = 1 << IPC_SCOPE_TENANT,
    ALL = ADMIN | VIEWER | TENANT,
};

static const struct api_route routes[] = {
    {"POST", "/v1/tenants:apply", api_tenants_apply, API_BODY, ADMIN},
    {"GET", "/v1/tenants", api_tenants_list, API_TAGGED, ALL},
    {"GET", "/v1/tenants/{tenant}", api_tenant_show, API_TAGGED, ALL},
    {"PUT", "/v1/tenants/{tenant}", api_tenant_put, API_BODY | API_CONDITION, ADMIN | TENANT},
    {"DELETE", "/v1/tenants/{tenant}", api_tenant_delete, API_CONDITION, ADMIN},
    {"POST", "/v1/tenants/{tenant}:suspend", api_tenant_suspend, 0, ADMIN | TENANT},
    {"POST", "/v1/tenants/{tenant}:resume", api_tenant_resume, 0, ADMIN},
    {"POST", "/v1/tenants/{tenant}:rotate-ca", api_tenant_rotate_ca, 0, ADMIN | TENANT},
    {"POST", "/v1/tenants/{tenant}:finish-ca", api_tenant_finish_ca, 0, ADMIN | TENANT},
    {"PUT", "/v1/tenants/{tenant}/proxy-token", api_tenant_token, API_BODY, ADMIN | TENANT},
    {"GET", "/v1/tenants/{tenant}/routes", api_routes_list, API_TAGGED, ALL},
    {"GET", "/v1/tenants/{tenant}/manifests", api_manifests_get, API_TAGGED, ADMIN | TENANT},
    {"POST", "/v1/tenants/{tenant}/manifests:preview", api_manifests_preview, API_BODY, ADMIN | TENANT},
    {"GET", "/v1/tenants/{tenant}/ca", api_tenant_ca, 0, ADMIN | TENANT},
    {"GET", "/v1/tenants/{tenant}/env", api_tenant_env, 0, ADMIN | TENANT},
    {"GET", "/v1/tenants/{tenant}/policy", api_tenant_policy, API_TAGGED, ADMIN | TENANT},
    {"GET", "/v1/tenants/{tenant}/document", api_tenant_document, API_TAGGED, ADMIN | TENANT},
    {"POST", "/v1/tenants/{tenant}:explain", api_tenant_explain, API_BODY, ADMIN | TENANT},
    {"POST", "/v1/tenants/{tenant}:diff", api_tenant_diff, API_BODY, ADMIN | TENANT},
    {"GET", "/v1/tenants/{tenant}/credentials", api_credentials_list, API_TAGGED, ALL},
    {"GET", "/v1/tenants/{tenant}/credentials/{credential}:prepare", api_credential_prepare, 0,
     ADMIN | TENANT},
    {"PUT", "/v1/tenants/{tenant}/credentials/{credential}", api_credential_put, API_BODY, ADMIN | TENANT},
    {"DELETE", "/v1/tenants/{tenant}/credentials/{credential}", api_credential_delete, 0, ADMIN | TENANT},
    {"GET", "/v1/denials", api_denials_list, 0, ALL},
    {"POST", "/v1/tenants/{tenant}/denials:mute", api_denials_mute, API_BODY, ADMIN | TENANT},
    {"POST", "/v1/tenants/{tenant}/grants", api_grant_create, API_BODY, ADMIN | TENANT},
    {"GET", "/v1/tenants/{tenant}/grants", api_grants_list, 0, ALL},
    {"DELETE", "/v1/tenants/{tenant}/grants/{grant}", api_grant_delete, 0, ADMIN | TENANT},
    {"GET", "/v1/audit", api_audit_page, 0, ALL},
    {"GET", "/v1/audit:follow", api_audit_follow, 0, ALL},
    {"GET", "/v1/audit:search", api_audit_search, 0, ALL},
    {"GET", "/v1/audit:verify", api_audit_verify, 0, ADMIN | VIEWER},
    {"GET", "/v1/series", api_series, 0, ALL},
    {"GET", "/v1/status", api_status, 0, ADMIN | VIEWER},
    {"GET", "/v1/presets", api_presets_list, API_TAGGED, ALL},
    {"GET", "/v1/openapi.yaml", api_description, 0, ALL},
    {"GET", "/v1/tokens", api_tokens_list, 0, ADMIN},
    {"POST", "/v1/tokens", api_token_create, API_BODY, ADMIN},
    {"DELETE", "/v1/tokens/{token}", api_token_delete, 0, ADMIN},
    {"GET", "/v1/tenants/{tenant}/history", api_history_list, 0, ALL},
    {"GET", "/v1/tenants/{tenant}/history/{generation}", api_revision_show, 0, ADMIN | TENANT},
    {"GET", "/v1/changes", api_changes_list, 0, ADMIN | VIEWER},
    {"GET", "/v1/administrators", api_administrators_list, 0, ADMIN},
    {"PUT", "/v1/administrators/{administrator}", api_administrator_put, API_BODY | API_LINK, ADMIN},
    {"DELETE", "/v1/administrators/{administrator}", api_administrator_delete, 0, ADMIN},
    {"POST", "/v1/sign-in-links", api_link_create, 0, ADMIN},
    {"GET", "/v1/sign-in/{administrator}", api_sign_in_get, API_CONSOLE | API_OPEN, ALL},
    {"POST", "/v1/sessions", api_session_create, API_CONSOLE | API_OPEN | API_BODY, ALL},
    {"DELETE", "/v1/sessions", api_sessions_delete, API_CONSOLE, ALL},
    {"GET", "/v1/session", api_session_show, API_CONSOLE | API_LINK, ALL},
    {"DELETE", "/v1/session", api_session_delete, API_CONSOLE | API_LINK, ALL},
    {"POST", "/v1/session:rotate", api_session_rotate, API_CONSOLE | API_LINK, ALL},
    {"PUT", "/v1/session/key", api_session_key, API_CONSOLE | API_BODY, ALL},
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

/* Where the name goes that a template's placeholder stands for; NULL: it is none. *len is the placeholder's. */
static struct span *name_of(struct api_request *q, struct span template, size_t *len)
{
    const struct {
        const char *text;
        struct span *name;
    } names[] = {{"{tenant}", &q->tenant},         {"{credential}", &q->credential},
                 {"{token}", &q->token},           {"{administrator}", &q->administrator},
                 {"{generation}", &q->generation}, {"{grant}", &q->grant}};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (span_starts(template, span_str(names[i].text))) {
            *len = strlen(names[i].text);
            return names[i].name;
        }
    }
    return NULL;
}

/* Whether the route is there at all for who asks. */
static bool is_here(const struct api_request *q, const struct api_route *route)
{
    return (route->flags & API_CONSOLE) == 0 || q->conn->kind == API_CONN_CONSOLE;
}

/* Whether the path has the template's form; the request then has its names. No escapes are decoded: names have none. */
static bool matches(struct api_request *q, const struct api_route *route, struct span path)
{
    q->tenant = q->credential = q->token = q->administrator = q->generation = q->grant = SPAN_EMPTY;
    if (!is_here(q, route)) {
        return false;
    }
    for (struct span t = span_str(route->path); t.len != 0;) {
        size_t len = 1;
        struct span *name = name_of(q, t, &len);
        if (name == NULL) {
            if (path.len == 0 || path.ptr[0] != t.ptr[0]) {
                return false;
            }
            path = span_sub(path, 1, SIZE_MAX);
        } else {
            *name = take_name(&path);
            if (name->len == 0) {
                return false;
            }
        }
        t = span_sub(t, len, SIZE_MAX);
    }
    return path.len == 0;
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
        if (matches(q, &routes[i], path)) {
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

/* False when it refused the request, because whoever asks may not. Of other tenants a token is not even told whether they are there. */
static bool may(struct api_request *q, const struct api_route *route)
{
    const struct api_who *who = &q->who;
    if ((route->flags & API_OPEN) != 0) {
        return true;
    }
    if (who->signed_in && who->kind == IPC_SIGN_IN_LINK && (route->flags & API_LINK) == 0) {
        api_refuse(q, 403, "Who signed in by a link can make an administrator, and nothing else.");
        return false;
    }
    if (q->conn->kind == API_CONN_CONSOLE && !who->signed_in) {
        q->challenge = "Bearer realm=\"clawbox\"";
        api_refuse(q, 401, "Sign in first.");
        return false;
    }
    unsigned scope = who->scope < IPC_SCOPE__COUNT ? 1U << who->scope : 0;
    bool fine = (route->scopes & scope) != 0;
    if (fine &&
        (who->scope != IPC_SCOPE_TENANT || q->tenant.len == 0 || span_eq_str(q->tenant, who->tenant))) {
        return true;
    }
    if (who->scope == IPC_SCOPE_TENANT) {
        api_refuse(q, 403,
                   fine ? "This token is for tenant \"%s\" alone."
                        : "A token for tenant \"%s\" may not do this.",
                   who->tenant);
    } else {
        api_refuse(q, 403, "A token for looking may not do this.");
    }
    return false;
}

static void run(struct api_request *q, const struct api_route *route)
{
    if (!may(q, route)) {
        return;
    }
    if (q->tenant.len != 0 && !spec_name_valid(q->tenant)) {
        api_refuse(q, 404, "\"%.*s\" cannot be the name of a tenant.", API_SHORT(q->tenant));
    } else if (q->credential.len != 0 && !spec_name_valid(q->credential)) {
        api_refuse(q, 404, "\"%.*s\" cannot be the name of a credential.", API_SHORT(q->credential));
    } else if (q->token.len != 0 && !spec_name_valid(q->token)) {
        api_refuse(q, 404, "\"%.*s\" cannot be the name of a token.", API_SHORT(q->token));
    } else if (q->administrator.len != 0 && !spec_name_valid(q->administrator)) {
        api_refuse(q, 404, "\"%.*s\" cannot be the name of an administrator.", API_SHORT(q->administrator));
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
        if (!matches(q, &routes[i], path)) {
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
        api_refuse(q, 404, "There is no such thing here. GET /v1/openapi.yaml lists what there is.");
    }
}
