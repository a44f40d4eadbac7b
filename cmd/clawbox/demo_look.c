/* demo_look.c - /proc/PID/{maps,mem,environ,cmdline} and the list of children. */
#include "demo_look.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LOOK_STEP ((size_t)1 << 20)

static int open_of(pid_t pid, const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == EACCES || errno == EPERM ? CB_EPERM : -errno;
    }
    return fd;
}

static int look_in_environment(pid_t pid, struct span wanted, struct demo_look *out)
{
    static char text[256 * 1024];
    size_t len = 0;
    int fd = open_of(pid, "environ");
    if (fd < 0) {
        return fd;
    }
    ssize_t got;
    while (len < sizeof(text) && (got = read(fd, text + len, sizeof(text) - len)) > 0) {
        len += (size_t)got;
    }
    (void)close(fd);
    out->in_environment = memmem(text, len, wanted.ptr, wanted.len) != NULL;
    return 0;
}

/* Steps overlap by the length of what is wanted, so that it is found across their borders. */
static void look_in_range(int mem, unsigned long from, unsigned long to, struct span wanted, uint8_t *buffer,
                          struct demo_look *out)
{
    while (from < to) {
        size_t want = to - from < LOOK_STEP ? to - from : LOOK_STEP;
        ssize_t got = pread(mem, buffer, want, (off_t)from);
        if (got <= 0) {
            return; /* guard pages and the like */
        }
        out->bytes += (size_t)got;
        out->in_memory = out->in_memory || memmem(buffer, (size_t)got, wanted.ptr, wanted.len) != NULL;
        if ((size_t)got <= wanted.len) {
            return;
        }
        from += (size_t)got == to - from ? (size_t)got : (size_t)got - wanted.len;
    }
}

/* A line of maps: "FROM-TO rwxp ...", proc_pid_maps(5). */
static void look_in_line(int mem, const char *line, struct span wanted, uint8_t *buffer,
                         struct demo_look *out)
{
    char *end;
    unsigned long from = strtoul(line, &end, 16);
    if (*end == '-') {
        unsigned long to = strtoul(end + 1, &end, 16);
        if (end[0] == ' ' && end[1] == 'r') {
            look_in_range(mem, from, to, wanted, buffer, out);
        }
    }
}

int demo_look(pid_t pid, struct span wanted, struct demo_look *out)
{
    *out = (struct demo_look){.bytes = 0};
    int maps = open_of(pid, "maps");
    int mem = maps >= 0 ? open_of(pid, "mem") : maps;
    uint8_t *buffer = malloc(LOOK_STEP);
    FILE *lines = maps >= 0 && mem >= 0 ? fdopen(maps, "r") : NULL;
    int r = mem < 0 ? mem : 0;
    if (r == 0 && (lines == NULL || buffer == NULL)) {
        r = CB_ENOMEM;
    }
    char line[512];
    while (r == 0 && fgets(line, sizeof(line), lines) != NULL) {
        look_in_line(mem, line, wanted, buffer, out);
    }
    if (lines != NULL) {
        (void)fclose(lines);
    } else if (maps >= 0) {
        (void)close(maps);
    }
    if (mem >= 0) {
        (void)close(mem);
    }
    free(buffer);
    if (r == 0 && out->bytes == 0) {
        r = CB_EPERM;
    }
    return r == 0 ? look_in_environment(pid, wanted, out) : r;
}

static bool is_role(pid_t pid, const char *role, const char *tenant)
{
    char have[256] = "";
    char want[256];
    int fd = open_of(pid, "cmdline");
    if (fd < 0) {
        return false;
    }
    ssize_t got = read(fd, have, sizeof(have));
    (void)close(fd);
    int len = snprintf(want, sizeof(want), "clawbox%c@%s%c%s", 0, role, 0, tenant != NULL ? tenant : "");
    len += tenant != NULL ? 1 : 0; /* with the NUL at its end */
    return got == (ssize_t)len && memcmp(have, want, (size_t)len) == 0;
}

pid_t demo_find_role(pid_t parent, const char *role, const char *tenant)
{
    char name[64];
    char list[4096];
    (void)snprintf(name, sizeof(name), "task/%d/children", (int)parent);
    int fd = open_of(parent, name);
    ssize_t got = fd >= 0 ? read(fd, list, sizeof(list) - 1) : -1;
    if (fd >= 0) {
        (void)close(fd);
    }
    list[got > 0 ? got : 0] = '\0';
    char *at = list;
    for (long pid; (pid = strtol(at, &at, 10)) > 0;) {
        if (is_role((pid_t)pid, role, tenant)) {
            return (pid_t)pid;
        }
    }
    return 0;
}
