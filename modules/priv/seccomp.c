/* seccomp.c - the table of calls.h as a filter program. */
#include "priv/seccomp.h"

#include "priv/calls.h"

#include <errno.h>
#include <unistd.h>

int priv_seccomp_available(void)
{
    uint32_t action = SECCOMP_RET_KILL_PROCESS;
    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0 ? 0 : -errno;
}

int priv_seccomp_load(unsigned needs)
{
    struct filter f;
    filter_begin(&f);
    for (size_t i = 0; i < CALL_RULE_COUNT; i++) {
        if ((call_rules[i].need & ~needs) == 0) {
            filter_rule(&f, &call_rules[i], SECCOMP_RET_ALLOW);
        }
    }
    filter_rule(&f, &(struct call_rule){.number = SYS_tgkill, .conditions = {IS(0, (uint32_t)getpid())}},
                SECCOMP_RET_ALLOW);
    return filter_load(&f, SECCOMP_RET_KILL_PROCESS);
}
