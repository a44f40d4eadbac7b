/* test_console.c - the role `console` as a browser and as an attacker meets it; this process is its monitor and its api. */
#include "console_stage.h"

TEST(a_page_is_what_every_page_path_is_answered_with_and_says_what_a_browser_may)
{
    struct console_stage s = {.quiet = false};
    struct answer a;
    console_stage_start(&s);
    static const char *const paths[] = {"/", "/tenants", "/tenants/alice?tab=routes", "/sign-in",
                                        "/index.html"};
    int fd = browse(&s);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        ask(&s, fd, &a, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n\r\n", paths[i], s.port);
        CHECK_EQ_INT(a.status, 200);
        CHECK(answer_has(&a, "Content-Type: text/html; charset=utf-8\r\n"));
        CHECK(answer_has(&a, "Content-Encoding: gzip\r\n"));
        CHECK(answer_has(&a, "Cache-Control: no-store\r\n"));
        CHECK(answer_has(&a, "frame-ancestors 'none'"));
        CHECK(answer_has(&a, "require-trusted-types-for 'script'"));
        CHECK(answer_has(&a, "X-Content-Type-Options: nosniff\r\n"));
        CHECK(answer_has(&a, "Referrer-Policy: no-referrer\r\n"));
        CHECK(answer_has(&a, "Cross-Origin-Opener-Policy: same-origin\r\n"));
        CHECK(!answer_has(&a, "Set-Cookie"));
        CHECK(answer_has(&a, "\r\n\r\nthe page"));
    }
    (void)close(fd);
    console_stage_end(&s);
}

TEST(an_asset_with_a_digest_in_its_name_may_be_kept_and_is_asked_for_once)
{
    struct console_stage s = {.quiet = false};
    struct answer a;
    console_stage_start(&s);
    int fd = browse(&s);
    ask(&s, fd, &a, "GET /assets/app-1a2b.js HTTP/1.1\r\nHost: localhost:%u\r\n\r\n", s.port);
    CHECK_EQ_INT(a.status, 200);
    CHECK(answer_has(&a, "immutable\r\n"));
    CHECK(answer_has(&a, "ETag: \"1a2b\"\r\n"));
    ask(&s, fd, &a,
        "GET /assets/app-1a2b.js HTTP/1.1\r\nHost: localhost:%u\r\nIf-None-Match: \"1a2b\"\r\n\r\n", s.port);
    CHECK_EQ_INT(a.status, 304);
    ask(&s, fd, &a, "HEAD /assets/app-1a2b.js HTTP/1.1\r\nHost: localhost:%u\r\n\r\n", s.port);
    CHECK_EQ_INT(a.status, 200);
    CHECK(!answer_has(&a, "the script"));
    (void)close(fd);
    console_stage_end(&s);
}

TEST(nothing_but_what_is_embedded_is_at_any_path)
{
    struct console_stage s = {.quiet = false};
    struct answer a;
    console_stage_start(&s);
    static const char *const paths[] = {"/assets/../index.html",
                                        "/assets/%2e%2e/index.html",
                                        "/assets/..%2f..%2fetc/passwd",
                                        "/../../etc/passwd.txt",
                                        "/assets/",
                                        "/assets",
                                        "/assets/app-1a2b.js/",
                                        "/assets/app-1a2b.js%00",
                                        "/ASSETS/app-1a2b.js",
                                        "/assets/app-1a2b.js.map",
                                        "/favicon.ico",
                                        "//assets/app-1a2b.js",
                                        "/api",
                                        "/api/",
                                        "/api/v2/tenants",
                                        "/api/v1/session",
                                        "/api/v1/session?x=1",
                                        "/api/v1/sessions",
                                        "/api/v1/session:rotate",
                                        "/api/v1/session/key",
                                        "/api/v1/sign-in/ann",
                                        "/api/../v1/tenants",
                                        "/.git/config",
                                        "/assets/./app-1a2b.js",
                                        "http://127.0.0.1/index.html",
                                        "*",
                                        "/assets\\app-1a2b.js"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        int fd = browse(&s);
        ask(&s, fd, &a, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nCookie: __Host-clawbox=" SESSION "\r\n\r\n",
            paths[i], s.port);
        if (!CHECK(a.status == 404 || a.status == 400)) {
            (void)fprintf(stderr, "  %s: %d\n", paths[i], a.status);
        }
        (void)close(fd);
    }
    CHECK_EQ_INT(s.streams, 0);
    console_stage_end(&s);
}

