/* test_fields.c - finding, classifying and checking fields, and their list as bytes. */
#include "http/fields.h"

#include <stdlib.h>

#include "support/check.h"

#define FIELD(name_, value_)              \
    {                                     \
        SPAN_LIT(name_), SPAN_LIT(value_) \
    }

TEST(find)
{
    const struct http_field fields[] = {FIELD("A", "1"), FIELD("b-C", "2"), FIELD("B-c", "3")};
    CHECK(http_field_find(fields, 3, "a") == &fields[0]);
    CHECK(http_field_find(fields, 3, "B-C") == &fields[1]);
    CHECK(http_field_find(fields, 3, "b") == NULL);
    CHECK(http_field_find(fields, 0, "a") == NULL);
    CHECK(http_field_find(NULL, 0, "a") == NULL);
}

TEST(only)
{
    const struct http_field fields[] = {FIELD("A", "1"), FIELD("b-C", "2"), FIELD("c", ""),
                                        FIELD("B-c", "2")};
    const struct http_head head = {.fields = fields, .field_count = 4};
    const struct http_head none = {.field_count = 0};
    struct span value;
    CHECK(http_field_only(&head, "a", &value) && span_eq_str(value, "1"));
    CHECK(http_field_only(&head, "C", &value) && value.len == 0);
    CHECK(http_field_only(&head, "d", &value) && value.len == 0);
    CHECK(!http_field_only(&head, "b-c", &value)); /* also of the same value */
    CHECK(http_field_only(&none, "a", &value) && value.len == 0);
}

TEST(token)
{
    CHECK(http_field_has_token(SPAN_LIT("close"), "close"));
    CHECK(http_field_has_token(SPAN_LIT(" a ,\tCLOSE\t, b"), "close"));
    CHECK(http_field_has_token(SPAN_LIT(",,close,"), "close"));
    CHECK(!http_field_has_token(SPAN_LIT("closed"), "close"));
    CHECK(!http_field_has_token(SPAN_LIT("a close"), "close"));
    CHECK(!http_field_has_token(SPAN_LIT(""), "close"));
    CHECK(!http_field_has_token(SPAN_LIT(",, ,"), ""));
}

TEST(hop_by_hop)
{
    static const char *const always[] = {"Connection",     "KEEP-alive",          "te",
                                         "Trailer",        "Transfer-Encoding",   "Upgrade",
                                         "HTTP2-Settings", "Proxy-Authorization", "proxy-connection",
                                         "Proxy-X"};
    static const char *const never[] = {"Authorization", "Host", "T", "Proxy", "Prox", "Content-Length", ""};
    for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++) {
        CHECK(http_field_is_hop_by_hop(NULL, 0, span_str(always[i])));
    }
    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
        CHECK(!http_field_is_hop_by_hop(NULL, 0, span_str(never[i])));
    }
    const struct http_field fields[] = {FIELD("connection", "close, X-One"),
                                        FIELD("Connection", "\tx-two ,,"), FIELD("X-Three", "x-three")};
    CHECK(http_field_is_hop_by_hop(fields, 3, SPAN_LIT("x-one")));
    CHECK(http_field_is_hop_by_hop(fields, 3, SPAN_LIT("X-Two")));
    CHECK(!http_field_is_hop_by_hop(fields, 3, SPAN_LIT("X-Three")));
    CHECK(!http_field_is_hop_by_hop(fields, 3, SPAN_LIT("")));
}

TEST(every_byte_of_names_and_values)
{
    for (unsigned c = 0; c < 256; c++) {
        const uint8_t bytes[3] = {'a', (uint8_t)c, 'b'};
        bool token = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     (c != 0 && strchr("!#$%&'*+-.^_`|~", (int)c) != NULL);
        CHECK(http_name_valid(span_of(bytes, 3)) == token);
        CHECK(http_value_valid(span_of(bytes, 3)) == ((c >= 0x20 && c != 0x7f) || c == '\t'));
    }
    CHECK(!http_name_valid(SPAN_EMPTY));
    CHECK(http_value_valid(SPAN_EMPTY));
    CHECK(!http_value_valid(SPAN_LIT(" a")));
    CHECK(!http_value_valid(SPAN_LIT("a\t")));
}

