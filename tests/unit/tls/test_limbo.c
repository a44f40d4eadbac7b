/*
 * test_limbo.c - the certificate chains of x509-limbo (server authentication), where that data is there.
 *
 * Each chain is judged as the client's session has mbedTLS judge it; where the data has the leaf's key, a session also
 * shakes hands with a server that presents the chain, and has to come to the same verdict. What we answer otherwise
 * than the data wants stands in `differences` with its reason; a difference that is not there, or one there that is none
 * any more, fails the test.
 */
#include <mbedtls/platform.h>
#include <stdlib.h>
#include <time.h>

#include "support/check.h"
#include "support/json_scan.h"
#include "tls/internal.h"
#include "tls/seal.h"
#include "tls/session.h"

/* ---- differences ---- */

/* accepted though the data wants it refused */
#define NO_REVOCATION "revocation lists are not read: clawbox has no way to fetch them"
#define NO_DEPTH      "there is no setting for the depth of a chain: mbedTLS's limit of 8 issuers holds"
#define NO_KEY_ID                                                                                            \
    "what a CA has to put into certificates so that paths are found; RFC 5280, 6, does not validate by it, " \
    "and private CAs often leave it out"
#define AS_IT_IS  "whoever configured a trust anchor vouches for it as it is: RFC 5280, 6.1.1 d"
#define CN_UNUSED "the subject's common name is never looked at, so it cannot be wrong"
#define ISSUANCE  "a rule for issuing public certificates; a client is no safer by refusing"
#define NO_EKU    "RFC 5280, 4.2.1.12: without extended key usage any use; private CAs often leave it out"
#define PLATFORM \
    "a platform's suffix, not a registry's: S3, Azure and others serve their customers' names with just such a certificate"
#define SERIAL_0 "RFC 5280, 4.1.2.2: who uses certificates should be prepared for a serial number of zero"
#define NOT_CRITICAL \
    "the constraints hold all the same; the same data wants it accepted of public CAs, some of which have such roots"
#define UNDERSCORE \
    "hosts with an underscore exist and routes may name them; only the very same name matches it"
/* refused though the data wants it accepted */
#define NO_CA_LEAF   "stricter on purpose: a CA's certificate is not a server's"
#define PATHLEN      "stricter: mbedTLS counts self-issued certificates, and wants the length to shrink downwards"
#define ONE_PATH     "stricter: mbedTLS builds one path, and does not try another certificate of the same issuer"
#define NO_HOST      "stricter: the case is about no host at all, and a session is always with one"
#define PARSED_FIRST "stricter: mbedTLS reads every certificate that is sent, also those not needed"

static const struct {
    const char *id;
    const char *why;
} differences[] = {
    {"crl::revoked-certificate-with-crl", NO_REVOCATION},
    {"crl::crlnumber-missing", NO_REVOCATION},
    {"crl::crlnumber-critical", NO_REVOCATION},
    {"crl::issuer-missing-crlsign", NO_REVOCATION},
    {"pathlen::max-chain-depth-0-exhausted", NO_DEPTH},
    {"rfc5280::aki::leaf-missing-aki", NO_KEY_ID},
    {"rfc5280::aki::intermediate-missing-aki", NO_KEY_ID},
    {"rfc5280::aki::cross-signed-root-missing-aki", NO_KEY_ID},
    {"rfc5280::ski::intermediate-missing-ski", NO_KEY_ID},
    {"rfc5280::ski::root-missing-ski", AS_IT_IS},
    {"rfc5280::root-non-critical-basic-constraints", AS_IT_IS},
    {"webpki::aki::root-with-aki-all-fields", AS_IT_IS},
    {"webpki::aki::root-with-aki-ski-mismatch", AS_IT_IS},
    {"webpki::eku::root-has-eku", AS_IT_IS},
    {"rfc5280::san::underscore-dns", UNDERSCORE},
    {"rfc5280::serial::zero", SERIAL_0},
    {"webpki::cn::ipv4-hex-mismatch", CN_UNUSED},
    {"webpki::cn::ipv4-leading-zeros-mismatch", CN_UNUSED},
    {"webpki::cn::ipv6-uppercase-mismatch", CN_UNUSED},
    {"webpki::cn::ipv6-uncompressed-mismatch", CN_UNUSED},
    {"webpki::cn::ipv6-non-rfc5952-mismatch", CN_UNUSED},
    {"webpki::cn::punycode-not-in-san", CN_UNUSED},
    {"webpki::cn::utf8-vs-punycode-mismatch", CN_UNUSED},
    {"webpki::cn::not-in-san", CN_UNUSED},
    {"webpki::cn::case-mismatch", CN_UNUSED},
    {"webpki::eku::ee-without-eku", NO_EKU},
    {"webpki::eku::ee-critical-eku", ISSUANCE},
    {"webpki::san::san-critical-with-nonempty-subject", ISSUANCE},
    {"webpki::malformed-aia", ISSUANCE},
    {"webpki::san::public-suffix-private-namespace-wildcard-san", PLATFORM},
    {"rfc5280::nc::permitted-dns-match-noncritical", NOT_CRITICAL},

    {"pathlen::validation-ignores-pathlen-in-leaf", NO_CA_LEAF},
    {"rfc5280::ca-as-leaf", NO_CA_LEAF},
    {"pathlen::intermediate-pathlen-may-increase", PATHLEN},
    {"pathlen::self-issued-certs-pathlen", PATHLEN},
    {"pathlen::max-chain-depth-1-self-issued", PATHLEN},
    {"rfc5280::nc::permitted-dn-match", NO_HOST},
    {"rfc5280::nc::nc-forbids-alternate-chain-ica", ONE_PATH},
    {"rfc5280::nc::nc-forbids-same-chain-ica", ONE_PATH},
    {"rfc5280::unknown-critical-extension-unrelated-intermediate", PARSED_FIRST},
};

