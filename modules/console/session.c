/*
 * session.c - /session: signing in and out, and passwords.
 *
 * This role makes a key of a password (kdf.c), and the api and the store never see the password; it sets and clears cookies. Whether
 * somebody may sign in, and who that is, they say. A session that a browser brings is never made to be another's: signing in always
 * makes a new one.
 */
#include "console/session.h"

#include "base/encode.h"
#include "http/fields.h"
#include "policy/spec.h"

#include <stdio.h>

#define ROTATE_AFTER_S (UINT64_C(15) * 60)
#define TARGET_MAX     256

/* ---- in common ---- */

static void begin_object(struct buf *out, struct json *j)
{
    buf_init(out, SESSION_BODY_MAX);
    buf_set_sensitive(out);
    json_init(j, out);
    json_object(j, NULL);
}

static void put_key(struct json *j, const char *name, const struct secret *key)
{
    char hex[2 * SEAL_MASTER_LEN + 1];
    encode_hex(secret_span(key).ptr, SEAL_MASTER_LEN, hex);
    json_text(j, name, span_str(hex));
    secret_wipe(hex, sizeof(hex));
}

/* The key is in the request, and nobody asks for it again: pages that are locked are few. */
static void forget_keys(struct session_work *w)
{
    secret_free(w->job.key);
    secret_free(w->current_key);
    w->job.key = w->current_key = NULL;
}

static void put_kdf(struct json *j, const struct passphrase_kdf *kdf)
{
    uint8_t bytes[PASSPHRASE_KDF_LEN];
    char hex[2 * PASSPHRASE_KDF_LEN + 1];
    passphrase_kdf_write(kdf, bytes);
    encode_hex(bytes, sizeof(bytes), hex);
    json_text(j, "kdf", span_str(hex));
}

/* Ends the object that begin_object() began, and asks the api with it. */
static void finish_and_call(struct browser *b, struct json *j, const char *method, struct span target,
                            struct span session, session_next_fn *then)
{
    json_object_end(j);
    if (json_finish(j) != 0) {
        reply_refuse(b, 500, "The server cannot be asked that.");
    } else {
        session_call(b, method, target, session, buf_span(j->out), then);
    }
    buf_deinit(j->out);
}

static struct span text_of(const struct buf *text)
{
    return buf_span(text);
}

/* "/v1/sign-in/NAME" and its kin. */
static struct span target_of(struct browser *b, const char *before, struct span name)
{
    struct session_work *w = b->work;
    (void)snprintf(w->target, sizeof(w->target), "%s%.*s", before, SPAN_ARG(name));
    return span_str(w->target);
}

/* ---- what is answered ---- */

/* {"name","by","scope","first","csrf"} of what the api has said of a session. */
static void answer_with(struct browser *b, unsigned status, struct span session)
{
    struct session_work *w = b->work;
    struct session_said said;
    char csrf[CONSOLE_CSRF_LEN + 1];
    struct buf out;
    struct json j;
    if (session_said_read(buf_span(&w->answer), &said) != 0) {
        session_said_free(&said);
        reply_refuse(b, 503, "The server has answered what it should not.");
        return;
    }
    b->admitted = true; /* the api knows the session */
    ask_csrf(session, csrf);
    begin_object(&out, &j);
    json_text(&j, "name", text_of(&said.name));
    json_text(&j, "by", text_of(&said.by));
    json_text(&j, "scope", text_of(&said.scope));
    json_bool(&j, "first", said.first);
    json_text(&j, "csrf", span_str(csrf));
    json_object_end(&j);
    if (json_finish(&j) == 0) {
        reply_session(b, status, buf_span(&out));
    } else {
        reply_refuse(b, 500, "The answer does not fit.");
    }
    buf_deinit(&out);
    session_said_free(&said);
}

/* ---- POST /session ---- */

