/* test_host.c - names, addresses, authorities: what is accepted, what it becomes, what is refused. */
#include "policy/host.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "support/check.h"

#define L63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void takes(const char *text, enum policy_host_kind kind, const char *canonical)
{
    struct policy_host host;
    if (!CHECK(policy_host_parse(span_str(text), &host) == 0)) {
        printf("    refused: %s\n", text);
        return;
    }
    CHECK_EQ_INT(host.kind, kind);
    CHECK_EQ_STR(host.text, canonical);
    CHECK_EQ_UINT(host.len, strlen(canonical));
    /* Canonical means that a second pass changes nothing. */
    struct policy_host again;
    CHECK_EQ_INT(policy_host_parse(span_of(host.text, host.len), &again), 0);
    CHECK_EQ_STR(again.text, host.text);
    CHECK_EQ_MEM(again.address, host.address, sizeof(host.address));
}

static void refuses_bytes(const char *bytes, size_t len)
{
    struct policy_host host;
    /* From a block of exactly its size, so that a sanitizer sees a read past the end. */
    char *copy = malloc(len + 1);
    if (!CHECK(copy != NULL)) {
        return;
    }
    memcpy(copy, bytes, len);
    char *exact = realloc(copy, len != 0 ? len : 1);
    copy = exact != NULL ? exact : copy;
    if (!CHECK(policy_host_parse(span_of(copy, len), &host) == CB_EMALFORMED)) {
        printf("    accepted: %.*s\n", (int)len, bytes);
    }
    free(copy);
}

static void refuses(const char *text)
{
    refuses_bytes(text, strlen(text));
}

TEST(names)
{
    static const char *const good[] = {
        "a",
        "localhost",
        "example.com",
        "api.openai.com",
        "a.b.c.d.e.f",
        "x--y.example",
        "r3---sn-abc.video.example",
        "1.example",
        "127.0.0.1.example",
        "1a",
        "a1",
        "0.a",
        "0x.example",
        "0x7f.example",
        "00.com",
        "1-1.com",
        "_dmarc.example.com",
        "a_b.example.com",
        "__.x.example.com",
        "xn--bcher-kva.example",
        "xn--n3h.net",
        "xn--80ak6aa92e.com",
        "xn--p1ai",
        L63 ".com",
        "e2",
        "1e3",
        "x0",
        "com.0a",
        "a.x0x",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        takes(good[i], POLICY_HOST_NAME, good[i]);
    }
    takes("API.OpenAI.Com", POLICY_HOST_NAME, "api.openai.com");
    takes("XN--Bcher-KVA.example", POLICY_HOST_NAME, "xn--bcher-kva.example");
}

TEST(name_lengths)
{
    char name[300];
    for (size_t len = 1; len < sizeof(name); len++) {
        for (size_t i = 0; i < len; i++) {
            name[i] = i % 50 == 49 ? '.' : 'a';
        }
        name[len - 1] = 'a';
        struct policy_host host;
        CHECK_EQ_INT(policy_host_parse(span_of(name, len), &host), len <= 253 ? 0 : CB_EMALFORMED);
    }
    takes(L63, POLICY_HOST_NAME, L63);
    refuses(L63 "a");
    refuses("x." L63 "a.com");
}