TEST(a_request_goes_to_the_api_with_its_session_and_nothing_else_of_the_browsers)
{
    struct console_stage s = {.quiet = false};
    struct answer a;
    console_stage_start(&s);
    int fd = browse(&s);
    say(fd,
        "GET /api/v1/tenants?limit=2 HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nCookie: a=b; __Host-clawbox=" SESSION
        "; c=d\r\n"
        "Sec-Fetch-Site: same-origin\r\nAuthorization: Bearer cbxt_x\r\nX-Forwarded-For: 1.2.3.4\r\nAccept: */*\r\n"
        "If-None-Match: \"7\"\r\n\r\n",
        s.port);
    int api = take_stream(&s);
    CHECK_EQ_STR(hear(api, "\r\n\r\n"),
                 "GET /v1/tenants?limit=2 HTTP/1.1\r\nHost: api\r\nAccept: */*\r\nIf-None-Match: \"7\"\r\n"
                 "Authorization: Bearer " SESSION "\r\n\r\n");
    say(api, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nETag: \"8\"\r\n"
             "Set-Cookie: evil=1\r\nAccess-Control-Allow-Origin: *\r\nContent-Security-Policy: x\r\n\r\n{}");
    read_answer(&s, fd, &a);
    CHECK_EQ_INT(a.status, 200);
    CHECK(answer_has(&a, "ETag: \"8\"\r\n") && answer_has(&a, "\r\n\r\n{}"));
    CHECK(answer_has(&a, "Cache-Control: no-store\r\n") && answer_has(&a, "frame-ancestors 'none'"));
    CHECK(!answer_has(&a, "evil") && !answer_has(&a, "Access-Control") && !answer_has(&a, "Policy: x"));

    /* The next one goes the same way. */
    say(fd,
        "POST /api/v1/tokens HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nCookie: __Host-clawbox=" SESSION
        "\r\nOrigin: http://127.0.0.1:%u\r\nX-Clawbox-Csrf: %s\r\nContent-Type: application/json\r\n"
        "Transfer-Encoding: chunked\r\n\r\n2\r\n{\"\r\n3\r\na\":\r\n2\r\n1}\r\n0\r\n\r\n",
        s.port, s.port, s.csrf);
    CHECK_EQ_STR(hear(api, "1}"),
                 "POST /v1/tokens HTTP/1.1\r\nHost: api\r\nContent-Type: application/json\r\n"
                 "Authorization: Bearer " SESSION "\r\nContent-Length: 7\r\n\r\n{\"a\":1}");
    say(api, "HTTP/1.1 201 Created\r\nLocation: /v1/tokens/a\r\nContent-Length: 0\r\n\r\n");
    read_answer(&s, fd, &a);
    CHECK_EQ_INT(a.status, 201);
    CHECK(answer_has(&a, "Location: /api/v1/tokens/a\r\n"));
    CHECK_EQ_INT(s.streams, 1);
    (void)close(api);
    (void)close(fd);
    console_stage_end(&s);
}

