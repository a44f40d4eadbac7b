/* drop.c - becoming a uid that has nothing. */
#include "priv/drop.h"

#include <errno.h>
#include <grp.h>
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
