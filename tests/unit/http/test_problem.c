/* test_problem.c - our own answers. */
#include "http/write.h"

#include "support/check.h"

#define BAD "\xef\xbf\xbd"

static const struct http_problem denied = {.status = 403,
                                           .verdict = "denied",
                                           .reason = "no_route",
                                           .detail = "No route of this tenant allows \"x\".",
                                           .proxy_error = "http_request_denied",
                                           .request_id = "r-1"};

#define DENIED_BODY                                                                                            \
    "{\"type\":\"urn:clawbox:problem:no_route\",\"title\":\"Forbidden\",\"status\":403,"                       \
    "\"detail\":\"No route of this tenant allows \\\"x\\\".\",\"verdict\":\"denied\",\"reason\":\"no_route\"," \
    "\"request_id\":\"r-1\",\"error\":{\"type\":\"denied\",\"code\":\"no_route\","                             \
    "\"message\":\"No route of this tenant allows \\\"x\\\".\"}}\n"

static void check_response(const struct http_problem *problem, bool close, bool head_only, const char *want)
{
    struct buf out;
    buf_init(&out, 8192);
    CHECK_EQ_INT(http_problem_response(problem, close, head_only, &out), 0);
    struct span got = buf_span(&out);
    CHECK_EQ_BYTES(got.ptr, got.len, want, strlen(want));
    buf_deinit(&out);
}

TEST(problem_responses)
{
    char want[2048];
    const char *head = "HTTP/1.1 403 Forbidden\r\nContent-Type: application/problem+json\r\n"
                       "Proxy-Status: clawbox; error=http_request_denied; details=\"no_route\"\r\n";
    (void)snprintf(want, sizeof(want), "%sContent-Length: %zu\r\n\r\n%s", head, strlen(DENIED_BODY),
                   DENIED_BODY);
    check_response(&denied, false, false, want);
    (void)snprintf(want, sizeof(want), "%sContent-Length: %zu\r\nConnection: close\r\n\r\n", head,
                   strlen(DENIED_BODY));
    check_response(&denied, true, true, want);
}

TEST(problem_407_asks_for_credentials)
{
    struct http_problem problem = denied;
    struct buf out;
    problem.status = 407;
    problem.request_id = NULL;
    problem.proxy_error = "";
    buf_init(&out, 8192);
    CHECK_EQ_INT(http_problem_response(&problem, false, false, &out), 0);
    struct http_event event;
    struct http_parser *p = http_parser_new_response();
    struct span in = buf_span(&out);
    CHECK_EQ_INT(http_parser_next(p, &in, &event), 0);
    CHECK_EQ_UINT(event.head->status, 407);
    CHECK_EQ_UINT(event.head->field_count, 4);
    CHECK(span_eq_str(event.head->fields[1].value, "clawbox; details=\"no_route\""));
    CHECK(span_eq_str(event.head->fields[2].name, "Proxy-Authenticate"));
    CHECK(span_eq_str(event.head->fields[2].value, "Basic realm=\"clawbox\""));
    CHECK_EQ_INT(http_parser_next(p, &in, &event), 0);
    CHECK_EQ_INT(event.type, HTTP_EVENT_BODY);
    CHECK(memmem(event.body.ptr, event.body.len, "request_id", 10) == NULL);
    CHECK_EQ_INT(http_parser_next(p, &in, &event), 0);
    CHECK_EQ_INT(event.type, HTTP_EVENT_END);
    http_parser_free(p);
    buf_deinit(&out);
}

TEST(problem_with_bad_parts)
{
    struct http_problem problem = denied;
    struct buf out;
    buf_init(&out, 8192);
    problem.status = 200;
    CHECK_EQ_INT(http_problem_response(&problem, false, false, &out), CB_EINVAL);
    problem.status = 403;
    problem.reason = "a\r\nb";
    CHECK_EQ_INT(http_problem_response(&problem, false, false, &out), CB_EINVAL);
    problem.reason = "quo\"te\\";
    CHECK_EQ_INT(http_problem_proxy_status(&problem, &out), 0);
    CHECK(span_eq_str(buf_span(&out), "clawbox; error=http_request_denied; details=\"quo\\\"te\\\\\""));
    buf_reset(&out);
    problem.proxy_error = "no token";
    CHECK_EQ_INT(http_problem_response(&problem, false, false, &out), CB_EINVAL);
    CHECK_EQ_UINT(buf_len(&out), 0);
    problem = denied;
    problem.request_id = "evil\"\r\n\xff";
    CHECK_EQ_INT(http_problem_response(&problem, false, false, &out), 0);
    CHECK(memmem(out.data, out.end, "\"request_id\":\"evil\\\"\\r\\n" BAD "\"", 27) != NULL);
    buf_deinit(&out);
    buf_init(&out, 64);
    CHECK_EQ_INT(http_problem_response(&denied, false, false, &out), CB_ELIMIT);
    CHECK_EQ_INT(http_problem_body(&denied, &out), CB_ELIMIT);
    buf_deinit(&out);
}

TEST_MAIN()
