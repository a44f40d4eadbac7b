/*
 * audit_row.h - one record of the audit and its canonical encoding.
 *
 * The encoding is what the hash chain is made of, so there is exactly one for each record: a version byte, the kind, seq, then every
 * field of that kind in the order of the struct (numbers big-endian, texts with a 32-bit length).
 */
#ifndef CB_STORE_AUDIT_ROW_H
#define CB_STORE_AUDIT_ROW_H

#include "base/buf.h"
#include "ipc/msgs.h"
#include "wire/reader.h"

#define STORE_AUDIT_ROW_MAX  8192
#define STORE_AUDIT_WORD_MAX 32
#define STORE_AUDIT_BY_MAX   64

enum store_audit_kind { STORE_AUDIT_DECISION = 1, STORE_AUDIT_OUTCOME = 2, STORE_AUDIT_CHANGE = 3 };

/* All spans borrow. Fields of the other kind are empty and zero. */
struct store_audit_row {
    uint64_t seq; /* given by store_audit_append() */
    enum store_audit_kind kind;
    struct span tenant;
    uint64_t tenant_id;
    struct span request_id; /* IPC_REQUEST_ID_LEN bytes; of a change: zeroes when no request caused it */
    uint64_t time_ms;
    uint8_t reason; /* enum policy_reason */
    /* a decision */
    struct span route;
    struct span credential;
    struct span method;
    uint8_t scheme; /* enum spec_scheme */
    struct span host;
    uint16_t port;
    struct span path;
    struct span query_keys;
    /* an outcome */
    uint16_t status;
    uint64_t request_bytes;
    uint64_t response_bytes;
    uint64_t first_byte_us;
    uint64_t duration_us;
    uint32_t scrubs; /* times that the credential was taken out of the answer */
    struct span peer;
    struct span detail; /* what stood behind the reason; of a change: of what it is */
    struct span model;  /* of an outcome: as the provider reported it */
    uint64_t input_tokens;
    uint64_t output_tokens;
    /* a change that is not a request, of the tenant, or of nobody in particular ("-"): its reason is ROUTE, or why requests are refused from now on */
    struct span change; /* "suspended", "resumed", ... */
    struct span
        by; /* "socket", "token:NAME", "admin:NAME", "link", "tripwire"; records of older versions: "administrator" */
    /* of the chain; set by store_audit_row_read(), not part of the encoding */
    struct span hash; /* IPC_HASH_LEN bytes */
};

/* Appends the encoding. CB_EINVAL for an unknown kind, reason, scheme or a request id of another length; CB_ELIMIT. */
CB_MUST_USE int store_audit_row_encode(const struct store_audit_row *row, struct buf *out);
/* Reads an encoding; spans point into it. Refuses whatever encode() would not have written. */
CB_MUST_USE int store_audit_row_decode(struct span encoded, struct store_audit_row *out);

/*
 * The list in AUDIT_ROWS: a u32 count, then for each record: bytes encoding, 32 bytes hash. Read the count with
 * ipc_list_read(), then so many records with this. 0 or the reader's error, which latches.
 */
CB_MUST_USE int store_audit_row_read(struct reader *r, struct store_audit_row *out);

#endif
