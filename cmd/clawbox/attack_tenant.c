/* attack_tenant.c - somebody else's listener: tokens and placeholders of one tenant, tried at another. */
#include "attack.h"

/* The token is asked for before anything else, so that no other refusal can stand in its place. */
static void try_login(struct attack *a, const struct attack_case *c, const struct attack_listener *at,
                      const char *login, const char *authority)
{
    struct buf request;
    buf_init(&request, 4096);
    struct attack_shot tunnel = {.connect = span_str(authority), .login = login, .want = 407};
    a->error = attack_request(&request, "GET", "/", authority, "");
    tunnel.request = buf_span(&request);
    attack_refused(a, c, "CONNECT", at, &tunnel);
    buf_reset(&request);
    char target[300];
    (void)snprintf(target, sizeof(target), "http://%s/", authority);
    a->error = a->error == 0 ? attack_request(&request, "GET", target, authority, "") : a->error;
    struct attack_shot absolute = {.request = buf_span(&request), .login = login, .want = 407};
    attack_refused(a, c, "absolute form", at, &absolute);
    buf_deinit(&request);
}

static void try_logins(struct attack *a, const struct attack_listener *at, const char *tenant,
                       const struct attack_listener *others, const char *authority)
{
    static const struct attack_case none = {"no token", "CWE-306; RFC 9110, 11.7"};
    static const struct attack_case others_own = {"another tenant's name and token", "CWE-639"};
    static const struct attack_case others_token = {"another tenant's token with the right name", "CWE-639"};
    static const struct attack_case cut = {"a token that is cut", "CWE-697"};
    static const struct attack_case longer = {"a token with more behind it", "CWE-697"};
    static const struct attack_case empty = {"an empty token", "CWE-697"};
    char login[300];
    try_login(a, &none, at, "", authority);
    try_login(a, &others_own, at, others->login, authority);
    (void)snprintf(login, sizeof(login), "%s:%s", tenant, strchr(others->login, ':') + 1);
    try_login(a, &others_token, at, login, authority);
    (void)snprintf(login, sizeof(login), "%.*s", (int)strlen(at->login) - 1, at->login);
    try_login(a, &cut, at, login, authority);
    (void)snprintf(login, sizeof(login), "%sx", at->login);
    try_login(a, &longer, at, login, authority);
    (void)snprintf(login, sizeof(login), "%s:", tenant);
    try_login(a, &empty, at, login, authority);
}

/* A request at the echo of the other tenant, with one line. `refused` when it must not pass. */
static void try_line(struct attack *a, const struct attack_case *c, const char *line)
{
    struct buf request;
    buf_init(&request, 4096);
    a->error = attack_request(&request, "GET", "/attack", ATTACK_ECHO_HOST, line);
    struct attack_shot shot = {.connect = SPAN_LIT(ATTACK_ECHO_HOST ":443"),
                               .tls = true,
                               .host = ATTACK_ECHO_HOST,
                               .request = buf_span(&request)};
    attack_refused(a, c, "at the echo", &a->at_other, &shot);
    buf_deinit(&request);
}

/* Another tenant's placeholder is nothing here: a foreign credential in a credential's place. */
static void try_placeholders(struct attack *a, const struct review_policy *from)
{
    static const struct attack_case place = {"another tenant's placeholder in the credential's place",
                                             "CWE-639"};
    for (size_t i = 0; i < from->credential_count; i++) {
        char line[400];
        (void)snprintf(line, sizeof(line), "Authorization: Bearer %s\r\n", from->credentials[i].placeholder);
        try_line(a, &place, line);
    }
}

/* Fields that name a tenant say nothing: who asks is known from the listener. */
static void try_names(struct attack *a)
{
    static const struct attack_case c = {"a request that says it is another tenant's", "CWE-290"};
    static const char *const names[] = {"X-Tenant", "X-Sandbox-Id", "X-Clawbox-Tenant"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && a->error == 0; i++) {
        struct buf request;
        char line[200];
        char target[64] = "/?tenant=x";
        (void)snprintf(line, sizeof(line), "%s: %s\r\n", names[i], a->other_name);
        buf_init(&request, 4096);
        /* At the mirror, for the other's host: no route of the mirror goes there. */
        a->error = attack_request(&request, "GET", target, ATTACK_ECHO_HOST, line);
        struct attack_shot shot = {.connect = SPAN_LIT(ATTACK_ECHO_HOST ":443"),
                                   .tls = true,
                                   .host = ATTACK_ECHO_HOST,
                                   .request = buf_span(&request)};
        if (attack_is_allowed(a->mirror, "GET", "https://" ATTACK_ECHO_HOST "/")) {
            attack_add(a, &c, ATTACK_SKIPPED, "%s: the tenant's routes allow " ATTACK_ECHO_HOST, names[i]);
        } else {
            attack_refused(a, &c, names[i], &a->at_mirror, &shot);
        }
        buf_deinit(&request);
    }
}

/* The base URL, at the listener of the echo: `token` in the path, and what a browser would say or a page make it say. */
static void try_base_url(struct attack *a, const struct attack_case *c, const char *token, const char *host,
                         const char *line, unsigned want)
{
    struct buf request;
    char target[300];
    char own[100];
    buf_init(&request, 4096);
    (void)snprintf(target, sizeof(target), "%s%s/https/" ATTACK_ECHO_HOST "/attack",
                   token[0] != '\0' ? "/t/" : "", token);
    (void)snprintf(own, sizeof(own), strchr(a->at_other.address, ':') != NULL ? "[%s]:%u" : "%s:%u",
                   a->at_other.address, (unsigned)a->at_other.port);
    a->error = attack_request(&request, "GET", target, host != NULL ? host : own, line);
    struct attack_shot shot = {.request = buf_span(&request), .login = "", .want = want};
    attack_refused(a, c, "base URL", &a->at_other, &shot);
    buf_deinit(&request);
}

static void try_base_urls(struct attack *a)
{
    static const struct attack_case site = {"a page of another site, in a browser on this machine",
                                            "CWE-352"};
    static const struct attack_case image = {"an image on another site's page", "CWE-352; Fetch Metadata"};
    static const struct attack_case rebound = {"a page whose name resolves to this machine (DNS rebinding)",
                                               "CWE-350"};
    static const struct attack_case none = {"a base URL without a token", "CWE-306"};
    static const struct attack_case others = {"a base URL with another tenant's token", "CWE-639"};
    const char *token = strchr(a->at_other.login, ':') + 1;
    try_base_url(a, &site, token, NULL, "Origin: https://evil.example\r\n", 403);
    try_base_url(a, &image, token, NULL, "Sec-Fetch-Site: cross-site\r\n", 403);
    try_base_url(a, &rebound, token, "evil.example", "", 403);
    try_base_url(a, &none, "", NULL, "", 407);
    try_base_url(a, &others, strchr(a->at_live.login, ':') + 1, NULL, "", 407);
}

void attack_tenant(struct attack *a)
{
    char inside[64];
    (void)snprintf(inside, sizeof(inside), "127.0.0.1:%u", (unsigned)a->origin.ports[ORIGIN_INSIDE]);
    try_logins(a, &a->at_live, a->tenant, &a->at_other, inside);
    try_logins(a, &a->at_other, a->other_name, &a->at_live, ATTACK_ECHO_HOST ":443");
    try_logins(a, &a->at_other, a->other_name, &a->at_mirror, ATTACK_ECHO_HOST ":443");
    try_placeholders(a, a->live);
    try_placeholders(a, a->mirror);
    try_names(a);
    try_base_urls(a);
}
