/* test_spec_code.c - the encoding: round trip, cut anywhere, changed anywhere, over its bounds. */
#include "policy/spec.h"

#include "support/check.h"
#include "support/spec_make.h"
#include "wire/writer.h"

#define VERSION 3 /* of the encoding */

static void same_list(char **a, size_t a_count, char **b, size_t b_count)
{
    if (CHECK_EQ_UINT(a_count, b_count)) {
        for (size_t i = 0; i < a_count; i++) {
            CHECK_EQ_STR(a[i], b[i]);
        }
    }
}

static void same_fields(const struct spec_field *a, size_t a_count, const struct spec_field *b,
                        size_t b_count)
{
    if (CHECK_EQ_UINT(a_count, b_count)) {
        for (size_t i = 0; i < a_count; i++) {
            CHECK_EQ_STR(a[i].name, b[i].name);
            CHECK_EQ_STR(a[i].value, b[i].value);
        }
    }
}

static void same_route(const struct spec_route *a, const struct spec_route *b)
{
    CHECK_EQ_STR(a->name, b->name);
    CHECK_EQ_STR(a->provider, b->provider);
    CHECK_EQ_INT(a->action, b->action);
    CHECK_EQ_INT(a->scheme, b->scheme);
    CHECK_EQ_STR(a->host, b->host);
    CHECK_EQ_UINT(a->port, b->port);
    same_list(a->methods, a->method_count, b->methods, b->method_count);
    same_list(a->paths, a->path_count, b->paths, b->path_count);
    CHECK_EQ_INT(a->inject, b->inject);
    same_fields(a->headers, a->header_count, b->headers, b->header_count);
    same_fields(a->extras, a->extra_count, b->extras, b->extra_count);
    CHECK_EQ_STR(a->user, b->user);
    CHECK_EQ_STR(a->parameter, b->parameter);
    CHECK_EQ_STR(a->service, b->service);
    CHECK_EQ_STR(a->region, b->region);
    if (CHECK((a->path_marks != NULL) == (b->path_marks != NULL)) && a->path_marks != NULL) {
        CHECK_EQ_MEM(a->path_marks, b->path_marks, a->path_count * sizeof(*a->path_marks));
    }
    same_list(a->place_headers.items, a->place_headers.count, b->place_headers.items, b->place_headers.count);
    same_list(a->place_query.items, a->place_query.count, b->place_query.items, b->place_query.count);
    same_list(a->pass_headers.items, a->pass_headers.count, b->pass_headers.items, b->pass_headers.count);
    same_list(a->pass_query.items, a->pass_query.count, b->pass_query.items, b->pass_query.count);
    if (CHECK_EQ_UINT(a->kube_rule_count, b->kube_rule_count)) {
        for (size_t i = 0; i < a->kube_rule_count; i++) {
            const struct spec_kube_rule *x = &a->kube_rules[i];
            const struct spec_kube_rule *y = &b->kube_rules[i];
            same_list(x->namespaces.items, x->namespaces.count, y->namespaces.items, y->namespaces.count);
            same_list(x->verbs.items, x->verbs.count, y->verbs.items, y->verbs.count);
            same_list(x->resources.items, x->resources.count, y->resources.items, y->resources.count);
        }
    }
    CHECK_EQ_STR(a->credential, b->credential);
    CHECK_EQ_INT(a->placeholder_required, b->placeholder_required);
    CHECK_EQ_INT(a->insecure, b->insecure);
    CHECK_EQ_INT(a->websocket, b->websocket);
    CHECK_EQ_STR(a->upstream_address, b->upstream_address);
    CHECK_EQ_UINT(a->upstream_port, b->upstream_port);
    CHECK_EQ_STR(a->upstream_ca, b->upstream_ca);
    CHECK_EQ_INT(a->token.grant, b->token.grant);
    CHECK_EQ_STR(a->token.host, b->token.host);
    CHECK_EQ_UINT(a->token.port, b->token.port);
    CHECK_EQ_STR(a->token.path, b->token.path);
    CHECK_EQ_STR(a->token.client_id, b->token.client_id);
    CHECK_EQ_STR(a->token.scope, b->token.scope);
    CHECK_EQ_STR(a->token.audience, b->token.audience);
    CHECK_EQ_STR(a->token.subject, b->token.subject);
    CHECK_EQ_INT(a->token.client_in_body, b->token.client_in_body);
    CHECK_EQ_INT(a->token.answers, b->token.answers);
    CHECK_EQ_STR(a->token.address, b->token.address);
    CHECK_EQ_UINT(a->token.address_port, b->token.address_port);
    CHECK_EQ_STR(a->token.ca, b->token.ca);
    same_list(a->upstream_pins.items, a->upstream_pins.count, b->upstream_pins.items, b->upstream_pins.count);
    CHECK_EQ_STR(a->upstream_credential, b->upstream_credential);
}

