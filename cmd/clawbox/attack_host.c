/* attack_host.c - names and numbers that are not what they seem, as authorities of CONNECT, of a target, and in Host. */
#include "attack.h"

/* {h} is a host that the routes allow, {o} a port of the origin where nothing may go. */
static const struct {
    const char *authority;
    struct attack_case c;
} cases[] = {
    {"{h}.:443", {"a trailing dot", "CWE-178; CVE-2022-24825"}},
    {"{h}..:443", {"two trailing dots", "CWE-20"}},
    {".{h}:443", {"a leading dot", "CWE-20"}},
    {"{h}%00.attack.invalid:443", {"an encoded NUL", "CWE-158"}},
    {"{h}{0}.attack.invalid:443", {"a NUL byte", "CWE-158"}},
    {"attack.invalid@{h}:443", {"userinfo before the allowed host", "CWE-20; RFC 3986, 3.2.1"}},
    {"{h}@attack.invalid:443", {"the allowed host as userinfo", "CWE-20; RFC 3986, 3.2.1"}},
    {"{h}:443@attack.invalid:443", {"the allowed host and port as userinfo", "CWE-20"}},
    {"{h}#@attack.invalid:443", {"a fragment before userinfo", "CWE-20"}},
    {"{h}\\@attack.invalid:443", {"a backslash before userinfo", "CWE-20"}},
    {"{h}/.attack.invalid:443", {"a slash in the host", "CWE-20"}},
    {"{h}?.attack.invalid:443", {"a question mark in the host", "CWE-20"}},
    {"{h}%2f.attack.invalid:443", {"an encoded slash in the host", "CWE-20"}},
    {"%61{h}:443", {"an escape in the host", "CWE-177"}},
    {"{h},attack.invalid:443", {"a list of hosts", "CWE-20"}},
    {"{h};attack.invalid:443", {"a parameter behind the host", "CWE-20"}},
    {"{h}\t:443", {"a tab behind the host", "CWE-20"}},
    {"[{h}]:443", {"a name in brackets", "RFC 3986, 3.2.2"}},
    {"[::1%25.{h}]:443", {"an IPv6 zone that ends in the allowed host", "CVE-2025-22870; RFC 6874"}},
    {"[fe80::1%25lo]:443", {"an IPv6 zone", "CVE-2025-22870; RFC 6874"}},
    {"*.{p}:443", {"a wildcard as a host", "CWE-20"}},
    {"*:443", {"nothing but a wildcard", "CWE-20"}},
    {"\xd0\xb0{h}:443", {"a Cyrillic letter before the host", "CWE-1007; UTS 39"}},
    {"\xef\xbd\x81{h}:443", {"a full-width letter", "CWE-176; UTS 46"}},
    {"{h}\xc2\xad.invalid:443", {"a soft hyphen", "CWE-176; UTS 46"}},
    {"{h}\xe2\x80\x8b:443", {"a space of no width", "CWE-176; UTS 46"}},
    {"attack\xe3\x80\x82invalid:443", {"an ideographic full stop", "CWE-176; UTS 46"}},
    {"xn--.{p}:443", {"an empty A-label", "RFC 5890, 2.3.2.1"}},
    {"xn--a-ecp.ru:443", {"an A-label that is none", "RFC 5891, 5.4"}},
    {"{h}:0443", {"a port with a leading zero", "CWE-20"}},
    {"{h}:+443", {"a port with a sign", "CWE-20"}},
    {"{h}:65979", {"a port that is 443 in 16 bits", "CWE-190"}},
    {"{h}:4294967739", {"a port that is 443 in 32 bits", "CWE-190"}},
    {"{h}:443:80", {"two ports", "CWE-20"}},
    {"{h}:", {"an empty port", "CWE-20"}},
    {"{h}:0x1bb", {"a port in hexadecimal", "CWE-20"}},
    {"0x{h}:443", {"a host that starts as a number", "CVE-2024-24806"}},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.{h}:443",
     {"a label of 64 bytes", "RFC 1035, 2.3.4"}},
    {"127.0.0.1:{o}", {"loopback", "CWE-918"}},
    {"2130706433:{o}", {"loopback as one decimal number", "CWE-918; CVE-2021-28918"}},
    {"0x7f000001:{o}", {"loopback as one hexadecimal number", "CWE-918"}},
    {"017700000001:{o}", {"loopback as one octal number", "CWE-918; CVE-2021-28918"}},
    {"0x7f.1:{o}", {"loopback in two parts", "CWE-918"}},
    {"127.1:{o}", {"loopback, short", "CWE-918"}},
    {"0177.0.0.1:{o}", {"loopback with an octal part", "CWE-918; CVE-2021-28918"}},
    {"127.0.0.001:{o}", {"loopback with leading zeros", "CWE-918"}},
    {"0:{o}", {"zero", "CWE-918"}},
    {"0.0.0.0:{o}", {"the unspecified address", "CWE-918"}},
    {"127\xe3\x80\x82"
     "0\xe3\x80\x82"
     "0\xe3\x80\x82"
     "1:{o}",
     {"loopback with ideographic full stops", "CWE-918; UTS 46"}},
    {"[::1]:{o}", {"loopback in IPv6", "CWE-918"}},
    {"[::]:{o}", {"the unspecified address of IPv6", "CWE-918"}},
    {"[::ffff:127.0.0.1]:{o}", {"loopback mapped into IPv6", "CWE-918; CVE-2024-29415"}},
    {"[::ffff:7f00:1]:{o}", {"loopback mapped into IPv6, in hexadecimal", "CWE-918"}},
    {"[::127.0.0.1]:{o}", {"loopback as a compatible address", "CWE-918; RFC 4291, 2.5.5.1"}},
    {"[64:ff9b::7f00:1]:{o}", {"loopback by NAT64", "CWE-918; RFC 6052"}},
    {"[2002:7f00:1::1]:{o}", {"loopback by 6to4", "CWE-918; RFC 3056"}},
    {"localhost:{o}", {"localhost", "CWE-918; RFC 6761"}},
    {"LOCALHOST:{o}", {"localhost in capitals", "CWE-918"}},
    {"attack.localhost:{o}", {"a name below localhost", "CWE-918; RFC 6761"}},
    {"ip6-localhost:{o}", {"a name of /etc/hosts", "CWE-918"}},
};