#define DIFFERENCES (sizeof(differences) / sizeof(differences[0]))

/* ---- cases ---- */

struct limbo_case {
    char id[128];
    char host[TLS_HOST_MAX];
    bool for_server;
    bool want;
    time_t at;
    struct buf roots;   /* PEM */
    struct buf leaf;    /* PEM, with a NUL at the end when the case is complete */
    struct buf between; /* the intermediates */
    struct buf key;
    char why[256]; /* of a refusal */
};

/* What mbedTLS takes for the present: it asks libc, and the linker finds this first. */
static time_t limbo_now;

time_t time(time_t *out)
{
    if (out != NULL) {
        *out = limbo_now;
    }
    return limbo_now;
}

/* The verdict of what a session runs when a server's certificates have come. */
static bool is_accepted(struct limbo_case *c, struct tls_roots *roots)
{
    mbedtls_x509_crt chain;
    uint32_t flags = 0;
    bool is_address = strchr(c->host, ':') != NULL || strspn(c->host, "0123456789.") == strlen(c->host);
    mbedtls_x509_crt_init(&chain);
    struct tls_verify verify;
    int r = -1;
    CHECK_EQ_INT(tls_chain_parse(buf_span(&c->leaf), &chain, &r), 0);
    if (r != 0) {
        (void)snprintf(c->why, sizeof(c->why), "a certificate does not parse (%d)", r);
    } else {
        tls_verify_begin(&verify, c->host, roots);
        r = mbedtls_x509_crt_verify_with_ca_cb(&chain, tls_roots_find, roots,
                                               &mbedtls_x509_crt_profile_default, is_address ? NULL : c->host,
                                               &flags, tls_verify_more, &verify);
        (void)snprintf(c->why, sizeof(c->why), "result -0x%x, flags 0x%x: %s", (unsigned)-r, flags,
                       verify.why);
        CHECK((flags != 0 && flags != UINT32_MAX) == (verify.why[0] != '\0'));
    }
    mbedtls_x509_crt_free(&chain);
    return r == 0;
}

/* ---- the same by handshake ---- */

struct server {
    mbedtls_ssl_config conf;
    mbedtls_ssl_context ssl;
    mbedtls_x509_crt chain;
    mbedtls_pk_context key;
    struct tls_session *client;
    struct buf out;
};

static int on_server_send(void *arg, const unsigned char *data, size_t len)
{
    struct server *s = arg;
    return buf_append(&s->out, data, len) == 0 ? (int)len : MBEDTLS_ERR_SSL_ALLOC_FAILED;
}

/* A server's input is the client's output. */
static int on_server_recv(void *arg, unsigned char *to, size_t len)
{
    struct server *s = arg;
    struct buf *from = tls_session_output(s->client);
    size_t take = buf_len(from) < len ? buf_len(from) : len;
    if (take == 0) {
        return MBEDTLS_ERR_SSL_WANT_READ;
    }
    memcpy(to, buf_span(from).ptr, take);
    buf_consume(from, take);
    return (int)take;
}

