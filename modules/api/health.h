/* health.h - what the health listener's table answers with: pure, from what monitor and store say. */
#ifndef CB_API_HEALTH_H
#define CB_API_HEALTH_H

#include "base/buf.h"
#include "base/json.h"
#include "ipc/codec.h"

/*
 * Writes the members "ready" and "problems" for `/readyz`: what is missing for this server to be of use, and with `status->wanted` for each of
 * its tenants. `status` may be NULL (the monitor has not said anything), and so may `health` (the store does not answer). Whether it is
 * ready is in *ready. 0 or the reader's error.
 */
CB_MUST_USE int health_write_ready(struct json *j, const struct ipc_status *status,
                                   const struct ipc_health *health, uint64_t now_ms, bool *ready);

/* Appends the metrics of these messages in Prometheus' text format, version 0.0.4. `status` may be NULL. 0, the reader's error, or
 * CB_ELIMIT. */
CB_MUST_USE int health_write_state(struct buf *out, const struct ipc_status *status,
                                   const struct ipc_health *health);
CB_MUST_USE int health_write_counters(struct buf *out, const struct ipc_counters *counters);

#endif
