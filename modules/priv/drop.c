/* drop.c - becoming a uid that has nothing, and giving up capabilities. */
#include "priv/drop.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int priv_drop(uint32_t id)
{
    if (id == 0) {
        return CB_EINVAL;
    }
    if (setgroups(0, NULL) != 0 || setresgid(id, id, id) != 0 || setresuid(id, id, id) != 0) {
        return -errno;
    }
    /* A drop that can be taken back is none. */
    if (setuid(0) == 0 || setgid(0) == 0 || getuid() != id || geteuid() != id || getgid() != id) {
        return CB_EPERM;
    }
    return 0;
}

/* capget(2) and capset(2): 64 bits in two halves. */
static int capabilities(long call, struct __user_cap_data_struct data[2])
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    return syscall(call, &header, data) == 0 ? 0 : -errno;
}

int priv_capabilities_keep(uint64_t set)
{
    struct __user_cap_data_struct data[2];
    int r = capabilities(SYS_capget, data);
    if (r != 0) {
        return r;
    }
    for (unsigned half = 0; half < 2; half++) {
        data[half].permitted &= (uint32_t)(set >> (32 * half));
        data[half].effective = data[half].permitted;
        data[half].inheritable = 0;
    }
    /* What is ambient must be permitted and inheritable, so the kernel empties that set as well. */
    return capabilities(SYS_capset, data);
}

bool priv_capability_has(unsigned capability)
{
    struct __user_cap_data_struct data[2];
    return capabilities(SYS_capget, data) == 0 &&
           (data[capability / 32].effective & (1U << (capability % 32))) != 0;
}
