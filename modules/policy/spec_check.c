/* spec_check.c - the checks that a specification has to pass again whenever it crosses a process or the database. */
#include "policy/spec_check.h"

#include <stdlib.h>

#include "policy/host.h"
#include "policy/kube.h"
#include "policy/path.h"
#include "policy/placeholder.h"

static bool is_upper(uint8_t c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_printable(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < 0x20 || s.ptr[i] > 0x7e) {
            return false;
        }
    }
    return true;
}

/* A token (RFC 9110, 5.6.2). */
static bool is_token(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.ptr[i];
        if (c <= 0x20 || c >= 0x7f || memchr("\"(),/:;<=>?@[\\]{}", c, 17) != NULL) {
            return false;
        }
    }
    return s.len > 0;
}

static bool name_is_valid(const char *name)
{
    return name != NULL && spec_name_valid(span_str(name));
}

static bool method_is_valid(const char *method)
{
    struct span s = span_str(method);
    if (s.len > SPEC_METHOD_MAX || !is_token(s)) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] >= 'a' && s.ptr[i] <= 'z') {
            return false;
        }
    }
    return true;
}

static bool variable_is_valid(struct span s)
{
    if (s.len == 0 || is_digit(s.ptr[0])) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.ptr[i];
        if (!is_upper((uint8_t)(c & ~0x20U)) && !is_digit(c) && c != '_') {
            return false;
        }
    }
    return true;
}

bool spec_env_is_valid(struct span names)
{
    struct span name;
    bool valid = names.len != 0 && names.len <= SPEC_ENV_MAX && names.ptr[names.len - 1] != ',';
    while (valid && spec_env_next(&names, &name)) {
        valid = variable_is_valid(name);
    }
    return valid;
}

bool spec_aws_name_is_valid(struct span name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.ptr[i];
        if (!(c >= 'a' && c <= 'z') && !is_digit(c) && c != '-') {
            return false;
        }
    }
    return name.len != 0 && name.len <= SPEC_AWS_NAME_MAX;
}

/* In the canonical form of an authority, as policy_host_parse() gives it. */
static bool address_is_valid(const char *address)
{
    struct policy_host host;
    return policy_host_parse(span_str(address), &host) == 0 && host.kind != POLICY_HOST_NAME &&
           strcmp(host.text, address) == 0;
}

bool spec_header_is_reserved(struct span name)
{
    static const char *const names[] = {
        "host",      "connection",    "keep-alive", "proxy-connection",    "transfer-encoding",  "te",
        "trailer",   "via",           "upgrade",    "proxy-authorization", "proxy-authenticate", "expect",
        "forwarded", "http2-settings"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (span_eq_nocase(name, span_str(names[i]))) {
            return true;
        }
    }
    return span_eq_nocase(span_sub(name, 0, 8), SPAN_LIT("content-"));
}

bool spec_header_is_valid(struct span name)
{
    return name.len <= SPEC_HEADER_MAX && is_token(name) && !spec_header_is_reserved(name);
}

bool spec_value_is_valid(struct span value, size_t max)
{
    return value.len <= max && is_printable(value) && (value.len == 0 || value.ptr[0] != ' ');
}

bool spec_user_is_valid(struct span user)
{
    return user.len != 0 && user.len <= SPEC_USER_MAX && is_printable(user) &&
           memchr(user.ptr, ':', user.len) == NULL;
}

bool spec_parameter_is_valid(struct span name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.ptr[i];
        if (!is_upper((uint8_t)(c & ~0x20U)) && !is_digit(c) && c != '-' && c != '.' && c != '_' &&
            c != '~') {
            return false;
        }
    }
    return name.len != 0 && name.len <= SPEC_PARAMETER_MAX;
}

static bool has_upper(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (is_upper(s.ptr[i])) {
            return true;
        }
    }
    return false;
}

bool spec_place_header_is_valid(struct span name)
{
    return spec_header_is_valid(name) && !has_upper(name) &&
           (memchr(name.ptr, '*', name.len - 1) == NULL && !span_eq_str(name, "*"));
}

bool spec_place_parameter_is_valid(struct span name)
{
    return spec_parameter_is_valid(name) && !has_upper(name);
}

bool spec_mark_is_valid(struct span pattern, size_t mark)
{
    if (mark >= pattern.len || pattern.ptr[mark] != '*') {
        return false;
    }
    for (size_t i = mark; i > 0 && pattern.ptr[i - 1] != '/'; i--) {
        if (pattern.ptr[i - 1] == '*') {
            return false;
        }
    }
    for (size_t i = mark + 1; i < pattern.len && pattern.ptr[i] != '/'; i++) {
        if (pattern.ptr[i] == '*') {
            return false;
        }
    }
    return true;
}

