/* attack_ssrf.c - places inside that no agent should reach: metadata services, private networks, this machine, the cluster. */
#include "attack.h"

static const struct {
    const char *authority; /* "" host and port; {o} a port of the origin */
    const char *method;
    const char *path;
    const char *lines;
    struct attack_case c;
} cases[] = {
    {"169.254.169.254:80",
     "GET",
     "/latest/meta-data/iam/security-credentials/",
     "",
     {"AWS metadata", "CWE-918"}},
    {"169.254.169.254:80",
     "PUT",
     "/latest/api/token",
     "X-aws-ec2-metadata-token-ttl-seconds: 21600\r\n",
     {"AWS metadata, version 2", "CWE-918"}},
    {"2852039166:80", "GET", "/", "", {"metadata as one decimal number", "CWE-918"}},
    {"0xA9FEA9FE:80", "GET", "/", "", {"metadata as one hexadecimal number", "CWE-918"}},
    {"0251.0376.0251.0376:80", "GET", "/", "", {"metadata in octal", "CWE-918; CVE-2021-28918"}},
    {"[::ffff:169.254.169.254]:80", "GET", "/", "", {"metadata mapped into IPv6", "CWE-918; RFC 4291"}},
    {"[64:ff9b::a9fe:a9fe]:80", "GET", "/", "", {"metadata by NAT64", "CWE-918; RFC 6052"}},
    {"[2002:a9fe:a9fe::]:80", "GET", "/", "", {"metadata by 6to4", "CWE-918; RFC 3056"}},
    {"[fd00:ec2::254]:80", "GET", "/", "", {"AWS metadata in IPv6", "CWE-918"}},
    {"metadata.google.internal:80",
     "GET",
     "/computeMetadata/v1/",
     "Metadata-Flavor: Google\r\n",
     {"Google's metadata by name", "CWE-918"}},
    {"metadata:80",
     "GET",
     "/computeMetadata/v1/",
     "Metadata-Flavor: Google\r\n",
     {"Google's metadata by its short name", "CWE-918"}},
    {"100.100.100.200:80", "GET", "/latest/meta-data/", "", {"Alibaba's metadata", "CWE-918"}},
    {"168.63.129.16:80", "GET", "/machine?comp=goalstate", "", {"Azure's wire server", "CWE-918"}},
    {"192.0.0.192:80", "GET", "/latest/", "", {"Oracle's metadata", "CWE-918"}},
    {"10.0.0.1:80", "GET", "/", "", {"a private network", "CWE-918; RFC 1918"}},
    {"172.16.0.1:80", "GET", "/", "", {"a private network", "CWE-918; RFC 1918"}},
    {"192.168.0.1:80", "GET", "/", "", {"a private network", "CWE-918; RFC 1918"}},
    {"100.64.0.1:80", "GET", "/", "", {"a shared address", "CWE-918; RFC 6598"}},
    {"[fc00::1]:80", "GET", "/", "", {"a unique local address", "CWE-918; RFC 4193"}},
    {"[fe80::1]:80", "GET", "/", "", {"a link-local address", "CWE-918; RFC 4291"}},
    {"224.0.0.1:80", "GET", "/", "", {"a group of hosts", "CWE-918; RFC 5771"}},
    {"255.255.255.255:80", "GET", "/", "", {"all hosts", "CWE-918; RFC 919"}},
    {"kubernetes.default.svc:443", "GET", "/api/v1/secrets", "", {"the cluster's API server", "CWE-918"}},
    {"10.96.0.1:443", "GET", "/api/v1/secrets", "", {"the cluster's API server by address", "CWE-918"}},
    {"127.0.0.1:6443", "GET", "/api", "", {"an API server on this machine", "CWE-918"}},
    {"127.0.0.1:2375", "GET", "/containers/json", "", {"a Docker socket on this machine", "CWE-918"}},
    {"127.0.0.1:{o}", "GET", "/inside", "", {"a service on this machine", "CWE-918"}},
    {"[::ffff:127.0.0.1]:{o}", "GET", "/inside", "", {"a service on this machine, mapped", "CWE-918"}},
};

static void try_inside(struct attack *a, const struct attack_listener *at, size_t i)
{
    struct buf authority;
    struct buf request;
    char target[400];
    char host[200];
    buf_init(&authority, 1024);
    buf_init(&request, ATTACK_TEXT_MAX);
    a->error = attack_fill(a, "", cases[i].authority, &authority);
    (void)snprintf(host, sizeof(host), "%.*s", SPAN_ARG(buf_span(&authority)));
    (void)snprintf(target, sizeof(target), "http://%s%s", host, cases[i].path);
    if (attack_is_allowed(a->live, cases[i].method, target)) {
        attack_add(a, &cases[i].c, ATTACK_SKIPPED, "the routes allow %s", target);
    } else if (a->error == 0) {
        a->error = attack_request(&request, cases[i].method, target, host, cases[i].lines);
        struct attack_shot absolute = {.request = buf_span(&request), .quiet = true};
        attack_refused(a, &cases[i].c, "absolute form", at, &absolute);
        buf_reset(&request);
        a->error = a->error == 0
                       ? attack_request(&request, cases[i].method, cases[i].path, host, cases[i].lines)
                       : a->error;
        struct attack_shot tunnel = {
            .connect = buf_span(&authority), .request = buf_span(&request), .quiet = true};
        attack_refused(a, &cases[i].c, "CONNECT", at, &tunnel);
    }
    buf_deinit(&authority);
    buf_deinit(&request);
}

/* A route alone does not open loopback: the address is checked when it is dialled. */
static void try_routed_inside(struct attack *a)
{
    static const struct attack_case c = {"a route whose address is special", "CWE-918"};
    char target[64];
    char host[32];
    struct buf request;
    (void)snprintf(host, sizeof(host), "127.0.0.1:%u", (unsigned)a->origin.ports[ORIGIN_INSIDE]);
    (void)snprintf(target, sizeof(target), "http://%s/inside", host);
    buf_init(&request, 1024);
    a->error = attack_request(&request, "GET", target, host, "");
    struct attack_shot shot = {.request = buf_span(&request)};
    attack_refused(a, &c, target, &a->at_other, &shot);
    buf_deinit(&request);
}

/* Through the proxy to the proxy, and to whoever steers it. */
static void try_itself(struct attack *a)
{
    static const struct attack_case c = {"the proxy's own listener", "CWE-441; CVE-2025-23217"};
    char target[64];
    char host[32];
    struct buf request;
    (void)snprintf(host, sizeof(host), "127.0.0.1:%u", (unsigned)a->at_live.port);
    (void)snprintf(target, sizeof(target), "http://%s/", host);
    buf_init(&request, 1024);
    a->error = attack_request(&request, "GET", target, host, "");
    struct attack_shot shot = {.request = buf_span(&request)};
    attack_refused(a, &c, target, &a->at_live, &shot);
    buf_deinit(&request);
}

void attack_ssrf(struct attack *a)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]) && a->error == 0 && !attack_interrupted(); i++) {
        try_inside(a, &a->at_live, i);
    }
    if (a->error == 0) {
        try_routed_inside(a);
        try_itself(a);
    }
}
