/*
 * test_section.c - sections and start lines, given claims about where the parts are that llhttp would never make: the
 * second line of defence is tested without the first.
 */
#include "http/section.h"

#include "http/rules.h"
#include "support/check.h"

#define LINE(name_at, name_len, value_at, value_len) \
    {                                                \
        {(name_at), (name_len)},                     \
        {                                            \
            (value_at), (value_len)                  \
        }                                            \
    }

/* The refusal's code for these bytes with these claims. */
static int finish(struct section *s, struct span bytes, size_t first, const struct section_line *lines,
                  size_t count)
{
    struct http_refusal refusal = {0};
    section_init(s, 1024, 8);
    CHECK_EQ_INT(buf_append_span(&s->raw, bytes), 0);
    for (size_t i = 0; i < count; i++) {
        CHECK_EQ_INT(section_add(s, lines[i].name, lines[i].value), 0);
    }
    int r = section_finish(s, first, &refusal);
    CHECK_EQ_INT(r, refusal.code);
    CHECK((r == 0) == (refusal.why == NULL));
    return r;
}

TEST(true_claims)
{
    struct section s;
    const struct section_line lines[] = {LINE(2, 1, 5, 3), LINE(10, 2, 0, 0), LINE(16, 1, 18, 2)};
    CHECK_EQ_INT(finish(&s, SPAN_LIT("..A: b c\r\nDD: \r\nE:f \t\r\n\r\n"), 2, lines, 3), 0);
    CHECK_EQ_UINT(s.count, 3);
    CHECK(span_eq_str(s.fields[0].name, "A") && span_eq_str(s.fields[0].value, "b c"));
    CHECK(span_eq_str(s.fields[1].name, "DD") && s.fields[1].value.len == 0);
    CHECK(span_eq_str(s.fields[2].name, "E") && span_eq_str(s.fields[2].value, "f"));
    section_release(&s);
    CHECK_EQ_UINT(section_len(&s), 0);
    CHECK(s.fields == NULL && s.lines == NULL);
    CHECK_EQ_INT(finish(&s, SPAN_LIT("\r\n"), 0, NULL, 0), 0);
    CHECK(s.fields == NULL);
    section_release(&s);
}

TEST(every_byte_is_accounted_for)
{
    static const struct {
        const char *bytes;
        struct section_line line;
    } table[] = {
        {"XA: b\r\n\r\n", LINE(1, 1, 4, 1)}, /* a byte before the name */
        {"A : b\r\n\r\n", LINE(0, 1, 4, 1)}, /* and behind it */
        {"A;: b\r\n\r\n", LINE(0, 1, 4, 1)},      {"A: x b\r\n\r\n", LINE(0, 1, 5, 1)}, /* before the value */
        {"A: b;\r\n\r\n", LINE(0, 1, 3, 1)},                                            /* behind it */
        {"A: b\n\r\n", LINE(0, 1, 3, 1)},                                               /* ends of lines */
        {"A: b\r\r\n\r\n", LINE(0, 1, 3, 1)},     {"A: b\rX\r\n\r\n", LINE(0, 1, 3, 1)},
        {"A: b\r\n c\r\n\r\n", LINE(0, 1, 3, 1)}, /* a fold, in the gap */
        {"A: b\r\n c\r\n\r\n", LINE(0, 1, 3, 5)}, /* and inside the value */
        {"A: b\r\n", LINE(0, 1, 3, 1)},           /* no empty line */
        {"A: b\r\nX\r\n", LINE(0, 1, 3, 1)},      {"A: b\r\n\r\nX", LINE(0, 1, 3, 1)}, /* bytes behind it */
        {"A: b\r\n\r\n\r\n", LINE(0, 1, 3, 1)},   {"A: b\x01\r\n\r\n", LINE(0, 1, 3, 2)}, /* content */
        {"A\x80: b\r\n\r\n", LINE(0, 2, 4, 1)},   {": b\r\n\r\n", LINE(0, 0, 2, 1)},
        {"A: b\r\n\r\n", LINE(0, 1, 1, 1)},  /* a value at the colon */
        {"A: b\r\n\r\n", LINE(0, 1, 0, 1)},  /* and before it */
        {"A: b\r\n\r\n", LINE(0, 1, 3, 99)}, /* past the end */
        {"A: b\r\n\r\n", LINE(0, 99, 3, 1)},      {"A: b\r\n\r\n", LINE(0, 1, 99, 1)},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct section s;
        if (!CHECK_EQ_INT(finish(&s, span_str(table[i].bytes), 0, &table[i].line, 1), CB_EMALFORMED)) {
            printf("  row %zu\n", i);
        }
        section_release(&s);
    }
}

