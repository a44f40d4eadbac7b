/* test_resolvconf.c - the name servers of resolv.conf files. */
#include "net/dial.h"
#include "net/resolvconf.h"
#include "support/check.h"

static const char *servers_of(const char *text)
{
    static char out[NET_RESOLVCONF_TEXT];
    net_resolvconf_read(span_str(text), out);
    return out;
}

/* What it says must be what the dialler takes. */
static void check_servers(const char *text, const char *want)
{
    const char *got = servers_of(text);
    CHECK_EQ_STR(got, want);
    struct net_loop *loop = net_loop_new();
    struct net_dialer *dialer = NULL;
    struct net_dialer_options options = {
        .servers = got[0] != '\0' ? got : NULL, .resolve_timeout_ms = 100, .connect_timeout_ms = 100};
    if (CHECK(loop != NULL) && CHECK_EQ_INT(net_dialer_new(loop, &options, &dialer), 0)) {
        net_dialer_free(dialer);
    }
    net_loop_free(loop);
}

TEST(servers_are_read)
{
    check_servers("nameserver 192.0.2.1\n", "192.0.2.1");
    check_servers("nameserver 192.0.2.1", "192.0.2.1");
    check_servers("# made by hand\nsearch example.org\n\tnameserver\t192.0.2.1  # here\r\noptions rotate\n"
                  "nameserver 2001:db8::53\n",
                  "192.0.2.1,[2001:db8::53]:53");
    check_servers("nameserver fe80::1%lo\n", "[fe80::1]:53%lo");
    check_servers("nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n",
                  "192.0.2.1,192.0.2.2,192.0.2.3");
}

TEST(what_is_none_is_passed_over)
{
    check_servers("", "");
    check_servers("\n\n", "");
    check_servers("nameserver\n", "");
    check_servers("nameserver 192.0.2\nnameserver 0x7f.1\nnameserver 192.0.2.1,192.0.2.2\n", "");
    check_servers("nameserver example.org\nnameservers 192.0.2.1\n;nameserver 192.0.2.1\n", "");
    check_servers("nameserver fe80::1%\nnameserver fe80::1%a-name-that-is-too-long\nnameserver fe80::1%a,b\n",
                  "");
    check_servers("nameserver 192.0.2.1%lo\nnameserver 192.0.2.9\n", "192.0.2.9");
}

TEST(bytes_that_end_a_text_do_not)
{
    char out[NET_RESOLVCONF_TEXT];
    net_resolvconf_read(SPAN_LIT("nameserver 192.0.2.1\0.5\nnameserver 192.0.2.7\n"), out);
    CHECK_EQ_STR(out, "192.0.2.7");
}

TEST(the_longest_fit)
{
    char line[256];
    char text[1024] = "";
    for (unsigned i = 0; i < NET_RESOLVCONF_SERVERS; i++) {
        (void)snprintf(line, sizeof(line),
                       "nameserver 2001:db8:1111:2222:3333:4444:255.255.255.%u%%abcdefghijklmno\n", 200 + i);
        (void)strncat(text, line, sizeof(text) - strlen(text) - 1);
    }
    const char *got = servers_of(text);
    CHECK_EQ_INT(strlen(got),
                 3 * strlen("[2001:db8:1111:2222:3333:4444:255.255.255.200]:53%abcdefghijklmno") + 2);
}

TEST_MAIN()
