/* test_usage.c - what providers report is found, in whatever pieces it comes, and what a model writes is not taken for it. */
#include "egress/usage.h"

#include <stdlib.h>

#include "support/check.h"
#include "support/spec_make.h"

TEST_MAIN()

#define JSON   "application/json; charset=utf-8"
#define EVENTS "text/event-stream"

static struct usage read_in(const char *type, const char *text, size_t piece)
{
    struct usage u;
    size_t len = strlen(text);
    usage_begin(&u, span_str(type), false);
    for (size_t at = 0; at < len; at += piece) {
        size_t part = len - at < piece ? len - at : piece;
        uint8_t *copy = make_or_die(malloc(part)); /* so that a sanitizer sees any byte too many */
        memcpy(copy, text + at, part);
        usage_feed(&u, span_of(copy, part));
        free(copy);
    }
    return u;
}

static void check(const char *type, const char *text, const char *model, uint64_t input, uint64_t output)
{
    static const size_t pieces[] = {1, 2, 3, 7, SIZE_MAX / 2};
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        struct usage u = read_in(type, text, pieces[i]);
        bool fine = CHECK_EQ_STR(u.model, model);
        fine = CHECK_EQ_UINT(usage_input(&u), input) && fine;
        fine = CHECK_EQ_UINT(usage_output(&u), output) && fine;
        if (!fine) {
            printf("in pieces of %zu: %s\n", pieces[i], text);
        }
    }
}

TEST(openai)
{
    check(
        JSON,
        "{\n  \"id\": \"chatcmpl-1\",\n  \"model\": \"gpt-5.5-2026-01-01\",\n  \"choices\": [{\"message\": {\"content\": "
        "\"hi\"}}],\n  \"usage\": {\n    \"prompt_tokens\": 19,\n    \"completion_tokens\": 10,\n"
        "    \"total_tokens\": 29,\n    \"prompt_tokens_details\": {\"cached_tokens\": 5},\n"
        "    \"completion_tokens_details\": {\"reasoning_tokens\": 3}\n  }\n}\n",
        "gpt-5.5-2026-01-01", 19, 10);
    check(
        EVENTS,
        "data: {\"model\":\"gpt-5.5\",\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"usage\":null}\n\n"
        "data: {\"model\":\"gpt-5.5\",\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":8}}\n\n"
        "data: [DONE]\n\n",
        "gpt-5.5", 7, 8);
    check(
        EVENTS,
        "event: response.created\r\ndata: {\"type\":\"response.created\",\"response\":{\"model\":\"o9\",\"usage\":null}}\r\n"
        "\r\nevent: response.completed\r\ndata: {\"type\":\"response.completed\",\"response\":{\"model\":\"o9\","
        "\"output\":[],\"usage\":{\"input_tokens\":36,\"input_tokens_details\":{\"cached_tokens\":1},"
        "\"output_tokens\":87}}}\r\n\r\n",
        "o9", 36, 87);
    check(
        JSON,
        "{\"object\":\"list\",\"model\":\"text-embedding-3\",\"usage\":{\"prompt_tokens\":8,\"total_tokens\":8}}",
        "text-embedding-3", 8, 0);
}

TEST(anthropic)
{
    check(
        JSON,
        "{\"type\":\"message\",\"model\":\"claude-5\",\"content\":[{\"type\":\"text\",\"text\":\"x\"}],\"usage\":{"
        "\"input_tokens\":10,\"cache_creation_input_tokens\":100,\"cache_read_input_tokens\":1000,"
        "\"cache_creation\":{\"ephemeral_5m_input_tokens\":100},\"output_tokens\":5}}",
        "claude-5", 1110, 5);
    check(
        EVENTS,
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"claude-5\",\"usage\":{"
        "\"input_tokens\":25,\"output_tokens\":1}}}\n\n"
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"}}}{{{\"}}\n\n"
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":15}}\n\n",
        "claude-5", 25, 15);
}

