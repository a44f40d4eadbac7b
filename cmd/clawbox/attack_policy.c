/*
 * attack_policy.c - the routes themselves, on the mirror: other hosts, ports, schemes, methods and paths than they allow, and
 * credentials where the agent's own have no place. What the routes do allow is no attack and is left out; where a path
 * is allowed, the origin tells whether it arrived as anything else.
 */
#include "attack.h"

#include "http/fields.h"
#include "inject/places.h"

#define OWN_KEY "sk-attackers-own-0123456789"

/* {h} is the route's host, {p} its parent. */
static const struct {
    const char *authority; /* without a port: the route's */
    struct attack_case c;
} hosts[] = {
    {"x{h}", {"a host that ends in the allowed one", "CWE-184"}},
    {"attack-{h}", {"a host that ends in the allowed one, behind a hyphen", "CWE-184"}},
    {"attack.{h}", {"a name below the allowed one", "CWE-184"}},
    {"{p}", {"the name above the allowed one", "CWE-184"}},
    {"{h}.attack.invalid", {"the allowed host as a beginning", "CWE-184"}},
    {"{h}x.invalid", {"the allowed host as a beginning, without a dot", "CWE-184"}},
};

static const struct {
    uint16_t port;
    struct attack_case c;
} ports[] = {
    {8443, {"another port of the host", "CWE-441"}},
    {22, {"the host's SSH port", "CWE-441"}},
    {80, {"the host's port 80 in a tunnel", "CWE-441"}},
    {1, {"port 1 of the host", "CWE-441"}},
};

static const struct {
    const char *method;
    struct attack_case c;
} methods[] = {
    {"TRACE", {"TRACE, which says the request back", "CWE-693; RFC 9110, 9.3.8"}},
    {"TRACK", {"TRACK, which says the request back", "CWE-693; CVE-2003-1567"}},
    {"CONNECT", {"CONNECT inside a tunnel", "RFC 9110, 9.3.6"}},
    {"PUT", {"PUT", "CWE-650"}},
    {"PATCH", {"PATCH", "CWE-650"}},
    {"DELETE", {"DELETE", "CWE-650"}},
    {"OPTIONS", {"OPTIONS", "CWE-650"}},
    {"PROPFIND", {"PROPFIND", "CWE-650; RFC 4918"}},
    {"get", {"a method in lower case", "CWE-178; RFC 9110, 9.1"}},
};

/* Behind the directory of a path that the route allows. */
static const struct {
    const char *tail;
    struct attack_case c;
} tails[] = {
    {"/../../../attack", {"dot segments", "CWE-22; CVE-2019-9901"}},
    {"/..%2f..%2fattack", {"dot segments with an encoded slash", "CWE-22; CVE-2021-29492"}},
    {"/%2e%2e/%2e%2e/attack", {"encoded dot segments", "CWE-22"}},
    {"/.%2e/%2e./attack", {"half encoded dot segments", "CWE-22"}},
    {"/%2e%2e%2fattack", {"all of it encoded", "CWE-22"}},
    {"/..%5cattack", {"an encoded backslash", "CWE-22"}},
    {"/..\\attack", {"a backslash", "CWE-22"}},
    {"/..;/attack", {"dot segments with a path parameter", "CWE-22"}},
    {"/..;x=y/..;/attack", {"dot segments with path parameters", "CWE-22"}},
    {"/%2e%2e;/attack", {"encoded dot segments with a path parameter", "CWE-22"}},
    {"/..%3b/attack", {"an encoded path parameter", "CWE-22"}},
    {"/%252e%252e/attack", {"dot segments encoded twice", "CWE-174"}},
    {"/%252f%252fattack", {"a slash encoded twice", "CWE-174"}},
    {"//attack.invalid/attack", {"two slashes and a host", "CWE-22; RFC 3986, 3.3"}},
    {"/x%00/attack", {"an encoded NUL", "CWE-158"}},
    {"/x%0d%0aX-Attack:%201", {"an encoded line break", "CWE-93; CVE-2019-9740"}},
    {"/x#/../../attack", {"a fragment", "RFC 9112, 3.2"}},
    {"/%u002e%u002e/attack", {"an escape of its own kind", "CWE-173"}},
    {"/%c0%ae%c0%ae/attack", {"dots in overlong UTF-8", "CWE-176"}},
    {"/%e0%80%af%e0%80%afattack", {"slashes in overlong UTF-8", "CWE-176"}},
    {"/%zz/attack", {"an escape that is none", "CWE-177"}},
};