static bool server_ready(struct server *s, const struct limbo_case *c)
{
    int parsed = -1;
    if (tls_chain_parse(buf_span(&c->leaf), &s->chain, &parsed) != 0 || parsed != 0 ||
        mbedtls_pk_parse_key(&s->key, buf_span(&c->key).ptr, buf_len(&c->key), NULL, 0, tls_random, NULL) !=
            0 ||
        mbedtls_ssl_config_defaults(&s->conf, MBEDTLS_SSL_IS_SERVER, MBEDTLS_SSL_TRANSPORT_STREAM,
                                    MBEDTLS_SSL_PRESET_DEFAULT) != 0) {
        return false;
    }
    mbedtls_ssl_conf_rng(&s->conf, tls_random, NULL);
    return mbedtls_ssl_conf_own_cert(&s->conf, &s->chain, &s->key) == 0 &&
           mbedtls_ssl_setup(&s->ssl, &s->conf) == 0;
}

enum met { MET_NOT, MET_ACCEPTED, MET_REFUSED };

/* Both sides in turns until the client has decided, or the server cannot go on: it does not present every chain. */
static enum met shake_hands(struct server *s)
{
    for (int round = 0; round < 20; round++) {
        int r = tls_session_handshake(s->client);
        if (r != CB_EAGAIN) {
            return r == 0 ? MET_ACCEPTED : r == CB_ECERT ? MET_REFUSED : MET_NOT;
        }
        r = mbedtls_ssl_handshake(&s->ssl);
        if (r != 0 && r != MBEDTLS_ERR_SSL_WANT_READ) {
            return MET_NOT;
        }
        if (!CHECK_EQ_INT(tls_session_feed(s->client, buf_span(&s->out)), 0)) {
            return MET_NOT;
        }
        buf_consume(&s->out, buf_len(&s->out));
    }
    return MET_NOT;
}

static enum met meet(const struct limbo_case *c, const struct tls_roots *roots)
{
    struct server s = {.client = NULL};
    struct tls_client *client = tls_client_new();
    enum met met = MET_NOT;
    buf_init(&s.out, (size_t)1024 * 1024);
    mbedtls_ssl_config_init(&s.conf);
    mbedtls_ssl_init(&s.ssl);
    mbedtls_x509_crt_init(&s.chain);
    mbedtls_pk_init(&s.key);
    if (CHECK(client != NULL) && server_ready(&s, c) &&
        CHECK_EQ_INT(tls_session_new_client(client, roots, c->host, &s.client), 0)) {
        mbedtls_ssl_set_bio(&s.ssl, &s, on_server_send, on_server_recv, NULL);
        met = shake_hands(&s);
    }
    tls_session_free(s.client);
    tls_client_free(client);
    mbedtls_ssl_free(&s.ssl);
    mbedtls_ssl_config_free(&s.conf);
    mbedtls_x509_crt_free(&s.chain);
    mbedtls_pk_free(&s.key);
    buf_deinit(&s.out);
    return met;
}

/* ---- the run ---- */

static struct {
    bool seen[DIFFERENCES];
    unsigned cases;
    unsigned accepted; /* against the data */
    unsigned refused;
    unsigned met;
} run;

static const char *reason_of(const char *id)
{
    for (size_t i = 0; i < DIFFERENCES; i++) {
        if (strcmp(differences[i].id, id) == 0) {
            run.seen[i] = true;
            return differences[i].why;
        }
    }
    return NULL;
}

static void judge(struct limbo_case *c)
{
    struct tls_roots *roots = NULL;
    const char *reason = reason_of(c->id);
    limbo_now = c->at;
    (void)snprintf(c->why, sizeof(c->why), "no trust anchor parses");
    bool got = tls_roots_new(buf_span(&c->roots), &roots, NULL) == 0 && is_accepted(c, roots);
    if (!CHECK((got != c->want) == (reason != NULL))) {
        printf("    %s: %s (%s), should be %s%s%s\n", c->id, got ? "accepted" : "refused", c->why,
               c->want ? "accepted" : "refused", reason != NULL ? "; no longer: " : "",
               reason != NULL ? reason : "");
    }
    run.cases++;
    run.accepted += got && !c->want ? 1 : 0;
    run.refused += !got && c->want ? 1 : 0;
    if (roots != NULL && buf_len(&c->key) > 1) {
        enum met met = meet(c, roots);
        run.met += met != MET_NOT ? 1 : 0;
        if (!CHECK(got == (met == MET_ACCEPTED))) {
            printf("    %s: a session does not %s it\n", c->id, got ? "accept" : "refuse");
        }
    }
    tls_roots_free(roots);
}

