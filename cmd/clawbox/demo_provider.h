/*
 * demo_provider.h - a fake model provider: a process of its own that speaks TLS and HTTP, answers every request with a small
 * completion, and tells the demo what it was shown as a credential.
 */
#ifndef CB_CLAWBOX_DEMO_PROVIDER_H
#define CB_CLAWBOX_DEMO_PROVIDER_H

#include "base/buf.h"

#include <sys/types.h>

struct demo_provider {
    pid_t pid;
    uint16_t port;
    int seen_fd; /* one line per request: the value of its Authorization field */
};

/* Makes a CA and a certificate for `host`, writes the CA to `ca_path` (PEM), and starts the process. Ends with
 * demo_provider_stop(). */
CB_MUST_USE int demo_provider_start(const char *host, const char *ca_path, struct demo_provider *out);
/* Appends the next line that the provider reported to `out`, without the newline; waits at most `within_ms`. CB_ETIMEOUT. */
CB_MUST_USE int demo_provider_seen(const struct demo_provider *p, int within_ms, struct buf *out);
void demo_provider_stop(struct demo_provider *p);

#endif
