/*
 * fuzz_client_hello.c - any bytes as what an agent sends to open TLS.
 *
 * The first byte is the length of the pieces less one; the rest is fed to a server session, piece by piece. Checked:
 * the session fails in the way that its header says and stays failed; and the server name that it reports is, byte by
 * byte, one that the bytes carry, found here by a reader of its own. So when the gate compares the name, it compares what
 * the client said: if policy takes the name, it is that name in lower case, and a name is never lost.
 */
#include <stdlib.h>
#include <time.h>

#include "policy/host.h"
#include "tls/seal.h"
#include "tls/session.h"
#include "wire/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NAMES_MAX 8
#define INPUT_MAX ((size_t)64 * 1024)

/* One tenant's CA and one leaf, made once. */
static struct {
    struct tls_server *server;
    struct tls_key *ca_key;
    struct tls_key *key;
    struct tls_leaf *leaf;
} world;

/* The server names of the hellos in a stream. */
struct names {
    struct span name[NAMES_MAX];
    size_t count;
    bool whole; /* the first hello was complete */
};

static void must(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void make_world(void)
{
    struct buf ca;
    struct buf public_key;
    struct buf leaf;
    uint64_t now_ms = (uint64_t)time(NULL) * 1000;
    uint64_t until_ms = 0;
    buf_init(&ca, TLS_CERT_DER_MAX);
    buf_init(&public_key, TLS_PUBLIC_KEY_MAX);
    buf_init(&leaf, TLS_CERT_DER_MAX);
    must(tls_init() == 0);
    world.server = tls_server_new();
    world.ca_key = tls_key_new();
    world.key = tls_key_new();
    must(world.server != NULL && world.ca_key != NULL && world.key != NULL);
    must(tls_ca_create(world.ca_key, "fuzz", now_ms, &ca) == 0);
    must(tls_key_public(world.key, &public_key) == 0);
    must(tls_ca_issue(world.ca_key, buf_span(&ca), SPAN_LIT("a.example"), buf_span(&public_key), now_ms, 3600,
                      &leaf, &until_ms) == 0);
    must(tls_leaf_new(buf_span(&leaf), buf_span(&ca), world.key, &world.leaf) == 0);
    buf_deinit(&ca);
    buf_deinit(&public_key);
    buf_deinit(&leaf);
}

/* Takes a vector with a length of `width` bytes in front (RFC 8446, 3.4). */
static struct reader vector(struct reader *r, size_t width)
{
    return reader_of(reader_take(r, (size_t)reader_uint(r, width)));
}

/* The host name of a hello's body, or an empty span (RFC 8446, 4.1.2; RFC 6066, 3). */
static struct span name_of(struct span body)
{
    struct reader r = reader_of(body);
    (void)reader_take(&r, 2 + 32);
    (void)vector(&r, 1); /* session id */
    (void)vector(&r, 2); /* suites */
    (void)vector(&r, 1); /* compression */
    struct reader extensions = vector(&r, 2);
    while (r.error == 0 && extensions.error == 0 && extensions.rest.len != 0) {
        uint16_t type = reader_u16(&extensions);
        struct reader extension = vector(&extensions, 2);
        struct reader list = vector(&extension, 2);
        while (type == 0 && extensions.error == 0 && list.error == 0 && list.rest.len != 0) {
            uint8_t kind = reader_u8(&list);
            struct reader name = vector(&list, 2);
            if (kind == 0 && list.error == 0) {
                return name.rest;
            }
        }
    }
    return SPAN_EMPTY;
}

/* Joins what the handshake records carry, into `joined`, and notes the name of each hello. Other records are skipped. */
static void find_names(struct span stream, struct buf *joined, struct names *out)
{
    struct reader records = reader_of(stream);
    *out = (struct names){.count = 0};
    while (records.rest.len != 0) {
        uint8_t type = reader_u8(&records);
        (void)reader_take(&records, 2);
        struct reader record = vector(&records, 2);
        if (records.error != 0) {
            break;
        }
        if (type == 22) {
            must(buf_append_span(joined, record.rest) == 0);
        }
    }
    struct reader messages = reader_of(buf_span(joined));
    while (messages.rest.len != 0 && out->count < NAMES_MAX) {
        uint8_t type = reader_u8(&messages);
        struct reader body = vector(&messages, 3);
        if (messages.error != 0) {
            break;
        }
        if (type == 1) {
            out->name[out->count++] = name_of(body.rest);
            out->whole = true;
        }
    }
}

static bool is_one_of(const struct names *names, struct span name)
{
    for (size_t i = 0; i < names->count; i++) {
        if (span_eq(names->name[i], name)) {
            return true;
        }
    }
    return false;
}

/* The server has answered with a hello that is no request for another one (RFC 8446, 4.1.3). */
static bool is_accepted(struct span output)
{
    static const uint8_t retry[] = {0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c,
                                    0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb,
                                    0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};
    struct reader r = reader_of(output);
    uint8_t record = reader_u8(&r);
    (void)reader_take(&r, 4);
    uint8_t message = reader_u8(&r);
    (void)reader_take(&r, 3 + 2);
    struct span random = reader_take(&r, sizeof(retry));
    return r.error == 0 && record == 22 && message == 2 && !span_eq(random, span_of(retry, sizeof(retry)));
}

/* What the gate does with the name, and that it is about the bytes that the client sent. */
static void check_name(struct span sni)
{
    struct policy_host host;
    if (policy_host_parse(sni, &host) != 0) {
        return; /* refused */
    }
    must(host.len == strlen(host.text));
    if (host.kind == POLICY_HOST_NAME) {
        must(span_eq_nocase(sni, span_of(host.text, host.len)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > INPUT_MAX) {
        return 0;
    }
    if (world.leaf == NULL) {
        make_world();
    }
    struct tls_session *session = NULL;
    size_t piece = (size_t)data[0] + 1;
    struct span stream = span_of(data + 1, size - 1);
    must(tls_session_new_server(world.server, world.leaf, &session) == 0);
    int r = CB_EAGAIN;
    for (size_t at = 0; r == CB_EAGAIN && at < stream.len; at += piece) {
        must(tls_session_feed(session, span_sub(stream, at, piece)) == 0);
        r = tls_session_handshake(session);
    }
    /* Nobody finishes a handshake without having read the server's part of it. */
    must(r == CB_EAGAIN || r == CB_ETLS);
    if (r == CB_ETLS) {
        struct span plain;
        must(tls_session_handshake(session) == CB_ETLS && tls_session_read(session, &plain) == CB_ETLS &&
             tls_session_write(session, SPAN_LIT("x")) == CB_ETLS && *tls_session_why(session) != '\0');
    }

    struct buf joined;
    struct names names;
    struct span sni = tls_session_sni(session);
    buf_init(&joined, INPUT_MAX);
    find_names(stream, &joined, &names);
    if (sni.len != 0) {
        must(is_one_of(&names, sni));
        check_name(sni);
    }
    if (is_accepted(buf_span(tls_session_output(session)))) {
        must(names.whole && is_one_of(&names, sni));
    }
    buf_deinit(&joined);
    tls_session_free(session);
    return 0;
}
