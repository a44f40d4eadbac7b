/*
 * attempts.c - how often somebody may try a password.
 *
 * Each name has ATTEMPTS_BURST tries, and one more every ATTEMPTS_STEP_MS. A device on which that administrator has signed in before has tries of
 * its own, which nobody else can use up: so an attacker is slowed down, and the administrator is not locked out. Names share places by their
 * hash, so that the table is as large as it is whatever is tried.
 */
#include "api/state.h"

#include "tls/seal.h"

#define ATTEMPTS_BURST   10
#define ATTEMPTS_STEP_MS UINT64_C(10000)

/* When the tries of that place would be as many as they can be again. */
static uint64_t *place(struct api *api, bool known, struct span whose)
{
    uint8_t hash[DIGEST_LEN];
    digest_sha256_of(whose, hash);
    return &(known ? api->attempts_known : api->attempts)[hash[0]];
}

uint64_t api_attempt_wait(struct api *api, bool known, struct span whose)
{
    uint64_t now_ms = net_loop_now_ms(api->loop);
    uint64_t full_ms = *place(api, known, whose);
    uint64_t owed_ms = full_ms > now_ms ? full_ms - now_ms : 0;
    return owed_ms > (ATTEMPTS_BURST - 1) * ATTEMPTS_STEP_MS
               ? owed_ms - (ATTEMPTS_BURST - 1) * ATTEMPTS_STEP_MS
               : 0;
}

void api_attempt_take(struct api *api, bool known, struct span whose)
{
    uint64_t now_ms = net_loop_now_ms(api->loop);
    uint64_t *full_ms = place(api, known, whose);
    *full_ms = (*full_ms > now_ms ? *full_ms : now_ms) + ATTEMPTS_STEP_MS;
}
