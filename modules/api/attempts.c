/* attempts.c - see attempts.h. */
#include "api/attempts.h"

#include "base/secret.h"
#include "tls/seal.h"

_Static_assert(ATTEMPTS_PLACES == 256 && ATTEMPTS_ROWS <= DIGEST_LEN, "a byte of the hash for each row");

void attempts_init(struct attempts *a)
{
    *a = (struct attempts){.key = {0}};
    secret_random(a->key, sizeof(a->key));
}

/* The row's byte is the place in it. */
static void find(const struct attempts *a, struct span whose, uint8_t places[DIGEST_LEN])
{
    const struct span parts[] = {span_of(a->key, sizeof(a->key)), whose};
    digest_sha256(parts, 2, places);
}

/* How long it is until the best of the places has all of its tries. */
static uint64_t owed(const struct attempts_table *t, const uint8_t places[DIGEST_LEN], uint64_t now_ms)
{
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < ATTEMPTS_ROWS; i++) {
        uint64_t full_ms = t->full_ms[i][places[i]];
        uint64_t ms = full_ms > now_ms ? full_ms - now_ms : 0;
        least = ms < least ? ms : least;
    }
    return least;
}

uint64_t attempts_wait(const struct attempts *a, bool known, struct span whose, uint64_t now_ms)
{
    const uint64_t last_ms = (ATTEMPTS_BURST - 1) * ATTEMPTS_STEP_MS;
    uint8_t places[DIGEST_LEN];
    find(a, whose, places);
    uint64_t owed_ms = owed(known ? &a->devices : &a->names, places, now_ms);
    return owed_ms > last_ms ? owed_ms - last_ms : 0;
}

void attempts_take(struct attempts *a, bool known, struct span whose, uint64_t now_ms)
{
    struct attempts_table *t = known ? &a->devices : &a->names;
    uint8_t places[DIGEST_LEN];
    find(a, whose, places);
    uint64_t full_ms = now_ms + owed(t, places, now_ms) + ATTEMPTS_STEP_MS;
    for (size_t i = 0; i < ATTEMPTS_ROWS; i++) {
        uint64_t *place = &t->full_ms[i][places[i]];
        *place = *place > full_ms ? *place : full_ms; /* what others have used of it stays */
    }
}
