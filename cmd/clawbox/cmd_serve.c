/* cmd_serve.c - `clawbox serve`: options, the system's root certificates, then the monitor until it is told to stop. */
#include "api_option.h"
#include "cmd.h"
#include "console_option.h"
#include "health_option.h"
#include "key_options.h"
#include "start_options.h"
#include "tls_option.h"

#include "base/strnum.h"
#include "policy/host.h"
#include "priv/confine.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define SERVE_IDLE_MS  300000U
#define SERVE_IDLE_MAX 2000000000U

struct serve_options {
    struct key_options key;
    const char *roots;
    const char *dns;
    const char *parent;
    const char *parent_login;
    const char *listen;
    const char *health;
    const char *api;
    const char *console;
    const char *tls_cert;
    const char *tls_key;
    const char *uid_base;
    const char *idle;
    const char *drain;
    const char *log_level;
    const char *waived[CLAWBOX_WAIVED_MAX];
    size_t waived_count;
};

static int serve_read(const struct serve_options *given, struct monitor_options *o)
{
    uint64_t number = SERVE_IDLE_MS;
    if (given->idle != NULL && strnum_u64(span_str(given->idle), SERVE_IDLE_MAX, &number) != 0) {
        return cmd_wrong_usage("serve", "--idle %s: it is a number of milliseconds, at most %u", given->idle,
                               SERVE_IDLE_MAX);
    }
    o->idle_ms = (uint32_t)number;
    struct policy_host parent;
    uint16_t port;
    if (given->parent != NULL && policy_authority_parse(span_str(given->parent), 0, &parent, &port) != 0) {
        return cmd_wrong_usage("serve", "--parent-proxy %s: it is HOST:PORT; a login goes into a file",
                               given->parent);
    }
    if (given->parent_login != NULL && given->parent == NULL) {
        return cmd_wrong_usage("serve", "--parent-proxy-login is for a --parent-proxy");
    }
    if (given->parent_login != NULL && access(given->parent_login, R_OK) != 0) {
        return cmd_fail_r(-errno, "--parent-proxy-login %s", given->parent_login);
    }
    o->parent = given->parent;
    o->parent_login_path = given->parent_login;
    uint8_t address[sizeof(struct in6_addr)];
    o->listen_address = given->listen != NULL ? given->listen : "127.0.0.1";
    if (inet_pton(AF_INET, o->listen_address, address) != 1 &&
        inet_pton(AF_INET6, o->listen_address, address) != 1) {
        return cmd_wrong_usage("serve", "--listen %s: it is an IPv4 or IPv6 address without a port",
                               o->listen_address);
    }
    int r = start_roots(given->roots, o);
    r = r == CMD_GO ? start_dns("serve", given->dns, o) : r;
    r = r == CMD_GO ? start_drain("serve", given->drain, &o->drain_ms) : r;
    r = r == CMD_GO ? start_log_level("serve", given->log_level, &o->log_level) : r;
    return r == CMD_GO ? key_waive("serve", given->waived, given->waived_count, &o->waived) : r;
}

/* With one, a passphrase that is mistyped is noticed; without, it becomes the passphrase. */
static bool serve_has_database(const char *state)
{
    char path[PATH_MAX];
    int len = snprintf(path, sizeof(path), "%s/store/clawbox.db", state);
    return len > 0 && (size_t)len < sizeof(path) && access(path, F_OK) == 0;
}

int cmd_serve(int argc, char **argv)
{
    struct serve_options given = {.waived_count = 0};
    const struct cmd_option options[] = {
        {.name = "master-key-file", .value = &given.key.file},
        {.name = "passphrase-file", .value = &given.key.passphrase_file},
        {.name = "passphrase", .flag = &given.key.ask},
        {.name = "roots", .value = &given.roots},
        {.name = "dns", .value = &given.dns},
        {.name = "parent-proxy", .value = &given.parent},
        {.name = "parent-proxy-login", .value = &given.parent_login},
        {.name = "listen", .value = &given.listen},
        {.name = "health", .value = &given.health},
        {.name = "api", .value = &given.api},
        {.name = "console", .value = &given.console},
        {.name = "tls-cert", .value = &given.tls_cert},
        {.name = "tls-key", .value = &given.tls_key},
        {.name = "uid-base", .value = &given.uid_base},
        {.name = "idle", .value = &given.idle},
        {.name = "drain", .value = &given.drain},
        {.name = "log-level", .value = &given.log_level},
        {.name = "waive", .value = given.waived, .count = &given.waived_count, .max = CLAWBOX_WAIVED_MAX},
    };
    const struct cmd_usage usage = {.command = "serve",
                                    .line = "serve [--state DIR] [options]",
                                    .options = options,
                                    .option_count = sizeof(options) / sizeof(options[0])};
    struct cmd_line line;
    int r = cmd_line_parse(&usage, argc, argv, &line);
    if (r != CMD_GO) {
        return r;
    }
    struct monitor_options o;
    start_options_init(&o, line.state);
    char health[START_ADDRESS_MAX];
    char api[64];
    char console[START_ADDRESS_MAX];
    r = serve_read(&given, &o);
    r = r == CMD_GO ? health_option_read("serve", given.health, health, &o) : r;
    r = r == CMD_GO ? tls_option_read(given.tls_cert, given.tls_key, &o) : r;
    r = r == CMD_GO ? api_option_read("serve", given.api, api, &o) : r;
    r = r == CMD_GO ? console_option_read(given.console, console, &o) : r;
    if (r == CMD_GO) {
        r = key_uid_base("serve", given.uid_base, &o.uid_base);
    }
    if (r == CMD_GO) {
        r = key_options_read("serve", &given.key, true, !serve_has_database(line.state), &o.key);
    }
    return r == CMD_GO ? monitor_run(&o) : r;
}