static void same_spec(const struct spec *a, const struct spec *b)
{
    CHECK_EQ_STR(a->tenant, b->tenant);
    CHECK_EQ_UINT(a->limits.requests_per_minute, b->limits.requests_per_minute);
    CHECK_EQ_UINT(a->limits.concurrent, b->limits.concurrent);
    CHECK_EQ_UINT(a->limits.request_bytes, b->limits.request_bytes);
    CHECK_EQ_INT(a->limits.tripwire_suspends, b->limits.tripwire_suspends);
    CHECK_EQ_INT(a->name_constraints, b->name_constraints);
    if (CHECK_EQ_UINT(a->credential_count, b->credential_count)) {
        for (size_t i = 0; i < a->credential_count; i++) {
            CHECK_EQ_STR(a->credentials[i].name, b->credentials[i].name);
            CHECK_EQ_STR(a->credentials[i].env, b->credentials[i].env);
            CHECK_EQ_STR(a->credentials[i].shape, b->credentials[i].shape);
        }
    }
    if (CHECK_EQ_UINT(a->route_count, b->route_count)) {
        for (size_t i = 0; i < a->route_count; i++) {
            same_route(&a->routes[i], &b->routes[i]);
        }
    }
}

static void round_trip(struct spec *spec)
{
    struct buf encoded;
    struct buf again;
    struct spec *back = NULL;
    buf_init(&encoded, SPEC_ENCODED_MAX);
    buf_init(&again, SPEC_ENCODED_MAX);
    CHECK_EQ_INT(spec_encode(spec, &encoded), 0);
    if (CHECK_EQ_INT(spec_decode(buf_span(&encoded), &back), 0)) {
        same_spec(spec, back);
        CHECK_EQ_INT(spec_encode(back, &again), 0);
        CHECK(span_eq(buf_span(&encoded), buf_span(&again)));
    }
    spec_free(back);
    spec_free(spec);
    buf_deinit(&encoded);
    buf_deinit(&again);
}

/* The full spec's encoding; the caller frees. */
static void encode_full(struct buf *out)
{
    struct spec *spec = make_full_spec();
    buf_init(out, SPEC_ENCODED_MAX);
    CHECK_EQ_INT(spec_encode(spec, out), 0);
    spec_free(spec);
}

TEST(round_trips)
{
    round_trip(make_full_spec());
    round_trip(make_spec("a"));
    struct spec *many = make_spec("alice");
    for (unsigned i = 0; i < SPEC_ROUTES_MAX; i++) {
        char name[32];
        char destination[64];
        (void)snprintf(name, sizeof(name), "route-%u", i);
        (void)snprintf(destination, sizeof(destination), "https://h%u.example.com:%u", i, i + 1);
        make_route(many, name, destination, "GET", "/a /b");
    }
    round_trip(many);
}

TEST(cut_at_each_byte)
{
    struct buf encoded;
    encode_full(&encoded);
    struct span all = buf_span(&encoded);
    for (size_t len = 0; len < all.len; len++) {
        /* A block of exactly the size, so that a sanitizer sees a read past the end. */
        uint8_t *copy = (uint8_t *)make_or_die(malloc(len != 0 ? len : 1));
        struct spec *spec = NULL;
        memcpy(copy, all.ptr, len);
        CHECK_EQ_INT(spec_decode(span_of(copy, len), &spec), CB_ETRUNCATED);
        CHECK(spec == NULL);
        free(copy);
    }
    buf_deinit(&encoded);
}

TEST(trailing_bytes)
{
    struct buf encoded;
    struct spec *spec = NULL;
    encode_full(&encoded);
    CHECK_EQ_INT(buf_append_byte(&encoded, 0), 0);
    CHECK_EQ_INT(spec_decode(buf_span(&encoded), &spec), CB_ETRAILING);
    CHECK(spec == NULL);
    buf_deinit(&encoded);
}

/* Each byte in turn takes every value: what decodes is valid and has exactly these bytes as its encoding. */
TEST(changed_at_each_byte)
{
    struct buf encoded;
    unsigned accepted = 0;
    encode_full(&encoded);
    size_t len = buf_len(&encoded);
    uint8_t *copy = (uint8_t *)make_or_die(malloc(len));
    memcpy(copy, buf_span(&encoded).ptr, len);
    for (size_t i = 0; i < len; i++) {
        uint8_t was = copy[i];
        for (unsigned value = 0; value < 256; value += i % 7 == 0 ? 1 : 17) {
            struct spec *spec = NULL;
            copy[i] = (uint8_t)value;
            if (spec_decode(span_of(copy, len), &spec) != 0) {
                continue;
            }
            struct buf again;
            buf_init(&again, SPEC_ENCODED_MAX);
            accepted++;
            if (spec_encode(spec, &again) != 0 || !span_eq(buf_span(&again), span_of(copy, len))) {
                CHECK_EQ_UINT(i, SIZE_MAX);
            }
            buf_deinit(&again);
            spec_free(spec);
        }
        copy[i] = was;
    }
    CHECK(accepted > 100);
    free(copy);
    buf_deinit(&encoded);
}

