/* Audit records: one encoding for each, and nothing else is read. */
#include "store/audit_row.h"

#include <stdlib.h>

#include "policy/spec.h"
#include "policy/verdict.h"
#include "support/check.h"
#include "support/spec_make.h"
#include "wire/writer.h"

static const uint8_t request_id[IPC_REQUEST_ID_LEN] = "0123456789a";
static const uint8_t some_hash[IPC_HASH_LEN] = "a hash of thirty-two bytes here";

static struct store_audit_row decision(void)
{
    return (struct store_audit_row){.seq = UINT64_C(0x0102030405060708),
                                    .kind = STORE_AUDIT_DECISION,
                                    .tenant = SPAN_LIT("alice"),
                                    .tenant_id = 7,
                                    .request_id = span_of(request_id, sizeof(request_id)),
                                    .time_ms = 1800000000123,
                                    .reason = POLICY_REASON_NO_ROUTE_PATH,
                                    .route = SPAN_LIT("openai"),
                                    .credential = SPAN_LIT("key"),
                                    .method = SPAN_LIT("POST"),
                                    .scheme = SPEC_SCHEME_HTTP,
                                    .host = SPAN_LIT("[2001:db8::1]"),
                                    .port = 65535,
                                    .path = SPAN_LIT("/v1/chat"),
                                    .query_keys = SPAN_LIT("a,b")};
}

static struct store_audit_row outcome(void)
{
    return (struct store_audit_row){.seq = 1,
                                    .kind = STORE_AUDIT_OUTCOME,
                                    .tenant = SPAN_LIT("b"),
                                    .tenant_id = UINT64_MAX,
                                    .request_id = span_of(request_id, sizeof(request_id)),
                                    .time_ms = UINT64_MAX,
                                    .reason = POLICY_REASON_ROUTE,
                                    .status = 599,
                                    .request_bytes = 1,
                                    .response_bytes = UINT64_MAX,
                                    .first_byte_us = 2,
                                    .duration_us = 3,
                                    .scrubs = 2,
                                    .peer = SPAN_LIT("203.0.113.7:443")};
}

static struct store_audit_row change(void)
{
    return (struct store_audit_row){.seq = 2,
                                    .kind = STORE_AUDIT_CHANGE,
                                    .tenant = SPAN_LIT("alice"),
                                    .tenant_id = 7,
                                    .request_id = span_of(request_id, sizeof(request_id)),
                                    .time_ms = 1800000000123,
                                    .reason = POLICY_REASON_TENANT_SUSPENDED,
                                    .change = SPAN_LIT("suspended"),
                                    .by = SPAN_LIT("tripwire")};
}

static struct store_audit_row failure(void)
{
    struct store_audit_row row = outcome();
    row.reason = POLICY_REASON_UPSTREAM_CERTIFICATE;
    row.detail = SPAN_LIT("certificate: expired 2026-01-01");
    return row;
}

static struct store_audit_row detailed(void)
{
    struct store_audit_row row = change();
    row.change = SPAN_LIT("credential-set");
    row.detail = SPAN_LIT("openai");
    row.by = SPAN_LIT("admin:ada");
    return row;
}

static struct store_audit_row used(void)
{
    struct store_audit_row row = outcome();
    row.model = SPAN_LIT("gpt-5.5");
    row.input_tokens = 19;
    row.output_tokens = UINT64_MAX;
    return row;
}

