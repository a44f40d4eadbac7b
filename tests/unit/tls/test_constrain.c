/* test_constrain.c - name constraints as they are written, read back, and evaluated. */
#include "support/check.h"
#include "tls/cert.h"
#include "tls/constraints.h"
#include "tls/seal.h"

/* Whether a certificate with one alternative name is within the constraints. */
static bool permits(const struct buf *constraints, uint8_t tag, const void *value, size_t len)
{
    static const uint8_t no_subject[] = {0x30, 0};
    uint8_t alt[64] = {0x30, (uint8_t)(len + 2), tag, (uint8_t)len};
    unsigned budget = TLS_CONSTRAINTS_BUDGET;
    memcpy(alt + 4, value, len);
    struct tls_names names = {.subject = span_of(no_subject, sizeof(no_subject)),
                              .alt_names = span_of(alt, len + 4)};
    return tls_constraints_check(buf_span(constraints), &names, &budget) == NULL;
}

static bool permits_name(const struct buf *constraints, const char *name)
{
    return permits(constraints, 0x82, name, strlen(name));
}

TEST(names_permit_themselves_and_no_address)
{
    static const uint8_t wanted[] = {
        0x30, 0x41, 0xa0, 0x0d, 0x30, 0x0b, 0x82, 0x09, 'a', '.', 'e', 'x', 'a', 'm', 'p',  'l',  'e',
        0xa1, 0x30, 0x30, 0x0a, 0x87, 0x08, 0,    0,    0,   0,   0,   0,   0,   0,   0x30, 0x22, 0x87,
        0x20, 0,    0,    0,    0,    0,    0,    0,    0,   0,   0,   0,   0,   0,   0,    0,    0,
        0,    0,    0,    0,    0,    0,    0,    0,    0,   0,   0,   0,   0,   0,   0,    0};
    const uint8_t address[4] = {192, 0, 2, 1};
    struct buf out;
    buf_init(&out, 4096);
    CHECK_EQ_INT(tls_constraints_write(SPAN_LIT("a.example\n"), &out), 0);
    CHECK(span_eq(buf_span(&out), span_of(wanted, sizeof(wanted))));
    CHECK(permits_name(&out, "a.example") && permits_name(&out, "x.a.example"));
    CHECK(!permits_name(&out, "b.example") && !permits_name(&out, "example"));
    CHECK(!permits(&out, 0x87, address, sizeof(address)));
    buf_deinit(&out);
}

TEST(addresses_permit_themselves_and_no_name)
{
    const uint8_t address[4] = {192, 0, 2, 1};
    const uint8_t next[4] = {192, 0, 2, 2};
    uint8_t six[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
    struct buf out;
    buf_init(&out, 4096);
    CHECK_EQ_INT(tls_constraints_write(SPAN_LIT("192.0.2.1\n2001:db8::1\n"), &out), 0);
    CHECK(permits(&out, 0x87, address, sizeof(address)) && !permits(&out, 0x87, next, sizeof(next)));
    CHECK(permits(&out, 0x87, six, sizeof(six)));
    six[15] = 2;
    CHECK(!permits(&out, 0x87, six, sizeof(six)));
    CHECK(!permits_name(&out, "a.example"));
    buf_reset(&out);
    CHECK_EQ_INT(tls_constraints_write(SPAN_EMPTY, &out), 0);
    CHECK(!permits_name(&out, "a.example") && !permits(&out, 0x87, address, sizeof(address)));
    buf_deinit(&out);
}

TEST(a_ca_carries_them)
{
    struct buf wanted;
    struct buf found;
    struct buf ca;
    struct buf plain;
    CHECK_EQ_INT(tls_init(), 0);
    struct tls_key *key = tls_key_new();
    buf_init(&wanted, 4096);
    buf_init(&found, 4096);
    buf_init(&ca, 4096);
    buf_init(&plain, 4096);
    CHECK_EQ_INT(tls_constraints_write(SPAN_LIT("a.example\nb.example\n"), &wanted), 0);
    CHECK_EQ_INT(tls_ca_create_for(key, "alice", buf_span(&wanted), 1800000000000, &ca), 0);
    CHECK_EQ_INT(tls_cert_constraints(buf_span(&ca), &found), 0);
    CHECK(span_eq(buf_span(&found), buf_span(&wanted)));
    buf_reset(&found);
    CHECK_EQ_INT(tls_ca_create(key, "alice", 1800000000000, &plain), 0);
    CHECK_EQ_INT(tls_cert_constraints(buf_span(&plain), &found), 0);
    CHECK_EQ_INT(buf_len(&found), 0);
    CHECK_EQ_INT(tls_cert_constraints(SPAN_LIT("none"), &found), CB_ECERT);
    tls_key_free(key);
    buf_deinit(&wanted);
    buf_deinit(&found);
    buf_deinit(&ca);
    buf_deinit(&plain);
}

TEST(what_does_not_fit_is_refused)
{
    struct buf names;
    struct buf out;
    buf_init(&names, 8192);
    buf_init(&out, 8192);
    for (unsigned i = 0; i < 400; i++) {
        CHECK_EQ_INT(buf_appendf(&names, "host-%u.example\n", i), 0);
    }
    CHECK_EQ_INT(tls_constraints_write(buf_span(&names), &out), CB_ELIMIT);
    CHECK_EQ_INT(tls_constraints_write(SPAN_LIT("\n"), &out), CB_EINVAL);
    CHECK_EQ_INT(buf_len(&out), 0);
    buf_deinit(&names);
    buf_deinit(&out);
}

TEST_MAIN()