TEST(list_as_bytes)
{
    const struct http_field fields[] = {FIELD("Host", "a"), FIELD("X", ""), FIELD("Y", "\xff \t!")};
    static const uint8_t want[] = "\0\3"
                                  "\0\4Host\0\0\0\1a"
                                  "\0\1X\0\0\0\0"
                                  "\0\1Y\0\0\0\4\xff \t!";
    struct http_field back[4];
    size_t count = 99;
    struct buf out;
    buf_init(&out, 1024);
    CHECK_EQ_INT(http_fields_encode(fields, 3, &out), 0);
    struct span bytes = buf_span(&out);
    CHECK_EQ_BYTES(bytes.ptr, bytes.len, want, sizeof(want) - 1);
    CHECK_EQ_INT(http_fields_decode(bytes, back, 3, &count), 0);
    CHECK_EQ_UINT(count, 3);
    for (size_t i = 0; i < 3; i++) {
        CHECK(span_eq(back[i].name, fields[i].name) && span_eq(back[i].value, fields[i].value));
        CHECK(back[i].name.ptr > bytes.ptr && back[i].name.ptr < bytes.ptr + bytes.len);
    }
    CHECK_EQ_INT(http_fields_decode(bytes, back, 2, &count), CB_ELIMIT);
    /* Cut anywhere, from a block of just that size; and with one byte too many. */
    for (size_t len = 0; len < bytes.len; len++) {
        uint8_t *cut = malloc(len + 1);
        memcpy(cut, bytes.ptr, len);
        CHECK_EQ_INT(http_fields_decode(span_of(cut, len), back, 4, &count), CB_ETRUNCATED);
        free(cut);
    }
    CHECK_EQ_INT(buf_append_byte(&out, 0), 0);
    CHECK_EQ_INT(http_fields_decode(buf_span(&out), back, 4, &count), CB_ETRAILING);
    buf_deinit(&out);
}

TEST(list_that_lies)
{
    static const struct {
        const char *bytes;
        size_t len;
        int want;
    } table[] = {
        {"\0\0", 2, 0},
        {"\0\1\0\0\0\0\0\0", 8, CB_EMALFORMED},       /* no name */
        {"\0\1\0\1:\0\0\0\0", 9, CB_EMALFORMED},      /* not a token */
        {"\0\1\0\3a\r\n\0\0\0\0", 11, CB_EMALFORMED}, /* a split in the name */
        {"\0\1\0\1a\0\0\0\1\n", 10, CB_EMALFORMED},   /* and in the value */
        {"\0\1\0\1a\0\0\0\1\0", 10, CB_EMALFORMED},   /* NUL */
        {"\0\1\0\1a\0\0\0\2 x", 11, CB_EMALFORMED},   /* blanks around */
        {"\0\1\0\1a\0\1\0\1x", 10, CB_ELIMIT},        /* longer than a head */
        {"\0\1\0\1a\xff\xff\xff\xff", 9, CB_ELIMIT},  /* much longer */
        {"\xff\xff\0\1a\0\0\0\1x", 10, CB_ELIMIT},    /* more than the reader takes */
        {"\0\1\xff\xff"
         "a\0\0\0\1x",
         10, CB_ETRUNCATED},
    };
    struct http_field back[2];
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        size_t count = 0;
        if (!CHECK_EQ_INT(http_fields_decode(span_of(table[i].bytes, table[i].len), back, 2, &count),
                          table[i].want)) {
            printf("  row %zu\n", i);
        }
    }
}

TEST(list_that_does_not_fit)
{
    static uint8_t big[70000];
    memset(big, 'x', sizeof(big));
    const struct http_field long_name = {span_of(big, 65536), SPAN_EMPTY};
    const struct http_field long_value = {SPAN_LIT("a"), span_of(big, HTTP_HEAD_MAX + 1)};
    struct buf out;
    buf_init(&out, sizeof(big) * 2);
    CHECK_EQ_INT(http_fields_encode(&long_name, 1, &out), CB_ELIMIT);
    CHECK_EQ_INT(http_fields_encode(&long_value, 1, &out), CB_ELIMIT);
    CHECK_EQ_INT(http_fields_encode(&long_value, (size_t)UINT16_MAX + 1, &out), CB_ELIMIT);
    buf_deinit(&out);
    buf_init(&out, 4);
    const struct http_field field = FIELD("a", "b");
    CHECK_EQ_INT(http_fields_encode(&field, 1, &out), CB_ELIMIT);
    buf_deinit(&out);
}

/* Random changes of a good list: decoding never reads outside (a sanitizer sees to that), and what it accepts encodes to
 * the same bytes. */
TEST(list_with_random_changes)
{
    static const char good[] = "\0\3\0\4Host\0\0\0\1a\0\1X\0\0\0\0\0\1Y\0\0\0\4abcd";
    uint32_t state = 12345;
    size_t accepted = 0;
    for (int round = 0; round < 20000; round++) {
        uint8_t *bytes = malloc(sizeof(good) - 1);
        struct http_field back[4];
        size_t count = 0;
        memcpy(bytes, good, sizeof(good) - 1);
        for (int change = 0; change < 1 + round % 3; change++) {
            state = state * 1664525 + 1013904223;
            bytes[(state >> 8) % (sizeof(good) - 1)] =
                (uint8_t)((state >> 24) & ((state & 128) != 0 ? 7 : 255));
        }
        struct span in = span_of(bytes, sizeof(good) - 1);
        if (http_fields_decode(in, back, 4, &count) == 0) {
            struct buf out;
            buf_init(&out, 1024);
            CHECK_EQ_INT(http_fields_encode(back, count, &out), 0);
            CHECK(span_eq(buf_span(&out), in));
            buf_deinit(&out);
            accepted++;
        }
        free(bytes);
    }
    CHECK(accepted > 1000);
}

TEST_MAIN()
