/* confine.c - the layers that a role puts on itself, in order; a layer that does not hold ends the start. */
#include "priv/confine.h"

#include "base/log.h"
#include "priv/drop.h"
#include "priv/landlock.h"
#include "priv/seccomp.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const layer_names[] = {
#define PRIV_LAYER_NAME(NAME, name) [PRIV_NUMBER_##NAME] = name,
    PRIV_LAYERS(PRIV_LAYER_NAME)
#undef PRIV_LAYER_NAME
};

const char *priv_layer_name(enum priv_layer layer)
{
    for (unsigned i = 0; i < PRIV_NUMBER__COUNT; i++) {
        if (layer == (enum priv_layer)(1U << i)) {
            return layer_names[i];
        }
    }
    return NULL;
}

enum priv_layer priv_layer_parse(const char *name)
{
    for (unsigned i = 0; i < PRIV_NUMBER__COUNT; i++) {
        if (strcmp(layer_names[i], name) == 0) {
            return (enum priv_layer)(1U << i);
        }
    }
    return (enum priv_layer)0;
}

void priv_close_memory(void)
{
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* priv_confine() does it again and looks at the result */
}

static int confine_no_new_privs(const struct priv_profile *profile)
{
    (void)profile;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? 0 : -errno;
}

static int confine_capabilities(const struct priv_profile *profile)
{
    (void)profile;
    return priv_capabilities_keep(0);
}

static int confine_dumpable(const struct priv_profile *profile)
{
    (void)profile;
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : -errno;
}

static int limit(__rlimit_resource_t what, uint64_t value)
{
    struct rlimit now;
    if (getrlimit(what, &now) != 0) {
        return -errno;
    }
    if (value > now.rlim_max) {
        value = now.rlim_max; /* a limit that is lower already stays */
    }
    return setrlimit(what, &(struct rlimit){.rlim_cur = value, .rlim_max = value}) == 0 ? 0 : -errno;
}

/* The log may be a file, because somebody redirected standard error to one. It is then the only file that is open. */
static uint64_t file_limit(const struct priv_profile *profile)
{
    struct stat st;
    bool logs_to_file = fstat(STDERR_FILENO, &st) == 0 && S_ISREG(st.st_mode);
    return profile->max_file_bytes == 0 && logs_to_file ? RLIM_INFINITY : profile->max_file_bytes;
}

static int confine_limits(const struct priv_profile *profile)
{
    int r;
    if ((r = limit(RLIMIT_CORE, 0)) == 0 && (r = limit(RLIMIT_NOFILE, profile->max_descriptors)) == 0 &&
        (r = limit(RLIMIT_FSIZE, file_limit(profile))) == 0 && (r = limit(RLIMIT_NPROC, 0)) == 0 &&
        (r = limit(RLIMIT_MSGQUEUE, 0)) == 0 && (r = limit(RLIMIT_MEMLOCK, profile->max_locked)) == 0) {
        r = profile->max_memory != 0 ? limit(RLIMIT_AS, profile->max_memory) : 0;
    }
    return r;
}

static int confine_seccomp(const struct priv_profile *profile)
{
    return priv_seccomp_load(profile->needs);
}

int priv_confine(const struct priv_profile *profile, uint32_t waived, uint32_t *held)
{
    static const struct {
        enum priv_layer layer;
        int (*apply)(const struct priv_profile *profile);
    } steps[] = {
        {PRIV_LAYER_NO_NEW_PRIVS, confine_no_new_privs}, /* first: Landlock and seccomp ask for it */
        {PRIV_LAYER_CAPABILITIES, confine_capabilities},
        {PRIV_LAYER_DUMPABLE, confine_dumpable}, /* after capabilities, whose change may set it back */
        {PRIV_LAYER_LIMITS, confine_limits},
        {PRIV_LAYER_LANDLOCK, priv_landlock_load},
        {PRIV_LAYER_SECCOMP, confine_seccomp}, /* last: it forbids the calls of the others */
    };
    *held = 0;
    if ((waived & PRIV_LAYER_DUMPABLE) != 0) {
        (void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* priv_close_memory() came before anybody knew */
    }
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if ((waived & steps[i].layer) != 0) {
            log_warn("the layer %s is waived", priv_layer_name(steps[i].layer));
            continue;
        }
        int r = steps[i].apply(profile);
        if (r != 0) {
            log_error_r(r, "the confinement layer %s does not hold", priv_layer_name(steps[i].layer));
            return r;
        }
        *held |= steps[i].layer;
    }
    return 0;
}
