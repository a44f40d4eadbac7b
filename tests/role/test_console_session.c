/* test_console_session.c - /session of the role `console`: signing in and out, passwords, and who tries to. This process is its api. */
#include "base/encode.h"
#include "console_stage.h"
#include "tls/seal.h"

#define OTHER_SESSION "cbxs_zyxwvutsrqponmlkjihgfedcba9876543210_ABCDE-"
#define COOKIE_FLAGS  "; Path=/; Secure; HttpOnly; SameSite=Strict"
#define PASSWORD      "correct horse battery"
#define OURS          "Host: 127.0.0.1:%u\r\nOrigin: http://127.0.0.1:%u\r\n"
#define AS_ALICE      OURS "Cookie: __Host-clawbox=" SESSION "\r\nX-Clawbox-Csrf: %s\r\n"

/* The cheapest that is allowed. */
static struct passphrase_kdf cheap_kdf(void)
{
    struct passphrase_kdf kdf = {.passes = 1, .kib = 8192};
    memset(kdf.salt, 0x5a, sizeof(kdf.salt));
    return kdf;
}

static void kdf_hex(const struct passphrase_kdf *kdf, char out[2 * PASSPHRASE_KDF_LEN + 1])
{
    uint8_t bytes[PASSPHRASE_KDF_LEN];
    passphrase_kdf_write(kdf, bytes);
    encode_hex(bytes, sizeof(bytes), out);
}

static void key_hex(const char *password, const struct passphrase_kdf *kdf, char out[2 * SEAL_MASTER_LEN + 1])
{
    struct secret *key = NULL;
    CHECK_EQ_INT(tls_init(), 0);
    CHECK_EQ_INT(passphrase_master(span_str(password), kdf, &key), 0);
    encode_hex(secret_span(key).ptr, SEAL_MASTER_LEN, out);
    secret_free(key);
}

static void post(struct console_stage *s, int fd, const char *path, const char *more, const char *body)
{
    say(fd, "POST %s HTTP/1.1\r\n" OURS "Content-Type: application/json\r\n%sContent-Length: %zu\r\n\r\n%s",
        path, s->port, s->port, more, strlen(body), body);
}

static void answer_json(int api, unsigned status, const char *body)
{
    say(api, "HTTP/1.1 %u X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", status,
        strlen(body), body);
}

/* The api's part of a sign-in with PASSWORD, as far as the request for a session, which is looked at. */
static void play_sign_in(int api, const char *name, const char *device)
{
    struct passphrase_kdf kdf = cheap_kdf();
    char text[512];
    char hex[2 * PASSPHRASE_KDF_LEN + 1];
    char key[2 * SEAL_MASTER_LEN + 1];
    (void)snprintf(text, sizeof(text), "GET /v1/sign-in/%s%s%s HTTP/1.1\r\nHost: api\r\n\r\n", name,
                   device != NULL ? "?device=" : "", device != NULL ? device : "");
    CHECK_EQ_STR(hear(api, "\r\n\r\n"), text);
    kdf_hex(&kdf, hex);
    (void)snprintf(text, sizeof(text), "{\"kdf\":\"%s\",\"known\":true}", hex);
    answer_json(api, 200, text);
    const char *asked = hear(api, "}");
    key_hex(PASSWORD, &kdf, key);
    (void)snprintf(text, sizeof(text), "{\"kind\":\"password\",\"name\":\"%s\",\"key\":\"%s\"%s%s%s}", name,
                   key, device != NULL ? ",\"device\":\"" : "", device != NULL ? device : "",
                   device != NULL ? "\"" : "");
    CHECK(strstr(asked, "POST /v1/sessions HTTP/1.1\r\nHost: api\r\n") == asked);
    CHECK(strstr(asked, text) != NULL);
    CHECK(strstr(asked, PASSWORD) == NULL && strstr(asked, "Authorization") == NULL);
}

/* The api knows the session of the request that is under way. */
static void play_known(int api)
{
    CHECK(strstr(hear(api, "\r\n\r\n"),
                 "GET /v1/session HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer " SESSION "\r\n") != NULL);
    answer_json(api, 200, "{\"name\":\"ann\",\"scope\":\"admin\",\"first\":false,\"age\":1}");
}

