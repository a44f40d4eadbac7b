/*
 * kdf.c - keys from passwords: one at a time, and half of the time for everybody else.
 *
 * argon2id takes 64 MiB and a good part of a second by intent, and whoever reaches the listener can ask for it. So there are queues with
 * an end, one of those who are signed in or whose browser has been before, which comes first, and one of strangers, who take no place in
 * the other; and after each key this process rests for as long as it took.
 */
#include "console/state.h"

#include "base/clock.h"
#include "base/log.h"
#include "tls/seal.h"

#define KDF_WAITING_MAX 16 /* of each of the two */
#define KDF_PASSES_MAX  8
#define KDF_KIB_MAX     ((uint32_t)256 * 1024)

static void compute(struct kdf_job *job)
{
    job->result = passphrase_master(job->password, job->kdf, &job->key);
    if (job->result != 0) {
        log_error_r(job->result, "a key cannot be made of a password");
    }
}

static void next(void *arg)
{
    struct console *console = arg;
    struct kdf_queue *queue = console->kdf_known.count != 0 ? &console->kdf_known : &console->kdf_strangers;
    if (queue->count == 0) {
        return;
    }
    struct kdf_job *job = LIST_ENTRY(queue->jobs.next, struct kdf_job, link);
    kdf_cancel(job);
    uint64_t begun_us = clock_mono_us();
    compute(job);
    uint64_t took_ms = (clock_mono_us() - begun_us) / 1000 + 1;
    console->kdf_rests = true;
    net_timer_start(console->kdf_timer, took_ms, 0);
    job->done(job->browser);
}

static void on_timer(void *arg)
{
    struct console *console = arg;
    console->kdf_rests = false;
    next(console);
}

int kdf_begin(struct console *console)
{
    list_init(&console->kdf_known.jobs);
    list_init(&console->kdf_strangers.jobs);
    console->kdf_timer = net_timer_new(console->loop, on_timer, console);
    return console->kdf_timer != NULL ? 0 : CB_ENOMEM;
}

int kdf_ask(struct console *console, struct kdf_job *job, bool known)
{
    struct kdf_queue *queue = known ? &console->kdf_known : &console->kdf_strangers;
    if (job->kdf->passes > KDF_PASSES_MAX || job->kdf->kib > KDF_KIB_MAX) {
        return CB_ELIMIT;
    }
    if (queue->count >= KDF_WAITING_MAX) {
        return CB_EBUSY;
    }
    list_push_back(&queue->jobs, &job->link);
    queue->count++;
    job->queue = queue;
    if (!console->kdf_rests) {
        console->kdf_rests = true;
        net_timer_start(console->kdf_timer, 0, 0); /* not from inside this call */
    }
    return 0;
}

void kdf_cancel(struct kdf_job *job)
{
    if (job->queue != NULL) {
        list_remove(&job->link);
        job->queue->count--;
        job->queue = NULL;
    }
}