static void on_session(struct browser *b)
{
    struct session_work *w = b->work;
    struct session_said said;
    if (w->status != 201) {
        session_pass_on(b);
        return;
    }
    int r = session_said_read(buf_span(&w->answer), &said);
    if (r == 0 && ask_session_formed(text_of(&said.session))) {
        r = cookie_set(&w->cookies[0], CONSOLE_COOKIE, text_of(&said.session), 0);
        if (r == 0 && buf_len(&said.device) != 0) {
            r = cookie_set(&w->cookies[1], CONSOLE_DEVICE_COOKIE, text_of(&said.device), CONSOLE_DEVICE_S);
        }
        if (r == 0) {
            answer_with(b, 200, text_of(&said.session));
        }
    } else {
        r = CB_EMALFORMED;
    }
    session_said_free(&said);
    if (r != 0) {
        reply_refuse(b, 503, "The server has answered what it should not.");
    }
}

static void sign_in_with_key(struct browser *b)
{
    struct session_work *w = b->work;
    struct buf out;
    struct json j;
    begin_object(&out, &j);
    json_text(&j, "kind", SPAN_LIT("password"));
    json_text(&j, "name", text_of(&w->name));
    put_key(&j, "key", w->job.key);
    if (b->ask.device.len != 0) {
        json_text(&j, "device", b->ask.device);
    }
    forget_keys(w);
    finish_and_call(b, &j, "POST", SPAN_LIT("/v1/sessions"), SPAN_EMPTY, on_session);
}

static void on_how(struct browser *b)
{
    struct session_work *w = b->work;
    bool known = false;
    if (w->status != 200) {
        session_pass_on(b);
    } else if (session_kdf_read(buf_span(&w->answer), &w->kdf, &known) != 0) {
        reply_refuse(b, 503, "The server has answered what it should not.");
    } else {
        session_derive(b, text_of(&w->password), known, sign_in_with_key);
    }
}

static void ask_how(struct browser *b, struct span name, session_next_fn *then)
{
    struct session_work *w = b->work;
    bool device = b->ask.device.len != 0;
    (void)snprintf(w->target, sizeof(w->target), "/v1/sign-in/%.*s%s%.*s", SPAN_ARG(name),
                   device ? "?device=" : "", SPAN_ARG(b->ask.device));
    session_call(b, "GET", span_str(w->target), SPAN_EMPTY, SPAN_EMPTY, then);
}

static void sign_in_with(struct browser *b, const char *kind, const struct buf *shown)
{
    struct buf out;
    struct json j;
    begin_object(&out, &j);
    json_text(&j, "kind", span_str(kind));
    json_text(&j, kind, text_of(shown));
    finish_and_call(b, &j, "POST", SPAN_LIT("/v1/sessions"), SPAN_EMPTY, on_session);
}

static void sign_in(struct browser *b)
{
    struct session_work *w = b->work;
    if (buf_len(&w->token) != 0 && buf_len(&w->name) == 0 && buf_len(&w->link) == 0) {
        sign_in_with(b, "token", &w->token);
    } else if (buf_len(&w->link) != 0 && buf_len(&w->name) == 0 && buf_len(&w->token) == 0) {
        sign_in_with(b, "link", &w->link);
    } else if (buf_len(&w->token) + buf_len(&w->link) != 0 || buf_len(&w->password) == 0) {
        reply_refuse(b, 422, "Signing in takes \"name\" and \"password\", or \"token\", or \"link\".");
    } else if (spec_name_valid(text_of(&w->name))) {
        ask_how(b, text_of(&w->name), on_how);
    } else {
        reply_refuse(b, 401, "The name or the password is wrong.");
    }
}

/* ---- a session that is shown ---- */

static void on_session_known(struct browser *b)
{
    if (b->work->status == 200) {
        b->work->known(b);
    } else {
        session_pass_on(b);
    }
}