TEST(a_password_becomes_a_key_and_the_session_a_cookie_that_no_script_and_no_other_site_has)
{
    struct console_stage s = {.quiet = false};
    struct answer a;
    console_stage_start(&s);
    int fd = browse(&s);
    post(&s, fd, "/session", "Cookie: __Host-clawbox=" SESSION "; __Host-clawbox-device=cbxd_00ff\r\n",
         "{\"name\":\"ann\",\"password\":\"" PASSWORD "\"}");
    int api = take_stream(&s);
    play_sign_in(api, "ann", "cbxd_00ff");
    answer_json(api, 201,
                "{\"session\":\"" OTHER_SESSION
                "\",\"name\":\"ann\",\"by\":\"admin:ann\",\"scope\":\"admin\",\"first\":false,"
                "\"since\":\"x\",\"expires\":\"y\",\"device\":\"cbxd_11ee\"}");
    read_answer(&s, fd, &a);
    CHECK_EQ_INT(a.status, 200);
    CHECK(answer_has(&a, "Set-Cookie: __Host-clawbox=" OTHER_SESSION COOKIE_FLAGS "\r\n"));
    CHECK(
        answer_has(&a, "Set-Cookie: __Host-clawbox-device=cbxd_11ee" COOKIE_FLAGS "; Max-Age=31536000\r\n"));
    char csrf[CONSOLE_CSRF_LEN + 1];
    char body[256];
    ask_csrf(span_str(OTHER_SESSION), csrf);
    (void)snprintf(
        body, sizeof(body),
        "\r\n\r\n{\"name\":\"ann\",\"by\":\"admin:ann\",\"scope\":\"admin\",\"first\":false,\"csrf\":\"%s\"}",
        csrf);
    CHECK(answer_has(&a, body));
    CHECK(strstr(strstr(a.text, "\r\n\r\n"), "cbxs_") == NULL); /* a script never sees it */
    CHECK(!answer_has(&a, SESSION));                            /* what was brought is not made anybody's */
    (void)close(api);
    (void)close(fd);
    console_stage_end(&s);
}

TEST(a_token_or_a_link_signs_in_too_and_what_the_api_refuses_is_told)
{
    struct console_stage s = {.quiet = false};
    struct answer a;
    console_stage_start(&s);
    int fd = browse(&s);
    post(&s, fd, "/session", "", "{\"link\":\"cbxl_abc\"}");
    int api = take_stream(&s);
    CHECK(strstr(hear(api, "}"), "\r\n\r\n{\"kind\":\"link\",\"link\":\"cbxl_abc\"}") != NULL);
    answer_json(api, 201,
                "{\"session\":\"" OTHER_SESSION
                "\",\"name\":\"\",\"scope\":\"admin\",\"first\":true,\"device\":null}");
    read_answer(&s, fd, &a);
    CHECK_EQ_INT(a.status, 200);
    CHECK(answer_has(&a, "\"first\":true") && !answer_has(&a, "__Host-clawbox-device"));

    post(&s, fd, "/session", "", "{\"token\":\"cbxt_abc\"}");
    CHECK(strstr(hear(api, "}"), "\r\n\r\n{\"kind\":\"token\",\"token\":\"cbxt_abc\"}") != NULL);
    say(api,
        "HTTP/1.1 401 Unauthorized\r\nContent-Type: application/problem+json\r\nContent-Length: 16\r\n\r\n{\"detail\":\"no.\"}");
    read_answer(&s, fd, &a);
    CHECK_EQ_INT(a.status, 401);
    CHECK(answer_has(&a, "\r\n\r\n{\"detail\":\"no.\"}") && !answer_has(&a, "Set-Cookie"));

    /* Too often: nothing is computed, and it says how long. */
    post(&s, fd, "/session", "", "{\"name\":\"ann\",\"password\":\"x\"}");
    CHECK(strstr(hear(api, "\r\n\r\n"), "GET /v1/sign-in/ann HTTP/1.1") != NULL);
    say(api,
        "HTTP/1.1 429 X\r\nContent-Type: application/problem+json\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\n{}");
    read_answer(&s, fd, &a);
    CHECK_EQ_INT(a.status, 429);
    CHECK(answer_has(&a, "Retry-After: 7\r\n"));
    (void)close(api);
    (void)close(fd);
    console_stage_end(&s);
}

