/* pair.c - makes the two ends of a channel. */
#include "ipc/pair.h"

#include <errno.h>
#include <sys/socket.h>

int ipc_pair(int fds[2])
{
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0 ? 0 : -errno;
}
