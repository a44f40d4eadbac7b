/* work.c - one request about a session: its body, its calls to the api, its answer. */
#include "console/session.h"

#include "base/json_read.h"
#include "http/fields.h"

#include <stdio.h>
#include <stdlib.h>

#define NAME_MAX_LEN 64
#define SHOWN_MAX    128

static void each_buf(struct session_work *w, void (*visit)(struct buf *b, size_t max))
{
    visit(&w->name, NAME_MAX_LEN);
    visit(&w->password, PASSPHRASE_MAX);
    visit(&w->token, SHOWN_MAX);
    visit(&w->link, SHOWN_MAX);
    visit(&w->current, PASSPHRASE_MAX);
    visit(&w->fresh, PASSPHRASE_MAX);
    visit(&w->scope, NAME_MAX_LEN);
    visit(&w->answer, SESSION_BODY_MAX);
    visit(&w->kept, SESSION_BODY_MAX);
}

static void prepare(struct buf *b, size_t max)
{
    buf_init(b, max);
    buf_set_sensitive(b);
}

static void release(struct buf *b, size_t max)
{
    (void)max;
    buf_deinit(b);
}

struct session_work *session_new(void)
{
    struct session_work *w = calloc(1, sizeof(*w));
    if (w != NULL) {
        each_buf(w, prepare);
    }
    return w;
}

void session_free(struct session_work *w)
{
    if (w != NULL) {
        kdf_cancel(&w->job);
        secret_free(w->job.key);
        secret_free(w->current_key);
        each_buf(w, release);
        secret_wipe(w, sizeof(*w));
        free(w);
    }
}

/* ---- the body ---- */

static struct buf *member(struct session_work *w, struct span name, unsigned *bit)
{
    const struct {
        const char *name;
        unsigned bit;
        struct buf *to;
    } members[] = {{"name", SESSION_NAME, &w->name},          {"password", SESSION_PASSWORD, &w->password},
                   {"token", SESSION_TOKEN, &w->token},       {"link", SESSION_LINK, &w->link},
                   {"current", SESSION_CURRENT, &w->current}, {"new", SESSION_NEW, &w->fresh},
                   {"scope", SESSION_SCOPE, &w->scope}};
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (span_eq_str(name, members[i].name)) {
            *bit = members[i].bit;
            return members[i].to;
        }
    }
    return NULL;
}

int session_body_read(struct session_work *w, struct span body, unsigned allowed)
{
    struct json_reader r;
    struct json_member m;
    unsigned seen = 0;
    int more;
    json_reader_init(&r, body);
    while ((more = json_reader_next(&r, &m)) > 0) {
        unsigned bit = 0;
        struct buf *to = member(w, m.name, &bit);
        if (to == NULL || (bit & allowed) == 0 || (bit & seen) != 0 || m.kind != JSON_TEXT) {
            return CB_EINVAL;
        }
        seen |= bit;
        int error = json_decode_text(m.value, to);
        if (error != 0) {
            return error;
        }
    }
    return more;
}

void session_begin(struct browser *b)
{
    struct session_work *w = session_new();
    if (w == NULL) {
        browser_drop(b);
        return;
    }
    b->work = w;
    const struct session_route *route = b->ask.session_route;
    struct span body = buf_span(&b->body);
    int r = route->members != 0 ? session_body_read(w, body, route->members) : body.len != 0 ? CB_EINVAL : 0;
    buf_deinit(&b->body);
    if (r == 0) {
        route->run(b);
    } else {
        reply_refuse(b, 400, "The body is not what is taken here.");
    }
}

/* ---- calls ---- */

static void on_head(struct browser *b, const struct http_head *head)
{
    struct session_work *w = b->work;
    const struct http_field *retry = http_field_find(head->fields, head->field_count, "Retry-After");
    w->status = head->status;
    w->retry[0] = '\0';
    if (retry != NULL && retry->value.len < sizeof(w->retry)) {
        (void)snprintf(w->retry, sizeof(w->retry), "%.*s", SPAN_ARG(retry->value));
    }
    if (head->framing == HTTP_FRAMING_CLOSE) {
        browser_drop(b);
    }
}

static void on_body(struct browser *b, struct span body)
{
    if (buf_append_span(&b->work->answer, body) != 0) {
        browser_drop(b); /* the api has nothing that long to say of a session */
    }
}

static void on_end(struct browser *b)
{
    b->work->next(b);
}

static void on_lost(struct browser *b, struct ask_refusal why)
{
    reply_refuse(b, why.status, why.detail);
}

static const struct upstream_handler handler = {
    .on_head = on_head, .on_body = on_body, .on_end = on_end, .on_lost = on_lost};

void session_call(struct browser *b, const char *method, struct span target, struct span session,
                  struct span body, session_next_fn *then)
{
    struct session_work *w = b->work;
    const struct http_field type = {.name = SPAN_LIT("Content-Type"), .value = SPAN_LIT("application/json")};
    struct upstream_ask ask = {.method = span_str(method),
                               .target = target,
                               .session = session,
                               .fields = &type,
                               .field_count = body.len != 0 ? 1 : 0,
                               .body = body};
    buf_reset(&w->answer);
    w->next = then;
    if (upstream_send(b, &ask, &handler) != 0) {
        reply_refuse(b, 503, "The server cannot be asked just now. Try again.");
    }
}

void session_swap_answers(struct session_work *w)
{
    struct buf answer = w->answer;
    w->answer = w->kept;
    w->kept = answer;
}

void session_pass_on(struct browser *b)
{
    struct session_work *w = b->work;
    bool ended = w->status == 401 && b->ask.session_route->needs_session;
    if (ended && cookie_set(&w->cookies[0], CONSOLE_COOKIE, SPAN_EMPTY, 0) != 0) {
        browser_drop(b);
    } else if (w->status == 204) {
        b->admitted = true;
        reply_session(b, 204, SPAN_EMPTY);
    } else if (w->status >= 400) {
        reply_session(b, w->status, buf_span(&w->answer));
    } else {
        reply_refuse(b, 503, "The server has answered what it should not.");
    }
}

/* ---- keys ---- */

static void on_key(struct browser *b)
{
    struct session_work *w = b->work;
    if (w->job.result == 0) {
        w->then(b);
    } else {
        reply_refuse(b, 503, "There is no memory for that just now. Try again.");
    }
}

void session_derive(struct browser *b, struct span password, bool known, session_next_fn *then)
{
    struct session_work *w = b->work;
    secret_free(w->job.key);
    w->job = (struct kdf_job){.browser = b, .password = password, .kdf = &w->kdf, .done = on_key};
    w->then = then;
    b->admitted = b->admitted || known;
    int r = kdf_ask(b->console, &w->job, known);
    if (r == CB_EBUSY) {
        reply_refuse(b, 503, "Many sign in just now. Try again in a few seconds.");
    } else if (r != 0) {
        reply_refuse(b, 500, "The costs of this password's key are out of bounds.");
    }
}

bool session_password_fine(struct browser *b, const struct buf *password, const char *what)
{
    char text[96];
    if (buf_len(password) >= PASSPHRASE_MIN) {
        return true;
    }
    (void)snprintf(text, sizeof(text), "\"%s\" should have %d to %d bytes.", what, PASSPHRASE_MIN,
                   PASSPHRASE_MAX);
    reply_refuse(b, 422, text);
    return false;
}