static const struct attack_case paths[] = {
    {"a path beside the allowed ones", "CWE-863"},
    {"the allowed path in capitals", "CWE-178"},
    {"the allowed path with more behind it", "CWE-863"},
};

static void url_of(const struct attack_route *r, const char *path, char *out, size_t size)
{
    (void)snprintf(out, size, "%s://%s:%u%s", r->route->scheme == SPEC_SCHEME_HTTP ? "http" : "https",
                   r->host, (unsigned)r->route->port, path);
}

static void host_field(const struct attack_route *r, char *out, size_t size)
{
    (void)snprintf(out, size, "%s:%u", r->host, (unsigned)r->route->port);
}

/* Shoots one request at the route's own host and port. */
static void shoot_at(const struct attack *a, const struct attack_route *r, struct span request,
                     struct attack_answer *answer)
{
    char authority[300];
    host_field(r, authority, sizeof(authority));
    struct attack_shot shot = {.connect = span_str(authority),
                               .tls = r->route->scheme == SPEC_SCHEME_HTTPS,
                               .host = r->host,
                               .request = request};
    attack_shoot(&a->at_mirror, &shot, answer);
}

static void refused_at(struct attack *a, const struct attack_case *c, const struct attack_route *r,
                       const char *method, const char *path, const char *lines)
{
    char authority[300];
    struct buf request;
    host_field(r, authority, sizeof(authority));
    buf_init(&request, ATTACK_TEXT_MAX);
    struct attack_shot shot = {
        .connect = span_str(authority), .tls = r->route->scheme == SPEC_SCHEME_HTTPS, .host = r->host};
    int error = attack_request(&request, method, path, authority, lines);
    shot.request = buf_span(&request);
    if (error != 0) {
        a->error = error;
    } else {
        char what[200];
        (void)snprintf(what, sizeof(what), "%s %.32s %.120s", r->route->name, method, path);
        attack_refused(a, c, what, &a->at_mirror, &shot);
    }
    buf_deinit(&request);
}

/* What the agent sends with an ordinary request of this route: the placeholder in its header, when it has one. */
static void own_line(const struct attack *a, const struct attack_route *r, char *out, size_t size)
{
    const struct review_credential *c = review_policy_find(a->mirror, r->route->credential);
    out[0] = '\0';
    if (c != NULL && r->route->header_count != 0 && r->route->inject != SPEC_INJECT_BASIC) {
        (void)snprintf(out, size, "%s: %s%s\r\n", r->route->headers[0].name, r->route->headers[0].value,
                       c->placeholder);
    }
}

/* ---- the witness works ---- */

static void control(struct attack *a, struct attack_route *r)
{
    static const struct attack_case c = {"an ordinary request arrives, with the made-up credential",
                                         "control"};
    char lines[600];
    char authority[300];
    struct buf request;
    struct attack_answer answer;
    own_line(a, r, lines, sizeof(lines));
    host_field(r, authority, sizeof(authority));
    buf_init(&request, ATTACK_TEXT_MAX);
    a->error = attack_request(&request, r->method, r->path, authority, lines);
    a->error = a->error == 0 ? attack_origin_drain(&a->origin) : a->error;
    if (a->error == 0) {
        shoot_at(a, r, buf_span(&request), &answer);
        if (answer.status == 200 && attack_origin_wait(&a->origin) == 0) {
            r->works = true;
            attack_add(a, &c, ATTACK_HELD, "%s %s %s", r->route->name, r->method, r->path);
        } else {
            attack_add(a, &c, ATTACK_SKIPPED, "%s %s %s: answered %u %s; this route is not attacked",
                       r->route->name, r->method, r->path,
                       answer.status != 0 ? answer.status : answer.connect_status, answer.reason);
        }
        attack_answer_deinit(&answer);
        a->error = a->error == 0 ? attack_origin_drain(&a->origin) : a->error;
    }
    buf_deinit(&request);
}

