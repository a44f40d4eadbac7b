/*
 * test_console_slow.c - the role `console` with browsers and an api that take their time: every wait has an end, which what comes meanwhile
 * does not put off. The child's clock is the test's, and a request of somebody else is what wakes it up.
 */
#include "console_stage.h"

#include <fcntl.h>

#define OURS  "Host: 127.0.0.1:%u\r\nOrigin: http://127.0.0.1:%u\r\n"
#define THEIR "Host: 127.0.0.1:%u\r\nCookie: __Host-clawbox=" SESSION "\r\n"

/* Somebody else is served as ever. */
static void another(struct console_stage *s)
{
    struct answer a;
    int fd = browse(s);
    ask(s, fd, &a, "GET / HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n\r\n", s->port);
    CHECK_EQ_INT(a.status, 200);
    (void)close(fd);
}

/* So much time passes for the console, once it has done what it was asked for. */
static void later(struct console_stage *s, uint64_t ms)
{
    another(s);
    stage_advance(&s->stage, ms);
    another(s);
}

/* Whether the console has closed its end of a stream, whatever there is to read before. */
static bool is_closed(int fd)
{
    struct pollfd p = {.fd = fd};
    return poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR)) != 0;
}

static bool is_open(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) == 0;
}

/* The text a byte at a time, a second for each. What is no longer taken is no error. */
static void drip(struct console_stage *s, int fd, const char *text, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        (void)send(fd, &text[i], 1, MSG_NOSIGNAL);
        later(s, 1000);
    }
}

TEST(a_head_has_its_time_as_a_whole)
{
    static const char slow[] = "GET / HTTP/1.1\r\nHost: 127.0.0.1";
    struct console_stage s = {.quiet = false};
    struct answer a;
    console_stage_start(&s);
    int fd = browse(&s); /* a new connection, from its beginning */
    drip(&s, fd, slow, 8);
    CHECK(is_open(fd));
    drip(&s, fd, slow + 8, 4);
    CHECK(stage_raw_ended(fd));

    fd = browse(&s); /* the next request on one */
    ask(&s, fd, &a, "GET / HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n\r\n", s.port);
    later(&s, 50000);
    drip(&s, fd, slow, 8);
    CHECK(is_open(fd));
    drip(&s, fd, slow + 8, 4);
    CHECK(stage_raw_ended(fd));

    fd = browse(&s); /* one that says nothing, after an answer */
    ask(&s, fd, &a, "GET / HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n\r\n", s.port);
    later(&s, 59000);
    CHECK(is_open(fd));
    later(&s, 2000);
    CHECK(stage_raw_ended(fd));
    console_stage_end(&s);
}

TEST(a_body_has_its_time_as_a_whole)
{
    struct console_stage s = {.quiet = false};
    console_stage_start(&s);
    int stops = browse(&s);
    int drips = browse(&s);
    int chunks = browse(&s);
    int trails = browse(&s);
    say(stops,
        "POST /session HTTP/1.1\r\n" OURS "Content-Type: application/json\r\nContent-Length: 4000\r\n\r\n{",
        s.port, s.port);
    say(drips,
        "POST /session HTTP/1.1\r\n" OURS "Content-Type: application/json\r\nContent-Length: 4000\r\n\r\n{",
        s.port, s.port);
    say(chunks,
        "POST /session HTTP/1.1\r\n" OURS
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
        s.port, s.port);
    say(trails,
        "POST /session HTTP/1.1\r\n" OURS
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        "0\r\n",
        s.port, s.port);
    for (unsigned i = 0; i < 59; i++) {
        (void)send(drips, " ", 1, MSG_NOSIGNAL);
        (void)send(chunks, "1\r\n \r\n", 6, MSG_NOSIGNAL);
        (void)send(trails, "X", 1, MSG_NOSIGNAL);
        later(&s, 1000);
    }
    CHECK(is_open(stops) && is_open(drips) && is_open(chunks) && is_open(trails));
    (void)send(drips, " ", 1, MSG_NOSIGNAL);
    (void)send(chunks, "1\r\n \r\n", 6, MSG_NOSIGNAL);
    (void)send(trails, "X", 1, MSG_NOSIGNAL);
    later(&s, 2000);
    CHECK(stage_raw_ended(stops) && stage_raw_ended(drips) && stage_raw_ended(chunks) &&
          stage_raw_ended(trails));
    CHECK_EQ_INT(s.streams, 0); /* and nobody else has heard of them */
    console_stage_end(&s);
}

