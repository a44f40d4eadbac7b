/*
 * surround.c - what the kernel, or a container, lets the confinement be; and the monitor's own confinement.
 *
 * Every layer is tried, or asked for, before anything is made. One that is missing is named with its reason, and the server does not
 * start unless it is waived by name. Nothing is left out in silence.
 *
 * The monitor itself forks, executes, kills, makes listening sockets and opens files for roles that may not, so it stays
 * outside of the filters. It gives up: gaining rights by executing (no_new_privs), being looked into (dumpable), and, as root, every
 * capability but those in `kept`.
 */
#include "monitor/state.h"
#include "priv/drop.h"
#include "priv/landlock.h"
#include "priv/seccomp.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define CAP(name) (UINT64_C(1) << CAP_##name)

static const uint64_t kept =
    CAP(SETUID) | CAP(SETGID) /* children become their uids */
    | CAP(KILL)               /* and are ended although they have other uids */
    | CAP(SYS_ADMIN)          /* children enter namespaces, mount their roots */
    | CAP(SYS_CHROOT)         /* the same, where there are no mount namespaces */
    | CAP(DAC_READ_SEARCH);   /* the way to the state directory may lead through a home */

/* Whether a child can become the last of the uids: in a user namespace with fewer of them it cannot. */
static bool uids_exist(const struct monitor *m)
{
    const struct tenant last = {.slot = SLOT_COUNT - 1};
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        _exit(priv_drop(slot_uid(m, &last) + TENANT_ROLES - 1) == 0 ? 0 : 1);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Why a layer is not to be had, or NULL. */
static const char *missing(const struct monitor *m, enum priv_layer layer)
{
    int r = 0;
    switch (layer) {
    case PRIV_LAYER_NO_NEW_PRIVS:
        r = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) >= 0 ? 0 : -errno;
        break;
    case PRIV_LAYER_SECCOMP:
        r = priv_seccomp_available();
        break;
    case PRIV_LAYER_LANDLOCK:
        r = priv_landlock_version();
        break;
    case PRIV_LAYER_UID:
        return m->has_uids && !uids_exist(m) ? "not all of 61,000 uids from --uid-base on exist here" : NULL;
    case PRIV_LAYER_NAMESPACES:
        return (m->cage.layers & layer) == 0 ? m->cage.why_namespaces : NULL;
    case PRIV_LAYER_ROOT:
        return (m->cage.layers & layer) == 0 ? m->cage.why_root : NULL;
    default:
        break; /* every kernel has these */
    }
    return r < 0 ? cb_strerror(r) : NULL;
}

static int refuse(const struct monitor *m)
{
    char waivers[256] = "";
    for (unsigned bit = 1; bit <= PRIV_LAYERS_ALL; bit <<= 1) {
        if ((m->lacking & ~m->options->waived & bit) != 0) {
            const char *name = priv_layer_name((enum priv_layer)bit);
            size_t len = strlen(waivers);
            (void)snprintf(waivers + len, sizeof(waivers) - len, " --waive %s", name);
            log_error("the confinement layer %s is not to be had here (%s)", name,
                      missing(m, (enum priv_layer)bit));
        }
    }
    log_error("nothing was started. To run without what is missing:%s", waivers);
    return CB_EUNSUPPORTED;
}

/* The kernel loads neither of the two into a process that could still gain rights, unless it has too many already. */
static int check_waivers(uint32_t waived)
{
    const uint32_t others = PRIV_LAYER_SECCOMP | PRIV_LAYER_LANDLOCK;
    if ((waived & PRIV_LAYER_NO_NEW_PRIVS) == 0 || (waived & others) == others) {
        return 0;
    }
    log_error(
        "seccomp and landlock cannot hold without no_new_privs: it is waived together with both, or not at all");
    return CB_EINVAL;
}

int surround_prepare(struct monitor *m)
{
    uint32_t waived = m->options->waived;
    int r = check_waivers(waived);
    if (r != 0) {
        return r;
    }
    m->has_uids = m->is_root && (waived & PRIV_LAYER_UID) == 0;
    priv_cage_make(~waived, &m->cage);
    m->imposed = m->cage.layers | (m->has_uids ? (uint32_t)PRIV_LAYER_UID : 0);
    for (unsigned bit = 1; bit <= PRIV_LAYERS_ALL; bit <<= 1) {
        enum priv_layer layer = (enum priv_layer)bit;
        bool tried = (waived & bit) == 0 || (bit & PRIV_LAYERS_OWN) != 0;
        const char *why = tried ? missing(m, layer) : NULL;
        if (why != NULL) {
            m->lacking |= bit;
        }
        if ((waived & bit) != 0) {
            log_warn("WAIVED: the roles run without the confinement layer %s%s%s%s", priv_layer_name(layer),
                     why != NULL ? ", which is not to be had here (" : "", why != NULL ? why : "",
                     why != NULL ? ")" : "");
        }
    }
    if ((m->lacking & ~waived) != 0) {
        return refuse(m);
    }
    log_debug("Landlock version %d; roots by %s", priv_landlock_version(),
              m->cage.by_chroot ? "chroot" : "mount namespaces");
    return 0;
}

int surround_confine_monitor(const struct monitor *m)
{
    uint32_t waived = m->options->waived;
    int r = 0;
    if (m->is_root && (waived & PRIV_LAYER_CAPABILITIES) == 0) {
        /* Containers give only the stronger of the two rights to go through a directory. */
        r = priv_capabilities_keep(priv_capability_has(CAP_DAC_READ_SEARCH) ? kept
                                                                            : kept | CAP(DAC_OVERRIDE));
    }
    if (r == 0 && (waived & PRIV_LAYER_NO_NEW_PRIVS) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        r = -errno;
    }
    if (r == 0 && (waived & PRIV_LAYER_DUMPABLE) == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
        r = -errno;
    }
    if (r != 0) {
        log_error_r(r, "the monitor cannot confine itself");
    }
    return r;
}
