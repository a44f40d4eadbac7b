/* test_address.c - every special-purpose block at its edges, and addresses that carry another one inside. */
#include "policy/address.h"

#include <arpa/inet.h>

#include "support/check.h"
#include "support/json_scan.h"

static bool is_public(const char *text, const char **why)
{
    uint8_t address[16];
    if (inet_pton(AF_INET, text, address) == 1) {
        return policy_address_is_public(address, 4, why);
    }
    if (!CHECK(inet_pton(AF_INET6, text, address) == 1)) {
        printf("    not an address: %s\n", text);
    }
    return policy_address_is_public(address, 16, why);
}

static void expect(const char *text, bool want)
{
    const char *why = "unset";
    if (!CHECK_EQ_INT(is_public(text, &why), want)) {
        printf("    %s\n", text);
    }
    CHECK_EQ_INT(why == NULL, want);
}

TEST(public_addresses)
{
    static const char *const good[] = {
        "1.1.1.1",
        "8.8.8.8",
        "1.0.0.0",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "168.63.129.15",
        "168.63.129.17",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "191.255.255.255",
        "192.0.1.0",
        "192.0.3.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "104.18.7.192",
        "2606:4700::6810:84e5",
        "2001:4860:4860::8888",
        "2a00:1450:4001::1",
        "2000::1",
        "2001:200::",
        "2001:db7:ffff::",
        "2001:db9::",
        "2003::",
        "2620:4f:7fff::",
        "2620:4f:8001::",
        "3ffe:ffff::",
        "3fff:1000::",
        "2600:1f00::5efe:808:808",
        "2600::200:5efe:808:808",
        "2600::5eff:7f00:1",
        "2600::1:5efe:7f00:1",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        expect(good[i], true);
    }
}

TEST(special_addresses)
{
    static const char *const bad[] = {
        "0.0.0.0",
        "0.0.0.1",
        "10.0.0.1",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.255",
        "168.63.129.16",
        "169.254.169.254",
        "169.254.170.2",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.168.0.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::2",
        "::ffff:8.8.8.8",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "::8.8.8.8",
        "::ffff:0:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:2::1",
        "2001:10::1",
        "2001:20::1",
        "2001:db8::1",
        "2002:808:808::1",
        "2002:7f00:1::1",
        "3fff::1",
        "3fff:fff::",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fd20:ce::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "1fff:ffff::",
        "4000::",
        "6000::1",
        "e000::1",
        "2600::5efe:7f00:1",
        "2600::5efe:a9fe:a9fe",
        "2600::200:5efe:10.0.0.1",
        "2600:1f00:1:2:0:5efe:192.168.1.1",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        expect(bad[i], false);
    }
}

TEST(lengths)
{
    static const uint8_t address[20] = {8, 8, 8, 8};
    for (size_t len = 0; len <= 20; len++) {
        const char *why = NULL;
        CHECK_EQ_INT(policy_address_is_public(address, len, &why), len == 4);
        CHECK_EQ_INT(why == NULL, len == 4);
    }
    CHECK(policy_address_is_public(address, 4, NULL));
    CHECK(!policy_address_is_public(address, 5, NULL));
}

/* The first 16 bits of IPv4, all of them, against the registry written down another way. */
TEST(ipv4_upper_half)
{
    unsigned refused = 0;
    for (unsigned high = 0; high < 65536; high++) {
        uint8_t address[4] = {(uint8_t)(high >> 8), (uint8_t)high, 200, 200};
        unsigned a = high >> 8;
        unsigned b = high & 255;
        bool special = a == 0 || a == 10 || a == 127 || a >= 224 || (a == 100 && b >= 64 && b < 128) ||
                       (a == 169 && b == 254) || (a == 172 && b >= 16 && b < 32) || (a == 192 && b == 168) ||
                       (a == 198 && (b == 18 || b == 19));
        if (policy_address_is_public(address, 4, NULL) == special) {
            CHECK_EQ_UINT(high, 0);
        }
        refused += special ? 1 : 0;
    }
    CHECK_EQ_UINT(refused, 35U * 256 + 64 + 1 + 16 + 1 + 2);
}

/* An outside list, where it is there: {"deny": [...], "embedded": {...}, "neighbours_public": [...]} per block. */
TEST(special_purpose_list)
{
    struct json_scan s;
    char key[64] = "";
    size_t denied = 0;
    size_t embedded = 0;
    size_t neighbours = 0;
    bool inside = false;
    if (!json_open(&s, "ssrf/special-purpose-blocks.json")) {
        SKIP("no test data");
        return;
    }
    for (enum json_token t = json_next(&s); t != JSON_END; t = json_next(&s)) {
        if (t == JSON_OBJECT_END) {
            inside = false;
        } else if (t == JSON_KEY && !inside) {
            (void)snprintf(key, sizeof(key), "%s", s.text);
        } else if (t == JSON_OBJECT) {
            inside = strcmp(key, "embedded") == 0;
        } else if (t == JSON_STRING && strcmp(key, "deny") == 0) {
            expect(s.text, false);
            denied++;
        } else if (t == JSON_STRING && inside) {
            expect(s.text, false);
            embedded++;
        } else if (t == JSON_STRING && strcmp(key, "neighbours_public") == 0) {
            expect(s.text, true);
            neighbours++;
        }
        if (t == JSON_OBJECT_END) {
            key[0] = '\0';
        }
    }
    CHECK(!s.failed);
    CHECK(denied >= 100);
    CHECK(embedded >= 150);
    CHECK(neighbours >= 30);
    json_close(&s);
}

TEST(exceptions_are_the_blocks)
{
    char text[POLICY_ADDRESS_PREFIX_SIZE];
    const char *why = NULL;
    size_t counts[2] = {0, 0};
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        for (size_t i = 0; policy_address_exception(ipv6 != 0, i, text); i++) {
            char *slash = strchr(text, '/');
            counts[ipv6]++;
            if (CHECK(slash != NULL)) {
                *slash = '\0';
                expect(text, false); /* the first address of the block */
                (void)is_public(text, &why);
                *slash = '/';
                /* The reason names the same block, or one that it is in. */
                CHECK(why != NULL);
            }
        }
    }
    CHECK_EQ_UINT(counts[0], 19);
    CHECK_EQ_UINT(counts[1], 6);
    CHECK(policy_address_exception(false, 1, text));
    CHECK_EQ_STR(text, "10.0.0.0/8");
    CHECK(policy_address_exception(true, 0, text));
    CHECK_EQ_STR(text, "2001::/32");
}

TEST_MAIN()
