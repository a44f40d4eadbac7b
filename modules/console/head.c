/*
 * head.c - the head of a request: is it for us, from a page of ours, whose session, for what.
 *
 * A browser lends itself to whoever's page is open in it. So a request has to name this listener as its Host (a name that was rebound to
 * its address is another), where it says which page it comes from that has to be one of ours, and what changes something shows a value
 * that only a page of ours has read. A page itself has nothing in it: a link to it may be anywhere.
 */
#include "console/state.h"

#include "base/encode.h"
#include "base/secret.h"
#include "http/fields.h"
#include "tls/seal.h"

#include <stdio.h>

#define API_PREFIX     "/api"
#define SESSION_PREFIX "/session"
#define CSRF_FIELD     "X-Clawbox-Csrf"

/* ---- fields ---- */

/* Without its port, and its brackets. */
static struct span host_alone(struct span host)
{
    if (host.len != 0 && host.ptr[0] == '[') {
        const uint8_t *end = memchr(host.ptr, ']', host.len);
        return end != NULL ? span_of(host.ptr + 1, (size_t)(end - host.ptr) - 1) : SPAN_EMPTY;
    }
    const uint8_t *colon = host.len != 0 ? memchr(host.ptr, ':', host.len) : NULL;
    return colon != NULL ? span_sub(host, 0, (size_t)(colon - host.ptr)) : host;
}

/* In TLS a browser has looked at the certificate: what it is for, at whichever port somebody has put before this one. In clear the listener's own
 * address. */
static bool is_own_host(const struct console *console, struct span host)
{
    char own[sizeof(console->place.host) + 8];
    if (console->serving != NULL) {
        return link_serves(console->serving, host_alone(host));
    }
    (void)snprintf(own, sizeof(own), "%s:%u", console->place.host, (unsigned)console->place.port);
    if (span_eq_str(host, own)) {
        return true;
    }
    (void)snprintf(own, sizeof(own), "localhost:%u", (unsigned)console->place.port);
    return span_eq_str(host, own);
}

/* Whether the Origin is the one that the request is for: a page of ours made it. */
static bool is_own_origin(const struct console *console, struct span origin, struct span host)
{
    struct span scheme = console->serving != NULL ? SPAN_LIT("https://") : SPAN_LIT("http://");
    return span_starts(origin, scheme) && span_eq(span_sub(origin, scheme.len, SIZE_MAX), host);
}

/* Somebody follows a link, in a window of its own, to a page, which has nothing in it. */
static bool is_visit(const struct http_head *head, const struct ask *ask)
{
    struct span mode;
    struct span dest;
    return ask->what == ASK_PAGE && !ask->changes && http_field_only(head, "Sec-Fetch-Mode", &mode) &&
           http_field_only(head, "Sec-Fetch-Dest", &dest) && span_eq_str(mode, "navigate") &&
           span_eq_str(dest, "document");
}

static bool is_from_here(const struct console *console, const struct http_head *head, struct span host,
                         const struct ask *ask)
{
    struct span origin;
    struct span site;
    if (!http_field_only(head, "Origin", &origin) || !http_field_only(head, "Sec-Fetch-Site", &site)) {
        return false;
    }
    bool same = site.len == 0 || span_eq_str(site, "same-origin") || span_eq_str(site, "none");
    if (!same && !is_visit(head, ask)) {
        return false;
    }
    return origin.len != 0 ? is_own_origin(console, origin, host) : !ask->changes;
}

/* ---- the session ---- */

bool ask_session_formed(struct span text)
{
    bool fine = text.len == CONSOLE_SESSION_LEN && span_starts(text, SPAN_LIT(CONSOLE_SESSION_PREFIX));
    for (size_t i = 0; fine && i < text.len; i++) {
        uint8_t c = text.ptr[i];
        fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
               c == '_';
    }
    return fine;
}