TEST(a_session_the_api_has_not_made_is_never_set)
{
    static const char *const answers[] = {
        "{\"session\":\"short\",\"name\":\"ann\",\"scope\":\"admin\"}",
        "{\"session\":\"cbxs_0123456789ABCDEFGHIJabcdefghij0123456789-;A\",\"name\":\"ann\",\"scope\":\"admin\"}",
        "{\"name\":\"ann\",\"scope\":\"admin\"}",
        "[]",
        ("{\"session\":\"" OTHER_SESSION "\""),
    };
    struct console_stage s = {.quiet = false};
    struct answer a;
    console_stage_start(&s);
    int fd = browse(&s);
    int api = -1;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        post(&s, fd, "/session", "", "{\"link\":\"cbxl_abc\"}");
        api = api < 0 ? take_stream(&s) : api;
        (void)hear(api, "}");
        answer_json(api, 201, answers[i]);
        read_answer(&s, fd, &a);
        CHECK_EQ_INT(a.status, 503);
        CHECK(!answer_has(&a, "Set-Cookie"));
    }
    (void)close(api);
    (void)close(fd);
    console_stage_end(&s);
}

static void say_show(int fd, const struct console_stage *s)
{
    say(fd, "GET /session HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nCookie: __Host-clawbox=" SESSION "\r\n\r\n",
        s->port);
}

TEST(a_session_is_shown_and_made_anew_when_it_is_old)
{
    struct console_stage s = {.quiet = false};
    struct answer a;
    console_stage_start(&s);
    int fd = browse(&s);
    say_show(fd, &s);
    int api = take_stream(&s);
    CHECK(strstr(hear(api, "\r\n\r\n"),
                 "GET /v1/session HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer " SESSION "\r\n") != NULL);
    answer_json(api, 200,
                "{\"name\":\"ann\",\"by\":\"admin:ann\",\"scope\":\"viewer\",\"first\":false,\"age\":900}");
    read_answer(&s, fd, &a);
    CHECK(a.status == 200 && answer_has(&a, s.csrf) && !answer_has(&a, "Set-Cookie"));

    say_show(fd, &s);
    (void)hear(api, "\r\n\r\n");
    answer_json(api, 200,
                "{\"name\":\"ann\",\"by\":\"admin:ann\",\"scope\":\"viewer\",\"first\":false,\"age\":901}");
    CHECK(strstr(hear(api, "\r\n\r\n"),
                 "POST /v1/session:rotate HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer " SESSION) != NULL);
    answer_json(api, 201, "{\"session\":\"" OTHER_SESSION "\"}");
    read_answer(&s, fd, &a);
    CHECK(a.status == 200 && answer_has(&a, "Set-Cookie: __Host-clawbox=" OTHER_SESSION COOKIE_FLAGS "\r\n"));
    CHECK(answer_has(&a, "\"name\":\"ann\",\"by\":\"admin:ann\",\"scope\":\"viewer\"") &&
          !answer_has(&a, s.csrf));

    /* Another tab was quicker. */
    say_show(fd, &s);
    (void)hear(api, "\r\n\r\n");
    answer_json(api, 200,
                "{\"name\":\"ann\",\"by\":\"admin:ann\",\"scope\":\"viewer\",\"first\":false,\"age\":901}");
    (void)hear(api, "\r\n\r\n");
    answer_json(api, 409, "{}");
    read_answer(&s, fd, &a);
    CHECK(a.status == 200 && answer_has(&a, "\"name\":\"ann\"") && !answer_has(&a, "Set-Cookie"));

    /* It has ended: so does the cookie. */
    say_show(fd, &s);
    (void)hear(api, "\r\n\r\n");
    answer_json(api, 401, "{}");
    read_answer(&s, fd, &a);
    CHECK(a.status == 401 && answer_has(&a, "Set-Cookie: __Host-clawbox=" COOKIE_FLAGS "; Max-Age=0\r\n"));
    (void)close(api);
    (void)close(fd);
    console_stage_end(&s);
}

