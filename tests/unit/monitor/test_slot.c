/* test_slot.c - no two tenants that are active at the same time have the same uids. */
#include "monitor/state.h"
#include "support/check.h"

#include <stdlib.h>

static const struct monitor_options options = {.uid_base = 400000};

static struct tenant tenant_of(uint64_t id)
{
    return (struct tenant){.id = id, .slot = SLOT_NONE};
}

TEST(ids_that_would_collide_do_not)
{
    static struct monitor m = {.options = &options};
    struct tenant a = tenant_of(7);
    struct tenant b = tenant_of(7 + (uint64_t)SLOT_COUNT);
    struct tenant c = tenant_of(8);
    CHECK_EQ_INT(slot_take(&m, &a), 0);
    CHECK_EQ_INT(slot_take(&m, &b), 0);
    CHECK_EQ_INT(slot_take(&m, &c), 0);
    CHECK_EQ_UINT(slot_uid(&m, &a), 401014);
    CHECK_EQ_UINT(slot_uid(&m, &b), 401016);
    CHECK_EQ_UINT(slot_uid(&m, &c), 401018);
    slot_give_back(&m, &b);
    slot_give_back(&m, &b); /* has none: nobody else loses his */
    CHECK_EQ_UINT(b.slot, SLOT_NONE);
    struct tenant d = tenant_of(8 + (uint64_t)SLOT_COUNT);
    CHECK_EQ_INT(slot_take(&m, &d), 0);
    CHECK_EQ_UINT(slot_uid(&m, &d), 401016);
}

TEST(when_all_are_taken_nobody_is_given_a_second_one)
{
    static struct monitor m = {.options = &options};
    struct tenant *tenants = calloc(SLOT_COUNT, sizeof(*tenants));
    uint8_t *seen = calloc(SLOT_COUNT, 1);
    if (!CHECK(tenants != NULL && seen != NULL)) {
        return;
    }
    unsigned twice = 0;
    unsigned refused = 0;
    for (uint32_t i = 0; i < SLOT_COUNT; i++) {
        tenants[i] = tenant_of((uint64_t)i * i); /* many with the same remainder */
        refused += slot_take(&m, &tenants[i]) != 0;
        twice += seen[tenants[i].slot % SLOT_COUNT]++;
    }
    CHECK_EQ_INT(refused, 0);
    CHECK_EQ_INT(twice, 0);
    struct tenant late = tenant_of(1);
    CHECK_EQ_INT(slot_take(&m, &late), CB_ELIMIT);
    CHECK_EQ_UINT(late.slot, SLOT_NONE);
    slot_give_back(&m, &tenants[123]);
    CHECK_EQ_INT(slot_take(&m, &late), 0);
    free(tenants);
    free(seen);
}

/* --uid-base is the first of 61,000, and says so. */
TEST(uids_end_where_they_should)
{
    struct monitor m = {.options = &options};
    struct tenant t = {.slot = SLOT_COUNT - 1};
    CHECK_EQ_UINT(slot_uid(&m, &t) + TENANT_ROLES, 400000 + 61000);
}

TEST_MAIN()