/* The next of the cookies (RFC 6265, 4.2.1), which is consumed. False at the end. */
static bool next_cookie(struct span *list, struct span *name, struct span *value)
{
    while (list->len != 0 && (list->ptr[0] == ' ' || list->ptr[0] == ';')) {
        *list = span_sub(*list, 1, SIZE_MAX);
    }
    if (list->len == 0) {
        return false;
    }
    const uint8_t *end = memchr(list->ptr, ';', list->len);
    struct span pair = span_sub(*list, 0, end != NULL ? (size_t)(end - list->ptr) : list->len);
    *list = span_sub(*list, pair.len, SIZE_MAX);
    const uint8_t *equals = memchr(pair.ptr, '=', pair.len);
    size_t len = equals != NULL ? (size_t)(equals - pair.ptr) : pair.len;
    *name = span_sub(pair, 0, len);
    *value = equals != NULL ? span_sub(pair, len + 1, SIZE_MAX) : SPAN_EMPTY;
    return true;
}

static bool device_formed(struct span text)
{
    bool fine = text.len <= CONSOLE_DEVICE_MAX;
    for (size_t i = 0; fine && i < text.len; i++) {
        uint8_t c = text.ptr[i];
        fine = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    }
    return fine;
}

bool ask_cookies(const struct http_head *head, struct ask *out)
{
    size_t count = 0;
    for (size_t i = 0; i < head->field_count; i++) {
        struct span list = head->fields[i].value;
        struct span name;
        struct span value;
        if (!span_eq_nocase(head->fields[i].name, SPAN_LIT("Cookie"))) {
            continue;
        }
        while (next_cookie(&list, &name, &value)) {
            if (span_eq_str(name, CONSOLE_COOKIE)) {
                count++;
                out->session = ask_session_formed(value) ? value : SPAN_EMPTY;
            } else if (span_eq_str(name, CONSOLE_DEVICE_COOKIE) && device_formed(value)) {
                out->device = value;
            }
        }
    }
    return count <= 1;
}

void ask_csrf(struct span session, char out[CONSOLE_CSRF_LEN + 1])
{
    const struct span parts[] = {SPAN_LIT("csrf"), session};
    uint8_t hash[DIGEST_LEN];
    digest_sha256(parts, 2, hash);
    encode_hex(hash, sizeof(hash), out);
}

static bool shows_csrf(const struct http_head *head, struct span session)
{
    struct span shown;
    char right[CONSOLE_CSRF_LEN + 1];
    ask_csrf(session, right);
    return http_field_only(head, CSRF_FIELD, &shown) && secret_eq(shown, span_str(right));
}

/* No form of another page can send this media type. */
static bool is_json(const struct http_head *head)
{
    struct span type;
    return http_field_only(head, "Content-Type", &type) && span_eq_nocase(type, SPAN_LIT("application/json"));
}

/* ---- the body ---- */

size_t ask_body_max(const struct ask *ask)
{
    return ask->what == ASK_API ? CONSOLE_BODY_MAX : SESSION_BODY_MAX;
}

const char *ask_body_too_large(const struct ask *ask)
{
    return ask->what == ASK_API ? "A body has at most 1 MiB." : "A body has at most 8 KiB here.";
}

/* ---- the whole of it ---- */

/* A page's path has no dot: what has one is an asset's name, or nothing. */
static bool is_page_path(struct span path)
{
    return memchr(path.ptr, '.', path.len) == NULL && !span_eq_str(path, "/assets") &&
           !span_starts(path, SPAN_LIT("/assets/"));
}

/* Whether a path is that one, or below it. */
static bool is_below(struct span path, const char *parent)
{
    struct span rest = span_sub(path, strlen(parent), SIZE_MAX);
    return span_starts(path, span_str(parent)) && (rest.len == 0 || rest.ptr[0] == '/');
}

/* What this role asks the api for on its own behalf (session.c): it would give a page's script the session that the cookie keeps from it, and let it
 * guess keys without making them of passwords. */
