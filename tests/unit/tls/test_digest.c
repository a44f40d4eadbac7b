/* test_digest.c - SHA-256 in pieces (FIPS 180-2, appendix B) and HMAC-SHA-256 (RFC 4231, cases 1, 2 and 6). */
#include "tls/digest.h"

#include "base/encode.h"
#include "support/check.h"

static void check_hex(const uint8_t digest[DIGEST_LEN], const char *want)
{
    char got[2 * DIGEST_LEN + 1];
    encode_hex(digest, DIGEST_LEN, got);
    CHECK_EQ_STR(got, want);
}

TEST(in_pieces)
{
    struct span text = SPAN_LIT("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq");
    for (size_t step = 1; step <= text.len; step++) {
        struct digest d;
        uint8_t out[DIGEST_LEN];
        digest_begin(&d);
        for (size_t at = 0; at < text.len; at += step) {
            digest_add(&d, span_sub(text, at, step));
        }
        digest_add(&d, SPAN_EMPTY);
        digest_end(&d, out);
        check_hex(out, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
        for (size_t i = 0; i < sizeof(d.state) / sizeof(d.state[0]); i++) {
            CHECK_EQ_UINT(d.state[i], 0);
        }
    }
}

TEST(hmac)
{
    uint8_t out[DIGEST_LEN];
    uint8_t key[131];
    memset(key, 0x0b, 20);
    const struct span hi = SPAN_LIT("Hi There");
    digest_hmac_sha256(span_of(key, 20), &hi, 1, out);
    check_hex(out, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    const struct span parts[] = {SPAN_LIT("what do ya want "), SPAN_EMPTY, SPAN_LIT("for nothing?")};
    digest_hmac_sha256(SPAN_LIT("Jefe"), parts, 3, out);
    check_hex(out, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof(key));
    const struct span large = SPAN_LIT("Test Using Larger Than Block-Size Key - Hash Key First");
    digest_hmac_sha256(span_of(key, sizeof(key)), &large, 1, out);
    check_hex(out, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST_MAIN()
