/* cmd_version.c - clawbox version: what is inside. */
#include "cmd.h"

#include "base/json.h"
#include "conf/tree.h"
#include "http/parser.h"
#include "ipc/codec.h"
#include "net/loop.h"
#include "store/version.h"
#include "tls/seal.h"

struct part {
    const char *name;
    const char *version;
};

static int print_json(const struct part *parts, size_t count, const char *digest)
{
    struct buf out;
    struct json j;
    buf_init(&out, 4096);
    json_init(&j, &out);
    json_object(&j, NULL);
    json_text(&j, "clawbox", span_str(CLAWBOX_VERSION));
    json_object(&j, "libraries");
    for (size_t i = 0; i < count; i++) {
        json_text(&j, parts[i].name, span_str(parts[i].version));
    }
    json_object_end(&j);
    json_text(&j, "messages", span_str(digest));
    json_object_end(&j);
    int r = json_finish(&j);
    if (r == 0) {
        (void)printf("%.*s\n", SPAN_ARG(buf_span(&out)));
    }
    buf_deinit(&out);
    return r == 0 ? CMD_DONE : cmd_fail_r(r, "the versions cannot be printed");
}

int cmd_version(int argc, char **argv)
{
    bool json = false;
    const struct cmd_option options[] = {{.name = "json", .flag = &json}};
    const struct cmd_usage usage = {
        .command = "version", .line = "version [--json]", .options = options, .option_count = 1};
    struct cmd_line line;
    int r = cmd_line_parse(&usage, argc, argv, &line);
    if (r != CMD_GO) {
        return r;
    }
    const struct part parts[] = {
        {"mbedtls", tls_mbedtls_version()}, {"libsodium", tls_sodium_version()},
        {"libuv", net_libuv_version()},     {"c-ares", net_cares_version()},
        {"sqlite", store_sqlite_version()}, {"libyaml", conf_libyaml_version()},
        {"llhttp", http_llhttp_version()},
    };
    const size_t count = sizeof(parts) / sizeof(parts[0]);
    char digest[24];
    (void)snprintf(digest, sizeof(digest), "%016llx", (unsigned long long)ipc_table_digest());
    if (json) {
        return print_json(parts, count, digest);
    }
    (void)printf("clawbox %s\n", CLAWBOX_VERSION);
    for (size_t i = 0; i < count; i++) {
        (void)printf("  %-10s%s\n", parts[i].name, parts[i].version);
    }
    (void)printf("  %-10s%s\n", "messages", digest);
    return CMD_DONE;
}