bool spec_claim_is_valid(struct span text)
{
    return text.len != 0 && spec_value_is_valid(text, SPEC_CLAIM_MAX) && text.ptr[text.len - 1] != ' ';
}

bool spec_scope_is_valid(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        bool between = i > 0 && i + 1 < text.len && text.ptr[i - 1] != ' ';
        if (c < 0x20 || c > 0x7e || c == '"' || c == '\\' || (c == ' ' && !between)) {
            return false;
        }
    }
    return text.len != 0 && text.len <= SPEC_SCOPE_MAX;
}

static bool has_field(const struct spec_field *fields, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (span_eq_nocase(span_str(fields[i].name), span_str(name))) {
            return true;
        }
    }
    return false;
}

static bool fields_are_valid(const struct spec_field *fields, size_t count, size_t max)
{
    for (size_t i = 0; i < count; i++) {
        if (fields[i].name == NULL || fields[i].value == NULL ||
            !spec_header_is_valid(span_str(fields[i].name)) ||
            !spec_value_is_valid(span_str(fields[i].value), max) || has_field(fields, i, fields[i].name)) {
            return false;
        }
    }
    return true;
}

static bool is_claim_or_null(const char *text)
{
    return text == NULL || spec_claim_is_valid(span_str(text));
}

static bool endpoint_is_valid(const struct spec_token *token)
{
    struct policy_host host;
    struct buf path;
    struct span query;
    bool has_query = false;
    if (token->host == NULL || token->path == NULL || token->port == 0 ||
        policy_host_parse(span_str(token->host), &host) != 0 || strcmp(host.text, token->host) != 0) {
        return false;
    }
    buf_init(&path, SPEC_PATH_MAX);
    bool canonical = policy_path_parse(span_str(token->path), &path, &query, &has_query) == 0 && !has_query &&
                     span_eq_str(buf_span(&path), token->path);
    buf_deinit(&path);
    return canonical;
}

static bool token_is_valid(const struct spec_route *route)
{
    const struct spec_token *token = &route->token;
    if (token->grant == SPEC_GRANT_NONE) {
        return token->host == NULL && token->path == NULL && token->client_id == NULL &&
               token->scope == NULL && token->audience == NULL && token->subject == NULL &&
               token->address == NULL && token->ca == NULL;
    }
    return (route->inject == SPEC_INJECT_BEARER || route->inject == SPEC_INJECT_HEADER) &&
           endpoint_is_valid(token) && is_claim_or_null(token->client_id) &&
           is_claim_or_null(token->audience) && is_claim_or_null(token->subject) &&
           (token->scope == NULL || spec_scope_is_valid(span_str(token->scope))) &&
           (token->address == NULL || address_is_valid(token->address)) &&
           (token->ca == NULL || strlen(token->ca) <= SPEC_CA_MAX);
}

/* What each way of injecting needs, and nothing of another one. */
static bool injection_is_valid(const struct spec_route *route)
{
    bool headers = route->inject == SPEC_INJECT_BEARER || route->inject == SPEC_INJECT_HEADER ||
                   route->inject == SPEC_INJECT_BASIC || route->inject == SPEC_INJECT_AWS;
    bool several = route->inject == SPEC_INJECT_HEADER || route->inject == SPEC_INJECT_BODY;
    size_t headers_max = several ? SPEC_HEADERS_MAX : headers ? 1 : 0;
    if (route->header_count > headers_max || (headers && route->header_count == 0) ||
        !fields_are_valid(route->headers, route->header_count, SPEC_PREFIX_MAX)) {
        return false;
    }
    if (route->user != NULL &&
        (route->inject != SPEC_INJECT_BASIC || !spec_user_is_valid(span_str(route->user)))) {
        return false;
    }
    bool parameter = route->inject == SPEC_INJECT_QUERY || route->inject == SPEC_INJECT_BODY;
    if ((route->parameter != NULL) != parameter ||
        (route->parameter != NULL && !spec_parameter_is_valid(span_str(route->parameter)))) {
        return false;
    }
    bool aws = route->inject == SPEC_INJECT_AWS;
    if ((route->service != NULL) != aws || (route->region != NULL) != aws ||
        (aws && (!spec_aws_name_is_valid(span_str(route->service)) ||
                 !spec_aws_name_is_valid(span_str(route->region))))) {
        return false;
    }
    if ((route->path_marks != NULL) != (route->inject == SPEC_INJECT_PATH)) {
        return false;
    }
    for (size_t i = 0; route->path_marks != NULL && i < route->path_count; i++) {
        if (!spec_mark_is_valid(span_str(route->paths[i]), route->path_marks[i])) {
            return false;
        }
    }
    if (route->inject == SPEC_INJECT_BODY && route->placeholder_required) {
        return false;
    }
    if (route->inject != SPEC_INJECT_NONE) {
        return route->action == SPEC_ACTION_ALLOW && name_is_valid(route->credential);
    }
    return route->credential == NULL;
}

