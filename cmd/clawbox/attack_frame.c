/*
 * attack_frame.c - one request that is two: framing that readers disagree about, bytes that no field may have, versions, and
 * what would leave HTTP. Each goes to the mirror, or to the echo when no route of the tenant works.
 */
#include "attack.h"

#define LINE "POST {path} HTTP/1.1\r\nHost: {h}\r\n"
#define GET  "GET {path} HTTP/1.1\r\nHost: {h}\r\n"
/* A request that must not be seen, hidden in the body of another. */
#define HIDDEN "GET /attack-hidden HTTP/1.1\r\nHost: {h}\r\n\r\n"

static const struct {
    const char *request;
    struct attack_case c;
} cases[] = {
    {LINE "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" HIDDEN,
     {"Content-Length and Transfer-Encoding", "CWE-444; RFC 9112, 6.3"}},
    {LINE "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" HIDDEN,
     {"Transfer-Encoding and Content-Length", "CWE-444; RFC 9112, 6.3"}},
    {LINE "Content-Length: 1\r\nContent-Length: 0\r\n\r\nZ" HIDDEN,
     {"two lengths", "CWE-444; RFC 9110, 8.6"}},
    {LINE "Content-Length: 5, 6\r\n\r\nhello", {"a list of lengths", "CWE-444; RFC 9110, 8.6"}},
    {LINE "Content-Length: +5\r\n\r\nhello", {"a length with a sign", "CWE-444; RFC 9110, 8.6"}},
    {LINE "Content-Length: -5\r\n\r\nhello", {"a negative length", "CWE-444"}},
    {LINE "Content-Length: 0x5\r\n\r\nhello", {"a length in hexadecimal", "CWE-444"}},
    {LINE "Content-Length: 5_0\r\n\r\nhello", {"a length with an underscore", "CWE-444"}},
    {LINE "Content-Length: 18446744073709551621\r\n\r\nhello",
     {"a length past 64 bits", "CWE-190; CVE-2021-40346"}},
    {LINE "Content-Length : 5\r\n\r\nhello", {"a blank before the colon", "CWE-444; RFC 9112, 5.1"}},
    {LINE "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
     {"a blank before the colon of Transfer-Encoding", "CWE-444"}},
    {LINE "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
     {"a coding that is not chunked", "CWE-444; CVE-2022-32215"}},
    {LINE "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", {"a coding before chunked", "CWE-444"}},
    {LINE "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" HIDDEN,
     {"a coding behind chunked", "CWE-444"}},
    {LINE "Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n", {"an empty coding", "CWE-444"}},
    {LINE "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" HIDDEN,
     {"two Transfer-Encodings", "CWE-444; CVE-2022-32213"}},
    {LINE "Transfer-Encoding: \x0b"
          "chunked\r\n\r\n0\r\n\r\n",
     {"a vertical tab before chunked", "CWE-444"}},
    {LINE "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", {"a folded line", "CWE-444; RFC 9112, 5.2"}},
    {LINE "X: a\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     {"a carriage return alone", "CWE-93; CVE-2023-30589"}},
    {LINE "X: a\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     {"a line feed alone", "CWE-93; RFC 9112, 2.2"}},
    {"POST {path} HTTP/1.1\nHost: {h}\nContent-Length: 0\n\n", {"line feeds only", "CWE-444; RFC 9112, 2.2"}},
    {GET "X: a{0}b\r\n\r\n", {"a NUL in a value", "CWE-158; RFC 9110, 5.5"}},
    {GET "X{0}Y: a\r\n\r\n", {"a NUL in a name", "CWE-158"}},
    {GET "X Y: a\r\n\r\n", {"a blank in a name", "CWE-444; RFC 9112, 5.1"}},
    {GET ": a\r\n\r\n", {"no name", "CWE-20"}},
    {GET "no colon\r\n\r\n", {"no colon", "CWE-20"}},
    {GET " X: a\r\n\r\n", {"a first field that is folded", "CWE-444; RFC 9112, 5.2"}},
    {"GET {path}\r\n\r\n", {"a request without a version", "CWE-444; RFC 9112, 2.3"}},
    {"GET {path} HTTP/0.9\r\n\r\n", {"HTTP/0.9", "RFC 9112, 2.3"}},
    {"GET {path} HTTP/2.0\r\nHost: {h}\r\n\r\n", {"HTTP/2.0 in text", "RFC 9112, 2.3"}},
    {"GET {path} HTTP/1.10\r\nHost: {h}\r\n\r\n", {"a version of two digits", "RFC 9112, 2.3"}},
    {"GET {path} http/1.1\r\nHost: {h}\r\n\r\n", {"a version in lower case", "RFC 9112, 2.3"}},
    {"GET  {path} HTTP/1.1\r\nHost: {h}\r\n\r\n", {"two blanks in the request line", "CWE-444; RFC 9112, 3"}},
    {"GET\t{path} HTTP/1.1\r\nHost: {h}\r\n\r\n", {"a tab in the request line", "CWE-444; RFC 9112, 3"}},
    {"GET {path} HTTP/1.1 \r\nHost: {h}\r\n\r\n", {"a blank behind the version", "CWE-444"}},
    {"GET {path} HTTP/1.1\r\n\r\n", {"no Host", "RFC 9112, 3.2"}},
    {"GET {path} HTTP/1.1\r\nHost:\r\n\r\n", {"an empty Host", "RFC 9112, 3.2"}},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {"HTTP/2's preface", "RFC 9113, 3.4"}},
    {"SOURCE {path} ICE/1.0\r\nHost: {h}\r\n\r\n", {"ICE, which llhttp knows", "CWE-20"}},
    {"ANNOUNCE {path} RTSP/1.0\r\nHost: {h}\r\n\r\n", {"RTSP, which llhttp knows", "CWE-20"}},
    {"OPTIONS * HTTP/1.1\r\nHost: {h}\r\n\r\n", {"a target of the whole server", "RFC 9112, 3.2.4"}},
    {"CONNECT attack.invalid:443 HTTP/1.1\r\nHost: attack.invalid:443\r\n\r\n",
     {"CONNECT inside the tunnel", "RFC 9110, 9.3.6"}},
    {GET "Expect: 200-ok\r\n\r\n", {"an expectation that is none", "RFC 9110, 10.1.1"}},
    {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", {"TLS inside TLS", "CWE-20"}},
};

/* Heads that are fine and may have gone on when the body turns out not to be: then no end of it may arrive. */
static const struct {
    const char *request;
    struct attack_case c;
} bodies[] = {
    {LINE "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
     {"a chunk size in hexadecimal twice", "CWE-444"}},
    {LINE "Transfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n",
     {"a chunk size with a sign", "CWE-444"}},
    {LINE "Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
     {"a chunk ended by a line feed", "CWE-444; CVE-2025-22871"}},
    {LINE "Transfer-Encoding: chunked\r\n\r\n5;\nhello\r\n0\r\n\r\n",
     {"a line feed in a chunk extension", "CWE-444"}},
    {LINE "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF5\r\nhello\r\n0\r\n\r\n",
     {"a chunk size past 64 bits", "CWE-190"}},
    {LINE "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n",
     {"a chunk that is longer than it says", "CWE-444"}},
};

/* {path} is a path that the route allows; the rest as attack_fill(). */
static int fill(const struct attack *a, const char *host, const char *path, const char *template,
                struct buf *out)
{
    const char *at = strstr(template, "{path}");
    struct buf head;
    if (at == NULL) {
        return attack_fill(a, host, template, out);
    }
    buf_init(&head, 4096);
    int r = buf_append(&head, template, (size_t)(at - template));
    r = r == 0 ? buf_append_str(&head, path) : r;
    r = r == 0 ? buf_append_byte(&head, 0) : r;
    r = r == 0 ? attack_fill(a, host, (const char *)buf_span(&head).ptr, out) : r;
    r = r == 0 ? attack_fill(a, host, at + strlen("{path}"), out) : r;
    buf_deinit(&head);
    return r;
}

/* A request whose body is bad, and an ordinary one behind it on a connection of its own: when that has come to its end, whatever
 * became of the first has been reported. */
static void bad_body(struct attack *a, const struct attack_case *c, const struct attack_listener *at,
                     const char *host, const char *path, struct span text)
{
    char authority[300];
    struct buf request;
    struct attack_answer bad;
    struct attack_answer after;
    (void)snprintf(authority, sizeof(authority), "%s:443", host);
    buf_init(&request, 8192);
    struct attack_shot shot = {
        .connect = span_str(authority), .tls = true, .host = host, .request = text, .quiet = true};
    a->error = attack_origin_drain(&a->origin);
    a->error = a->error == 0 ? attack_request(&request, "GET", path, host, "") : a->error;
    if (a->error == 0) {
        attack_shoot(at, &shot, &bad);
        bool said_no = attack_is_refusal(&shot, &bad);
        shot.request = buf_span(&request);
        attack_shoot(at, &shot, &after);
        size_t connections;
        a->error = attack_origin_settle(&a->origin, &connections);
        size_t ended = a->origin.ended;
        if (after.status != 200) {
            attack_add(a, c, ATTACK_LEAKED, "the ordinary request behind it did not arrive: %u %s",
                       after.status, after.reason);
        } else {
            attack_add(a, c, said_no && ended == 1 ? ATTACK_HELD : ATTACK_LEAKED,
                       "answered %u %s; the origin saw %s", bad.status, bad.reason,
                       ended == 1 ? "no end of it" : "a whole request");
        }
        attack_answer_deinit(&bad);
        attack_answer_deinit(&after);
    }
    buf_deinit(&request);
}

/* Two requests at once, the second of which no route allows: the first may pass. */
static void pipelined(struct attack *a, const struct attack_listener *at, const char *host, const char *path)
{
    static const struct attack_case c = {"a second request behind an allowed one", "CWE-444"};
    char authority[300];
    struct buf request;
    struct attack_answer answer;
    size_t connections = 0;
    (void)snprintf(authority, sizeof(authority), "%s:443", host);
    buf_init(&request, 8192);
    a->error = attack_request(&request, "GET", path, host, "");
    a->error =
        a->error == 0 ? attack_request(&request, "GET", "/attack-hidden", "attack.invalid", "") : a->error;
    a->error = a->error == 0 ? attack_origin_settle(&a->origin, &connections) : a->error;
    struct attack_shot shot = {
        .connect = span_str(authority), .tls = true, .host = host, .request = buf_span(&request)};
    if (a->error == 0) {
        attack_shoot(at, &shot, &answer);
        a->error = attack_origin_settle(&a->origin, &connections);
        attack_add(a, &c, connections <= 1 ? ATTACK_HELD : ATTACK_LEAKED, "the origin saw %zu connections",
                   connections);
        attack_answer_deinit(&answer);
    }
    buf_deinit(&request);
}

/* An upgrade that is not granted must not leave a pipe behind: what follows is a request of its own. */
static void upgrades(struct attack *a, const struct attack_listener *at, const char *host, const char *path)
{
    static const struct attack_case h2c = {"an upgrade to h2c", "RFC 9113, 3.1; CWE-444"};
    static const struct attack_case ws = {"an upgrade that nobody allows, and a request behind it",
                                          "CVE-2018-1002105"};
    static const struct {
        const struct attack_case *c;
        const char *lines;
    } tries[] = {
        {&h2c,
         "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"},
        {&ws, "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
              "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"},
    };
    char authority[300];
    (void)snprintf(authority, sizeof(authority), "%s:443", host);
    for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]) && a->error == 0; i++) {
        struct buf request;
        struct attack_answer answer;
        size_t connections = 0;
        buf_init(&request, 8192);
        a->error = attack_request(&request, "GET", path, host, tries[i].lines);
        a->error = a->error == 0 ? attack_request(&request, "GET", "/attack-hidden", "attack.invalid", "")
                                 : a->error;
        a->error = a->error == 0 ? attack_origin_settle(&a->origin, &connections) : a->error;
        buf_reset(&a->origin.head);
        struct attack_shot shot = {
            .connect = span_str(authority), .tls = true, .host = host, .request = buf_span(&request)};
        attack_shoot(at, &shot, &answer);
        if (answer.status == 200) {
            a->error = a->error == 0 ? attack_origin_wait(&a->origin) : a->error;
        }
        size_t late = 0;
        a->error = a->error == 0 ? attack_origin_settle(&a->origin, &late) : a->error;
        struct span head = buf_span(&a->origin.head);
        bool asked = attack_holds(head, "\nUpgrade:") || attack_holds(head, "HTTP2-Settings");
        attack_add(a, tries[i].c, asked || late > 1 ? ATTACK_LEAKED : ATTACK_HELD, "answered %u %s; %s",
                   answer.status, answer.reason,
                   asked ? "the origin was asked to upgrade" : "the origin was not asked to");
        attack_answer_deinit(&answer);
        buf_deinit(&request);
    }
}