TEST(names_refused)
{
    static const char *const bad[] = {
        "",
        ".",
        "..",
        ".a",
        "a.",
        "a..b",
        "example.com.",
        "example.com..",
        "-a.com",
        "a-.com",
        "a.-b",
        "a.b-",
        "-",
        "a b",
        " a",
        "a ",
        "a\tb",
        "a\nb",
        "a\rb",
        "a/b",
        "a\\b",
        "a?b",
        "a#b",
        "a@b",
        "user@example.com",
        "a:b",
        "a%62",
        "%61.com",
        "a%2ecom",
        "a,b",
        "a;b",
        "a*b",
        "*",
        "*.example.com",
        "a!b",
        "a\"b",
        "a'b",
        "(a)",
        "a+b",
        "a=b",
        "a~b",
        "a|b",
        "a<b",
        "a^b",
        "a`b",
        "a{b}",
        "a$b",
        "a&b",
        "a\x7f"
        "b",
        "a\x01"
        "b",
        "example._com",
        "_example.com",
        "_com",
        "a._b.c",
        "foo_bar",
        "xn--",
        "xn--.com",
        "xn--a",
        "xn--a-.com",
        "xn---",
        "xn--zn7c.com-",
        "b\xc3\xbc"
        "cher.example",
        "\xe3\x80\x82",
        "127\xe3\x80\x82"
        "0\xe3\x80\x82"
        "0\xe3\x80\x82"
        "1",
        "\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1",
        "a\xff",
        "\x80",
        "a\xc0\xae"
        "b",
        "exa\xc2\xadmple.com",
        "\xef\xbb\xbf"
        "a.com",
        "a.com:443",
        "[a.com]",
        "http://a.com",
        "a.com/",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        refuses(bad[i]);
    }
    refuses_bytes("a\0b", 3);
    refuses_bytes("a.com\0", 6);
    refuses_bytes("\0", 1);
    struct policy_host host;
    CHECK_EQ_INT(policy_host_parse(SPAN_EMPTY, &host), CB_EMALFORMED);
}

TEST(every_single_byte)
{
    for (unsigned c = 0; c < 256; c++) {
        char name[] = "ax.example.com";
        name[1] = (char)c;
        struct policy_host host;
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        /* Not '.' and '-', because "a..example.com" has an empty label and "a-" ends in a hyphen. */
        CHECK_EQ_INT(policy_host_parse(span_of(name, sizeof(name) - 1), &host) == 0, good);
    }
}

TEST(ipv4)
{
    takes("0.0.0.0", POLICY_HOST_IPV4, "0.0.0.0");
    takes("127.0.0.1", POLICY_HOST_IPV4, "127.0.0.1");
    takes("255.255.255.255", POLICY_HOST_IPV4, "255.255.255.255");
    takes("10.20.30.40", POLICY_HOST_IPV4, "10.20.30.40");
    struct policy_host host;
    CHECK_EQ_INT(policy_host_parse(SPAN_LIT("10.20.30.40"), &host), 0);
    CHECK_EQ_MEM(host.address, "\x0a\x14\x1e\x28", 4);
}

TEST(address_forms_refused)
{
    static const char *const bad[] = {
        "127.1",
        "127.0.1",
        "0x7f.1",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "2130706433",
        "0x7f000001",
        "017700000001",
        "127.0.0.001",
        "127.0.0.01",
        "127.00.0.1",
        "0127.0.0.1",
        "127.0.0.1.",
        "127.0.0.256",
        "256.0.0.1",
        "1.2.3.4.5",
        "1.2.3",
        "1.2",
        "1",
        "0",
        "00",
        "0x",
        "0X7F.1",
        "0x7F",
        "1.0x2",
        "a.0x2",
        "a.1",
        "example.1",
        "example.0",
        "example.0x",
        "example.0xzz",
        "127.0.0.0x1",
        "127.0.0.1e0.1",
        "1..2.3.4",
        ".1.2.3.4",
        "1.2.3.4 ",
        " 1.2.3.4",
        "+1.2.3.4",
        "-1.2.3.4",
        "1.2.3.-4",
        "1.2.3.4%25eth0",
        "1.2.3.4/8",
        "4294967296",
        "0.0.0.00",
        "999.1.1.1",
        "1.1.1.1000",
        "\xef\xbc\x91.2.3.4",
        "1\xe3\x80\x82"
        "2\xe3\x80\x82"
        "3\xe3\x80\x82"
        "4",
        "\xe2\x91\xa0.2.3.4",
        "1\xef\xbc\x8e"
        "2.3.4",
        "1\xef\xbd\xa1"
        "2.3.4",
        "0b1.0.0.1.1",
        "1.2.3.4\n",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        refuses(bad[i]);
    }
    refuses_bytes("1.2.3.4\0", 8);
}