/* ---- hosts, ports, schemes ---- */

static void other_authority(struct attack *a, const struct attack_case *c, const struct attack_route *r,
                            const char *host, uint16_t port)
{
    char authority[600];
    char url[1400];
    struct buf request;
    (void)snprintf(authority, sizeof(authority), "%s:%u", host, (unsigned)port);
    (void)snprintf(url, sizeof(url), "https://%s%s", authority, r->path);
    if (attack_is_allowed(a->mirror, r->method, url)) {
        return; /* by another route: no attack */
    }
    buf_init(&request, ATTACK_TEXT_MAX);
    a->error = attack_request(&request, r->method, r->path, authority, "");
    struct attack_shot shot = {
        .connect = span_str(authority), .tls = true, .host = host, .request = buf_span(&request)};
    attack_refused(a, c, authority, &a->at_mirror, &shot);
    buf_deinit(&request);
}

static void other_hosts(struct attack *a, const struct attack_route *r)
{
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]) && r->host[0] != '['; i++) {
        struct buf host;
        struct policy_host parsed;
        buf_init(&host, 1024);
        a->error = attack_fill(a, r->host, hosts[i].authority, &host);
        if (a->error == 0 && policy_host_parse(buf_span(&host), &parsed) == 0) {
            other_authority(a, &hosts[i].c, r, parsed.text, r->route->port);
        }
        buf_deinit(&host);
    }
    for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
        if (ports[i].port != r->route->port) {
            other_authority(a, &ports[i].c, r, r->host, ports[i].port);
        }
    }
}

static void other_scheme(struct attack *a, const struct attack_route *r)
{
    static const struct attack_case absolute = {"clear http instead of https", "CWE-319"};
    static const struct attack_case tunnel = {"clear text in the tunnel of an https route", "CWE-319"};
    char authority[300];
    char target[1400];
    struct buf request;
    if (r->route->scheme != SPEC_SCHEME_HTTPS) {
        return;
    }
    host_field(r, authority, sizeof(authority));
    (void)snprintf(target, sizeof(target), "http://%s%s", r->host, r->path);
    buf_init(&request, ATTACK_TEXT_MAX);
    if (!attack_is_allowed(a->mirror, r->method, target)) {
        a->error = attack_request(&request, r->method, target, r->host, "");
        struct attack_shot shot = {.request = buf_span(&request)};
        attack_refused(a, &absolute, target, &a->at_mirror, &shot);
    }
    buf_reset(&request);
    a->error = a->error == 0 ? attack_request(&request, r->method, r->path, authority, "") : a->error;
    struct attack_shot shot = {.connect = span_str(authority), .request = buf_span(&request), .quiet = true};
    attack_refused(a, &tunnel, authority, &a->at_mirror, &shot);
    buf_deinit(&request);
}

/* Four names for one destination: they have to be one. */
static void other_names(struct attack *a, const struct attack_route *r)
{
    static const struct attack_case host = {"another Host than the tunnel's", "CWE-444; CVE-2009-0801"};
    static const struct attack_case absolute = {"another host in the target than the tunnel's",
                                                "RFC 9112, 3.2.2"};
    static const struct attack_case port = {"another port in Host than the tunnel's", "CWE-444"};
    static const struct attack_case two = {"two Host fields", "RFC 9112, 3.2"};
    static const struct attack_case list = {"two hosts in one Host field", "RFC 9112, 3.2"};
    struct {
        const struct attack_case *c;
        char text[1200];
    } requests[5] = {{.c = &host}, {.c = &absolute}, {.c = &port}, {.c = &two}, {.c = &list}};
    (void)snprintf(requests[0].text, sizeof(requests[0].text),
                   "%s %s HTTP/1.1\r\nHost: attack.invalid\r\n\r\n", r->method, r->path);
    (void)snprintf(requests[1].text, sizeof(requests[1].text),
                   "%s https://attack.invalid%s HTTP/1.1\r\nHost: %s\r\n\r\n", r->method, r->path, r->host);
    (void)snprintf(requests[2].text, sizeof(requests[2].text), "%s %s HTTP/1.1\r\nHost: %s:9\r\n\r\n",
                   r->method, r->path, r->host);
    (void)snprintf(requests[3].text, sizeof(requests[3].text),
                   "%s %s HTTP/1.1\r\nHost: %s\r\nHost: attack.invalid\r\n\r\n", r->method, r->path, r->host);
    (void)snprintf(requests[4].text, sizeof(requests[4].text),
                   "%s %s HTTP/1.1\r\nHost: %s, attack.invalid\r\n\r\n", r->method, r->path, r->host);
    char authority[300];
    host_field(r, authority, sizeof(authority));
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        struct attack_shot shot = {.connect = span_str(authority),
                                   .tls = r->route->scheme == SPEC_SCHEME_HTTPS,
                                   .host = r->host,
                                   .request = span_str(requests[i].text),
                                   .quiet = true};
        attack_refused(a, requests[i].c, r->route->name, &a->at_mirror, &shot);
    }
}

