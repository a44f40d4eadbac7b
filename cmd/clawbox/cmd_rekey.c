/*
 * cmd_rekey.c - `clawbox rekey`: all that is sealed for a new master key, while the server is stopped.
 *
 * The same monitor starts the same confined store and vault, without the others and without a socket.
 */
#include "cmd.h"
#include "key_options.h"
#include "roles.h"

int cmd_rekey(int argc, char **argv)
{
    struct key_options old = {.ask = false};
    struct key_options new = {.ask = false};
    const char *uid_base = NULL;
    const char *waived[CLAWBOX_WAIVED_MAX];
    size_t waived_count = 0;
    const struct cmd_option options[] = {
        {.name = "master-key-file", .value = &old.file},
        {.name = "passphrase-file", .value = &old.passphrase_file},
        {.name = "passphrase", .flag = &old.ask},
        {.name = "new-master-key-file", .value = &new.file},
        {.name = "new-passphrase-file", .value = &new.passphrase_file},
        {.name = "new-passphrase", .flag = &new.ask},
        {.name = "uid-base", .value = &uid_base},
        {.name = "waive", .value = waived, .count = &waived_count, .max = CLAWBOX_WAIVED_MAX},
    };
    const struct cmd_usage usage = {.command = "rekey",
                                    .line = "rekey [--state DIR] [options]",
                                    .options = options,
                                    .option_count = sizeof(options) / sizeof(options[0])};
    struct cmd_line line;
    int r = cmd_line_parse(&usage, argc, argv, &line);
    if (r != CMD_GO) {
        return r;
    }
    struct monitor_role roles[2];
    size_t count = clawbox_rekey_roles(roles);
    struct monitor_options o = {.state_dir = line.state,
                                .log_level = LOG_LEVEL_WARN,
                                .dns_servers = "",
                                .rekey = true,
                                .roles = roles,
                                .role_count = count,
                                .edges = clawbox_edges,
                                .edge_count = clawbox_edge_count};
    if ((r = key_waive("rekey", waived, waived_count, &o.waived)) != CMD_GO ||
        (r = key_uid_base("rekey", uid_base, &o.uid_base)) != CMD_GO ||
        (r = key_options_read("rekey", &old, true, false, &o.key)) != CMD_GO ||
        (r = key_options_read("rekey", &new, false, true, &o.next_key)) != CMD_GO) {
        return r;
    }
    return monitor_run(&o);
}