static void try_authority(struct attack *a, const struct attack_case *c, const struct attack_listener *at,
                          const char *where, const char *host, const char *template)
{
    struct buf authority;
    struct buf request;
    char what[64];
    buf_init(&authority, 2048);
    buf_init(&request, ATTACK_TEXT_MAX);
    a->error = attack_fill(a, host, template, &authority);
    struct attack_shot connect = {.connect = buf_span(&authority), .quiet = true};
    /* A well-formed name gets a tunnel, and the refusal inside: in clear text no certificate is needed for it. */
    struct buf inner;
    buf_init(&inner, 4096);
    a->error = a->error == 0 ? buf_append_str(&inner, "GET /attack HTTP/1.1\r\nHost: ") : a->error;
    a->error = a->error == 0 ? buf_append_span(&inner, buf_span(&authority)) : a->error;
    a->error = a->error == 0 ? buf_append_str(&inner, "\r\n\r\n") : a->error;
    connect.request = buf_span(&inner);
    (void)snprintf(what, sizeof(what), "%s, CONNECT", where);
    attack_refused(a, c, what, at, &connect);
    int r = buf_append_str(&request, "GET http://");
    r = r == 0 ? buf_append_span(&request, buf_span(&authority)) : r;
    r = r == 0 ? buf_append_str(&request, "/attack HTTP/1.1\r\nHost: ") : r;
    r = r == 0 ? buf_append_span(&request, buf_span(&authority)) : r;
    r = r == 0 ? buf_append_str(&request, "\r\n\r\n") : r;
    a->error = a->error == 0 ? r : a->error;
    struct attack_shot absolute = {.request = buf_span(&request), .quiet = true};
    (void)snprintf(what, sizeof(what), "%s, absolute form", where);
    attack_refused(a, c, what, at, &absolute);
    buf_deinit(&inner);
    buf_deinit(&authority);
    buf_deinit(&request);
}

/* No provider answers at a loopback address, so the tenant's own listener is asked too. */
static bool is_inside(const char *template)
{
    return strstr(template, "{o}") != NULL;
}

void attack_host(struct attack *a)
{
    const char *host = ATTACK_ECHO_HOST;
    const struct attack_listener *at = &a->at_other;
    for (size_t i = 0; i < a->route_count; i++) {
        if (a->routes[i].works && a->routes[i].route->scheme == SPEC_SCHEME_HTTPS &&
            a->routes[i].host[0] != '[' && a->routes[i].route->host[0] != '*') {
            host = a->routes[i].host;
            at = &a->at_mirror;
            break;
        }
    }
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]) && a->error == 0 && !attack_interrupted(); i++) {
        /* The other throw-away tenant has a route to that port of loopback, which is another family's case. */
        const struct attack_listener *where = is_inside(cases[i].authority) ? &a->at_mirror : at;
        try_authority(a, &cases[i].c, where, "mirror", host, cases[i].authority);
        if (is_inside(cases[i].authority)) {
            try_authority(a, &cases[i].c, &a->at_live, "own listener", host, cases[i].authority);
        }
    }
}
