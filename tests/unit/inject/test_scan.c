/* test_scan.c - the credential in every form that is looked for, at every cut, and near misses. */
#include "inject/scan.h"

#include "base/encode.h"
#include "support/check.h"

#include <ctype.h>
#include <stdlib.h>

#define KEY "sk-proj-Ab3/x+Zq9\"_7%25\\w"
#define PH  "sk-proj-placeholder-0123456789abcdefghijklmnop"

static int collect(void *arg, struct span clean)
{
    return buf_append_span(arg, clean);
}

static struct inject_scan *scan_of(const char *key)
{
    struct inject_scan *scan = NULL;
    CHECK_EQ_INT(inject_scan_new(span_str(key), &scan), 0);
    return scan;
}

/* Feeds a text in pieces of `step` bytes (the first `first`); what came out is in *out. */
static uint64_t run(const struct inject_scan *scan, struct span text, size_t first, size_t step,
                    struct buf *out)
{
    struct inject_scanner s;
    inject_scanner_init(&s, scan, span_str(PH));
    size_t at = 0;
    for (size_t take = first; at < text.len; take = step) {
        struct span part = span_sub(text, at, take);
        CHECK_EQ_INT(inject_scanner_feed(&s, part, collect, out), 0);
        at += part.len;
    }
    CHECK_EQ_INT(inject_scanner_end(&s, collect, out), 0);
    CHECK_EQ_UINT(buf_len(&s.held), 0);
    uint64_t found = s.found;
    inject_scanner_deinit(&s);
    return found;
}

/* The form stands once in the text: found at every cut, with the same bytes around it and the same length. */
static void check_form_in(const struct inject_scan *scan, const char *before, const char *form,
                          const char *after)
{
    struct buf text;
    struct buf whole;
    buf_init(&text, 65536);
    buf_init(&whole, 65536);
    CHECK(buf_append_str(&text, before) == 0 && buf_append_str(&text, form) == 0 &&
          buf_append_str(&text, after) == 0);
    uint64_t found = run(scan, buf_span(&text), SIZE_MAX, SIZE_MAX, &whole);
    if (!CHECK_EQ_UINT(found, 1) || !CHECK_EQ_UINT(buf_len(&whole), buf_len(&text))) {
        printf("    for %s\n", form);
    }
    CHECK(memmem(buf_span(&whole).ptr, buf_len(&whole), form, strlen(form)) == NULL);
    for (size_t cut = 1; cut < buf_len(&text); cut++) {
        struct buf out;
        buf_init(&out, 65536);
        CHECK_EQ_UINT(run(scan, buf_span(&text), cut, SIZE_MAX, &out), 1);
        CHECK(span_eq(buf_span(&out), buf_span(&whole)));
        buf_deinit(&out);
    }
    for (size_t step = 1; step < 9; step++) {
        struct buf out;
        buf_init(&out, 65536);
        CHECK_EQ_UINT(run(scan, buf_span(&text), step, step, &out), 1);
        CHECK(span_eq(buf_span(&out), buf_span(&whole)));
        buf_deinit(&out);
    }
    buf_deinit(&text);
    buf_deinit(&whole);
}

static void check_form(const char *form)
{
    struct inject_scan *scan = scan_of(KEY);
    check_form_in(scan, "", form, "");
    check_form_in(scan, "{\"authorization\": \"Bearer ", form, "\", \"more\": [1, 2, 3]}\n");
    check_form_in(scan, "sk-proj-sk-proj-A", form, "sk-proj-Ab3");
    check_form_in(scan, "%5c\\u00", form, "%");
    inject_scan_unref(scan);
}

TEST(text_plain_and_escaped)
{
    check_form(KEY);
    /* percent: all, some, both cases */
    char all[256] = "";
    char upper[256] = "";
    char json[512] = "";
    char mixed[512] = "";
    for (size_t i = 0; i < strlen(KEY); i++) {
        (void)snprintf(all + strlen(all), 8, "%%%02x", (unsigned char)KEY[i]);
        (void)snprintf(upper + strlen(upper), 8, isalnum((unsigned char)KEY[i]) ? "%c" : "%%%02X", KEY[i]);
        (void)snprintf(json + strlen(json), 8, "\\u00%02X", (unsigned char)KEY[i]);
        (void)snprintf(mixed + strlen(mixed), 8,
                       i % 3 == 0   ? "%%%02x"
                       : i % 3 == 1 ? "\\u00%02x"
                                    : "%%%02X",
                       (unsigned char)KEY[i]);
    }
    check_form(all);
    check_form(upper);
    check_form(json);
    check_form(mixed);
    check_form("sk-proj-Ab3\\/x+Zq9\\\"_7%25\\\\w");
    check_form("sk-proj-Ab3/x+Zq9\\\"_7%2525\\u005cw");
}

TEST(hexadecimal)
{
    char hex[256];
    encode_hex(KEY, strlen(KEY), hex);
    check_form(hex);
    for (char *c = hex; *c != '\0'; c++) {
        *c = (char)toupper((unsigned char)*c);
    }
    check_form(hex);
}