TEST(signing_out_takes_the_cookie_away_here_or_everywhere)
{
    struct console_stage s = {.quiet = false};
    struct answer a;
    console_stage_start(&s);
    int fd = browse(&s);
    say(fd, "DELETE /session HTTP/1.1\r\n" AS_ALICE "\r\n", s.port, s.port, s.csrf);
    int api = take_stream(&s);
    CHECK(strstr(hear(api, "\r\n\r\n"), "DELETE /v1/session HTTP/1.1\r\n") != NULL);
    say(api, "HTTP/1.1 204 No Content\r\n\r\n");
    read_answer(&s, fd, &a);
    CHECK(a.status == 204 && answer_has(&a, "Set-Cookie: __Host-clawbox=" COOKIE_FLAGS "; Max-Age=0\r\n"));
    say(fd, "DELETE /session?everywhere=1 HTTP/1.1\r\n" AS_ALICE "\r\n", s.port, s.port, s.csrf);
    CHECK(strstr(hear(api, "\r\n\r\n"), "DELETE /v1/sessions HTTP/1.1\r\n") != NULL);
    say(api, "HTTP/1.1 204 No Content\r\n\r\n");
    read_answer(&s, fd, &a);
    CHECK_EQ_INT(a.status, 204);
    (void)close(api);
    (void)close(fd);
    console_stage_end(&s);
}

TEST(a_new_password_is_shown_to_nobody_but_this_process)
{
    struct console_stage s = {.quiet = false};
    struct answer a;
    struct passphrase_kdf kdf = cheap_kdf();
    char hex[2 * PASSPHRASE_KDF_LEN + 1];
    char key[2 * SEAL_MASTER_LEN + 1];
    char text[256];
    const char *body = "{\"current\":\"" PASSWORD "\",\"new\":\"another long one\"}";
    console_stage_start(&s);
    int fd = browse(&s);
    say(fd, "PUT /session/password HTTP/1.1\r\n" AS_ALICE "Content-Length: %zu\r\n\r\n%s", s.port, s.port,
        s.csrf, strlen(body), body);
    int api = take_stream(&s);
    (void)hear(api, "\r\n\r\n");
    answer_json(api, 200, "{\"name\":\"ann\",\"scope\":\"admin\",\"first\":false,\"age\":1}");
    CHECK(strstr(hear(api, "\r\n\r\n"), "GET /v1/sign-in/ann HTTP/1.1\r\n") != NULL);
    kdf_hex(&kdf, hex);
    (void)snprintf(text, sizeof(text), "{\"kdf\":\"%s\"}", hex);
    answer_json(api, 200, text);
    const char *asked = hear(api, "}");
    key_hex(PASSWORD, &kdf, key);
    (void)snprintf(text, sizeof(text), "{\"current\":\"%s\",\"kdf\":\"", key);
    CHECK(strstr(asked, "PUT /v1/session/key HTTP/1.1\r\n") != NULL && strstr(asked, text) != NULL);
    CHECK(strstr(asked, "another long one") == NULL && strstr(asked, hex) == NULL);
    say(api, "HTTP/1.1 204 No Content\r\n\r\n");
    read_answer(&s, fd, &a);
    CHECK_EQ_INT(a.status, 204);

    body = "{\"current\":\"" PASSWORD "\",\"new\":\"short\"}";
    ask(&s, fd, &a, "PUT /session/password HTTP/1.1\r\n" AS_ALICE "Content-Length: %zu\r\n\r\n%s", s.port,
        s.port, s.csrf, strlen(body), body);
    CHECK_EQ_INT(a.status, 422);
    (void)close(api);
    (void)close(fd);
    console_stage_end(&s);
}