static bool list_is_valid(const struct spec_list *list, bool (*check)(struct span))
{
    if (list->count > SPEC_LIST_MAX) {
        return false;
    }
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i] == NULL || !check(span_str(list->items[i]))) {
            return false;
        }
        for (size_t j = 0; j < i; j++) {
            if (strcmp(list->items[i], list->items[j]) == 0) {
                return false;
            }
        }
    }
    return true;
}

bool spec_kube_rule_is_too_wide(const struct spec_kube_rule *rule)
{
    for (size_t i = 0; i < rule->resources.count; i++) {
        if (rule->namespaces.count == 0 && strcmp(rule->resources.items[i], "*") == 0) {
            return true;
        }
    }
    return false;
}

bool spec_route_passes_own(const struct spec_route *route)
{
    for (size_t i = 0; i < route->pass_headers.count; i++) {
        struct span name = span_str(route->pass_headers.items[i]);
        for (size_t k = 0; k < route->header_count; k++) {
            struct span own = span_str(route->headers[k].name);
            bool star = name.ptr[name.len - 1] == '*';
            size_t len = star ? name.len - 1 : own.len;
            if ((star || own.len == name.len) &&
                span_eq_nocase(span_sub(own, 0, len), span_sub(name, 0, len))) {
                return true;
            }
        }
    }
    for (size_t i = 0; route->parameter != NULL && i < route->pass_query.count; i++) {
        if (span_eq_nocase(span_str(route->pass_query.items[i]), span_str(route->parameter))) {
            return true;
        }
    }
    return false;
}

static bool fields_of_the_route_are_valid(const struct spec_route *route)
{
    if (route->extra_count > SPEC_EXTRAS_MAX ||
        !fields_are_valid(route->extras, route->extra_count, SPEC_VALUE_MAX)) {
        return false;
    }
    for (size_t i = 0; i < route->extra_count; i++) {
        struct span value = span_str(route->extras[i].value);
        if (value.len == 0 || value.ptr[value.len - 1] == ' ' ||
            has_field(route->headers, route->header_count, route->extras[i].name)) {
            return false;
        }
    }
    size_t names = route->place_headers.count + route->place_query.count + route->pass_headers.count +
                   route->pass_query.count;
    return list_is_valid(&route->place_headers, spec_place_header_is_valid) &&
           list_is_valid(&route->place_query, spec_place_parameter_is_valid) &&
           list_is_valid(&route->pass_headers, spec_place_header_is_valid) &&
           list_is_valid(&route->pass_query, spec_place_parameter_is_valid) &&
           !spec_route_passes_own(route) &&
           (route->action == SPEC_ACTION_ALLOW || (route->extra_count == 0 && names == 0));
}

static bool kube_rules_are_valid(const struct spec_route *route)
{
    if (route->kube_rule_count > SPEC_KUBE_RULES_MAX ||
        (route->kube_rule_count != 0 && route->action != SPEC_ACTION_ALLOW)) {
        return false;
    }
    for (size_t i = 0; i < route->kube_rule_count; i++) {
        const struct spec_kube_rule *rule = &route->kube_rules[i];
        if (rule->verbs.count == 0 || rule->resources.count == 0 ||
            !list_is_valid(&rule->namespaces, policy_kube_namespace_is_valid) ||
            !list_is_valid(&rule->verbs, policy_kube_verb_is_valid) ||
            !list_is_valid(&rule->resources, policy_kube_resource_is_valid) ||
            spec_kube_rule_is_too_wide(rule)) {
            return false;
        }
    }
    return true;
}

static bool pin_is_valid(struct span pin)
{
    uint8_t digest[SPEC_DIGEST_LEN];
    return spec_pin_read(pin, digest) == 0;
}

