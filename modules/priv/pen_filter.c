/*
 * pen_filter.c - the table of what is refused to a program in a pen: ways around its namespaces, which hold everything else.
 *
 * A program of the user's own is in there, so this is no list of what it may do, and a refusal is an error and not the end.
 */
#include "priv/pen_filter.h"

#include "priv/filter.h"

#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define REFUSED(error) (SECCOMP_RET_ERRNO | ((error)&SECCOMP_RET_DATA))
#define PASSED         SECCOMP_RET_ALLOW

#define SET_ID(call, argument)                              \
    {{0, call, {HAS(argument, S_ISUID)}}, REFUSED(EPERM)},  \
    {                                                       \
        {0, call, {HAS(argument, S_ISGID)}}, REFUSED(EPERM) \
    }
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

/* Rows of the same call: the first that fits decides. */
static const struct {
    struct call_rule rule;
    uint32_t action;
} rows[] = {
    /* What the network namespace holds. Of Unix sockets pairs alone, and not of the kind that can be connected to a name. */
    {{0, SYS_socket, {IS(0, AF_INET)}}, PASSED},
    {{0, SYS_socket, {IS(0, AF_INET6)}}, PASSED},
    {{0, SYS_socket, {IS(0, AF_NETLINK)}}, PASSED},
    {{0, SYS_socket, ALWAYS}, REFUSED(EAFNOSUPPORT)},
    {{0, SYS_socketpair, {TYPE(1, SOCK_STREAM)}}, PASSED},
    {{0, SYS_socketpair, {TYPE(1, SOCK_SEQPACKET)}}, PASSED},
    {{0, SYS_socketpair, ALWAYS}, REFUSED(EPROTONOSUPPORT)},
    /* It would make sockets where no filter looks. */
    {{0, SYS_io_uring_setup, ALWAYS}, REFUSED(ENOSYS)},
    {{0, SYS_io_uring_enter, ALWAYS}, REFUSED(ENOSYS)},
    {{0, SYS_io_uring_register, ALWAYS}, REFUSED(ENOSYS)},
    /* Keyrings are the user's, in every namespace. */
    {{0, SYS_keyctl, ALWAYS}, REFUSED(EPERM)},
    {{0, SYS_add_key, ALWAYS}, REFUSED(EPERM)},
    {{0, SYS_request_key, ALWAYS}, REFUSED(EPERM)},
    /* With a user namespace come capabilities, and with these the parts of the kernel that nobody attacks without. clone3 has its flags
     * in memory, where a filter does not see them; the C library then takes clone. */
    {{0, SYS_clone3, ALWAYS}, REFUSED(ENOSYS)},
    {{0, SYS_clone, {HAS(0, CLONE_NEWUSER)}}, REFUSED(EPERM)},
    {{0, SYS_unshare, {HAS(0, CLONE_NEWUSER)}}, REFUSED(EPERM)},
    {{0, SYS_setns, ALWAYS}, REFUSED(EPERM)},
    {{0, SYS_bpf, ALWAYS}, REFUSED(EPERM)},
    {{0, SYS_userfaultfd, ALWAYS}, REFUSED(EPERM)},
    {{0, SYS_perf_event_open, ALWAYS}, REFUSED(EPERM)},
    {{0, SYS_open_by_handle_at, ALWAYS}, REFUSED(EPERM)},
/* A program that a user with more rights runs later: root's number is root's in here too. */
#ifdef SYS_open /* arm64 has none of these, but those with "at" */
    SET_ID(SYS_chmod, 1),
    SET_ID(SYS_open, 2),
    SET_ID(SYS_creat, 1),
    SET_ID(SYS_mknod, 1),
#endif
    SET_ID(SYS_fchmod, 1),
    SET_ID(SYS_fchmodat, 2),
    SET_ID(SYS_openat, 3),
    SET_ID(SYS_mknodat, 2),
    {{0, SYS_fchmodat2, ALWAYS}, REFUSED(ENOSYS)},
    {{0, SYS_openat2, ALWAYS}, REFUSED(ENOSYS)}, /* its mode is in memory; who asks for it can do without */
    /* Both type for the user, into the shell that comes after. */
    {{0, SYS_ioctl, {IS(1, TIOCSTI)}}, REFUSED(EPERM)},
    {{0, SYS_ioctl, {IS(1, TIOCLINUX)}}, REFUSED(EPERM)},
};

int pen_filter_load(void)
{
    struct filter f;
    filter_begin(&f);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        filter_rule(&f, &rows[i].rule, rows[i].action);
    }
    return filter_load(&f, SECCOMP_RET_ALLOW);
}