TEST(version)
{
    struct buf encoded;
    struct spec *spec = NULL;
    encode_full(&encoded);
    CHECK_EQ_UINT(encoded.data[encoded.start], VERSION);
    encoded.data[encoded.start] = VERSION + 1;
    CHECK_EQ_INT(spec_decode(buf_span(&encoded), &spec), CB_EUNSUPPORTED);
    encoded.data[encoded.start] = 0;
    CHECK_EQ_INT(spec_decode(buf_span(&encoded), &spec), CB_EUNSUPPORTED);
    CHECK(spec == NULL);
    buf_deinit(&encoded);
}

static int decode_start(uint16_t credentials, uint16_t routes)
{
    struct buf out;
    struct spec *spec = NULL;
    buf_init(&out, 4096);
    struct writer w = writer_to(&out);
    writer_u8(&w, VERSION);
    writer_bytes(&w, SPAN_LIT("a"), 10);
    writer_u32(&w, 0);
    writer_u32(&w, 0);
    writer_u64(&w, 0);
    writer_bool(&w, false);
    writer_bool(&w, false);
    writer_u16(&w, credentials);
    writer_u16(&w, routes);
    CHECK_EQ_INT(writer_finish(&w), 0);
    int r = spec_decode(buf_span(&out), &spec);
    spec_free(spec);
    buf_deinit(&out);
    return r;
}

TEST(counts)
{
    CHECK_EQ_INT(decode_start(0, 0), 0);
    CHECK_EQ_INT(decode_start(0, 1), CB_ETRUNCATED);
    CHECK_EQ_INT(decode_start(1, 0), CB_ETRUNCATED);
    CHECK_EQ_INT(decode_start(65535, 65535), CB_ETRUNCATED);
    /* A count beyond the bound, with enough bytes behind it, stops at the bound. */
    struct buf out;
    struct spec *spec = NULL;
    buf_init(&out, SPEC_ENCODED_MAX);
    struct writer w = writer_to(&out);
    writer_u8(&w, VERSION);
    writer_bytes(&w, SPAN_LIT("a"), 10);
    writer_u32(&w, 0);
    writer_u32(&w, 0);
    writer_u64(&w, 0);
    writer_bool(&w, false);
    writer_bool(&w, false);
    writer_u16(&w, SPEC_ROUTES_MAX + 1);
    for (unsigned i = 0; i <= SPEC_ROUTES_MAX; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "c%u", i);
        writer_bytes(&w, span_str(name), 16);
        writer_u16(&w, 0);
    }
    writer_u16(&w, 0);
    CHECK_EQ_INT(writer_finish(&w), 0);
    CHECK_EQ_INT(spec_decode(buf_span(&out), &spec), CB_ELIMIT);
    buf_deinit(&out);
    uint8_t *large = (uint8_t *)make_or_die(calloc(1, SPEC_ENCODED_MAX + 1));
    CHECK_EQ_INT(spec_decode(span_of(large, SPEC_ENCODED_MAX + 1), &spec), CB_ELIMIT);
    CHECK(spec == NULL);
    free(large);
}

TEST(texts_hold_no_nul)
{
    struct buf encoded;
    struct spec *spec = NULL;
    encode_full(&encoded);
    uint8_t *ca = memmem(encoded.data, encoded.end, "MA==", 4);
    if (CHECK(ca != NULL)) {
        ca[1] = '\0';
        CHECK_EQ_INT(spec_decode(buf_span(&encoded), &spec), CB_EMALFORMED);
    }
    buf_deinit(&encoded);
}

TEST(output_limits)
{
    struct spec *spec = make_full_spec();
    struct buf small;
    buf_init(&small, 50);
    CHECK_EQ_INT(buf_append_str(&small, "x"), 0);
    CHECK_EQ_INT(spec_encode(spec, &small), CB_ELIMIT);
    CHECK(span_eq_str(buf_span(&small), "x"));
    buf_deinit(&small);
    spec_free(spec);
    /* More CA text than an encoding may have. */
    spec = make_spec("alice");
    char *ca = (char *)make_or_die(malloc(SPEC_CA_MAX));
    memset(ca, 'a', SPEC_CA_MAX - 1);
    ca[SPEC_CA_MAX - 1] = '\0';
    for (unsigned i = 0; i < 33; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "r%u", i);
        make_route(spec, name, "https://a.example:1", "GET", "")->upstream_ca = make_text(ca);
    }
    struct buf out;
    buf_init(&out, SIZE_MAX);
    CHECK_EQ_INT(spec_encode(spec, &out), CB_ELIMIT);
    CHECK_EQ_UINT(buf_len(&out), 0);
    buf_deinit(&out);
    free(ca);
    spec_free(spec);
}

TEST_MAIN()
