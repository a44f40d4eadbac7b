/*
 * slot.c - the uids of tenants' processes: two tenants that are active at the same time never have the same.
 *
 * A tenant's processes own no file, so a uid means nothing once both have ended, and may be another tenant's next.
 */
#include "monitor/state.h"

static bool slot_taken(const struct monitor *m, uint32_t slot)
{
    return (m->slots[slot / 8] & (1U << (slot % 8))) != 0;
}

int slot_take(struct monitor *m, struct tenant *t)
{
    /* The same one each time, as long as nobody else has it: logs of other programs are easier to read. */
    uint32_t slot = (uint32_t)(t->id % SLOT_COUNT);
    uint32_t looked_at = 0;
    while (looked_at < SLOT_COUNT && slot_taken(m, slot)) {
        slot = (slot + 1) % SLOT_COUNT;
        looked_at++;
    }
    if (looked_at == SLOT_COUNT) {
        return CB_ELIMIT;
    }
    m->slots[slot / 8] |= (uint8_t)(1U << (slot % 8));
    t->slot = slot;
    return 0;
}

void slot_give_back(struct monitor *m, struct tenant *t)
{
    if (t->slot != SLOT_NONE) {
        m->slots[t->slot / 8] &= (uint8_t) ~(1U << (t->slot % 8));
        t->slot = SLOT_NONE;
    }
}

uint32_t slot_uid(const struct monitor *m, const struct tenant *t)
{
    return m->options->uid_base + SLOT_UIDS + t->slot * TENANT_ROLES;
}
