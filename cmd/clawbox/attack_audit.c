/* attack_audit.c - the blind spot: what an attacker writes into the records, and whether a refusal is in them at all. */
#include "attack.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_MAX ((size_t)4 * 1024 * 1024)

/* Each leaves a record at the mirror's host with the marker in its path or query, or none at all. */
static const struct {
    const char *target; /* {h}: the marker */
    const char *lines;
    struct attack_case c;
} cases[] = {
    {"/{h}", "", {"a refusal is on record", "CWE-778"}},
    {"/{h}/%1b[2J", "", {"an escape sequence of a terminal, encoded", "CWE-150"}},
    {"/{h}/\x1b[2J", "", {"an escape sequence of a terminal", "CWE-150; CVE-2021-25743"}},
    {"/{h}/%0d%0a2026-01-01 forged", "", {"an encoded line break", "CWE-117"}},
    {"/{h}/\rforged", "", {"a carriage return", "CWE-117"}},
    {"/{h}/\xc2\x9b"
     "31m",
     "",
     {"a control byte of eight bits", "CWE-150"}},
    {"/{h}?q=%1b]0;x%07", "", {"an escape sequence in the query", "CWE-150"}},
    {"/{h}/\"},{\"verdict\":\"allowed\"", "", {"quotes that would end a record in JSON", "CWE-116"}},
    {"/{h}", "X-Attack: \x1b[31m\r\n", {"an escape sequence in a header", "CWE-150"}},
    {"/{h}", "User-Agent: a\r\n b\r\n", {"a folded header", "CWE-117"}},
};

/* What a command of this program prints. */
static int run_self(const char *const *argv, struct buf *out)
{
    int output[2];
    if (pipe(output) != 0) {
        return -errno;
    }
    pid_t pid = fork();
    if (pid == 0) {
        if (dup2(output[1], STDOUT_FILENO) >= 0) {
            (void)close(output[0]);
            (void)close(output[1]);
            (void)execv("/proc/self/exe", (char *const *)(uintptr_t)argv);
        }
        _exit(127);
    }
    (void)close(output[1]);
    int r = pid > 0 ? 0 : -errno;
    for (ssize_t n = 1; r == 0 && n > 0;) {
        char bytes[16384];
        n = read(output[0], bytes, sizeof(bytes));
        r = n < 0 && errno != EINTR ? -errno : n > 0 ? buf_append(out, bytes, (size_t)n) : 0;
        n = n < 0 ? 1 : n;
    }
    (void)close(output[0]);
    int status = -1;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return r != 0 ? r : WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : CB_EINTERNAL;
}

static int read_audit(const struct attack *a, bool json, struct buf *out)
{
    const char *const argv[] = {"clawbox", "audit",  a->other_name,          "-n", "1000",
                                "--state", a->state, json ? "--json" : NULL, NULL};
    buf_init(out, OUTPUT_MAX);
    return run_self(argv, out);
}

/* Bytes that would steer a terminal or forge a line. */
static bool is_clean(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if ((c < 0x20 && c != '\n') || c == 0x7f || (c >= 0x80 && c <= 0x9f)) {
            return false;
        }
    }
    return true;
}

static void try_case(struct attack *a, size_t i)
{
    char marker[32];
    char target[256];
    struct buf filled;
    struct buf request;
    (void)snprintf(marker, sizeof(marker), "attack-audit-%zu", i);
    buf_init(&filled, sizeof(target));
    a->error = attack_fill(a, marker, cases[i].target, &filled);
    (void)snprintf(target, sizeof(target), "%.*s", SPAN_ARG(buf_span(&filled)));
    buf_deinit(&filled);
    buf_init(&request, 4096);
    /* A host that the other tenant has, and a method that its route does not allow: refused, with everything looked at. */
    a->error = a->error == 0 ? attack_request(&request, "DELETE", target, ATTACK_ECHO_HOST, cases[i].lines)
                             : a->error;
    struct attack_shot shot = {.connect = SPAN_LIT(ATTACK_ECHO_HOST ":443"),
                               .tls = true,
                               .host = ATTACK_ECHO_HOST,
                               .request = buf_span(&request),
                               .quiet = true};
    attack_refused(a, &cases[i].c, "sent", &a->at_other, &shot);
    buf_deinit(&request);
}

static void judge(struct attack *a)
{
    static const struct attack_case plain = {"what clawbox audit prints steers no terminal",
                                             "CWE-150; CWE-117"};
    static const struct attack_case lines = {"clawbox audit --json is one object in each line",
                                             "CWE-116; CWE-117"};
    static const struct attack_case there = {"refusals are in the audit", "CWE-778"};
    struct buf text;
    struct buf json;
    int r = read_audit(a, false, &text);
    int r2 = read_audit(a, true, &json);
    if (r != 0 || r2 != 0) {
        attack_add(a, &there, ATTACK_LEAKED, "clawbox audit: %s", cb_strerror(r != 0 ? r : r2));
    } else {
        struct span t = buf_span(&text);
        struct span j = buf_span(&json);
        bool whole = true;
        for (size_t at = 0; at < j.len;) {
            const uint8_t *end = memchr(j.ptr + at, '\n', j.len - at);
            size_t len = end != NULL ? (size_t)(end - (j.ptr + at)) : j.len - at;
            whole = whole && len > 1 && j.ptr[at] == '{' && j.ptr[at + len - 1] == '}';
            at += len + 1;
        }
        attack_add(a, &plain, is_clean(t) ? ATTACK_HELD : ATTACK_LEAKED, "%zu bytes", t.len);
        attack_add(a, &lines, whole && is_clean(j) ? ATTACK_HELD : ATTACK_LEAKED, "%zu bytes", j.len);
        bool found = attack_holds(j, "attack-audit-0");
        attack_add(a, &there, found ? ATTACK_HELD : ATTACK_LEAKED, "%s",
                   found ? "with host, path and reason" : "the first of them is missing");
    }
    buf_deinit(&text);
    buf_deinit(&json);
}

void attack_audit(struct attack *a)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]) && a->error == 0 && !attack_interrupted(); i++) {
        try_case(a, i);
    }
    if (a->error == 0) {
        judge(a);
    }
}
