/*
 * count.h - what the store counts of the requests that it records, for `/metrics`: since its start, and not kept.
 *
 * The list in COUNTERS is of records as store_count_read() reads them, one for each tenant that had a request; those after the first
 * STORE_COUNT_TENANTS have one together, without a name.
 */
#ifndef CB_STORE_COUNT_H
#define CB_STORE_COUNT_H

#include "ipc/msgs.h"
#include "policy/verdict.h"
#include "wire/reader.h"

#define STORE_COUNT_TENANTS 256
#define STORE_COUNT_BOUNDS  10

/* Upper bounds of how long requests took, in microseconds; what took longer is only in the total. */
static const uint64_t store_count_bounds_us[STORE_COUNT_BOUNDS] = {
    10000, 50000, 100000, 250000, 500000, 1000000, 5000000, 15000000, 60000000, 300000000};

struct store_count {
    uint64_t reasons[POLICY_REASON__COUNT]; /* requests that were refused, or ended, for that reason */
    uint64_t request_bytes;
    uint64_t response_bytes;
    uint64_t scrubs;
    uint64_t input_tokens;
    uint64_t output_tokens;
    uint64_t durations[STORE_COUNT_BOUNDS]; /* not cumulative */
    uint64_t duration_us;                   /* of all that ended */
    uint64_t ended;
};

/* Reads the next record of the list; *tenant is empty for what has no name. 0 or the reader's error, which latches. */
CB_MUST_USE int store_count_read(struct reader *r, struct span *tenant, struct store_count *out);

#endif