/* Writes the request again and again until the console takes no more. */
static void fill(int fd, const char *request)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    size_t len = strlen(request);
    CHECK_EQ_INT(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    while (poll(&p, 1, 500) == 1 && (p.revents & (POLLERR | POLLHUP)) == 0) {
        if (send(fd, request, len, MSG_NOSIGNAL) < 0 && errno != EAGAIN) {
            break;
        }
    }
}

TEST(who_does_not_read_has_an_end)
{
    struct console_stage s = {.quiet = false};
    char request[128];
    console_stage_start(&s);
    (void)snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n\r\n", s.port);
    int fd = browse(&s);
    fill(fd, request);
    later(&s, 9000);
    later(&s, 61000);
    CHECK(stage_raw_ended(fd)); /* what the kernel had taken, and then the end */
    console_stage_end(&s);
}

/* ---- the api ---- */

TEST(an_api_that_does_not_answer_is_an_answer_of_504)
{
    struct console_stage s = {.quiet = true};
    struct answer a;
    console_stage_start(&s);
    int fd = browse(&s);
    say(fd, "GET /api/v1/audit HTTP/1.1\r\n" THEIR "\r\n", s.port);
    int api = take_stream(&s);
    (void)hear(api, "\r\n\r\n");
    later(&s, CONSOLE_ANSWER_MS - 2000);
    CHECK(is_open(fd));
    later(&s, 4000);
    read_answer(&s, fd, &a);
    CHECK_EQ_INT(a.status, 504);
    CHECK(answer_has(&a, "Content-Type: application/problem+json\r\n") && answer_has(&a, "\"status\":504"));
    CHECK(stage_raw_ended(api)); /* it need not go on */

    /* The next request on the same connection goes over another stream; and what is about a session waits no longer. */
    say(fd, "GET /session HTTP/1.1\r\n" THEIR "\r\n", s.port);
    api = take_stream(&s);
    (void)hear(api, "\r\n\r\n");
    later(&s, CONSOLE_ANSWER_MS + 2000);
    read_answer(&s, fd, &a);
    CHECK_EQ_INT(a.status, 504);
    CHECK(stage_raw_ended(api));
    (void)close(fd);
    console_stage_end(&s);
}

TEST(an_answer_that_stops_is_cut_and_one_that_goes_on_is_not)
{
    struct console_stage s = {.quiet = true};
    console_stage_start(&s);
    int fd = browse(&s);
    say(fd, "GET /api/v1/audit HTTP/1.1\r\n" THEIR "\r\n", s.port);
    int api = take_stream(&s);
    (void)hear(api, "\r\n\r\n");
    later(&s, CONSOLE_ANSWER_MS - 2000);
    say(api, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
    (void)hear(fd, "\r\n\r\n");
    for (unsigned i = 0; i < 3; i++) {
        later(&s, CONSOLE_ANSWER_MS - 2000);
        say(api, "2\r\n{}\r\n");
        (void)hear(fd, "{}\r\n");
    }
    later(&s, CONSOLE_ANSWER_MS + 2000);
    CHECK(stage_raw_ended(fd));
    CHECK(stage_raw_ended(api));
    console_stage_end(&s);
}

TEST(an_answer_without_an_end_may_be_silent)
{
    struct console_stage s = {.quiet = false};
    console_stage_start(&s);
    int fd = browse(&s);
    say(fd, "GET /api/v1/audit:follow HTTP/1.1\r\n" THEIR "\r\n", s.port);
    int api = take_stream(&s);
    (void)hear(api, "\r\n\r\n");
    say(api, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
    (void)hear(fd, "\r\n\r\n");
    later(&s, 10 * CONSOLE_ANSWER_MS);
    say(api, "9\r\ndata: 1\n\n\r\n");
    CHECK_EQ_STR(hear(fd, "\n\n\r\n"), "9\r\ndata: 1\n\n\r\n");
    (void)close(api);
    (void)close(fd);
    console_stage_end(&s);
}

TEST(a_browser_that_does_not_read_is_not_the_apis_fault)
{
    struct console_stage s = {.quiet = false};
    char piece[65536];
    console_stage_start(&s);
    int fd = browse(&s);
    say(fd, "GET /api/v1/audit HTTP/1.1\r\n" THEIR "\r\n", s.port);
    int api = take_stream(&s);
    (void)hear(api, "\r\n\r\n");
    say(api, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000000\r\n\r\n");
    memset(piece, 'a', sizeof(piece) - 1);
    piece[sizeof(piece) - 1] = '\0';
    fill(api, piece);
    later(&s, CONSOLE_IDLE_MS - 2000);
    CHECK(!is_closed(api));
    later(&s, 4000);
    CHECK(stage_raw_ended(api)); /* the browser is dropped, and with it the stream */
    (void)close(fd);
    console_stage_end(&s);
}
