/*
 * fuzz_console_head.c - any bytes as the head of a request to the console.
 *
 * What is let through is looked at again, in another way: it names this listener as its host, once; where it says where it comes from
 * that is one of our pages; what changes something says it, and shows the value of its session; a session is well-formed and stands in a
 * cookie; and what is passed on to the api is none of the console's own routes.
 */
#include "base/secret.h"
#include "console/state.h"
#include "tls/seal.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define PLACE     "127.0.0.1:9180"
#define LOCALHOST "localhost:9180"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

const struct console_asset console_assets[] = {{.path = "/index.html", .type = "text/html", .tag = "\"1\""},
                                               {.path = "/assets/a.js", .type = "text/javascript"}};
const size_t console_asset_count = 2;

static void must(bool good)
{
    if (!good) {
        abort();
    }
}

/* How often a field is there; *out is the last. */
static size_t count_of(const struct http_head *head, const char *name, struct span *out)
{
    size_t count = 0;
    *out = SPAN_EMPTY;
    for (size_t i = 0; i < head->field_count; i++) {
        struct span n = head->fields[i].name;
        if (n.len == strlen(name) && strncasecmp((const char *)n.ptr, name, n.len) == 0) {
            *out = head->fields[i].value;
            count++;
        }
    }
    return count;
}

static bool holds(struct span text, struct span part)
{
    for (size_t i = 0; i + part.len <= text.len; i++) {
        if (span_eq(span_sub(text, i, part.len), part)) {
            return true;
        }
    }
    return false;
}

static bool in_a_cookie(const struct http_head *head, struct span session)
{
    char pair[sizeof(CONSOLE_COOKIE) + CONSOLE_SESSION_LEN + 2];
    (void)snprintf(pair, sizeof(pair), CONSOLE_COOKIE "=%.*s", SPAN_ARG(session));
    for (size_t i = 0; i < head->field_count; i++) {
        if (span_eq_nocase(head->fields[i].name, SPAN_LIT("cookie")) &&
            holds(head->fields[i].value, span_str(pair))) {
            return true;
        }
    }
    return false;
}

static void check_session(const struct http_head *head, const struct ask *ask)
{
    char right[CONSOLE_CSRF_LEN + 1];
    struct span shown;
    must(ask_session_formed(ask->session) && in_a_cookie(head, ask->session));
    if (ask->changes) {
        ask_csrf(ask->session, right);
        must(count_of(head, "x-clawbox-csrf", &shown) == 1 && span_eq_str(shown, right));
    }
}

static void check_asked(const struct http_head *head, const struct ask *ask)
{
    struct span type;
    bool signs_in = ask->what == ASK_SESSION && !session_needs_session(ask->session_route);
    if (signs_in) {
        must(count_of(head, "content-type", &type) == 1 &&
             span_eq_nocase(type, SPAN_LIT("application/json")));
        must(span_eq_str(head->method, "POST") && span_eq_str(ask->path, "/session"));
    } else if (ask->what == ASK_API || ask->what == ASK_SESSION) {
        check_session(head, ask);
    } else {
        must(ask->what == ASK_PAGE && !ask->changes);
    }
    if (ask->what == ASK_API) {
        must(span_starts(ask->target, SPAN_LIT("/v1/")) &&
             !span_starts(ask->target, SPAN_LIT("/v1/session")) &&
             !span_starts(ask->target, SPAN_LIT("/v1/sign-in/")));
    }
    must(head->framing != HTTP_FRAMING_LENGTH || head->content_length <= CONSOLE_BODY_MAX);
}

static void check_let_through(const struct http_head *head, const struct ask *ask)
{
    char origin[64];
    struct span host;
    struct span value;
    must(count_of(head, "host", &host) == 1 && (span_eq_str(host, PLACE) || span_eq_str(host, LOCALHOST)));
    (void)snprintf(origin, sizeof(origin), "http://%.*s", SPAN_ARG(host));
    size_t origins = count_of(head, "origin", &value);
    must(origins <= 1 && (origins == 0 || value.len == 0 || span_eq_str(value, origin)));
    must(!ask->changes || (origins == 1 && value.len != 0));
    bool foreign = count_of(head, "sec-fetch-site", &value) != 0 && value.len != 0 &&
                   !span_eq_str(value, "same-origin") && !span_eq_str(value, "none");
    must(!foreign || ask->what == ASK_PAGE);
    must(head->minor != 0 && ask->device.len <= CONSOLE_DEVICE_MAX);
    check_asked(head, ask);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct console console = {.place = {.host = "127.0.0.1", .port = 9180, .loopback = true}};
    struct http_parser *p = http_parser_new_request();
    struct span in = span_of(data, size);
    struct http_event event;
    must(tls_init() == 0 && p != NULL);
    if (http_parser_next(p, &in, &event) == 0 && event.type == HTTP_EVENT_HEAD) {
        struct ask ask;
        struct ask_refusal refusal = ask_read(&console, event.head, &ask);
        if (refusal.status == 0) {
            check_let_through(event.head, &ask);
        } else {
            must(refusal.status >= 400 && refusal.status < 600 && refusal.detail != NULL);
        }
    }
    http_parser_free(p);
    return 0;
}