TEST(an_answer_without_an_end_comes_as_it_comes_and_ends_with_the_browser)
{
    struct console_stage s = {.quiet = false};
    console_stage_start(&s);
    int fd = browse(&s);
    say(fd,
        "GET /api/v1/audit:follow HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nCookie: __Host-clawbox=" SESSION
        "\r\n\r\n",
        s.port);
    int api = take_stream(&s);
    (void)hear(api, "\r\n\r\n");
    say(api, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
    say(api, "a\r\ndata: 1\n\n\n\r\n");
    CHECK(strstr(hear(fd, "data: 1\n\n\n\r\n"), "\r\n\r\na\r\ndata: 1") != NULL);
    say(api, "9\r\ndata: 2\n\n\r\n");
    CHECK_EQ_STR(hear(fd, "\n\n\r\n"), "9\r\ndata: 2\n\n\r\n");
    (void)close(fd);
    CHECK(stage_raw_ended(api)); /* the api is told */
    console_stage_end(&s);
}

TEST(an_answer_that_is_cut_looks_like_it)
{
    struct console_stage s = {.quiet = false};
    struct answer a;
    console_stage_start(&s);
    int fd = browse(&s);
    say(fd, "GET /api/v1/audit HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nCookie: __Host-clawbox=" SESSION "\r\n\r\n",
        s.port);
    int api = take_stream(&s);
    (void)hear(api, "\r\n\r\n");
    say(api,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n");
    (void)hear(fd, "{}\r\n");
    (void)close(api);
    CHECK(stage_raw_ended(fd));

    /* Before its head, it is an answer that says so. */
    fd = browse(&s);
    say(fd, "GET /api/v1/audit HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nCookie: __Host-clawbox=" SESSION "\r\n\r\n",
        s.port);
    api = take_stream(&s);
    (void)hear(api, "\r\n\r\n");
    (void)close(api);
    read_answer(&s, fd, &a);
    CHECK_EQ_INT(a.status, 503);
    (void)close(fd);
    console_stage_end(&s);
}

TEST(what_is_asked_after_an_answer_that_was_the_last_goes_over_another_connection)
{
    struct console_stage s = {.quiet = false};
    struct answer a;
    console_stage_start(&s);
    int fd = browse(&s);
    int api[2];
    for (size_t i = 0; i < 2; i++) {
        say(fd,
            "GET /api/v1/audit HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nCookie: __Host-clawbox=" SESSION "\r\n\r\n",
            s.port);
        api[i] = take_stream(&s);
        (void)hear(api[i], "\r\n\r\n");
        say(api[i], "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}");
        read_answer(&s, fd,
                    &a); /* the api's end is still open: nothing but the head says that it will be closed */
        CHECK_EQ_INT(a.status, 401);
    }
    CHECK_EQ_INT(s.streams, 2);
    CHECK(stage_raw_ended(api[0]));
    (void)close(api[1]);
    (void)close(fd);
    console_stage_end(&s);
}

TEST(an_api_that_speaks_nonsense_is_an_answer_of_503_and_never_passed_on)
{
    static const char *const nonsense[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nETag: \"a\rSet-Cookie: b=c\"\r\nContent-Length: 0\r\n\r\n",
        "\r\n\r\n\r\n\r\n",
        "{}",
    };
    struct console_stage s = {.quiet = false};
    struct answer a;
    console_stage_start(&s);
    for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
        int fd = browse(&s);
        say(fd,
            "GET /api/v1/audit HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nCookie: __Host-clawbox=" SESSION "\r\n\r\n",
            s.port);
        int api = take_stream(&s);
        (void)hear(api, "\r\n\r\n");
        say(api, "%s", nonsense[i]);
        read_answer(&s, fd, &a);
        CHECK_EQ_INT(a.status, 503);
        (void)close(api);
        (void)close(fd);
    }
    console_stage_end(&s);
}

TEST(only_api_gets_a_channel)
{
    for (unsigned role = 0; role < IPC_ROLE__COUNT; role++) {
        if (role == IPC_ROLE_API) {
            continue;
        }
        struct console_stage s = {.quiet = true};
        console_stage_start(&s);
        int fd = stage_wire(&s.stage, (enum ipc_role)role, 0, "");
        ipc_chan_flush(s.stage.life);
        CHECK(stage_raw_ended(fd));
        console_stage_end(&s);
    }
}

TEST_MAIN()