TEST(ipv6)
{
    static const char *const pairs[][2] = {
        {"[::]", "[::]"},
        {"[::1]", "[::1]"},
        {"[0:0:0:0:0:0:0:1]", "[::1]"},
        {"[2001:DB8::A]", "[2001:db8::a]"},
        {"[2001:0db8:0000:0000:0001:0000:0000:0001]", "[2001:db8::1:0:0:1]"},
        {"[2001:db8:0:1:1:1:1:1]", "[2001:db8:0:1:1:1:1:1]"},
        {"[1:0:0:2:0:0:0:3]", "[1:0:0:2::3]"},
        {"[1:0:0:0:2:0:0:3]", "[1::2:0:0:3]"},
        {"[1:2:3:4:5:6:7::]", "[1:2:3:4:5:6:7:0]"},
        {"[::2:3:4:5:6:7:8]", "[0:2:3:4:5:6:7:8]"},
        {"[1::]", "[1::]"},
        {"[fe80::1]", "[fe80::1]"},
        {"[::ffff:1.2.3.4]", "[::ffff:1.2.3.4]"},
        {"[::ffff:102:304]", "[::ffff:1.2.3.4]"},
        {"[::1.2.3.4]", "[::102:304]"},
        {"[64:ff9b::1.2.3.4]", "[64:ff9b::102:304]"},
        {"[FFFF:FFFF:FFFF:FFFF:FFFF:FFFF:FFFF:FFFF]", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]"},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        takes(pairs[i][0], POLICY_HOST_IPV6, pairs[i][1]);
    }
    static const char *const bad[] = {
        "::1",
        "[::1",
        "::1]",
        "[]",
        "[",
        "]",
        "[:]",
        "[:::]",
        "[1]",
        "[1::2::3]",
        "[1:2:3:4:5:6:7:8:9]",
        "[1:2:3:4:5:6:7]",
        "[::12345]",
        "[::g]",
        "[::1%lo]",
        "[::1%25lo]",
        "[fe80::1%1]",
        "[ ::1]",
        "[::1 ]",
        "[[::1]]",
        "[::1]]",
        "[::1].",
        "[::1]a",
        "a[::1]",
        "[v1.a]",
        "[127.0.0.1]",
        "[::127.1]",
        "[::ffff:0x7f.1]",
        "[::ffff:127.0.0.01]",
        "[::ffff:256.0.0.1]",
        "[1:2:3:4:5:6:7:8::]",
        "[::1\n]",
        "[::\xef\xbc\x91]",
        "[1.2.3.4::]",
        "[::1.2.3.4.5]",
        "[0000000001::]",
        "[2001:0db8:0000:0000:0001:0000:0000:00010000000000000000000000]",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        refuses(bad[i]);
    }
    refuses_bytes("[::1\0]", 6);
}

TEST(ipv6_text_against_libc)
{
    /* All 256 patterns of zero groups: the same as inet_ntop() says, where that does not choose the dotted form. */
    for (unsigned pattern = 0; pattern < 256; pattern++) {
        uint8_t address[16] = {0};
        char text[64];
        char want[64] = "[";
        for (size_t i = 0; i < 8; i++) {
            address[2 * i + 1] = (pattern >> i & 1) != 0 ? (uint8_t)(i * 16 + 1) : 0;
        }
        if ((pattern & 0x3f) == 0) {
            continue;
        }
        policy_address_text(address, 16, text);
        CHECK(inet_ntop(AF_INET6, address, want + 1, sizeof(want) - 2) != NULL);
        strcat(want, "]");
        CHECK_EQ_STR(text, want);
        uint8_t back[16];
        text[strlen(text) - 1] = '\0';
        CHECK_EQ_INT(inet_pton(AF_INET6, text + 1, back), 1);
        CHECK_EQ_MEM(back, address, 16);
    }
    char text[64] = "x";
    policy_address_text((const uint8_t *)"", 0, text);
    CHECK_EQ_STR(text, "");
}

