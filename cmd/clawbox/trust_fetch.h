/* trust_fetch.h - one try to get /ca.pem from a tenant's proxy. */
#ifndef CB_CLAWBOX_TRUST_FETCH_H
#define CB_CLAWBOX_TRUST_FETCH_H

#include "cmd.h"
#include "policy/host.h"

#define TRUST_PEM_MAX ((size_t)64 * 1024)

/* Where the proxy is, and what it is told who asks. */
struct trust_proxy {
    struct policy_host host;
    uint16_t port;
    struct buf login; /* base64 of "NAME:TOKEN", wiped when it is freed */
};

/* Reads http://NAME:TOKEN@HOST:PORT. CMD_GO; or the exit code, and standard error has said what is wrong, without a byte of the
 * token. trust_proxy_deinit() in any case. */
CB_MUST_USE int trust_proxy_read(const char *url, struct trust_proxy *out);
void trust_proxy_deinit(struct trust_proxy *p);

/* Asks once, for at most so long. 0 and what came in *pem; or an error, and `why` says it for people. */
CB_MUST_USE int trust_fetch(const struct trust_proxy *p, uint64_t within_ms, struct buf *pem, char *why,
                            size_t why_size);

#endif
