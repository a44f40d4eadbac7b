/* grant.c - what may be granted, and whether a request is it. */
#include "policy/grant.h"

#include <stdio.h>

#include "policy/host.h"
#include "policy/path.h"
#include "policy/spec_check.h"

/* As a route's: in capitals, and none that is never forwarded. */
static bool method_is_fine(struct span method)
{
    static const char *const never[] = {"CONNECT", "TRACE", "TRACK"};
    static const char others[] = "-_!#$%&'*+.^`|~";
    bool fine = method.len != 0 && method.len <= SPEC_METHOD_MAX;
    for (size_t i = 0; fine && i < method.len; i++) {
        uint8_t c = method.ptr[i];
        fine =
            (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || memchr(others, c, sizeof(others) - 1) != NULL;
    }
    for (size_t i = 0; fine && i < sizeof(never) / sizeof(never[0]); i++) {
        fine = !span_eq_str(method, never[i]);
    }
    return fine;
}

int policy_grant_check(const struct policy_grant *grant, char *why, size_t why_size)
{
    struct policy_host host;
    char path_why[160] = "";
    const char *what = NULL;
    if (grant->scheme >= SPEC_SCHEME__COUNT || grant->port == 0) {
        what = "the port is a number from 1 to 65535";
    } else if (grant->host.len > SPEC_HOST_MAX || policy_host_parse(grant->host, &host) != 0 ||
               !span_eq(span_of(host.text, host.len), grant->host)) {
        what = "the host is one name or address as the audit has it: lower case, A-labels, no pattern";
    } else if (!method_is_fine(grant->method)) {
        what = "the method is in capitals, and none of CONNECT, TRACE and TRACK";
    } else if (grant->path.len > SPEC_PATH_MAX ||
               policy_path_pattern_check(grant->path, path_why, sizeof(path_why)) != 0) {
        what = "the path is a pattern as a route has it";
    } else if (grant->websocket && !span_eq(grant->method, SPAN_LIT("GET"))) {
        what = "a WebSocket is asked for with GET";
    }
    if (what != NULL) {
        (void)snprintf(why, why_size, "%s%s%s", what, path_why[0] != '\0' ? ": " : "", path_why);
        return CB_EINVAL;
    }
    return 0;
}

bool policy_grant_may(enum policy_reason reason)
{
    return reason == POLICY_REASON_NO_ROUTE || reason == POLICY_REASON_NO_ROUTE_PORT ||
           reason == POLICY_REASON_NO_ROUTE_SCHEME || reason == POLICY_REASON_NO_ROUTE_METHOD ||
           reason == POLICY_REASON_NO_ROUTE_PATH;
}

bool policy_grant_matches(const struct policy_grant *grant, const struct policy_query *query, uint64_t now_ms)
{
    return grant->uses_left != 0 && now_ms < grant->until_ms && grant->scheme == query->scheme &&
           grant->port == query->port && span_eq(grant->host, query->host) &&
           span_eq(grant->method, query->method) && policy_path_matches(grant->path, query->path);
}

void policy_grant_name(uint64_t id, char out[POLICY_GRANT_NAME_SIZE])
{
    (void)snprintf(out, POLICY_GRANT_NAME_SIZE, "grant:%llu", (unsigned long long)id);
}