void attack_frame(struct attack *a)
{
    const char *host = ATTACK_ECHO_HOST;
    const char *path = "/attack";
    const struct attack_listener *at = &a->at_other;
    char authority[300];
    for (size_t i = 0; i < a->route_count; i++) {
        const struct attack_route *r = &a->routes[i];
        if (r->works && r->route->scheme == SPEC_SCHEME_HTTPS && r->route->port == 443 &&
            strcmp(r->method, "GET") == 0) {
            host = r->host;
            path = r->path;
            at = &a->at_mirror;
            break;
        }
    }
    (void)snprintf(authority, sizeof(authority), "%s:443", host);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]) && a->error == 0 && !attack_interrupted(); i++) {
        struct buf request;
        buf_init(&request, 16384);
        a->error = fill(a, host, path, cases[i].request, &request);
        struct attack_shot shot = {.connect = span_str(authority),
                                   .tls = true,
                                   .host = host,
                                   .request = buf_span(&request),
                                   .quiet = true};
        attack_refused(a, &cases[i].c, "in a tunnel", at, &shot);
        buf_deinit(&request);
    }
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]) && a->error == 0 && !attack_interrupted();
         i++) {
        struct buf request;
        buf_init(&request, 16384);
        a->error = fill(a, host, path, bodies[i].request, &request);
        if (a->error == 0) {
            bad_body(a, &bodies[i].c, at, host, path, buf_span(&request));
        }
        buf_deinit(&request);
    }
    if (a->error == 0) {
        pipelined(a, at, host, path);
        upgrades(a, at, host, path);
    }
    a->error = a->error == 0 ? attack_origin_drain(&a->origin) : a->error;
}
