/* test_attempts.c - a million attempts at passwords, with a clock that the test moves: how many of them are judged, and who has to wait. */
#include "api/attempts.h"

#include "support/check.h"
#include "tls/seal.h"

#include <malloc.h>
#include <stdio.h>

#define MILLION   1000000U
#define ANN       SPAN_LIT("ann")
#define DEVICE    SPAN_LIT("the cookie of a device of ann's")
#define CELLS     ((uint64_t)ATTEMPTS_ROWS * ATTEMPTS_PLACES)
#define NOON_MS   UINT64_C(43200000)
#define MINUTE_MS 60000
#define LASTS_MS  100000 /* a million, ten each millisecond */

/* A guess: judged, and then it takes a try, or not. */
static bool guess(struct attempts *a, bool known, struct span whose, uint64_t now_ms)
{
    if (attempts_wait(a, known, whose, now_ms) != 0) {
        return false;
    }
    attempts_take(a, known, whose, now_ms);
    return true;
}

static struct span name_of(char text[32], const char *stem, unsigned i)
{
    (void)snprintf(text, 32, "%s%u", stem, i);
    return span_str(text);
}

static size_t allocated(void)
{
    return mallinfo2().uordblks;
}

static void begin(struct attempts *a)
{
    CHECK_EQ_INT(tls_init(), 0);
    attempts_init(a);
    (void)guess(a, false, SPAN_LIT("the first"), 1); /* what is only once allocated is */
}

/* Ann signs in now and then from where she was before, and is never told to wait. */
static void ann_is_served(struct attempts *a, uint64_t now_ms)
{
    CHECK_EQ_UINT(attempts_wait(a, true, DEVICE, now_ms), 0);
    attempts_take(a, true, DEVICE, now_ms);
}

/* Ann comes from where she never was, waits for as long as she is told, and is served. */
static void ann_waits_and_is_served(struct attempts *a, uint64_t now_ms)
{
    uint64_t wait_ms = attempts_wait(a, false, ANN, now_ms);
    CHECK(wait_ms <= ATTEMPTS_STEP_MS);
    CHECK(guess(a, false, ANN, now_ms + wait_ms));
}

TEST(a_million_guesses_of_one_name_are_a_few)
{
    struct attempts a;
    uint64_t now_ms = NOON_MS;
    unsigned judged = 0;
    begin(&a);
    size_t before = allocated();
    for (unsigned i = 0; i < MILLION; i++) {
        now_ms += i % 10 == 0 ? 1 : 0;
        judged += guess(&a, false, ANN, now_ms) ? 1 : 0;
        if (i % 100000 == 0) {
            ann_is_served(&a, now_ms);
        }
    }
    CHECK_EQ_UINT(judged, ATTEMPTS_BURST + (LASTS_MS - 1) / ATTEMPTS_STEP_MS);
    CHECK_EQ_UINT(allocated(), before);
    ann_waits_and_is_served(&a, now_ms);
}

TEST(a_million_guesses_of_a_million_names_are_not_many)
{
    struct attempts a;
    uint64_t now_ms = NOON_MS;
    uint64_t judged = 0;
    char text[32];
    begin(&a);
    size_t before = allocated();
    for (unsigned i = 0; i < MILLION; i++) {
        now_ms += i % 10 == 0 ? 1 : 0;
        judged += guess(&a, false, name_of(text, "name", i), now_ms) ? 1 : 0;
        if (i % 100000 == 0) {
            ann_is_served(&a, now_ms);
        }
    }
    CHECK(judged <= CELLS * (ATTEMPTS_BURST + LASTS_MS / ATTEMPTS_STEP_MS));
    CHECK(judged >= MILLION / 1000);
    CHECK_EQ_UINT(allocated(), before);
    ann_waits_and_is_served(&a, now_ms);
    /* And of the guesses of her own name none was added by those of others. */
    unsigned hers = 0;
    for (now_ms += 10 * MINUTE_MS; guess(&a, false, ANN, now_ms); hers++) {
    }
    CHECK_EQ_UINT(hers, ATTEMPTS_BURST);
}

TEST(a_million_guesses_as_fast_as_keys_are_made_slow_nobody_else)
{
    struct attempts a;
    uint64_t now_ms = NOON_MS;
    char text[32];
    begin(&a);
    for (unsigned i = 0; i < MILLION; i++) {
        now_ms += 100; /* more than the console makes of passwords */
        /* A thousand names, so that each is at its end; one after the other, over and over. */
        (void)guess(&a, false, name_of(text, "name", i % 1000), now_ms);
        if (i % 1000 == 0) {
            CHECK_EQ_UINT(attempts_wait(&a, false, ANN, now_ms), 0);
        }
    }
    CHECK(guess(&a, false, ANN, now_ms));
}

TEST(a_million_guesses_from_devices_that_are_known_take_nobody_elses)
{
    struct attempts a;
    uint64_t now_ms = NOON_MS;
    unsigned judged = 0;
    char text[32];
    begin(&a);
    for (unsigned i = 0; i < MILLION; i++) {
        now_ms += i % 10 == 0 ? 1 : 0;
        judged += guess(&a, true, name_of(text, "device", i % 10), now_ms) ? 1 : 0;
    }
    CHECK_EQ_UINT(judged, 10 * (ATTEMPTS_BURST + (LASTS_MS - 1) / ATTEMPTS_STEP_MS));
    CHECK_EQ_UINT(attempts_wait(&a, false, ANN, now_ms), 0);
    ann_is_served(&a, now_ms);
}

/* Which of a thousand names have to wait after so many guesses of others that the table is half full. */
static unsigned waiting(struct attempts *a, bool out[1000])
{
    unsigned count = 0;
    char text[32];
    for (unsigned i = 0; i < 5500; i++) {
        (void)guess(a, false, name_of(text, "name", i), NOON_MS);
    }
    for (unsigned i = 0; i < 1000; i++) {
        out[i] = attempts_wait(a, false, name_of(text, "other", i), NOON_MS) != 0;
        count += out[i] ? 1 : 0;
    }
    return count;
}

TEST(nobody_can_tell_which_names_share_a_place)
{
    struct attempts a;
    struct attempts b;
    bool of_a[1000];
    bool of_b[1000];
    begin(&a);
    begin(&b);
    unsigned count_a = waiting(&a, of_a);
    unsigned count_b = waiting(&b, of_b);
    CHECK(count_a > 0 && count_a < 1000 && count_b > 0 && count_b < 1000);
    CHECK(memcmp(of_a, of_b, sizeof(of_a)) != 0);
}

TEST_MAIN()