static void check_same(const struct store_audit_row *a, const struct store_audit_row *b)
{
    CHECK_EQ_UINT(a->seq, b->seq);
    CHECK_EQ_INT(a->kind, b->kind);
    CHECK(span_eq(a->tenant, b->tenant));
    CHECK_EQ_UINT(a->tenant_id, b->tenant_id);
    CHECK(span_eq(a->request_id, b->request_id));
    CHECK_EQ_UINT(a->time_ms, b->time_ms);
    CHECK_EQ_UINT(a->reason, b->reason);
    CHECK(span_eq(a->route, b->route));
    CHECK(span_eq(a->credential, b->credential));
    CHECK(span_eq(a->method, b->method));
    CHECK_EQ_UINT(a->scheme, b->scheme);
    CHECK(span_eq(a->host, b->host));
    CHECK_EQ_UINT(a->port, b->port);
    CHECK(span_eq(a->path, b->path));
    CHECK(span_eq(a->query_keys, b->query_keys));
    CHECK_EQ_UINT(a->status, b->status);
    CHECK_EQ_UINT(a->request_bytes, b->request_bytes);
    CHECK_EQ_UINT(a->response_bytes, b->response_bytes);
    CHECK_EQ_UINT(a->first_byte_us, b->first_byte_us);
    CHECK_EQ_UINT(a->duration_us, b->duration_us);
    CHECK_EQ_UINT(a->scrubs, b->scrubs);
    CHECK(span_eq(a->peer, b->peer));
    CHECK(span_eq(a->change, b->change));
    CHECK(span_eq(a->by, b->by));
    CHECK(span_eq(a->detail, b->detail));
    CHECK(span_eq(a->model, b->model));
    CHECK_EQ_UINT(a->input_tokens, b->input_tokens);
    CHECK_EQ_UINT(a->output_tokens, b->output_tokens);
}

static struct buf encoded(const struct store_audit_row *row)
{
    struct buf out;
    buf_init(&out, STORE_AUDIT_ROW_MAX);
    CHECK_EQ_INT(store_audit_row_encode(row, &out), 0);
    return out;
}

/* Decodes from memory of exactly that size, so that a sanitizer sees any byte too many. */
static int decode_exactly(struct span bytes, struct store_audit_row *out)
{
    uint8_t *copy = make_or_die(malloc(bytes.len > 0 ? bytes.len : 1));
    memcpy(copy, bytes.ptr, bytes.len);
    int r = store_audit_row_decode(span_of(copy, bytes.len), out);
    free(copy);
    return r;
}

static void check_round_trip(const struct store_audit_row *row)
{
    struct store_audit_row back;
    struct buf first = encoded(row);
    if (CHECK_EQ_INT(store_audit_row_decode(buf_span(&first), &back), 0)) {
        check_same(&back, row);
        CHECK_EQ_UINT(back.hash.len, 0);
        struct buf second = encoded(&back);
        CHECK(span_eq(buf_span(&first), buf_span(&second)));
        buf_deinit(&second);
    }
    buf_deinit(&first);
}

TEST(round_trip)
{
    struct store_audit_row row = decision();
    check_round_trip(&row);
    row.route = row.credential = row.method = row.host = row.path = row.query_keys = SPAN_EMPTY;
    check_round_trip(&row);
    row = change();
    check_round_trip(&row);
    row = detailed();
    check_round_trip(&row);
    row = failure();
    check_round_trip(&row);
    row = used();
    check_round_trip(&row);
    row.detail = SPAN_LIT("closed early");
    check_round_trip(&row);
    row.model = SPAN_EMPTY;
    row.input_tokens = 0;
    check_round_trip(&row);
    row = outcome();
    check_round_trip(&row);
    row.peer = SPAN_EMPTY;
    check_round_trip(&row);
    for (uint8_t reason = 0; reason < POLICY_REASON__COUNT; reason++) {
        row.reason = reason;
        check_round_trip(&row);
    }
}