/* ---- methods and paths ---- */

static void other_methods(struct attack *a, const struct attack_route *r)
{
    char url[1400];
    url_of(r, r->path, url, sizeof(url));
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (!attack_is_allowed(a->mirror, methods[i].method, url)) {
            refused_at(a, &methods[i].c, r, methods[i].method, r->path, "");
        }
    }
}

/* True when somebody who decodes once more, or takes backslashes for slashes, would leave the path upwards. */
static bool climbs(struct span target)
{
    char seen[2048] = "";
    size_t len = 0;
    for (size_t i = 0; i < target.len && target.ptr[i] != '?' && len + 1 < sizeof(seen); i++) {
        static const char *const from[] = {"%2e", "%2E", "%2f", "%2F", "%5c", "%5C", "\\"};
        static const char to[] = "..//////";
        char c = (char)target.ptr[i];
        for (size_t k = 0; k < sizeof(from) / sizeof(from[0]); k++) {
            if (span_starts(span_sub(target, i, SIZE_MAX), span_str(from[k]))) {
                c = to[k];
                i += strlen(from[k]) - 1;
                break;
            }
        }
        seen[len++] = c;
    }
    return strstr(seen, "/../") != NULL || strstr(seen, "/..;") != NULL || strstr(seen, "//") != NULL ||
           (len >= 3 && strcmp(seen + len - 3, "/..") == 0);
}

/* The routes allow what this path means: then it must arrive as just that. */
static void allowed_path(struct attack *a, const struct attack_case *c, const struct attack_route *r,
                         const char *path)
{
    char authority[300];
    char lines[600];
    struct buf request;
    struct attack_answer answer;
    host_field(r, authority, sizeof(authority));
    own_line(a, r, lines, sizeof(lines));
    buf_init(&request, ATTACK_TEXT_MAX);
    a->error = attack_request(&request, r->method, path, authority, lines);
    a->error = a->error == 0 ? attack_origin_drain(&a->origin) : a->error;
    if (a->error == 0) {
        shoot_at(a, r, buf_span(&request), &answer);
        bool arrived = answer.status == 200 && attack_origin_wait(&a->origin) == 0;
        struct span head = buf_span(&a->origin.head);
        struct span target = span_sub(head, strlen(r->method) + 1, SIZE_MAX);
        const uint8_t *end = target.len != 0 ? memchr(target.ptr, '\n', target.len) : NULL;
        target = span_sub(target, 0, end != NULL ? (size_t)(end - target.ptr) : 0);
        if (!arrived) {
            attack_add(a, c,
                       attack_is_refusal(&(struct attack_shot){.quiet = true}, &answer) ? ATTACK_HELD
                                                                                        : ATTACK_SKIPPED,
                       "%s %s: answered %u %s", r->route->name, path, answer.status, answer.reason);
        } else {
            attack_add(a, c, climbs(target) ? ATTACK_LEAKED : ATTACK_HELD,
                       "%s %s: allowed, and arrived as %.*s", r->route->name, path,
                       SPAN_ARG(span_sub(target, 0, 200)));
        }
        attack_answer_deinit(&answer);
        a->error = a->error == 0 ? attack_origin_drain(&a->origin) : a->error;
    }
    buf_deinit(&request);
}

