/*
 * attempts.h - how often somebody may try a password.
 *
 * Each name has ATTEMPTS_BURST tries, and one more every ATTEMPTS_STEP_MS. A device on which that administrator has signed in before has tries of
 * its own, which nobody else can use up: so an attacker is slowed down, and the administrator is not locked out.
 *
 * The tables are as large as they are whatever is tried. A name has a place in each row, which it shares with others, and the best of them
 * counts: so it has at most its tries, and others take them only by using up all of its places. Where those are nobody can tell: a random key
 * is hashed with the name. (A count-min sketch with conservative update, of leaky buckets.)
 */
#ifndef CB_API_ATTEMPTS_H
#define CB_API_ATTEMPTS_H

#include "base/span.h"

#define ATTEMPTS_BURST   10
#define ATTEMPTS_STEP_MS UINT64_C(10000)
#define ATTEMPTS_ROWS    4
#define ATTEMPTS_PLACES  256 /* of a row */
#define ATTEMPTS_KEY_LEN 32

struct attempts {
    uint8_t key[ATTEMPTS_KEY_LEN];
    struct attempts_table {
        uint64_t full_ms[ATTEMPTS_ROWS]
                        [ATTEMPTS_PLACES]; /* when that place would have all of its tries again */
    } names, devices;
};

/* Nobody has tried anything; a new key. */
void attempts_init(struct attempts *a);
/* How long it is until `whose` next try; 0: it may be now. `known`: that is a device or a signed-in administrator, not a name that anybody can
 * say. `now_ms` is of a clock that goes forward only. */
uint64_t attempts_wait(const struct attempts *a, bool known, struct span whose, uint64_t now_ms);
/* One of them is used. */
void attempts_take(struct attempts *a, bool known, struct span whose, uint64_t now_ms);

#endif