TEST(base64_in_every_alignment_and_alphabet)
{
    struct inject_scan *scan = scan_of(KEY);
    for (size_t before = 0; before < 7; before++) {
        for (size_t after = 0; after < 4; after++) {
            char text[256];
            char encoded[512];
            int len = snprintf(text, sizeof(text), "%.*s%s%.*s", (int)before, "\xff\x01user:", KEY,
                               (int)after, "\xff\xff\x02");
            for (int url = 0; url < 2; url++) {
                struct buf out;
                buf_init(&out, 4096);
                size_t n = url != 0 ? encode_base64url(text, (size_t)len, encoded)
                                    : encode_base64(text, (size_t)len, encoded);
                CHECK_EQ_UINT(run(scan, span_of(encoded, n), SIZE_MAX, SIZE_MAX, &out), 1);
                CHECK_EQ_UINT(buf_len(&out), n);
                /* What is left of it decodes to the placeholder, and not to the key. */
                uint8_t decoded[512];
                size_t decoded_len = sizeof(decoded);
                if (url == 0 && CHECK_EQ_INT(decode_base64(buf_span(&out), decoded, &decoded_len), 0)) {
                    CHECK(memmem(decoded, decoded_len, &KEY[1], strlen(KEY) - 2) == NULL);
                    CHECK(memmem(decoded, decoded_len, &PH[1], strlen(KEY) - 2) != NULL);
                }
                buf_deinit(&out);
                check_form_in(scan, "Basic ", encoded, "\r\n");
            }
        }
    }
    /* "+" and "/" as a form field and as JSON have them */
    char encoded[512];
    char percent[512] = "";
    (void)encode_base64(KEY, strlen(KEY), encoded);
    for (char *c = encoded; *c != '\0' && *c != '='; c++) {
        (void)snprintf(percent + strlen(percent), 8, *c == '+' ? "%%2B" : *c == '/' ? "\\/" : "%c", *c);
    }
    struct buf out;
    buf_init(&out, 4096);
    CHECK_EQ_UINT(run(scan, span_str(percent), SIZE_MAX, SIZE_MAX, &out), 1);
    buf_deinit(&out);
    inject_scan_unref(scan);
}

TEST(several_and_none)
{
    struct inject_scan *scan = scan_of("secret-key-123");
    struct buf out;
    buf_init(&out, 65536);
    CHECK_EQ_UINT(
        run(scan, SPAN_LIT("secret-key-123secret-key-123 secret-key-12 secret-key-123"), 5, 7, &out), 3);
    buf_reset(&out);
    struct span miss = SPAN_LIT("secret-key-122 secret-kkey-123 ecret-key-123 secret-key-12");
    CHECK_EQ_UINT(run(scan, miss, 1, 1, &out), 0);
    CHECK(span_eq(buf_span(&out), miss));
    buf_deinit(&out);
    inject_scan_unref(scan);
}

/* An event ends with a line break, so it leaves at once; only what may begin a form waits. */
TEST(what_cannot_be_a_form_leaves_at_once)
{
    struct inject_scan *scan = scan_of(KEY);
    struct inject_scanner s;
    struct buf out;
    buf_init(&out, 65536);
    inject_scanner_init(&s, scan, span_str(PH));
    struct span event = SPAN_LIT("data: {\"delta\": \"sk-proj-Ab3/x+Zq\"}\n\n");
    CHECK_EQ_INT(inject_scanner_feed(&s, event, collect, &out), 0);
    CHECK(span_eq(buf_span(&out), event));
    CHECK_EQ_INT(inject_scanner_feed(&s, SPAN_LIT("abc sk-pr"), collect, &out), 0);
    CHECK_EQ_UINT(buf_len(&out), event.len + 4);
    CHECK_EQ_INT(inject_scanner_feed(&s, SPAN_LIT("x"), collect, &out), 0);
    CHECK_EQ_UINT(buf_len(&out), event.len + 10);
    inject_scanner_deinit(&s);
    buf_deinit(&out);
    inject_scan_unref(scan);
}

TEST(short_and_long_credentials)
{
    struct inject_scan *scan = NULL;
    struct buf out;
    buf_init(&out, 1 << 20);
    CHECK_EQ_INT(inject_scan_new(SPAN_LIT("abc"), &scan), CB_ELIMIT);
    scan = scan_of("abcd");
    CHECK_EQ_UINT(run(scan, SPAN_LIT("xxabcdxx"), 3, 1, &out), 1);
    CHECK_EQ_UINT(run(scan, SPAN_LIT("YWJjZA== 61626364"), 3, 1, &out), 0); /* too short for encoded forms */
    inject_scan_unref(scan);
    char *key = malloc(SCAN_MAX + 1);
    if (CHECK(key != NULL)) {
        for (size_t i = 0; i < SCAN_MAX; i++) {
            key[i] = (char)('!' + i * 7 % 90);
        }
        key[SCAN_MAX] = '\0';
        scan = scan_of(key);
        buf_reset(&out);
        CHECK_EQ_UINT(run(scan, span_of(key, SCAN_MAX), 5000, 4096, &out), 1);
        CHECK_EQ_UINT(buf_len(&out), SCAN_MAX);
        inject_scan_unref(scan);
        CHECK_EQ_INT(inject_scan_new(span_of(key, SCAN_MAX + 1), &scan), CB_ELIMIT);
    }
    free(key);
    buf_deinit(&out);
}