/* Goes on when the api knows the session: anybody can make one up, and what it takes to make a key of a password is not for anybody. */
static void for_session(struct browser *b, session_next_fn *then)
{
    b->work->known = then;
    session_call(b, "GET", SPAN_LIT("/v1/session"), b->ask.session, SPAN_EMPTY, on_session_known);
}

/* ---- GET /session ---- */

static void on_rotated(struct browser *b)
{
    struct session_work *w = b->work;
    struct session_said said;
    int r = w->status == 201 ? session_said_read(buf_span(&w->answer), &said) : CB_ESTATE;
    if (w->status != 201) {
        /* Somebody else, in another tab, has done it: the browser has the new one already, or gets it with that answer. */
        session_swap_answers(w);
        answer_with(b, 200, b->ask.session);
        return;
    }
    bool fine = r == 0 && ask_session_formed(text_of(&said.session)) &&
                cookie_set(&w->cookies[0], CONSOLE_COOKIE, text_of(&said.session), 0) == 0;
    if (fine) {
        session_swap_answers(w);
        answer_with(b, 200, text_of(&said.session));
    } else {
        reply_refuse(b, 503, "The server has answered what it should not.");
    }
    session_said_free(&said);
}

static void on_shown(struct browser *b)
{
    struct session_work *w = b->work;
    struct session_said said;
    int r = session_said_read(buf_span(&w->answer), &said);
    uint64_t age_s = r == 0 ? said.age_s : 0;
    session_said_free(&said);
    if (age_s > ROTATE_AFTER_S) {
        session_swap_answers(w); /* what was said is for the answer */
        session_call(b, "POST", SPAN_LIT("/v1/session:rotate"), b->ask.session, SPAN_EMPTY, on_rotated);
    } else {
        answer_with(b, 200, b->ask.session);
    }
}

static void show(struct browser *b)
{
    for_session(b, on_shown);
}

/* ---- DELETE /session ---- */

static void on_ended(struct browser *b)
{
    struct session_work *w = b->work;
    if (w->status != 204 && w->status != 401) {
        session_pass_on(b);
    } else if (cookie_set(&w->cookies[0], CONSOLE_COOKIE, SPAN_EMPTY, 0) == 0) {
        reply_session(b, 204, SPAN_EMPTY);
    } else {
        browser_drop(b);
    }
}

static void sign_out(struct browser *b)
{
    bool everywhere = span_ends(b->head->target, SPAN_LIT("?everywhere=1"));
    session_call(b, "DELETE", everywhere ? SPAN_LIT("/v1/sessions") : SPAN_LIT("/v1/session"), b->ask.session,
                 SPAN_EMPTY, on_ended);
}

/* ---- PUT /session/password ---- */

static void change_password(struct browser *b)
{
    struct session_work *w = b->work;
    struct buf out;
    struct json j;
    begin_object(&out, &j);
    put_key(&j, "current", w->current_key);
    put_kdf(&j, &w->kdf);
    put_key(&j, "key", w->job.key);
    forget_keys(w);
    finish_and_call(b, &j, "PUT", SPAN_LIT("/v1/session/key"), b->ask.session, session_pass_on);
}

static void derive_new(struct browser *b)
{
    struct session_work *w = b->work;
    w->current_key = w->job.key;
    w->job.key = NULL;
    passphrase_kdf_new(&w->kdf);
    session_derive(b, text_of(&w->fresh), true, change_password);
}

static void on_current_how(struct browser *b)
{
    struct session_work *w = b->work;
    bool known;
    if (w->status != 200) {
        session_pass_on(b);
    } else if (session_kdf_read(buf_span(&w->answer), &w->kdf, &known) != 0) {
        reply_refuse(b, 503, "The server has answered what it should not.");
    } else {
        session_derive(b, text_of(&w->current), true, derive_new);
    }
}

static void on_whose(struct browser *b)
{
    struct session_work *w = b->work;
    struct session_said said;
    if (session_said_read(buf_span(&w->answer), &said) == 0 && spec_name_valid(text_of(&said.name))) {
        ask_how(b, text_of(&said.name), on_current_how);
    } else {
        reply_refuse(b, 422, "This session has no password.");
    }
    session_said_free(&said);
}