static void case_init(struct limbo_case *c)
{
    *c = (struct limbo_case){.at = 0};
    struct buf *all[] = {&c->roots, &c->leaf, &c->between, &c->key};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        buf_init(all[i], (size_t)1024 * 1024);
    }
}

static void case_deinit(struct limbo_case *c)
{
    buf_deinit(&c->roots);
    buf_deinit(&c->leaf);
    buf_deinit(&c->between);
    buf_deinit(&c->key);
}

static bool add(struct buf *out, const struct json_scan *s)
{
    return CHECK_EQ_INT(buf_append(out, s->text, s->len), 0);
}

/* A string of the case's member `key`; `inner` is the last key of an object within. */
static void take_string(struct limbo_case *c, const char *key, const char *inner, const struct json_scan *s)
{
    struct tm tm = {0};
    if (strcmp(key, "id") == 0) {
        (void)snprintf(c->id, sizeof(c->id), "%s", s->text);
    } else if (strcmp(key, "validation_kind") == 0) {
        c->for_server = strcmp(s->text, "SERVER") == 0;
    } else if (strcmp(key, "expected_result") == 0) {
        c->want = strcmp(s->text, "SUCCESS") == 0;
    } else if (strcmp(key, "validation_time") == 0) {
        CHECK(strptime(s->text, "%Y-%m-%dT%H:%M:%S", &tm) != NULL);
        c->at = timegm(&tm);
    } else if (strcmp(key, "expected_peer_name") == 0 && strcmp(inner, "value") == 0) {
        (void)snprintf(c->host, sizeof(c->host), "%s", s->text);
    } else if (strcmp(key, "trusted_certs") == 0) {
        add(&c->roots, s);
    } else if (strcmp(key, "peer_certificate") == 0) {
        add(&c->leaf, s);
    } else if (strcmp(key, "untrusted_intermediates") == 0) {
        add(&c->between, s);
    } else if (strcmp(key, "peer_certificate_key") == 0) {
        add(&c->key, s);
    }
}

static void take_case(struct limbo_case *c)
{
    if (c->for_server && CHECK_EQ_INT(buf_append_span(&c->leaf, buf_span(&c->between)), 0) &&
        CHECK_EQ_INT(buf_append_byte(&c->leaf, 0), 0) && CHECK_EQ_INT(buf_append_byte(&c->key, 0), 0)) {
        judge(c);
    }
}

TEST(limbo)
{
    struct json_scan s;
    struct limbo_case c;
    char key[64] = "";
    char inner[64] = "";
    struct timespec present;
    if (!json_open(&s, "x509-limbo/limbo.json")) {
        SKIP("no test data");
        return;
    }
    (void)clock_gettime(CLOCK_REALTIME, &present);
    CHECK_EQ_INT(tls_init(), 0);
    case_init(&c);
    for (enum json_token t = json_next(&s); t != JSON_END; t = json_next(&s)) {
        if (t == JSON_OBJECT && s.depth == 3) {
            case_deinit(&c);
            case_init(&c);
            c.at = present.tv_sec; /* unless the case says otherwise */
        } else if (t == JSON_KEY) {
            (void)snprintf(s.depth == 3 ? key : inner, sizeof(key), "%s", s.text);
        } else if (t == JSON_STRING) {
            take_string(&c, key, inner, &s);
        } else if (t == JSON_OBJECT_END && s.depth == 2) {
            take_case(&c);
        }
    }
    CHECK(!s.failed);
    case_deinit(&c);
    json_close(&s);
    for (size_t i = 0; i < DIFFERENCES; i++) {
        if (!CHECK(run.seen[i])) {
            printf("    %s is not in the data\n", differences[i].id);
        }
    }
    printf("%u chains: %u accepted and %u refused against the data, as the table says; %u met a session\n",
           run.cases, run.accepted, run.refused, run.met);
    CHECK(run.cases >= 190);
    CHECK(run.met >= 100);
}

TEST_MAIN()