static bool is_for_console(struct span target)
{
    return span_starts(target, SPAN_LIT(API_PREFIX "/v1/session")) ||
           span_starts(target, SPAN_LIT(API_PREFIX "/v1/sign-in/"));
}

static void read_target(const struct http_head *head, struct ask *ask)
{
    struct span target = head->target;
    const uint8_t *mark = target.len != 0 ? memchr(target.ptr, '?', target.len) : NULL;
    ask->path = mark != NULL ? span_sub(target, 0, (size_t)(mark - target.ptr)) : target;
    if (span_starts(target, SPAN_LIT(API_PREFIX "/v1/")) && !is_for_console(target)) {
        ask->what = ASK_API;
        ask->target = span_sub(target, sizeof(API_PREFIX) - 1, SIZE_MAX);
        return;
    }
    bool session = false;
    ask->session_route = session_find(head->method, ask->path, &ask->name, &session);
    if (session) {
        ask->what = ASK_SESSION;
        return;
    }
    bool taken = is_below(ask->path, API_PREFIX) || is_below(ask->path, SESSION_PREFIX);
    bool there = span_starts(target, SPAN_LIT("/")) && !taken &&
                 (is_page_path(ask->path) ? console_asset_page() : console_asset_find(ask->path)) != NULL;
    ask->what = there ? ASK_PAGE : ASK_NOTHING;
}

#define REFUSE(status_, detail_)                                           \
    do {                                                                   \
        return (struct ask_refusal){.status = status_, .detail = detail_}; \
    } while (0)

static struct ask_refusal look_at_method(const struct http_head *head, const struct ask *ask)
{
    if (ask->what == ASK_PAGE && ask->changes) {
        REFUSE(405, "A page can only be looked at.");
    }
    if (ask->what == ASK_SESSION && ask->session_route == NULL) {
        REFUSE(405, "That is not possible here.");
    }
    if (ask->what == ASK_PAGE && (head->framing == HTTP_FRAMING_CHUNKED || head->content_length != 0)) {
        REFUSE(400, "A request for a page has no body.");
    }
    if (head->framing == HTTP_FRAMING_LENGTH && head->content_length > ask_body_max(ask)) {
        REFUSE(413, ask_body_too_large(ask));
    }
    return (struct ask_refusal){.status = 0};
}

static struct ask_refusal look_at_session(const struct http_head *head, const struct ask *ask)
{
    if (ask->what == ASK_PAGE) {
        return (struct ask_refusal){.status = 0};
    }
    if (ask->what == ASK_SESSION && !session_needs_session(ask->session_route)) {
        if (!is_json(head)) {
            REFUSE(415, "Signing in takes application/json.");
        }
        return (struct ask_refusal){.status = 0};
    }
    if (ask->session.len == 0) {
        REFUSE(401, "Sign in first.");
    }
    if (ask->changes && !shows_csrf(head, ask->session)) {
        REFUSE(403, "A change needs the value \"csrf\" of the session, as the field X-Clawbox-Csrf.");
    }
    return (struct ask_refusal){.status = 0};
}

struct ask_refusal ask_read(const struct console *console, const struct http_head *head, struct ask *out)
{
    struct span host;
    *out = (struct ask){.is_head = span_eq_str(head->method, "HEAD")};
    out->changes = !out->is_head && !span_eq_str(head->method, "GET");
    read_target(head, out);
    if (head->minor == 0) {
        REFUSE(505, "HTTP/1.1 is spoken here.");
    }
    if (!http_field_only(head, "Host", &host) || !is_own_host(console, host)) {
        REFUSE(421, "This is another host.");
    }
    if (!is_from_here(console, head, host, out)) {
        REFUSE(403, "Only pages of this console may ask for that.");
    }
    if (out->what == ASK_NOTHING) {
        REFUSE(404, "There is nothing here.");
    }
    if (!ask_cookies(head, out)) {
        REFUSE(400, "The session's cookie is there twice.");
    }
    struct ask_refusal refusal = look_at_method(head, out);
    return refusal.status != 0 ? refusal : look_at_session(head, out);
}