TEST(the_first_administrator_is_made_with_a_links_session_and_signed_in)
{
    struct console_stage s = {.quiet = false};
    struct answer a;
    console_stage_start(&s);
    int fd = browse(&s);
    const char *body = "{\"name\":\"ann\",\"password\":\"" PASSWORD "\"}";
    say(fd, "POST /session/first HTTP/1.1\r\n" AS_ALICE "Content-Length: %zu\r\n\r\n%s", s.port, s.port,
        s.csrf, strlen(body), body);
    int api = take_stream(&s);
    play_known(api);
    const char *asked = hear(api, "}");
    CHECK(strstr(asked, "PUT /v1/administrators/ann HTTP/1.1\r\nHost: api\r\n") != NULL);
    CHECK(strstr(asked, "{\"scope\":\"admin\",\"kdf\":\"") != NULL && strstr(asked, SESSION) != NULL);
    say(api, "HTTP/1.1 204 No Content\r\n\r\n");
    CHECK(strstr(hear(api, "}"), "{\"kind\":\"password\",\"name\":\"ann\",\"key\":\"") != NULL);
    answer_json(api, 201,
                "{\"session\":\"" OTHER_SESSION
                "\",\"name\":\"ann\",\"scope\":\"admin\",\"first\":false,\"device\":null}");
    read_answer(&s, fd, &a);
    CHECK(a.status == 200 && answer_has(&a, "Set-Cookie: __Host-clawbox=" OTHER_SESSION));

    body = "{\"scope\":\"viewer\",\"password\":\"" PASSWORD "\"}";
    say(fd, "PUT /session/administrators/bea HTTP/1.1\r\n" AS_ALICE "Content-Length: %zu\r\n\r\n%s", s.port,
        s.port, s.csrf, strlen(body), body);
    play_known(api);
    asked = hear(api, "}");
    CHECK(strstr(asked, "PUT /v1/administrators/bea HTTP/1.1\r\n") != NULL &&
          strstr(asked, "{\"scope\":\"viewer\",") != NULL);
    say(api, "HTTP/1.1 204 No Content\r\n\r\n");
    read_answer(&s, fd, &a);
    CHECK_EQ_INT(a.status, 204);

    /* Nobody is given the time that a key takes for a session that was made up. */
    say(fd, "PUT /session/administrators/bea HTTP/1.1\r\n" AS_ALICE "Content-Length: %zu\r\n\r\n%s", s.port,
        s.port, s.csrf, strlen(body), body);
    CHECK(strstr(hear(api, "\r\n\r\n"), "GET /v1/session HTTP/1.1\r\n") != NULL);
    answer_json(api, 401, "{}");
    read_answer(&s, fd, &a);
    CHECK_EQ_INT(a.status, 401);
    (void)close(api);
    (void)close(fd);
    console_stage_end(&s);
}

TEST(bodies_that_are_not_what_is_taken_reach_nobody)
{
    static const struct {
        const char *body;
        int status;
    } wrong[] = {
        {"", 400},
        {"{", 400},
        {"[]", 400},
        {"{}", 422},
        {"{\"name\":\"ann\"}", 422},
        {"{\"name\":\"ann\",\"password\":\"x\",\"token\":\"y\"}", 422},
        {"{\"name\":\"ann\",\"password\":7}", 400},
        {"{\"name\":\"ann\",\"name\":\"bea\",\"password\":\"x\"}", 400},
        {"{\"name\":\"ann\",\"password\":\"x\",\"scope\":\"admin\"}", 400},
        {"{\"name\":\"../tenants\",\"password\":\"x\"}", 401},
        {"{\"name\":\"ann?device=x\",\"password\":\"x\"}", 401},
        {"{\"name\":\"ann\\r\\nX: y\",\"password\":\"x\"}", 401},
        {"{\"name\":\"Ann\",\"password\":\"x\"}", 401},
    };
    struct console_stage s = {.quiet = false};
    struct answer a;
    console_stage_start(&s);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        int fd = browse(&s);
        post(&s, fd, "/session", "", wrong[i].body);
        read_answer(&s, fd, &a);
        if (!CHECK_EQ_INT(a.status, wrong[i].status)) {
            (void)fprintf(stderr, "  %s\n", wrong[i].body);
        }
        (void)close(fd);
    }
    CHECK_EQ_INT(s.streams, 0);
    console_stage_end(&s);
}

static void read_busy(struct console_stage *s, int fd)
{
    struct answer a;
    read_answer(s, fd, &a);
    CHECK_EQ_INT(a.status, 503);
}

