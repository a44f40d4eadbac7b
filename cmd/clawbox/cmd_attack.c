/* cmd_attack.c - clawbox attack: how somebody would try to break it, done, against a tenant's policy as it is. */
#include "attack.h"

static const struct {
    const char *name;
    attack_family_fn *run;
} families[] = {
    {"policy", attack_policy}, {"host", attack_host}, {"ssrf", attack_ssrf},   {"framing", attack_frame},
    {"tenant", attack_tenant}, {"echo", attack_echo}, {"audit", attack_audit},
};

static int run(struct attack *a)
{
    int status = attack_stage_set(a);
    for (size_t i = 0;
         status == CMD_GO && i < sizeof(families) / sizeof(families[0]) && !attack_interrupted(); i++) {
        a->family = families[i].name;
        families[i].run(a);
        if (a->error != 0) {
            status = cmd_fail_r(a->error, "the attack broke off in \"%s\"", a->family);
        }
    }
    if (status == CMD_GO && attack_interrupted()) {
        status = cmd_fail("interrupted");
    }
    return status == CMD_GO ? attack_report(a) : status;
}

/* "ADDRESS:PORT", an IPv4 address. */
static bool is_listener(const char *text)
{
    struct policy_host host;
    uint16_t port;
    return policy_authority_parse(span_str(text), 0, &host, &port) == 0 && host.kind == POLICY_HOST_IPV4;
}

int cmd_attack(int argc, char **argv)
{
    struct attack a = {.origin = {.events_fd = -1}};
    const struct cmd_option options[] = {
        {.name = "listener", .value = &a.listener},
        {.name = "json", .flag = &a.json},
    };
    const struct cmd_usage usage = {.command = "attack",
                                    .line = "attack TENANT [--json] [--listener ADDRESS:PORT]",
                                    .min = 1,
                                    .max = 1,
                                    .options = options,
                                    .option_count = 2};
    struct cmd_line line;
    int r = cmd_line_parse(&usage, argc, argv, &line);
    r = r == CMD_GO ? cmd_check_name("tenant", line.args[0]) : r;
    if (r != CMD_GO) {
        return r;
    }
    if (a.listener != NULL && !is_listener(a.listener)) {
        return cmd_wrong_usage("attack", "a listener is an IPv4 address and a port, as in 127.0.0.1:8080");
    }
    a.state = line.state;
    a.tenant = line.args[0];
    r = run(&a);
    int cleared = attack_stage_clear(&a);
    return r == CMD_DONE && cleared != CMD_GO ? CMD_FAILED : r;
}