TEST(authorities)
{
    static const struct {
        const char *text;
        uint16_t default_port;
        const char *host; /* NULL: refused */
        uint16_t port;
    } cases[] = {
        {"example.com:443", 0, "example.com", 443},
        {"EXAMPLE.com:8443", 0, "example.com", 8443},
        {"example.com", 443, "example.com", 443},
        {"example.com:1", 443, "example.com", 1},
        {"example.com:65535", 443, "example.com", 65535},
        {"1.2.3.4:80", 0, "1.2.3.4", 80},
        {"1.2.3.4", 80, "1.2.3.4", 80},
        {"[::1]:443", 0, "[::1]", 443},
        {"[::1]", 443, "[::1]", 443},
        {"example.com", 0, NULL, 0},
        {"[::1]", 0, NULL, 0},
        {"example.com:", 443, NULL, 0},
        {"example.com:0", 443, NULL, 0},
        {"example.com:00", 443, NULL, 0},
        {"example.com:0443", 443, NULL, 0},
        {"example.com:65536", 443, NULL, 0},
        {"example.com:99999999999999999999", 443, NULL, 0},
        {"example.com:+443", 443, NULL, 0},
        {"example.com:-1", 443, NULL, 0},
        {"example.com: 443", 443, NULL, 0},
        {"example.com:443 ", 443, NULL, 0},
        {"example.com:443/", 443, NULL, 0},
        {"example.com:443:443", 443, NULL, 0},
        {"example.com:0x1bb", 443, NULL, 0},
        {"example.com:\xef\xbc\x94", 443, NULL, 0},
        {":443", 443, NULL, 0},
        {":", 443, NULL, 0},
        {"", 443, NULL, 0},
        {"::1:443", 443, NULL, 0},
        {"::1", 443, NULL, 0},
        {"[::1]443", 443, NULL, 0},
        {"[::1]:", 443, NULL, 0},
        {"[::1]:443]", 443, NULL, 0},
        {"[::1]x:443", 443, NULL, 0},
        {"user@example.com:443", 443, NULL, 0},
        {"user:pass@example.com:443", 443, NULL, 0},
        {"example.com.:443", 443, NULL, 0},
        {"example.com%00:443", 443, NULL, 0},
        {"example.com#@evil.test:443", 443, NULL, 0},
        {"127.1:443", 443, NULL, 0},
        {"*", 443, NULL, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct policy_host host;
        uint16_t port = 7;
        int r = policy_authority_parse(span_str(cases[i].text), cases[i].default_port, &host, &port);
        if (!CHECK_EQ_INT(r, cases[i].host != NULL ? 0 : CB_EMALFORMED)) {
            printf("    authority: %s\n", cases[i].text);
        } else if (r == 0) {
            CHECK_EQ_STR(host.text, cases[i].host);
            CHECK_EQ_UINT(port, cases[i].port);
        } else {
            CHECK_EQ_UINT(port, 7);
        }
    }
    struct policy_host host;
    uint16_t port;
    CHECK_EQ_INT(policy_authority_parse(SPAN_EMPTY, 443, &host, &port), CB_EMALFORMED);
    CHECK_EQ_INT(policy_authority_parse(span_of("a.com\0:443", 10), 443, &host, &port), CB_EMALFORMED);
    CHECK_EQ_INT(policy_authority_parse(span_of("a.com:44\0", 9), 443, &host, &port), CB_EMALFORMED);
}

TEST(matching)
{
    static const struct {
        const char *pattern;
        const char *host;
        bool matches;
    } cases[] = {
        {"example.com", "example.com", true},
        {"example.com", "www.example.com", false},
        {"example.com", "xexample.com", false},
        {"*.example.com", "www.example.com", true},
        {"*.example.com", "a.b.example.com", true},
        {"*.example.com", "example.com", false},
        {"*.example.com", "xexample.com", false},
        {"*.example.com", ".example.com", false},
        {"*.example.com", "www.example.com.evil.test", false},
        {"*.example.com", "com", false},
        {"*.example.com", "", false},
        {"1.2.3.4", "1.2.3.4", true},
        {"[::1]", "[::1]", true},
        {"[::1]", "[::2]", false},
        {"*.example.com", "www.example.org", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK_EQ_INT(policy_host_matches(span_str(cases[i].pattern), span_str(cases[i].host)),
                     cases[i].matches);
    }
}

TEST_MAIN()
