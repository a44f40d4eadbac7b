/* landlock.c - one ruleset per role, made from what the kernel's version can forbid. */
#include "priv/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What the store may do with files below its directory. Not in it: execute, devices, sockets, links, other directories. */
#define LANDLOCK_FILES_V1                                                                         \
    (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_DIR | \
     LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE)
#define LANDLOCK_FS_V1 ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)

int priv_landlock_version(void)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    return version > 0 ? (int)version : version == 0 ? -ENOSYS : -errno;
}

static struct landlock_ruleset_attr everything(int version, bool network)
{
    struct landlock_ruleset_attr attr = {.handled_access_fs = LANDLOCK_FS_V1};
    if (version >= 2) {
        attr.handled_access_fs |= LANDLOCK_ACCESS_FS_REFER;
    }
    if (version >= 3) {
        attr.handled_access_fs |= LANDLOCK_ACCESS_FS_TRUNCATE;
    }
    if (version >= 4) {
        /* The ports that a tenant's routes name change while its egress runs, and a rule cannot be added to a process. */
        attr.handled_access_net =
            LANDLOCK_ACCESS_NET_BIND_TCP | (network ? 0 : LANDLOCK_ACCESS_NET_CONNECT_TCP);
    }
    if (version >= 5) {
        attr.handled_access_fs |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
    }
    if (version >= 6) {
        attr.scoped = LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | LANDLOCK_SCOPE_SIGNAL;
    }
    return attr;
}

/* The size tells the kernel which fields are there; an old one refuses what it does not know, even if it is zero-sized rights. */
static size_t attr_size(int version)
{
    return version >= 6   ? sizeof(struct landlock_ruleset_attr)
           : version >= 4 ? offsetof(struct landlock_ruleset_attr, scoped)
                          : offsetof(struct landlock_ruleset_attr, handled_access_net);
}

static int allow_directory(int ruleset, uint64_t handled)
{
    struct landlock_path_beneath_attr rule = {.allowed_access =
                                                  (LANDLOCK_FILES_V1 | LANDLOCK_ACCESS_FS_TRUNCATE) & handled,
                                              .parent_fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC)};
    if (rule.parent_fd < 0) {
        return -errno;
    }
    int r = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0 ? 0 : -errno;
    (void)close(rule.parent_fd);
    return r;
}

static int allow_reading(int ruleset, const char *path)
{
    struct landlock_path_beneath_attr rule = {.allowed_access =
                                                  LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
                                              .parent_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC)};
    if (rule.parent_fd < 0) {
        return -errno;
    }
    int r = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0 ? 0 : -errno;
    (void)close(rule.parent_fd);
    return r;
}

int priv_landlock_load(const struct priv_profile *profile)
{
    int version = priv_landlock_version();
    if (version < 0) {
        return version;
    }
    struct landlock_ruleset_attr attr = everything(version, profile->network);
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, attr_size(version), 0);
    if (ruleset < 0) {
        return -errno;
    }
    int r = profile->root == PRIV_ROOT_DIRECTORY ? allow_directory(ruleset, attr.handled_access_fs) : 0;
    for (const char *const *path = profile->readable; r == 0 && path != NULL && *path != NULL; path++) {
        r = allow_reading(ruleset, *path);
    }
    if (r == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) != 0) {
        r = -errno;
    }
    (void)close(ruleset);
    return r;
}