/* What was hashed once must be hashed the same way for ever. */
TEST(the_encoding_is_fixed)
{
    static const uint8_t want[] = "\x01\x02"                         /* version, outcome */
                                  "\x00\x00\x00\x00\x00\x00\x00\x01" /* seq */
                                  "\x00\x00\x00\x01"
                                  "b"
                                  "\xff\xff\xff\xff\xff\xff\xff\xff" /* tenant_id */
                                  "0123456789a\x00"
                                  "\xff\xff\xff\xff\xff\xff\xff\xff" /* time_ms */
                                  "\x00"                             /* reason */
                                  "\x02\x57"                         /* status */
                                  "\x00\x00\x00\x00\x00\x00\x00\x01"
                                  "\xff\xff\xff\xff\xff\xff\xff\xff"
                                  "\x00\x00\x00\x00\x00\x00\x00\x02"
                                  "\x00\x00\x00\x00\x00\x00\x00\x03"
                                  "\x00\x00\x00\x02" /* scrubs */
                                  "\x00\x00\x00\x0f"
                                  "203.0.113.7:443";
    struct store_audit_row row = outcome();
    struct buf got = encoded(&row);
    CHECK_EQ_BYTES(buf_span(&got).ptr, buf_len(&got), want, sizeof(want) - 1);
    buf_deinit(&got);
    row = decision();
    got = encoded(&row);
    static const uint8_t tail[] =
        "\x00\x00\x00\x06openai\x00\x00\x00\x03key\x00\x00\x00\x04POST\x01"
        "\x00\x00\x00\x0d[2001:db8::1]\xff\xff\x00\x00\x00\x08/v1/chat\x00\x00\x00\x03"
        "a,b";
    CHECK(span_ends(buf_span(&got), span_of(tail, sizeof(tail) - 1)));
    buf_deinit(&got);
    row = failure();
    got = encoded(&row);
    static const uint8_t detail[] = "\x00\x00\x00\x0f"
                                    "203.0.113.7:443\x00\x00\x00\x1f"
                                    "certificate: expired 2026-01-01";
    CHECK_EQ_UINT(buf_span(&got).ptr[0], 2);
    CHECK(span_ends(buf_span(&got), span_of(detail, sizeof(detail) - 1)));
    buf_deinit(&got);
    row = used();
    got = encoded(&row);
    static const uint8_t use[] = "203.0.113.7:443\x00\x00\x00\x00\x00\x00\x00\x07gpt-5.5"
                                 "\x00\x00\x00\x00\x00\x00\x00\x13"
                                 "\xff\xff\xff\xff\xff\xff\xff\xff";
    CHECK_EQ_UINT(buf_span(&got).ptr[0], 3);
    CHECK(span_ends(buf_span(&got), span_of(use, sizeof(use) - 1)));
    buf_deinit(&got);
}

static struct store_audit_row of_each_kind(int i)
{
    return i == 0 ? decision() : i == 1 ? outcome() : i == 2 ? change() : i == 3 ? failure() : used();
}

TEST(cut_at_every_byte_and_one_too_many)
{
    for (int i = 0; i < 5; i++) {
        struct store_audit_row row = of_each_kind(i);
        struct store_audit_row back = {.seq = 42};
        struct buf whole = encoded(&row);
        for (size_t len = 0; len < buf_len(&whole); len++) {
            CHECK_EQ_INT(decode_exactly(span_sub(buf_span(&whole), 0, len), &back), CB_ETRUNCATED);
            CHECK_EQ_UINT(back.seq, 42);
        }
        CHECK_EQ_INT(buf_append_byte(&whole, 0), 0);
        CHECK_EQ_INT(decode_exactly(buf_span(&whole), &back), CB_ETRAILING);
        buf_deinit(&whole);
    }
}

/* Whatever is read can be written, and gives the same bytes: there is no second encoding of a record. */
TEST(every_changed_byte_is_refused_or_another_record)
{
    unsigned refused = 0;
    unsigned other = 0;
    for (int i = 0; i < 5; i++) {
        struct store_audit_row row = of_each_kind(i);
        struct buf whole = encoded(&row);
        uint8_t *bytes = make_or_die(malloc(buf_len(&whole)));
        memcpy(bytes, buf_span(&whole).ptr, buf_len(&whole));
        for (size_t at = 0; at < buf_len(&whole); at++) {
            for (unsigned change = 1; change < 256; change++) {
                struct store_audit_row back;
                bytes[at] ^= (uint8_t)change;
                if (decode_exactly(span_of(bytes, buf_len(&whole)), &back) != 0) {
                    refused++;
                } else if (store_audit_row_decode(span_of(bytes, buf_len(&whole)), &back) == 0) {
                    struct buf again = encoded(&back);
                    if (!CHECK(span_eq(buf_span(&again), span_of(bytes, buf_len(&whole))))) {
                        printf("    byte %zu, change %u\n", at, change);
                    }
                    buf_deinit(&again);
                    other++;
                }
                bytes[at] ^= (uint8_t)change;
            }
        }
        free(bytes);
        buf_deinit(&whole);
    }
    CHECK(refused > 5000 && other > 5000);
}