TEST(parts_are_contiguous)
{
    struct section_part part = {0};
    CHECK(section_part_extend(&part, 7, 0));
    CHECK(section_part_extend(&part, 10, 3));
    CHECK(section_part_extend(&part, 13, 2));
    CHECK(!section_part_extend(&part, 16, 1));
    CHECK(!section_part_extend(&part, 14, 1));
    CHECK_EQ_UINT(part.at, 10);
    CHECK_EQ_UINT(part.len, 5);
}

TEST(limit_of_lines)
{
    struct section s;
    section_init(&s, 1024, 40);
    for (size_t i = 0; i < 40; i++) {
        CHECK_EQ_INT(section_add(&s, (struct section_part){i, 1}, (struct section_part){0}), 0);
    }
    CHECK_EQ_INT(section_add(&s, (struct section_part){0}, (struct section_part){0}), CB_ELIMIT);
    CHECK_EQ_UINT(s.lines[39].name.at, 39);
    section_release(&s);
}

/* The code for a start line with claims of its parts. */
static int start_line(const char *bytes, bool response, struct section_part a, struct section_part b,
                      size_t *first)
{
    struct section s;
    struct http_head head = {0};
    struct http_refusal refusal = {0};
    section_init(&s, 1024, 8);
    CHECK_EQ_INT(buf_append_str(&s.raw, bytes), 0);
    int r = response ? rules_status_line(&s, a, &head, first, &refusal)
                     : rules_request_line(&s, a, b, &head, first, &refusal);
    section_release(&s);
    return r;
}

#define PART(at_, len_) ((struct section_part){(at_), (len_)})

TEST(request_lines)
{
    size_t first = 0;
    CHECK_EQ_INT(start_line("GET /x HTTP/1.1\r\n\r\n", false, PART(0, 3), PART(4, 2), &first), 0);
    CHECK_EQ_UINT(first, 17);
    static const struct {
        const char *bytes;
        struct section_part method;
        struct section_part target;
    } table[] = {
        {"XGET /x HTTP/1.1\r\n", {1, 3}, {5, 2}},
        {"GET  /x HTTP/1.1\r\n", {0, 3}, {5, 2}},
        {"GET\t/x HTTP/1.1\r\n", {0, 3}, {4, 2}},
        {"GET /x\tHTTP/1.1\r\n", {0, 3}, {4, 2}},
        {"GET /x  HTTP/1.1\r\n", {0, 3}, {4, 2}},
        {"GET /x HTTP/1.1 \r\n", {0, 3}, {4, 2}},
        {"GET /x HTTP/1.1\n\r\n", {0, 3}, {4, 2}},
        {"GET /x HTTP/1.1\r", {0, 3}, {4, 2}},
        {"GET /x HTTP/1.1", {0, 3}, {4, 2}},
        {"GET /x http/1.1\r\n", {0, 3}, {4, 2}},
        {"GET /x HTTP/1.", {0, 3}, {4, 2}},
        {"GET /x", {0, 3}, {4, 2}},
        {"GET /x", {0, 3}, {4, 99}},
        {"GET /x y HTTP/1.1\r\n", {0, 3}, {4, 4}},
        {"GET /\x7f HTTP/1.1\r\n", {0, 3}, {4, 2}},
        {"GET /\x80 HTTP/1.1\r\n", {0, 3}, {4, 2}},
        {"GET /\x01 HTTP/1.1\r\n", {0, 3}, {4, 2}},
        {"GET  HTTP/1.1\r\n", {0, 3}, {4, 0}},
        {"get /x HTTP/1.1\r\n", {0, 3}, {4, 2}},
        {" /x HTTP/1.1\r\n", {0, 0}, {1, 2}},
        {"G_T /x HTTP/1.1\r\n", {0, 3}, {4, 2}},
        {"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1\r\n", {0, 33}, {34, 1}},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (!CHECK_EQ_INT(start_line(table[i].bytes, false, table[i].method, table[i].target, &first),
                          CB_EMALFORMED)) {
            printf("  row %zu\n", i);
        }
    }
}