/* Somebody signs in, and the api is asked how; its end of the stream. */
static int try_it(struct console_stage *s, int fd, const char *device)
{
    post(s, fd, "/session", device, "{\"name\":\"ann\",\"password\":\"" PASSWORD "\"}");
    int api = take_stream(s);
    (void)hear(api, "\r\n\r\n");
    return api;
}

static void say_how(int api, const struct passphrase_kdf *kdf, bool known)
{
    char hex[2 * PASSPHRASE_KDF_LEN + 1];
    char text[256];
    kdf_hex(kdf, hex);
    (void)snprintf(text, sizeof(text), "{\"kdf\":\"%s\",\"known\":%s}", hex, known ? "true" : "false");
    answer_json(api, 200, text);
}

TEST(strangers_take_no_place_of_who_was_here_before)
{
    enum { MANY = 24 }; /* more than may wait, and the one that is made */
    struct console_stage s = {.quiet = false};
    struct passphrase_kdf kdf = cheap_kdf();
    int fds[MANY];
    int apis[MANY];
    console_stage_start(&s);
    int fd = browse(&s);
    int api = try_it(&s, fd, "Cookie: __Host-clawbox-device=cbxd_00ff\r\n");
    kdf.passes = 8;
    kdf.kib = 65536; /* so that the strangers' are not done before hers is */
    for (int i = 0; i < MANY; i++) {
        fds[i] = browse(&s);
        apis[i] = try_it(&s, fds[i], "");
    }
    for (int i = 0; i < MANY; i++) {
        say_how(apis[i], &kdf, false);
    }
    read_busy(&s, fds[MANY - 1]);
    kdf = cheap_kdf();
    say_how(api, &kdf, true);
    CHECK(strstr(hear(api, "}"), "POST /v1/sessions HTTP/1.1\r\n") != NULL);
    int waiting = 0;
    for (int i = 0; i < MANY; i++) {
        struct pollfd p[] = {{.fd = fds[i], .events = POLLIN}, {.fd = apis[i], .events = POLLIN}};
        waiting += poll(p, 2, 0) == 0 ? 1 : 0;
        (void)close(fds[i]);
        (void)close(apis[i]);
    }
    CHECK(waiting >= 16 - 4);
    (void)close(api);
    (void)close(fd);
    console_stage_end(&s);
}

TEST(many_attempts_at_once_leave_the_others_their_time)
{
    enum { MANY = 40 };
    struct console_stage s = {.quiet = false};
    struct answer a;
    struct passphrase_kdf kdf = cheap_kdf();
    char hex[2 * PASSPHRASE_KDF_LEN + 1];
    char text[256];
    int fds[MANY];
    int apis[MANY];
    console_stage_start(&s);
    kdf.passes = 8;
    kdf.kib = 65536; /* costs that are felt */
    kdf_hex(&kdf, hex);
    (void)snprintf(text, sizeof(text), "{\"kdf\":\"%s\",\"known\":false}", hex);
    for (int i = 0; i < MANY; i++) {
        fds[i] = browse(&s);
        post(&s, fds[i], "/session", "", "{\"name\":\"ann\",\"password\":\"guess\"}");
        apis[i] = take_stream(&s);
        (void)hear(apis[i], "\r\n\r\n");
    }
    for (int i = 0; i < MANY; i++) {
        answer_json(apis[i], 200, text);
    }
    int fd = browse(&s);
    ask(&s, fd, &a, "GET / HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n\r\n", s.port);
    CHECK_EQ_INT(a.status, 200);
    (void)close(fd);
    int busy = 0;
    for (int i = MANY - 1; i >= 0; i--) { /* the last ones were too many */
        struct pollfd p = {.fd = fds[i], .events = POLLIN};
        if (poll(&p, 1, 0) == 1) {
            read_answer(&s, fds[i], &a);
            CHECK_EQ_INT(a.status, 503);
            busy++;
        }
        (void)close(fds[i]); /* who goes is not computed for */
        (void)close(apis[i]);
    }
    CHECK(busy >= MANY - 16 - 2 && busy < MANY);
    console_stage_end(&s);
}