TEST(google)
{
    check(
        JSON,
        "[{\"candidates\":[{\"content\":{}}],\"usageMetadata\":{\"promptTokenCount\":4,\"candidatesTokenCount\":1},"
        "\"modelVersion\":\"gemini-3\"}\n,\r\n{\"candidates\":[],\"usageMetadata\":{\"promptTokenCount\":4,"
        "\"candidatesTokenCount\":9,\"thoughtsTokenCount\":30,\"totalTokenCount\":43},\"modelVersion\":\"gemini-3\"}]",
        "gemini-3", 4, 39);
    check(
        EVENTS,
        "data: {\"usageMetadata\": {\"promptTokenCount\": 4,\"candidatesTokenCount\": 2},\"modelVersion\": \"models/g:1\"}\r\n\r\n",
        "models/g:1", 4, 2);
}

TEST(what_a_model_writes_is_no_report)
{
    check(JSON, "{\"content\":\"\\\"usage\\\":{\\\"prompt_tokens\\\":9}\",\"model\":\"m\"}", "m", 0, 0);
    check(
        JSON,
        "{\"content\":[{\"input\":{\"model\":\"x\",\"usage\":{\"input_tokens\":9,\"output_tokens\":9}}}],\"model\":\"m\"}",
        "m", 0, 0);
    check(JSON, "{\"choices\":[{\"message\":{\"usage\":{\"prompt_tokens\":9},\"model\":\"x\"}}]}", "", 0, 0);
    check(JSON, "{\"message\":{\"message\":{\"usage\":{\"prompt_tokens\":9}}}}", "", 0, 0);
    check(JSON, "{\"usage\":{\"details\":{\"prompt_tokens\":9},\"x\":[{\"output_tokens\":1}]}}", "", 0, 0);
    check(JSON, "[[{\"usage\":{\"prompt_tokens\":9}}]]", "", 0, 0);
    check(JSON, "[\"usage\",{\"x\":[\"model\",\"y\"]},\"model\",\"m\"]", "", 0, 0);
}

TEST(a_value_that_is_none_is_left_alone)
{
    check(JSON, "{\"model\":\"a b\",\"usage\":{\"prompt_tokens\":1.5,\"completion_tokens\":-3}}", "", 0, 0);
    check(JSON, "{\"model\":\"a\\u0062\",\"usage\":{\"prompt_tokens\":\"5\",\"completion_tokens\":1e3}}", "",
          0, 0);
    check(
        JSON,
        "{\"model\":7,\"usage\":{\"prompt_tokens\":1099511627777,\"completion_tokens\":18446744073709551617}}",
        "", 0, 0);
    check(JSON, "{\"model\":\"\",\"usage\":{\"prompt_tokens\":1099511627776,\"completion_tokens\":007}}", "",
          UINT64_C(1) << 40, 0);
    check(JSON, "{\"model\":\"0123456789012345678901234567890123456789012345678901234567890123\"}",
          "0123456789012345678901234567890123456789012345678901234567890123", 0, 0);
    check(JSON, "{\"model\":\"01234567890123456789012345678901234567890123456789012345678901234\"}", "", 0,
          0);
    check(JSON, "{\"usage\":{\"prompt_tokens\":12", "", 0, 0);
    check(JSON, "{\"model\":\"cut", "", 0, 0);
}

TEST(what_is_broken_is_left_behind)
{
    check(EVENTS, "data: {\"a\":{\"b\":[\"half\n\ndata: {\"usage\":{\"prompt_tokens\":3}}\n\n", "", 3, 0);
    check(EVENTS, "data: {\"a\":{\"b\":[1\n\ndata: {\"usage\":{\"prompt_tokens\":3}}\n\n", "", 3, 0);
    check(EVENTS, ": a \"comment\ndata: {\"usage\":{\"prompt_tokens\":3}}\n\n", "", 3, 0);
    check(JSON, "}}]]{\"model\":\"m\"}", "m", 0, 0);
}

TEST(other_answers_are_not_looked_at)
{
    static const char text[] = "{\"model\":\"m\",\"usage\":{\"prompt_tokens\":3}}";
    static const char *const types[] = {"", "text/html", "application/jsonl", "application/json-seq",
                                        "application/octet-stream"};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        check(types[i], text, "", 0, 0);
    }
    check("Application/JSON ; charset=x", text, "m", 3, 0);
    struct usage u;
    usage_begin(&u, SPAN_LIT(JSON), true);
    usage_feed(&u, span_str(text));
    CHECK_EQ_STR(u.model, "");
}
