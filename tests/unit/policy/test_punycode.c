/* test_punycode.c - RFC 3492: its sample strings, and labels that are nobody's encoding. */
#include "policy/punycode.h"

#include "support/check.h"

TEST(encodes)
{
    static const char *const pairs[][2] = {
        {"b\xc3\xbc"
         "cher",
         "xn--bcher-kva"},
        {"B\xc3\xbc"
         "CHER",
         "xn--bcher-kva"},
        {"m\xc3\xbcnchen", "xn--mnchen-3ya"},
        {"fa\xc3\x9f", "xn--fa-hia"},
        {"\xd1\x80\xd1\x84", "xn--p1ai"},
        {"\xe4\xbe\x8b\xe3\x81\x88", "xn--r8jz45g"},
        {"\xe4\xbb\x96\xe4\xbb\xac\xe4\xb8\xba\xe4\xbb\x80\xe4\xb9\x88\xe4\xb8\x8d\xe8\xaf\xb4\xe4\xb8\xad\xe6\x96\x87",
         "xn--ihqwcrb4cv8a8dqg056pqjye"},
        {"Pr\xc3\xb3"
         "pr\xc5\xa1tnmluv\xc4\x8d"
         "esky",
         NULL},
        {"\xf0\x9f\x98\x80", "xn--e28h"},
        {"3\xe5\xb9\xb4"
         "b\xe7\xb5\x84\xe9\x87\x91\xe5\x85\xab\xe5\x85\x88\xe7\x94\x9f",
         "xn--3b-ww4c5e180e575a65lsy2b"},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        char out[64];
        if (pairs[i][1] == NULL) {
            CHECK_EQ_INT(punycode_encode_label(span_str(pairs[i][0]), out), 0);
        } else if (CHECK_EQ_INT(punycode_encode_label(span_str(pairs[i][0]), out), 0)) {
            CHECK_EQ_STR(out, pairs[i][1]);
        }
        CHECK(punycode_label_valid(span_str(out)));
    }
}

TEST(encodes_nothing_else)
{
    static const char *const bad[] = {
        "",
        "ascii",
        "\xc3",
        "\xc3\x28",
        "\xc0\xaf",
        "\xe0\x80\xaf",
        "\xed\xa0\x80",
        "\xf4\x90\x80\x80",
        "\xf8\x88\x80\x80\x80",
        "\x80",
        "a\xff",
        "\xc3\x9c",
        "\xef\xbc\x91",
        "\xe3\x80\x82",
        "\xc2\xad",
        "\xce\x91",
        "\xd0\x90",
    };
    char out[64];
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (!CHECK_EQ_INT(punycode_encode_label(span_str(bad[i]), out), CB_EINVAL)) {
            printf("    %zu: %s\n", i, out);
        }
    }
    /* Growing labels: encoded until 63 bytes, refused from then on, never past the end of `out`. */
    char label[400];
    bool refused = false;
    for (size_t n = 1; n < 100; n++) {
        for (size_t i = 0; i < n; i++) {
            memcpy(label + 3 * i, "\xe4\xbb\x96", 3);
        }
        int r = punycode_encode_label(span_of(label, 3 * n), out);
        CHECK(r == 0 ? !refused && strlen(out) <= 63 : r == CB_EINVAL);
        refused = refused || r != 0;
    }
    CHECK(refused);
}

TEST(invalid_labels)
{
    static const char *const bad[] = {
        "xn--",
        "xn---",
        "xn----",
        "xn--a",
        "xn--a-",
        "xn--abc-",
        "xn--0",
        "xn--99999999",
        "xn--99999999999999999999999999999",
        "xn--bcher-kva-",
        "xn--bcher-KVA",
        "xn--\xc3\xbc",
        "bcher-kva",
        "xn--bcher-kv",
        "xn--bcher_kva",
        "xn---bcherkva!",
        "xn--zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
        "xn--ls8h=",
        "xn",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (!CHECK(!punycode_label_valid(span_str(bad[i])))) {
            printf("    %s\n", bad[i]);
        }
    }
    CHECK(!punycode_label_valid(SPAN_EMPTY));
    CHECK(punycode_label_valid(SPAN_LIT("xn--n3h")));
    CHECK(punycode_label_valid(SPAN_LIT("xn--bcher-kva")));
}

/* Whatever three and four digits say is either refused or has one spelling: no crash, no overflow. */
TEST(short_codes)
{
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    unsigned valid = 0;
    char label[] = "xn--????";
    for (size_t n = 0; n < 37UL * 37 * 37 * 37; n += 3) {
        label[4] = digits[n % 37];
        label[5] = digits[n / 37 % 37];
        label[6] = digits[n / 1369 % 37];
        label[7] = digits[n / 50653];
        valid += punycode_label_valid(span_str(label)) ? 1 : 0;
    }
    CHECK(valid > 1000);
    CHECK(valid < 37U * 37 * 37 * 37 / 3);
}

TEST_MAIN()
