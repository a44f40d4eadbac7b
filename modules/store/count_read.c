/* count_read.c - the records of the list in COUNTERS, for whoever shows them. */
#include "ipc/codec.h"
#include "store/count.h"

int store_count_read(struct reader *r, struct span *tenant, struct store_count *out)
{
    *out = (struct store_count){.ended = 0};
    *tenant = ipc_read_text(r, IPC_NAME_MAX);
    uint32_t reasons = ipc_list_read(r, POLICY_REASON__COUNT);
    for (uint32_t i = 0; i < reasons && r->error == 0; i++) {
        uint8_t reason = reader_u8(r);
        uint64_t count = reader_u64(r);
        if (reason >= POLICY_REASON__COUNT) {
            r->error = CB_EMALFORMED;
        } else {
            out->reasons[reason] = count;
        }
    }
    out->request_bytes = reader_u64(r);
    out->response_bytes = reader_u64(r);
    out->scrubs = reader_u64(r);
    out->input_tokens = reader_u64(r);
    out->output_tokens = reader_u64(r);
    for (size_t i = 0; i < STORE_COUNT_BOUNDS; i++) {
        out->durations[i] = reader_u64(r);
    }
    out->duration_us = reader_u64(r);
    out->ended = reader_u64(r);
    return r->error;
}
