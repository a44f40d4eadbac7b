/*
 * pen.h - what a program is put into that is not ours and not trusted: an assistant that is to have one way out.
 *
 * It is executed in namespaces of its own (user, network, mounts, processes, IPC), without a capability:
 *
 *   network   nothing but a loopback, and on it one listener, whose socket the caller gets: whatever connects there arrives outside
 *   files     all can be read that its user can read, but for what is hidden; only what is named can be written; /tmp, /var/tmp and
 *             /dev/shm are its own and empty
 *   processes it sees its own, and can signal and trace no others
 *   calls     no Unix sockets by name, since those are files that lead to processes outside (a container engine, a session bus, an
 *             SSH agent); no sockets of families that no network namespace holds (VSOCK); no io_uring, which would make sockets past
 *             the filter; no keyrings, which are shared across namespaces; no new user namespaces, which would open much of the
 *             kernel to it; no input put into the terminal (TIOCSTI)
 *
 * Its end ends everything that it started.
 */
#ifndef CB_PRIV_PEN_H
#define CB_PRIV_PEN_H

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct priv_pen {
    /* Absolute paths without symbolic links, that exist. */
    const char *const *hidden; /* directories that are empty in there, files that are */
    size_t hidden_count;
    const char *shown; /* a directory below a hidden one that can be read all the same, or NULL */
    const char *const *writable;
    size_t writable_count;
    uint16_t port;    /* of the listener at 127.0.0.1 */
    char *const *run; /* the program and its arguments; searched in PATH of `environment` */
    char **environment;
};

/*
 * Starts it, in the working directory of the caller. *pid is its first process, which ends as the program does (128 and the signal's
 * number when that was one), passes SIGTERM, SIGHUP, SIGUSR1 and SIGUSR2 on, and ends with the caller; *listener is the socket,
 * which is the caller's. 0, or a negative errno, and then *what names the step. A program that cannot be executed is no failure here: it ends
 * with 126 or 127, having said so.
 */
CB_MUST_USE int priv_pen_start(const struct priv_pen *pen, pid_t *pid, int *listener, const char **what);

#endif