static void check_refused(const struct store_audit_row *row, int code)
{
    struct buf out;
    buf_init(&out, STORE_AUDIT_ROW_MAX);
    CHECK_EQ_INT(store_audit_row_encode(row, &out), code);
    buf_deinit(&out);
}

TEST(values_that_are_refused)
{
    static const uint8_t zeroes[4096];
    const struct store_audit_row good = decision();
    const struct store_audit_row good_outcome = outcome();
    struct store_audit_row row;
    row = good, row.seq = 0, check_refused(&row, CB_EINVAL);
    row = good, row.kind = (enum store_audit_kind)0, check_refused(&row, CB_EINVAL);
    row = good, row.kind = (enum store_audit_kind)4, check_refused(&row, CB_EINVAL);
    row = good, row.tenant = SPAN_EMPTY, check_refused(&row, CB_EINVAL);
    row = good, row.request_id.len = 11, check_refused(&row, CB_EINVAL);
    row = good, row.request_id = span_of(zeroes, 13), check_refused(&row, CB_EINVAL);
    row = good, row.reason = POLICY_REASON__COUNT, check_refused(&row, CB_EINVAL);
    row = good, row.scheme = SPEC_SCHEME__COUNT, check_refused(&row, CB_EINVAL);
    row = good, row.tenant = span_of(zeroes, IPC_NAME_MAX + 1), check_refused(&row, CB_ELIMIT);
    row = good, row.route = span_of(zeroes, IPC_NAME_MAX + 1), check_refused(&row, CB_ELIMIT);
    row = good, row.credential = span_of(zeroes, IPC_NAME_MAX + 1), check_refused(&row, CB_ELIMIT);
    row = good, row.method = span_of(zeroes, 33), check_refused(&row, CB_ELIMIT);
    row = good, row.host = span_of(zeroes, IPC_HOST_MAX + 1), check_refused(&row, CB_ELIMIT);
    row = good, row.path = span_of(zeroes, IPC_AUDIT_PATH_MAX + 1), check_refused(&row, CB_ELIMIT);
    row = good, row.query_keys = span_of(zeroes, IPC_AUDIT_QUERY_MAX + 1), check_refused(&row, CB_ELIMIT);
    row = good, row.detail = SPAN_LIT("x"), check_refused(&row, CB_EINVAL); /* the others have one */
    row = failure(), row.detail = span_of(zeroes, IPC_AUDIT_DETAIL_MAX + 1), check_refused(&row, CB_ELIMIT);
    row = good, row.output_tokens = 1, check_refused(&row, CB_EINVAL);
    row = used(), row.model = span_of(zeroes, IPC_MODEL_MAX + 1), check_refused(&row, CB_ELIMIT);
    row = good_outcome, row.peer = span_of(zeroes, 65), check_refused(&row, CB_ELIMIT);
    row = change(), row.by = span_of(zeroes, STORE_AUDIT_BY_MAX + 1), check_refused(&row, CB_ELIMIT);
    row = change(), row.change = span_of(zeroes, STORE_AUDIT_WORD_MAX + 1), check_refused(&row, CB_ELIMIT);
}

/* The message's limits all at once still fit into a row of the table. */
TEST(the_largest_record)
{
    static const uint8_t zeroes[4096];
    struct store_audit_row row = decision();
    row.tenant = row.route = row.credential = span_of(zeroes, IPC_NAME_MAX);
    row.method = span_of(zeroes, 32);
    row.host = span_of(zeroes, IPC_HOST_MAX);
    row.path = span_of(zeroes, IPC_AUDIT_PATH_MAX);
    row.query_keys = span_of(zeroes, IPC_AUDIT_QUERY_MAX);
    check_round_trip(&row);
    struct buf out;
    buf_init(&out, 100);
    CHECK_EQ_INT(store_audit_row_encode(&row, &out), CB_ELIMIT);
    buf_deinit(&out);
}