static void try_path(struct attack *a, const struct attack_case *c, const struct attack_route *r,
                     const char *path)
{
    char url[1400];
    url_of(r, path, url, sizeof(url));
    if (attack_is_allowed(a->mirror, r->method, url)) {
        allowed_path(a, c, r, path);
    } else {
        refused_at(a, c, r, r->method, path, "");
    }
}

static void other_paths(struct attack *a, const struct attack_route *r)
{
    char directory[600];
    char path[1024];
    (void)snprintf(directory, sizeof(directory), "%s", r->path);
    *strrchr(directory, '/') = '\0';
    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s%s", directory, tails[i].tail);
        try_path(a, &tails[i].c, r, path);
    }
    char url[1400];
    char capitals[600];
    for (size_t i = 0; i < sizeof(capitals); i++) {
        char c = r->path[i];
        capitals[i] = c >= 'a' && c <= 'z' ? (char)(c - 0x20) : c;
        if (c == '\0') {
            break;
        }
    }
    const char *const beside[] = {"/attack-beside", capitals, NULL};
    for (size_t i = 0; beside[i] != NULL; i++) {
        url_of(r, beside[i], url, sizeof(url));
        if (!attack_is_allowed(a->mirror, r->method, url)) {
            refused_at(a, &paths[i], r, r->method, beside[i], "");
        }
    }
    (void)snprintf(path, sizeof(path), "%sx", r->path);
    url_of(r, path, url, sizeof(url));
    if (!attack_is_allowed(a->mirror, r->method, url)) {
        refused_at(a, &paths[2], r, r->method, path, "");
    }
}

/* ---- credentials and what would steer ---- */

/* Sends a line that must not travel, and looks at what the origin got; or expects the refusal. */
static void unwanted_line(struct attack *a, const struct attack_case *c, const struct attack_route *r,
                          const char *name, const char *value)
{
    char line[400];
    struct http_field field = {span_str(name), span_str(value)};
    struct review_explanation e;
    char url[1400];
    url_of(r, r->path, url, sizeof(url));
    struct review_request request = {
        .method = span_str(r->method), .url = span_str(url), .fields = &field, .field_count = 1};
    (void)snprintf(line, sizeof(line), "%s: %s\r\n", name, value);
    a->error = review_explain(a->mirror, &request, &e);
    if (a->error != 0) {
        return;
    }
    struct inject_request carried = review_inject_request(&e, &request);
    bool passes = e.reason == POLICY_REASON_ROUTE && inject_field_passes(e.route, &carried, &field);
    bool allowed = e.reason == POLICY_REASON_ROUTE;
    review_explanation_deinit(&e);
    if (!allowed) {
        refused_at(a, c, r, r->method, r->path, line);
        return;
    }
    if (passes) {
        attack_add(a, c, ATTACK_SKIPPED, "%s %s: the route passes it", r->route->name, name);
        return;
    }
    char authority[300];
    struct buf text;
    struct attack_answer answer;
    host_field(r, authority, sizeof(authority));
    buf_init(&text, ATTACK_TEXT_MAX);
    a->error = attack_request(&text, r->method, r->path, authority, line);
    a->error = a->error == 0 ? attack_origin_drain(&a->origin) : a->error;
    if (a->error == 0) {
        shoot_at(a, r, buf_span(&text), &answer);
        bool arrived = answer.status == 200 && attack_origin_wait(&a->origin) == 0;
        struct span head = buf_span(&a->origin.head);
        bool leaked = arrived && attack_holds(head, value);
        bool said_no = attack_is_refusal(&(struct attack_shot){.quiet = true}, &answer);
        attack_add(a, c,
                   leaked               ? ATTACK_LEAKED
                   : arrived || said_no ? ATTACK_HELD
                                        : ATTACK_SKIPPED,
                   "%s %s: %s", r->route->name, name,
                   leaked    ? "it reached the origin"
                   : arrived ? "it was taken out"
                   : said_no ? "refused"
                             : "no answer");
        attack_answer_deinit(&answer);
        a->error = a->error == 0 ? attack_origin_drain(&a->origin) : a->error;
    }
    buf_deinit(&text);
}

#define PLACE_NAME(name_) name_,

