/* limits.c - how many requests a tenant may make in a minute, and at once. */
#include "egress/state.h"

#define LIMITS_WINDOW_MS      60000
#define LIMITS_CONCURRENT_MAX 4096

enum policy_reason limits_enter(struct limits *l, const struct spec_limits *spec, uint64_t now_ms)
{
    if (now_ms - l->window_start_ms >= LIMITS_WINDOW_MS) {
        l->window_start_ms = now_ms;
        l->in_window = 0;
    }
    if (spec->requests_per_minute != 0 && l->in_window >= spec->requests_per_minute) {
        return POLICY_REASON_RATE;
    }
    uint32_t concurrent = spec->concurrent != 0 ? spec->concurrent : LIMITS_CONCURRENT_MAX;
    if (l->in_flight >= concurrent) {
        return POLICY_REASON_CONCURRENCY;
    }
    l->in_window++;
    l->in_flight++;
    return POLICY_REASON_ROUTE;
}

void limits_leave(struct limits *l)
{
    l->in_flight--;
}

bool limits_refusal(struct limits *l, uint64_t now_ms)
{
    if (now_ms - l->refusal_window_ms >= LIMITS_WINDOW_MS) {
        l->refusal_window_ms = now_ms;
        l->refusals = 0;
    }
    return ++l->refusals <= EGRESS_REFUSALS_PER_MINUTE;
}
