/*
 * limit.c - how often one channel may ask. A bucket fills with time; each request takes one out of it.
 *
 * Nobody who does his work comes near these rates: they are there so that a tenant's process that has been taken over
 * cannot keep the one vault busy, nor use it as an oracle at speed. What is refused is counted, and said once in a while.
 */
#include "vault/state.h"

#include "base/log.h"

#include <inttypes.h>

#define ONE           1000 /* thousandths */
#define WARN_AGAIN_MS 60000

static const struct {
    uint64_t per_second; /* the same number as thousandths per millisecond */
    uint64_t full;
    const char *what;
} limits[VAULT_LIMIT__COUNT] = {
    /* Denial leaves are for hosts that an agent makes up. */
    [VAULT_LIMIT_DENIAL] = {2, 120, "certificates for hosts that no route names"},
    /* As many as the gate keeps, at once; then what new hosts under wildcards and the day's end need. */
    [VAULT_LIMIT_LEAF] = {20, 2048, "certificates"},
    /* Public and small, but an agent can have it asked for as often as it likes. */
    [VAULT_LIMIT_TRUST] = {10, 100, "copies of its CA's certificate"},
    /* As many as there can be streams, which all wait for the same credential after a start; then reloads. */
    [VAULT_LIMIT_UNSEAL] = {64, 4096, "credentials"},
};

bool limit_take(struct vault_bucket *b, enum vault_limit which, uint64_t now_ms, uint64_t tenant_id)
{
    uint64_t full = limits[which].full * ONE;
    uint64_t gained = (now_ms - b->at_ms) * limits[which].per_second;
    b->thousandths = b->at_ms == 0 || gained > full - b->thousandths ? full : b->thousandths + gained;
    b->at_ms = now_ms;
    if (b->thousandths >= ONE) {
        b->thousandths -= ONE;
        return true;
    }
    b->refused++;
    if (b->warned_ms == 0 || now_ms - b->warned_ms >= WARN_AGAIN_MS) {
        log_warn("tenant %" PRIu64 " asks for too many %s: %" PRIu64 " refused since the last warning",
                 tenant_id, limits[which].what, b->refused);
        b->warned_ms = now_ms;
        b->refused = 0;
    }
    return false;
}
