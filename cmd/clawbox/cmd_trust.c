/*
 * cmd_trust.c - `clawbox trust`: waits for a tenant's proxy and writes the certificates that its agent has to trust to a file.
 *
 * Runs in a pod before the agent does (an init container), with nothing but the proxy's URL. That has the token in it, so it is read
 * from the environment and not from an argument, which everybody could see in the list of processes. What comes is believed because it
 * comes from there: it is looked at so that a file is never written that a TLS client would choke on, or that would have it trust
 * something else than a CA.
 */
#include "cmd.h"
#include "output_file.h"
#include "trust_fetch.h"

#include "base/clock.h"
#include "base/strnum.h"
#include "tls/cert.h"
#include "tls/seal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WAIT_S       120U
#define WAIT_MAX_S   3600U
#define TRY_MS       10000U /* for one try */
#define TRY_MIN_MS   1000U
#define PAUSE_MS     200U /* after the first */
#define PAUSE_MAX_MS 5000U
#define SAY_AGAIN_MS 15000U
#define WHY_MAX      256

/* Process 1 of a container is not ended by a signal that it does not handle. */
static void on_term(int signum)
{
    (void)signum;
    _exit(CMD_FAILED);
}

static uint64_t now_ms(void)
{
    return clock_mono_us() / 1000;
}

static void pause_for(uint64_t ms)
{
    struct timespec left = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

/* Says what it waits for: at first, when that changes, and once in a while. */
static void say_waiting(const struct trust_proxy *p, const char *why, char *said, uint64_t *said_ms)
{
    if (*said_ms == 0 || strcmp(why, said) != 0 || now_ms() - *said_ms >= SAY_AGAIN_MS) {
        cmd_say("waiting for the proxy at %s:%u: %s", p->host.text, (unsigned)p->port, why);
        (void)snprintf(said, WHY_MAX, "%s", why);
        *said_ms = now_ms();
    }
}

static int wait_for_proxy(const struct trust_proxy *p, uint64_t wait_s, struct buf *pem)
{
    char why[WHY_MAX];
    char said[WHY_MAX] = "";
    uint64_t said_ms = 0;
    uint64_t end_ms = now_ms() + wait_s * 1000;
    uint64_t pause_ms = PAUSE_MS;
    for (;;) {
        uint64_t now = now_ms();
        uint64_t left_ms = end_ms > now + TRY_MIN_MS ? end_ms - now : TRY_MIN_MS;
        if (trust_fetch(p, left_ms < TRY_MS ? left_ms : TRY_MS, pem, why, sizeof(why)) == 0) {
            return CMD_GO;
        }
        now = now_ms();
        if (now + pause_ms >= end_ms) {
            return cmd_fail(
                "no certificates from the proxy at %s:%u within %llu s (%s): see whether it runs and is "
                "ready, and whether it may be reached from here (network policies)",
                p->host.text, (unsigned)p->port, (unsigned long long)wait_s, why);
        }
        say_waiting(p, why, said, &said_ms);
        pause_for(pause_ms);
        pause_ms = 2 * pause_ms < PAUSE_MAX_MS ? 2 * pause_ms : PAUSE_MAX_MS;
    }
}

static int check_and_write(const struct trust_proxy *p, struct span pem, const char *out)
{
    const char *why = NULL;
    size_t count = 0;
    int r = tls_pem_check_cas(pem, clock_wall_ms(), &count, &why);
    if (r != 0) {
        return cmd_fail(
            "what the proxy at %s:%u answers is not the certificates of a CA: %s; %s was not written",
            p->host.text, (unsigned)p->port, why, out);
    }
    r = output_file_write(out, pem, 0644);
    if (r != 0) {
        return cmd_fail_r(r, "%s cannot be written", out);
    }
    cmd_say("%s: %zu certificate%s from the proxy at %s:%u", out, count, count == 1 ? "" : "s", p->host.text,
            (unsigned)p->port);
    return CMD_DONE;
}

static int trust(const struct trust_proxy *p, uint64_t wait_s, const char *out)
{
    struct buf pem;
    buf_init(&pem, TRUST_PEM_MAX);
    int r = tls_init();
    if (r != 0) {
        return cmd_fail_r(r, "cryptography");
    }
    r = wait_for_proxy(p, wait_s, &pem);
    r = r == CMD_GO ? check_and_write(p, buf_span(&pem), out) : r;
    buf_deinit(&pem);
    return r;
}

int cmd_trust(int argc, char **argv)
{
    const char *out = NULL;
    const char *wait = NULL;
    const struct cmd_option options[] = {{.name = "out", .letter = 'o', .value = &out},
                                         {.name = "wait", .value = &wait}};
    const struct cmd_usage usage = {.command = "trust",
                                    .line = "trust --out FILE [--wait SECONDS]",
                                    .options = options,
                                    .option_count = sizeof(options) / sizeof(options[0]),
                                    .stateless = true};
    struct cmd_line line;
    struct trust_proxy proxy;
    uint64_t wait_s = WAIT_S;
    int r = cmd_line_parse(&usage, argc, argv, &line);
    if (r != CMD_GO) {
        return r;
    }
    const char *url = getenv("CLAWBOX_PROXY_URL");
    if (out == NULL || out[0] == '\0') {
        return cmd_wrong_usage("trust", "--out FILE is missing: where the certificates go");
    }
    if (wait != NULL && strnum_u64(span_str(wait), WAIT_MAX_S, &wait_s) != 0) {
        return cmd_wrong_usage("trust", "--wait %s: it is a number of seconds, at most %u", wait, WAIT_MAX_S);
    }
    if (url == NULL || url[0] == '\0') {
        return cmd_wrong_usage(
            "trust", "CLAWBOX_PROXY_URL is not set: http://NAME:TOKEN@HOST:PORT of the proxy, in the "
                     "environment because the token is nobody else's business");
    }
    (void)signal(SIGTERM, on_term);
    (void)signal(SIGINT, on_term);
    (void)signal(SIGPIPE, SIG_IGN);
    r = trust_proxy_read(url, &proxy);
    r = r == CMD_GO ? trust(&proxy, wait_s, out) : r;
    trust_proxy_deinit(&proxy);
    return r;
}