/* The skipping search against the obvious one: every start of every text tried with the whole form. */
TEST(random_texts_of_few_letters)
{
    srandom(20261124);
    for (int round = 0; round < 20000; round++) {
        char key[16];
        char text[200];
        size_t key_len = 4 + (size_t)random() % 8;
        size_t len = (size_t)random() % sizeof(text);
        for (size_t i = 0; i < key_len; i++) {
            key[i] = "ab%2\\"[random() % 5];
        }
        for (size_t i = 0; i < len; i++) {
            text[i] = "ab%2\\65"[random() % 7];
        }
        if (len > key_len + 2 && random() % 2 == 0) {
            memcpy(text + (size_t)random() % (len - key_len), key, key_len);
        }
        key[key_len] = '\0';
        struct inject_scan *scan = scan_of(key);
        struct buf whole;
        struct buf parts;
        buf_init(&whole, 4096);
        buf_init(&parts, 4096);
        uint64_t found = run(scan, span_of(text, len), SIZE_MAX, SIZE_MAX, &whole);
        bool there = memmem(text, len, key, key_len) != NULL;
        CHECK(!there || found > 0);
        CHECK(len == 0 || memmem(buf_span(&whole).ptr, buf_len(&whole), key, key_len) == NULL);
        CHECK_EQ_UINT(buf_len(&whole), len);
        CHECK_EQ_UINT(
            run(scan, span_of(text, len), 1 + (size_t)random() % 9, 1 + (size_t)random() % 9, &parts), found);
        CHECK(span_eq(buf_span(&whole), buf_span(&parts)));
        buf_deinit(&whole);
        buf_deinit(&parts);
        inject_scan_unref(scan);
    }
}

TEST(several_needles)
{
    const struct span needles[] = {SPAN_LIT("access-token-123456"), SPAN_LIT("abc"),
                                   SPAN_LIT("client-secret-9"), SPAN_LIT("access-token-123456")};
    struct inject_scan *scan = NULL;
    char text[256];
    struct buf out;
    buf_init(&out, 4096);
    if (!CHECK_EQ_INT(inject_scan_new_of(needles, 4, &scan), 0)) {
        return;
    }
    check_form_in(scan, "x", "access-token-123456", "y");
    check_form_in(scan, "client-secret-", "client-secret-9", "9");
    check_form_in(scan, "", "client%2dsecret\\u002D9", "");
    check_form_in(scan, "", "Y2xpZW50LXNlY3JldC05", "");
    (void)snprintf(text, sizeof(text), "abc access-token-123456 client-secret-9 616263");
    CHECK_EQ_UINT(run(scan, span_str(text), 7, 3, &out), 2);
    const char want[] = "abc sk-proj-placeholder sk-proj-placeh 616263";
    CHECK_EQ_UINT(buf_len(&out), strlen(text));
    CHECK_EQ_BYTES(buf_span(&out).ptr, 23, want, 23);
    inject_scan_unref(scan);
    CHECK_EQ_INT(inject_scan_new_of(&needles[1], 1, &scan), CB_ELIMIT);
    CHECK_EQ_INT(inject_scan_new_of(needles, 0, &scan), CB_ELIMIT);
    const struct span many[SCAN_NEEDLES_MAX + 1] = {SPAN_LIT("aaaa")};
    CHECK_EQ_INT(inject_scan_new_of(many, SCAN_NEEDLES_MAX + 1, &scan), CB_ELIMIT);
    buf_deinit(&out);
}

/* One in the other: the longer one is what is found where both begin. */
TEST(needles_in_each_other)
{
    const struct span needles[] = {SPAN_LIT("token-1234"), SPAN_LIT("token-1234567890")};
    struct inject_scan *scan = NULL;
    struct buf out;
    buf_init(&out, 4096);
    CHECK_EQ_INT(inject_scan_new_of(needles, 2, &scan), 0);
    CHECK_EQ_UINT(run(scan, SPAN_LIT("token-1234567890 token-123456789x"), 3, 1, &out), 2);
    CHECK(memmem(buf_span(&out).ptr, buf_len(&out), "token", 5) == NULL);
    CHECK(memmem(buf_span(&out).ptr, buf_len(&out), "56789x", 6) != NULL);
    inject_scan_unref(scan);
    buf_deinit(&out);
}

/* A password may have blanks, which a form writes as '+', and in theory a tab. */
TEST(blanks)
{
    struct inject_scan *scan = scan_of("pass word\tx");
    check_form_in(scan, "<", "pass word\tx", ">");
    check_form_in(scan, "<", "pass+word%09x", ">");
    check_form_in(scan, "<", "pass%20word\\tx", ">");
    check_form_in(scan, "<", "pass\\u0020word\\u0009x", ">");
    inject_scan_unref(scan);
}

TEST_MAIN()