static void foreign_credentials(struct attack *a, const struct attack_route *r)
{
    static const struct attack_case header = {"an attacker's own key in a credential's header", "CWE-940"};
    static const struct attack_case query = {"an attacker's own key in a credential's parameter", "CWE-940"};
    static const struct attack_case other = {"another credential's placeholder", "CWE-863"};
    static const struct attack_case override = {"a header that makes another method of it", "CWE-650"};
    static const char *const headers[] = {INJECT_HEADER_PLACES(PLACE_NAME)};
    static const char *const parameters[] = {INJECT_QUERY_PLACES(PLACE_NAME)};
    static const char *const overrides[] = {"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"};
    char path[700];
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        char name[64];
        size_t len = strlen(headers[i]);
        bool any = headers[i][len - 1] == '*';
        (void)snprintf(name, sizeof(name), "%.*s%s", (int)(any ? len - 1 : len), headers[i],
                       any ? "attack" : "");
        unwanted_line(a, &header, r, name, OWN_KEY);
    }
    for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s?%s=" OWN_KEY, r->path, parameters[i]);
        char url[1400];
        url_of(r, path, url, sizeof(url));
        if (!attack_is_allowed(a->mirror, r->method, url)) {
            refused_at(a, &query, r, r->method, path, "");
        }
    }
    for (size_t i = 0; i < sizeof(overrides) / sizeof(overrides[0]); i++) {
        unwanted_line(a, &override, r, overrides[i], "DELETE");
    }
    for (size_t i = 0; i < a->mirror->credential_count; i++) {
        const struct review_credential *c = &a->mirror->credentials[i];
        if (r->route->credential == NULL || strcmp(c->name, r->route->credential) != 0) {
            char line[400];
            (void)snprintf(line, sizeof(line), "X-Attack: %s\r\n", c->placeholder);
            refused_at(a, &other, r, r->method, r->path, line);
        }
    }
}

/* A Connection field that names the credential's header must not take it away, nor let the agent's through. */
static void connection_lists_it(struct attack *a, const struct attack_route *r)
{
    static const struct attack_case c = {"Connection names the header of the credential",
                                         "CWE-444; CVE-2021-32813"};
    char lines[1000];
    char own[600];
    char authority[300];
    struct buf text;
    struct attack_answer answer;
    if (r->route->inject == SPEC_INJECT_NONE || r->route->header_count == 0) {
        return;
    }
    own_line(a, r, own, sizeof(own));
    host_field(r, authority, sizeof(authority));
    (void)snprintf(lines, sizeof(lines), "Connection: keep-alive, %s\r\n%s", r->route->headers[0].name, own);
    buf_init(&text, ATTACK_TEXT_MAX);
    a->error = attack_request(&text, r->method, r->path, authority, lines);
    a->error = a->error == 0 ? attack_origin_drain(&a->origin) : a->error;
    if (a->error == 0) {
        char name[160];
        shoot_at(a, r, buf_span(&text), &answer);
        bool arrived = answer.status == 200 && attack_origin_wait(&a->origin) == 0;
        (void)snprintf(name, sizeof(name), "\n%s: ", r->route->headers[0].name);
        struct span head = buf_span(&a->origin.head);
        bool there = arrived && attack_holds(head, name);
        bool said_no = attack_is_refusal(&(struct attack_shot){.quiet = true}, &answer);
        attack_add(a, &c, there || said_no ? ATTACK_HELD : ATTACK_LEAKED, "%s: %s", r->route->name,
                   there     ? "the credential arrived"
                   : said_no ? "refused"
                             : "the credential was lost on the way");
        attack_answer_deinit(&answer);
        a->error = a->error == 0 ? attack_origin_drain(&a->origin) : a->error;
    }
    buf_deinit(&text);
}

void attack_policy(struct attack *a)
{
    void (*const steps[])(struct attack *, const struct attack_route *) = {
        other_hosts, other_scheme,        other_names,        other_methods,
        other_paths, foreign_credentials, connection_lists_it};
    for (size_t i = 0; i < a->route_count && a->error == 0 && !attack_interrupted(); i++) {
        control(a, &a->routes[i]);
        for (size_t k = 0; k < sizeof(steps) / sizeof(steps[0]) && a->routes[i].works && a->error == 0; k++) {
            steps[k](a, &a->routes[i]);
        }
    }
}