TEST(status_lines)
{
    size_t first = 0;
    CHECK_EQ_INT(start_line("HTTP/1.1 200 OK\r\n", true, PART(13, 2), PART(0, 0), &first), 0);
    CHECK_EQ_UINT(first, 17);
    CHECK_EQ_INT(start_line("HTTP/1.0 200\r\n", true, PART(0, 0), PART(0, 0), &first), 0);
    CHECK_EQ_UINT(first, 14);
    CHECK_EQ_INT(start_line("HTTP/1.0 200 \r\n", true, PART(0, 0), PART(0, 0), &first), 0);
    CHECK_EQ_UINT(first, 15);
    static const struct {
        const char *bytes;
        struct section_part phrase;
    } table[] = {
        {"HTTP/1.1 200 OK\r\n", {0, 0}},    {"HTTP/1.1 200 OK\r\n", {13, 1}},
        {"HTTP/1.1 200  OK\r\n", {14, 2}},  {"HTTP/1.1  200 OK\r\n", {14, 2}},
        {"HTTP/1.1\t200 OK\r\n", {13, 2}},  {"HTTP/1.1 200\tOK\r\n", {13, 2}},
        {"HTTP/1.1 2000 OK\r\n", {14, 2}},  {"HTTP/1.1 020 OK\r\n", {13, 2}},
        {"HTTP/1.1 20 OK\r\n", {12, 2}},    {"HTTP/1.1 20", {0, 0}},
        {"HTTP/1.1 200 OK\n\r\n", {13, 2}}, {"HTTP/1.1 200 OK", {13, 2}},
        {"HTTP/1.1 200 O\rK\r\n", {13, 3}}, {"HTTP/1.1 200 OK\r\n", {13, 99}},
        {"HTTP/1.1 200 OK\r\n", {12, 2}},   {"HTTP/1.1 200\r\n", {13, 1}},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (!CHECK_EQ_INT(start_line(table[i].bytes, true, table[i].phrase, PART(0, 0), &first),
                          CB_EMALFORMED)) {
            printf("  row %zu\n", i);
        }
    }
}

static int request(const struct http_field *fields, size_t count)
{
    struct http_refusal refusal = {0};
    struct http_head head = {.method = SPAN_LIT("POST"), .minor = 1, .fields = fields, .field_count = count};
    return rules_request(&head, &refusal);
}

TEST(framing_without_llhttp)
{
    const struct http_field host = {SPAN_LIT("host"), SPAN_LIT("a")};
    const struct http_field five = {SPAN_LIT("Content-Length"), SPAN_LIT("5")};
    const struct http_field chunked = {SPAN_LIT("transfer-encoding"), SPAN_LIT("chunked")};
    const struct http_field plus = {SPAN_LIT("Content-Length"), SPAN_LIT("+5")};
    const struct http_field none = {SPAN_LIT("Content-Length"), SPAN_EMPTY};
    CHECK_EQ_INT(request((const struct http_field[]){host, five}, 2), 0);
    CHECK_EQ_INT(request((const struct http_field[]){host, chunked}, 2), 0);
    CHECK_EQ_INT(request((const struct http_field[]){host, five, five}, 3), CB_EMALFORMED);
    CHECK_EQ_INT(request((const struct http_field[]){host, chunked, chunked}, 3), CB_EMALFORMED);
    CHECK_EQ_INT(request((const struct http_field[]){host, five, chunked}, 3), CB_EMALFORMED);
    CHECK_EQ_INT(request((const struct http_field[]){host, plus}, 2), CB_EMALFORMED);
    CHECK_EQ_INT(request((const struct http_field[]){host, none}, 2), CB_EMALFORMED);
}

TEST_MAIN()
