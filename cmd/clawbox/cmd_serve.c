/* cmd_serve.c - `clawbox serve`: options, the system's root certificates, then the monitor until it is told to stop. */
#include "cmd.h"
#include "roles.h"

#include "base/strnum.h"
#include "priv/confine.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define SERVE_UID_MIN     1000U
#define SERVE_IDLE_MS     300000U
#define SERVE_IDLE_MAX    2000000000U
#define SERVE_UID_BASE    400000U
#define SERVE_UID_MAX     2000000000U
#define SERVE_WAIVED_MAX  16
#define SERVE_SERVERS_MAX 512

struct serve_options {
    const char *master_key;
    const char *roots;
    const char *dns;
    const char *listen;
    const char *uid_base;
    const char *idle;
    const char *log_level;
    const char *waived[SERVE_WAIVED_MAX];
    size_t waived_count;
};

static const char *serve_system_roots(void)
{
    static const char *const paths[] = {"/etc/ssl/certs/ca-certificates.crt",
                                        "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        if (access(paths[i], R_OK) == 0) {
            return paths[i];
        }
    }
    return NULL;
}

static int serve_log_level(const char *name, enum log_level *out)
{
    static const char *const names[] = {[LOG_LEVEL_ERROR] = "error",
                                        [LOG_LEVEL_WARN] = "warn",
                                        [LOG_LEVEL_INFO] = "info",
                                        [LOG_LEVEL_DEBUG] = "debug"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i]) == 0) {
            *out = (enum log_level)i;
            return CMD_GO;
        }
    }
    return cmd_wrong_usage("serve", "--log-level %s: it is error, warn, info or debug", name);
}

static const char *serve_layer_names(void)
{
    static char names[256];
    size_t len = 0;
    for (unsigned bit = 1; bit <= PRIV_LAYERS_ALL && len < sizeof(names); bit <<= 1) {
        const char *before = bit == 1 ? "" : (bit << 1) <= PRIV_LAYERS_ALL ? ", " : " and ";
        int put =
            snprintf(names + len, sizeof(names) - len, "%s%s", before, priv_layer_name((enum priv_layer)bit));
        len += put > 0 ? (size_t)put : 0;
    }
    return names;
}

static int serve_waive(const struct serve_options *given, uint32_t *out)
{
    for (size_t i = 0; i < given->waived_count; i++) {
        enum priv_layer layer = priv_layer_parse(given->waived[i]);
        if (layer == 0) {
            return cmd_wrong_usage("serve", "--waive %s: the layers are %s", given->waived[i],
                                   serve_layer_names());
        }
        *out |= (uint32_t)layer;
    }
    return CMD_GO;
}

static int serve_read(const struct serve_options *given, struct monitor_options *o)
{
    uint64_t number = SERVE_UID_BASE;
    if (given->uid_base != NULL &&
        (strnum_u64(span_str(given->uid_base), SERVE_UID_MAX, &number) != 0 || number < SERVE_UID_MIN)) {
        return cmd_wrong_usage("serve", "--uid-base %s: it is a number from %u to %u", given->uid_base,
                               SERVE_UID_MIN, SERVE_UID_MAX);
    }
    o->uid_base = (uint32_t)number;
    number = SERVE_IDLE_MS;
    if (given->idle != NULL && strnum_u64(span_str(given->idle), SERVE_IDLE_MAX, &number) != 0) {
        return cmd_wrong_usage("serve", "--idle %s: it is a number of milliseconds, at most %u", given->idle,
                               SERVE_IDLE_MAX);
    }
    o->idle_ms = (uint32_t)number;
    if (given->dns != NULL && strlen(given->dns) > SERVE_SERVERS_MAX) {
        return cmd_wrong_usage("serve", "--dns: too many servers");
    }
    o->dns_servers = given->dns != NULL ? given->dns : "";
    uint8_t address[sizeof(struct in6_addr)];
    o->listen_address = given->listen != NULL ? given->listen : "127.0.0.1";
    if (inet_pton(AF_INET, o->listen_address, address) != 1 &&
        inet_pton(AF_INET6, o->listen_address, address) != 1) {
        return cmd_wrong_usage("serve", "--listen %s: it is an IPv4 or IPv6 address without a port",
                               o->listen_address);
    }
    o->master_key_path = given->master_key;
    o->roots_path = given->roots != NULL ? given->roots : serve_system_roots();
    /* It is opened for each tenant's first request, and then nobody is there to read why that fails. */
    if (given->roots != NULL && access(given->roots, R_OK) != 0) {
        return cmd_fail_r(-errno, "--roots %s", given->roots);
    }
    int r = given->log_level != NULL ? serve_log_level(given->log_level, &o->log_level) : CMD_GO;
    return r == CMD_GO ? serve_waive(given, &o->waived) : r;
}

int cmd_serve(int argc, char **argv)
{
    struct serve_options given = {.waived_count = 0};
    const struct cmd_option options[] = {
        {.name = "master-key", .value = &given.master_key},
        {.name = "roots", .value = &given.roots},
        {.name = "dns", .value = &given.dns},
        {.name = "listen", .value = &given.listen},
        {.name = "uid-base", .value = &given.uid_base},
        {.name = "idle", .value = &given.idle},
        {.name = "log-level", .value = &given.log_level},
        {.name = "waive", .value = given.waived, .count = &given.waived_count, .max = SERVE_WAIVED_MAX},
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
    struct monitor_options o = {.state_dir = line.state,
                                .log_level = LOG_LEVEL_INFO,
                                .roles = clawbox_roles,
                                .role_count = clawbox_role_count,
                                .edges = clawbox_edges,
                                .edge_count = clawbox_edge_count};
    r = serve_read(&given, &o);
    return r == CMD_GO ? monitor_run(&o) : r;
}
