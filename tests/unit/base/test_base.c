/* test_base.c - buffers, secrets, encodings, numbers, errors. */
#include "base/buf.h"
#include "base/encode.h"
#include "base/list.h"
#include "base/secret.h"
#include "base/strnum.h"
#include "support/check.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

TEST(errors_have_texts)
{
    CHECK_EQ_STR(cb_strerror(0), "success");
    CHECK_EQ_STR(cb_strerror(CB_ETIMEOUT), "timed out");
    CHECK_EQ_STR(cb_strerror(-ENOENT), "No such file or directory");
    CHECK_EQ_STR(cb_strerror(-99999), "unknown error");
    CHECK_EQ_STR(cb_strerror(17), "unknown error");
}

TEST(buf_is_a_capped_queue)
{
    struct buf b;
    buf_init(&b, 1000);
    CHECK_EQ_INT(buf_append_str(&b, "hello "), 0);
    CHECK_EQ_INT(buf_appendf(&b, "%s-%d", "world", 7), 0);
    CHECK(span_eq_str(buf_span(&b), "hello world-7"));
    buf_consume(&b, 6);
    CHECK(span_eq_str(buf_span(&b), "world-7"));
    uint8_t block[1000] = {0};
    CHECK_EQ_INT(buf_append(&b, block, 994), CB_ELIMIT);
    CHECK(span_eq_str(buf_span(&b), "world-7"));
    CHECK_EQ_INT(buf_append(&b, block, 993), 0);
    CHECK_EQ_INT(buf_room(&b), 0);
    CHECK_EQ_INT(buf_append_byte(&b, 1), CB_ELIMIT);
    buf_consume(&b, 1000);
    CHECK_EQ_INT(buf_len(&b), 0);
    CHECK_EQ_INT(b.start, 0);
    buf_deinit(&b);
    buf_deinit(NULL);
}

TEST(buf_keeps_its_bytes_through_growth_and_consumption)
{
    struct buf b;
    buf_init(&b, (size_t)1 << 20);
    uint8_t next_in = 0;
    uint8_t next_out = 0;
    for (unsigned round = 1; round < 400; round++) {
        for (unsigned i = 0; i < round % 97; i++) {
            CHECK_EQ_INT(buf_append_byte(&b, next_in++), 0);
        }
        size_t take = buf_len(&b) * (round % 3) / 3;
        struct span s = buf_span(&b);
        for (size_t i = 0; i < take; i++) {
            if (!CHECK_EQ_INT(s.ptr[i], next_out)) {
                return;
            }
            next_out++;
        }
        buf_consume(&b, take);
    }
    buf_deinit(&b);
}

TEST(a_sensitive_buf_wipes_what_it_lets_go)
{
    struct buf b;
    buf_init(&b, 4096);
    buf_set_sensitive(&b);
    CHECK_EQ_INT(buf_append_str(&b, "sk-secret-value"), 0);
    uint8_t *data = b.data;
    buf_consume(&b, 15);
    for (size_t i = 0; i < 15; i++) {
        CHECK_EQ_INT(data[i], 0);
    }
    CHECK_EQ_INT(buf_append_str(&b, "sk-secret-value"), 0);
    buf_reset(&b);
    CHECK_EQ_INT(data[0], 0);
    CHECK_EQ_INT(data[14], 0);
    buf_deinit(&b);
}

TEST(secrets_hold_and_shrink)
{
    struct secret *s = secret_from(SPAN_LIT("value\n"));
    if (!CHECK(s != NULL)) {
        return;
    }
    CHECK(span_eq_str(secret_span(s), "value\n"));
    secret_shrink(s, 5);
    CHECK(span_eq_str(secret_span(s), "value"));
    CHECK_EQ_INT(secret_ptr(s)[5], 0);
    secret_free(s);
    secret_free(NULL);
    CHECK(secret_new(0) == NULL);
    CHECK(secret_new((size_t)64 * 1024 + 1) == NULL);
}