static void password(struct browser *b)
{
    struct session_work *w = b->work;
    if (buf_len(&w->current) == 0) {
        reply_refuse(b, 422, "\"current\" should be the password of today.");
    } else if (session_password_fine(b, &w->fresh, "new")) {
        for_session(b, on_whose);
    }
}

/* ---- PUT /session/administrators/NAME, and POST /session/first ---- */

static void put_administrator(struct browser *b, struct span name, struct span scope, session_next_fn *then)
{
    struct session_work *w = b->work;
    struct buf out;
    struct json j;
    begin_object(&out, &j);
    json_text(&j, "scope", scope);
    put_kdf(&j, &w->kdf);
    put_key(&j, "key", w->job.key);
    finish_and_call(b, &j, "PUT", target_of(b, "/v1/administrators/", name), b->ask.session, then);
}

static void add_administrator(struct browser *b)
{
    struct session_work *w = b->work;
    put_administrator(b, b->ask.name, text_of(&w->scope), session_pass_on);
    forget_keys(w);
}

static void derive_administrator(struct browser *b)
{
    struct session_work *w = b->work;
    passphrase_kdf_new(&w->kdf);
    session_derive(b, text_of(&w->password), true, add_administrator);
}

static void administrator(struct browser *b)
{
    if (!spec_name_valid(b->ask.name)) {
        reply_refuse(b, 404, "That cannot be the name of an administrator.");
    } else if (session_password_fine(b, &b->work->password, "password")) {
        for_session(b, derive_administrator);
    }
}

static void on_first(struct browser *b)
{
    if (b->work->status == 204) {
        sign_in_with_key(b);
    } else {
        session_pass_on(b);
    }
}

static void add_first(struct browser *b)
{
    put_administrator(b, text_of(&b->work->name), SPAN_LIT("admin"), on_first);
}

static void derive_first(struct browser *b)
{
    struct session_work *w = b->work;
    passphrase_kdf_new(&w->kdf);
    session_derive(b, text_of(&w->password), true, add_first);
}

static void first(struct browser *b)
{
    struct session_work *w = b->work;
    if (!spec_name_valid(text_of(&w->name))) {
        reply_refuse(b, 422, "\"name\" should be lower-case letters, digits and hyphens, at most 40.");
    } else if (session_password_fine(b, &w->password, "password")) {
        for_session(b, derive_first);
    }
}

/* ---- the table ---- */

static const struct session_route routes[] = {
    {"POST", "/session", SESSION_NAME | SESSION_PASSWORD | SESSION_TOKEN | SESSION_LINK, false, sign_in},
    {"GET", "/session", 0, true, show},
    {"DELETE", "/session", 0, true, sign_out},
    {"PUT", "/session/password", SESSION_CURRENT | SESSION_NEW, true, password},
    {"POST", "/session/first", SESSION_NAME | SESSION_PASSWORD, true, first},
    {"PUT", "/session/administrators/", SESSION_PASSWORD | SESSION_SCOPE, true, administrator},
};

bool session_needs_session(const struct session_route *route)
{
    return route->needs_session;
}

const struct session_route *session_find(struct span method, struct span path, struct span *name, bool *there)
{
    *there = false;
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        struct span own = span_str(routes[i].path);
        bool takes_name = own.ptr[own.len - 1] == '/';
        if (takes_name ? path.len > own.len && span_starts(path, own) : span_eq(path, own)) {
            *there = true;
            /* Of an answer to HEAD the body is left out (reply.c). */
            if (span_eq_str(span_eq_str(method, "HEAD") ? SPAN_LIT("GET") : method, routes[i].method)) {
                *name = takes_name ? span_sub(path, own.len, SIZE_MAX) : SPAN_EMPTY;
                return &routes[i];
            }
        }
    }
    return NULL;
}