TEST(versions)
{
    struct store_audit_row row = decision();
    struct store_audit_row back;
    struct buf whole = encoded(&row);
    uint8_t bytes[512];
    memcpy(bytes, buf_span(&whole).ptr, buf_len(&whole));
    for (unsigned version = 0; version < 256; version++) {
        bytes[0] = (uint8_t)version;
        CHECK_EQ_INT(store_audit_row_decode(span_of(bytes, buf_len(&whole)), &back),
                     version == 1                   ? 0
                     : version == 2 || version == 3 ? CB_ETRUNCATED /* a detail is missing */
                                                    : CB_EUNSUPPORTED);
    }
    /* A detail that is there and empty, and one behind a decision. */
    CHECK_EQ_INT(buf_append(&whole, "\0\0\0\1x", 5), 0);
    memcpy(bytes, buf_span(&whole).ptr, buf_len(&whole));
    bytes[0] = 2;
    CHECK_EQ_INT(store_audit_row_decode(span_of(bytes, buf_len(&whole)), &back), CB_EMALFORMED);
    buf_deinit(&whole);
    row = outcome();
    whole = encoded(&row);
    CHECK_EQ_INT(buf_append(&whole, "\0\0\0\0", 4), 0);
    memcpy(bytes, buf_span(&whole).ptr, buf_len(&whole));
    bytes[0] = 2;
    CHECK_EQ_INT(store_audit_row_decode(span_of(bytes, buf_len(&whole)), &back), CB_EMALFORMED);
    /* And a use that says nothing. */
    static const uint8_t none[20] = {0};
    CHECK_EQ_INT(buf_append(&whole, none, sizeof(none)), 0);
    memcpy(bytes, buf_span(&whole).ptr, buf_len(&whole));
    bytes[0] = 3;
    CHECK_EQ_INT(store_audit_row_decode(span_of(bytes, buf_len(&whole)), &back), CB_EMALFORMED);
    buf_deinit(&whole);
}

TEST(reading_a_list)
{
    struct buf list;
    struct store_audit_row a = decision();
    struct store_audit_row b = outcome();
    struct store_audit_row got;
    struct buf first = encoded(&a);
    struct buf second = encoded(&b);
    buf_init(&list, 4096);
    struct writer w = writer_to(&list);
    writer_bytes(&w, buf_span(&first), STORE_AUDIT_ROW_MAX);
    writer_raw(&w, some_hash, sizeof(some_hash));
    writer_bytes(&w, buf_span(&second), STORE_AUDIT_ROW_MAX);
    writer_raw(&w, some_hash, sizeof(some_hash));
    CHECK_EQ_INT(writer_finish(&w), 0);

    struct reader r = reader_of(buf_span(&list));
    CHECK_EQ_INT(store_audit_row_read(&r, &got), 0);
    check_same(&got, &a);
    CHECK_EQ_BYTES(got.hash.ptr, got.hash.len, some_hash, sizeof(some_hash));
    CHECK_EQ_INT(store_audit_row_read(&r, &got), 0);
    check_same(&got, &b);
    CHECK_EQ_INT(reader_finish(&r), 0);
    CHECK_EQ_INT(store_audit_row_read(&r, &got), CB_ETRUNCATED);
    CHECK_EQ_INT(store_audit_row_read(&r, &got), CB_ETRUNCATED);

    /* Without its hash, and with bytes that are no record. */
    r = reader_of(span_sub(buf_span(&list), 0, buf_len(&list) - 1));
    CHECK_EQ_INT(store_audit_row_read(&r, &got), 0);
    CHECK_EQ_INT(store_audit_row_read(&r, &got), CB_ETRUNCATED);
    buf_reset(&list);
    w = writer_to(&list);
    writer_bytes(&w, SPAN_LIT("\x01\x01 not a record"), 100);
    writer_raw(&w, some_hash, sizeof(some_hash));
    writer_bytes(&w, buf_span(&second), STORE_AUDIT_ROW_MAX);
    writer_raw(&w, some_hash, sizeof(some_hash));
    r = reader_of(buf_span(&list));
    int error = store_audit_row_read(&r, &got);
    CHECK(error < 0);
    CHECK_EQ_INT(store_audit_row_read(&r, &got), error);
    buf_deinit(&list);
    buf_deinit(&first);
    buf_deinit(&second);
}

TEST_MAIN()