/* How a child that runs `body` ends: its signal, or 0. */
static int signal_of_child(void (*body)(struct secret *), struct secret *s)
{
    pid_t pid = fork();
    if (pid == 0) {
        (void)signal(SIGSEGV, SIG_DFL);
        body(s);
        _exit(0);
    }
    int status = 0;
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

static void overrun(struct secret *s)
{
    volatile uint8_t *p = secret_ptr(s);
    p[secret_len(s)] = 1;
}

static void look_after_fork(struct secret *s)
{
    if (span_eq_str(secret_span(s), "topsecret")) {
        _exit(9);
    }
}

TEST(a_secret_is_guarded_and_not_inherited)
{
    struct secret *s = secret_from(SPAN_LIT("topsecret"));
    if (!CHECK(s != NULL)) {
        return;
    }
    CHECK(signal_of_child(overrun, s) != 0);
    CHECK_EQ_INT(signal_of_child(look_after_fork, s), 0);
    CHECK(span_eq_str(secret_span(s), "topsecret"));
    secret_free(s);
}

TEST(secret_eq_compares)
{
    CHECK(secret_eq(SPAN_LIT("same"), SPAN_LIT("same")));
    CHECK(!secret_eq(SPAN_LIT("same"), SPAN_LIT("samE")));
    CHECK(!secret_eq(SPAN_LIT("same"), SPAN_LIT("sam")));
    CHECK(secret_eq(SPAN_EMPTY, SPAN_EMPTY));
}

TEST(random_differs)
{
    uint8_t a[32] = {0};
    uint8_t b[32] = {0};
    secret_random(a, sizeof(a));
    secret_random(b, sizeof(b));
    CHECK(memcmp(a, b, sizeof(a)) != 0);
}

TEST(hexadecimal)
{
    char text[9];
    uint8_t bytes[4];
    encode_hex("\x00\x7f\xff\x10", 4, text);
    CHECK_EQ_STR(text, "007fff10");
    CHECK_EQ_INT(decode_hex(SPAN_LIT("007FfF10"), bytes, 4), 0);
    CHECK(memcmp(bytes, "\x00\x7f\xff\x10", 4) == 0);
    CHECK_EQ_INT(decode_hex(SPAN_LIT("007FfF1"), bytes, 4), CB_EMALFORMED);
    CHECK_EQ_INT(decode_hex(SPAN_LIT("007FfF1g"), bytes, 4), CB_EMALFORMED);
}

TEST(base64_vectors_of_rfc_4648)
{
    static const char *const rows[][2] = {{"", ""},
                                          {"f", "Zg=="},
                                          {"fo", "Zm8="},
                                          {"foo", "Zm9v"},
                                          {"foob", "Zm9vYg=="},
                                          {"fooba", "Zm9vYmE="},
                                          {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[16];
        CHECK_EQ_INT(encode_base64(rows[i][0], strlen(rows[i][0]), text), strlen(rows[i][1]));
        CHECK_EQ_STR(text, rows[i][1]);
        uint8_t bytes[16];
        size_t len = sizeof(bytes);
        CHECK_EQ_INT(decode_base64(span_str(rows[i][1]), bytes, &len), 0);
        CHECK(span_eq_str(span_of(bytes, len), rows[i][0]));
    }
    char url[8];
    encode_base64url("\xfb\xff\xfe", 3, url);
    CHECK_EQ_STR(url, "-__-");
    encode_base64url("f", 1, url);
    CHECK_EQ_STR(url, "Zg");
}

TEST(base64_refuses)
{
    static const char *const bad[] = {
        "Zg", "Zg=", "Z===", "====", "Zh==", "Zm9=", "Zg==Zg==", "Zm 9", "Zm9v\n", "-__-", "Zm9\x80"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint8_t bytes[32];
        size_t len = sizeof(bytes);
        CHECK_EQ_INT(decode_base64(span_str(bad[i]), bytes, &len), CB_EMALFORMED);
    }
    uint8_t small[2];
    size_t len = sizeof(small);
    CHECK_EQ_INT(decode_base64(SPAN_LIT("Zm9v"), small, &len), CB_ELIMIT);
}

TEST(numbers)
{
    uint64_t n = 0;
    CHECK_EQ_INT(strnum_u64(SPAN_LIT("0"), 10, &n), 0);
    CHECK_EQ_INT(strnum_u64(SPAN_LIT("65535"), 65535, &n), 0);
    CHECK(n == 65535);
    CHECK_EQ_INT(strnum_u64(SPAN_LIT("65536"), 65535, &n), CB_ELIMIT);
    CHECK_EQ_INT(strnum_u64(SPAN_LIT("18446744073709551615"), UINT64_MAX, &n), 0);
    CHECK_EQ_INT(strnum_u64(SPAN_LIT("18446744073709551616"), UINT64_MAX, &n), CB_ELIMIT);
    static const char *const bad[] = {"", "-1", "+1", "01", " 1", "1 ", "0x1", "1e3", "1.0", "\xd9\xa1"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_EQ_INT(strnum_u64(span_str(bad[i]), UINT64_MAX, &n), CB_EMALFORMED);
    }
}

TEST(spans)
{
    CHECK(span_starts(SPAN_LIT("abc"), SPAN_LIT("ab")));
    CHECK(!span_starts(SPAN_LIT("a"), SPAN_LIT("ab")));
    CHECK(span_ends(SPAN_LIT("abc"), SPAN_LIT("bc")));
    CHECK(span_eq_nocase(SPAN_LIT("HoSt"), SPAN_LIT("host")));
    CHECK(!span_eq_nocase(SPAN_LIT("ho\xd3t"), SPAN_LIT("host")));
    CHECK_EQ_INT(span_sub(SPAN_LIT("abc"), 1, 99).len, 2);
    CHECK_EQ_INT(span_sub(SPAN_LIT("abc"), 4, 1).len, 0);
}

TEST(lists_survive_removal_while_walking)
{
    struct item {
        int value;
        struct list link;
    } items[5];
    struct list head;
    list_init(&head);
    for (int i = 0; i < 5; i++) {
        items[i].value = i;
        list_push_back(&head, &items[i].link);
    }
    int sum = 0;
    LIST_FOR_EACH (node, safe, &head) {
        struct item *item = LIST_ENTRY(node, struct item, link);
        sum = sum * 10 + item->value;
        list_remove(node);
        list_remove(node);
    }
    CHECK_EQ_INT(sum, 1234);
    CHECK(list_empty(&head));
}

TEST_MAIN()