/* Pins and client certificates are for TLS. */
static bool identity_is_valid(const struct spec *spec, const struct spec_route *route)
{
    if (route->upstream_pins.count == 0 && route->upstream_credential == NULL) {
        return true;
    }
    return route->action == SPEC_ACTION_ALLOW && route->scheme == SPEC_SCHEME_HTTPS &&
           (route->upstream_credential == NULL ||
            spec_credential_is_client(spec, span_str(route->upstream_credential)));
}

static bool upstream_is_valid(const struct spec *spec, const struct spec_route *route)
{
    return (route->upstream_address == NULL || address_is_valid(route->upstream_address)) &&
           (route->upstream_ca == NULL || strlen(route->upstream_ca) <= SPEC_CA_MAX) &&
           route->upstream_pins.count <= SPEC_PINS_MAX &&
           list_is_valid(&route->upstream_pins, pin_is_valid) && identity_is_valid(spec, route);
}

bool spec_route_has_method(const struct spec_route *route, struct span method)
{
    for (size_t i = 0; i < route->method_count; i++) {
        if (span_eq_str(method, route->methods[i])) {
            return true;
        }
    }
    return false;
}

/* The handshake is a GET. */
static bool websocket_is_valid(const struct spec_route *route)
{
    return !route->websocket ||
           (route->action == SPEC_ACTION_ALLOW && spec_route_has_method(route, SPAN_LIT("GET")));
}

static bool route_is_valid(const struct spec *spec, const struct spec_route *route)
{
    char why[256];
    if (!name_is_valid(route->name) || (route->provider != NULL && !name_is_valid(route->provider)) ||
        (unsigned)route->action >= SPEC_ACTION__COUNT || (unsigned)route->scheme >= SPEC_SCHEME__COUNT ||
        (unsigned)route->inject >= SPEC_INJECT__COUNT || (unsigned)route->token.grant >= SPEC_GRANT__COUNT ||
        route->port == 0 || route->host == NULL ||
        policy_host_pattern_check(span_str(route->host), why, sizeof(why)) != 0 || route->method_count == 0 ||
        route->method_count > SPEC_METHODS_MAX || route->path_count > SPEC_PATHS_MAX) {
        return false;
    }
    for (size_t i = 0; i < route->method_count; i++) {
        if (!method_is_valid(route->methods[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < route->path_count; i++) {
        if (policy_path_pattern_check(span_str(route->paths[i]), why, sizeof(why)) != 0) {
            return false;
        }
    }
    return injection_is_valid(route) && token_is_valid(route) && fields_of_the_route_are_valid(route) &&
           kube_rules_are_valid(route) && upstream_is_valid(spec, route) && websocket_is_valid(route) &&
           (route->credential == NULL || spec_find_credential(spec, span_str(route->credential)) != NULL);
}

static bool credential_is_valid(const struct spec_credential *credential)
{
    char why[256];
    return name_is_valid(credential->name) &&
           (credential->env == NULL || spec_env_is_valid(span_str(credential->env))) &&
           (credential->shape == NULL ||
            placeholder_shape_check(span_str(credential->shape), why, sizeof(why)) == 0);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool names_are_unique(const char **names, size_t count)
{
    if (count > 1) {
        qsort(names, count, sizeof(names[0]), compare_names);
    }
    for (size_t i = 1; i < count; i++) {
        if (strcmp(names[i - 1], names[i]) == 0) {
            return false;
        }
    }
    return true;
}

/* Those of a constrained CA have to fit into its certificate. */
static bool ca_names_fit(const struct spec *spec)
{
    struct buf names;
    buf_init(&names, SPEC_CA_NAMES_MAX);
    bool fit = !spec->name_constraints || spec_ca_names(spec, &names) == 0;
    buf_deinit(&names);
    return fit;
}

bool spec_is_valid(const struct spec *spec)
{
    const char *names[SPEC_ROUTES_MAX];
    if (!name_is_valid(spec->tenant) || spec->route_count > SPEC_ROUTES_MAX ||
        spec->credential_count > SPEC_ROUTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < spec->credential_count; i++) {
        if (!credential_is_valid(&spec->credentials[i])) {
            return false;
        }
        names[i] = spec->credentials[i].name;
    }
    if (!names_are_unique(names, spec->credential_count)) {
        return false;
    }
    for (size_t i = 0; i < spec->route_count; i++) {
        if (!route_is_valid(spec, &spec->routes[i])) {
            return false;
        }
        names[i] = spec->routes[i].name;
    }
    return names_are_unique(names, spec->route_count) && ca_names_fit(spec);
}
