/* verify.c - the checks of a server's chain that mbedTLS does not make by itself. */
#include "tls/der.h"
#include "tls/internal.h"
#include "tls/seal.h"

#include "policy/suffix.h"

#include <arpa/inet.h>
#include <mbedtls/oid.h>
#include <stdarg.h>
#include <stdio.h>

#define SAN_DNS      2 /* RFC 5280, 4.2.1.6: the context tags of GeneralName */
#define SAN_IP       7
#define SERIAL_MAX   20 /* RFC 5280, 4.1.2.2: octets, before the one that keeps a number positive */
#define RSA_BITS_MIN 2048
#define EC_BITS_MIN  256

/* Says what is wrong, once: what is found first, nearest to the trust anchor, is the cause of the rest. */
static void CB_PRINTF(2, 3) say(struct tls_verify *v, const char *fmt, ...)
{
    va_list args;
    if (v->why[0] != '\0') {
        return;
    }
    va_start(args, fmt);
    (void)vsnprintf(v->why, sizeof(v->why), fmt, args);
    va_end(args);
    for (char *c = v->why; *c != '\0'; c++) {
        if (*c < 0x20 || *c > 0x7e) {
            *c = '?'; /* names in certificates are their issuers' text */
        }
    }
}

/* RFC 6125: exact, or "*" as the whole first label for exactly one label, above no registry's suffix: nobody owns all of
 * "*.com" or "*.co.uk". Platforms that hand out names below theirs ("*.openai.azure.com") do have such certificates. */
static bool dns_matches(struct span pattern, struct span host)
{
    if (pattern.len > 2 && pattern.ptr[0] == '*' && pattern.ptr[1] == '.') {
        const uint8_t *dot = memchr(host.ptr, '.', host.len);
        if (dot == NULL || dot == host.ptr ||
            policy_suffix_is_registry(span_of(dot + 1, host.len - (size_t)(dot + 1 - host.ptr)))) {
            return false;
        }
        host = span_of(dot, host.len - (size_t)(dot - host.ptr));
        pattern = span_sub(pattern, 1, SIZE_MAX);
    }
    return span_eq_nocase(pattern, host);
}

bool tls_name_matches(const mbedtls_x509_crt *crt, const char *host)
{
    uint8_t address[16];
    size_t address_len = inet_pton(AF_INET, host, address) == 1    ? 4
                         : inet_pton(AF_INET6, host, address) == 1 ? 16
                                                                   : 0;
    if (!mbedtls_x509_crt_has_ext_type(crt, MBEDTLS_X509_EXT_SUBJECT_ALT_NAME)) {
        return false;
    }
    for (const mbedtls_x509_sequence *san = &crt->subject_alt_names; san != NULL; san = san->next) {
        unsigned tag = (unsigned)san->buf.tag & MBEDTLS_ASN1_TAG_VALUE_MASK;
        struct span value = span_of(san->buf.p, san->buf.len);
        if (address_len != 0) {
            if (tag == SAN_IP && span_eq(value, span_of(address, address_len))) {
                return true;
            }
        } else if (tag == SAN_DNS && dns_matches(value, span_str(host))) {
            return true;
        }
    }
    return false;
}

/* What matters of the extensions that mbedTLS skips, or whose "critical" it does not keep. */
struct extensions {
    struct span name_constraints; /* their value; empty: none */
    struct span alt_names;
    bool policies; /* constraints of policies, which nobody here evaluates */
    bool
        critical_ids; /* key identifiers that claim to be critical, which RFC 5280, 4.2.1.1 and 4.2.1.2, forbids */
    bool critical_alt_name;
    bool twice; /* name constraints stand in it more than once */
};

static void note_extension(struct span oid, bool critical, struct span value, struct extensions *out)
{
    if (oid.len != 3 || oid.ptr[0] != 0x55 || oid.ptr[1] != 0x1d) {
        return; /* not of id-ce, 2.5.29 */
    }
    switch (oid.ptr[2]) {
    case 14: /* subjectKeyIdentifier */
    case 35: /* authorityKeyIdentifier */
        out->critical_ids = out->critical_ids || critical;
        break;
    case 17: /* subjectAltName */
        out->critical_alt_name = critical;
        out->alt_names = value;
        break;
    case 30: /* nameConstraints */
        out->twice = out->twice || out->name_constraints.ptr != NULL;
        out->name_constraints = value;
        break;
    case 36: /* policyConstraints */
    case 54: /* inhibitAnyPolicy */
        out->policies = true;
        break;
    default:
        break;
    }
}

/* Goes through the extensions; false when they are not what mbedTLS has read already. */
static bool read_extensions(const mbedtls_x509_crt *crt, struct extensions *out)
{
    struct span rest = span_of(crt->v3_ext.p, crt->v3_ext.len);
    struct span list = SPAN_EMPTY;
    *out = (struct extensions){0};
    if (rest.len != 0 && (!der_expect(&rest, DER_SEQUENCE, &list) || rest.len != 0)) {
        return false;
    }
    while (list.len != 0) {
        struct span extension;
        struct span oid;
        struct span critical = SPAN_EMPTY;
        struct span value;
        if (!der_expect(&list, DER_SEQUENCE, &extension) || !der_expect(&extension, DER_OID, &oid)) {
            return false;
        }
        (void)der_expect(&extension, DER_BOOLEAN, &critical); /* left out, as DER has it for FALSE */
        if (!der_expect(&extension, DER_OCTETS, &value) || extension.len != 0) {
            return false;
        }
        note_extension(oid, critical.len == 1 && critical.ptr[0] != 0, value, out);
    }
    return true;
}

static bool serial_is_short(const mbedtls_x509_crt *crt)
{
    size_t sign = crt->serial.len != 0 && crt->serial.p[0] == 0 ? 1 : 0;
    return crt->serial.len - sign <= SERIAL_MAX;
}

static bool key_is_good(const mbedtls_x509_crt *crt)
{
    size_t bits = mbedtls_pk_get_bitlen(&crt->pk);
    return mbedtls_pk_can_do(&crt->pk, MBEDTLS_PK_RSA) ? bits >= RSA_BITS_MIN && bits % 8 == 0
                                                       : bits >= EC_BITS_MIN;
}

static bool has_purpose(const mbedtls_x509_crt *crt, const char *oid, size_t oid_len)
{
    return mbedtls_x509_crt_check_extended_key_usage(crt, oid, oid_len) == 0;
}

static bool may_sign_certificates(const mbedtls_x509_crt *crt)
{
    return mbedtls_x509_crt_check_key_usage(crt, MBEDTLS_X509_KU_KEY_CERT_SIGN) == 0;
}

static void verify_leaf(struct tls_verify *v, const mbedtls_x509_crt *crt,
                        const struct extensions *extensions, uint32_t *flags)
{
    if (crt->version != 3 || crt->private_ca_istrue != 0) {
        *flags |= MBEDTLS_X509_BADCERT_OTHER;
        say(v, "certificate: %s", crt->version != 3 ? "not of version 3" : "that of a CA, not of a server");
    }
    if (extensions->name_constraints.ptr != NULL) { /* RFC 5280, 4.2.1.10: only a CA's may have them */
        *flags |= MBEDTLS_X509_BADCERT_OTHER;
        say(v, "certificate: has name constraints and is no CA's");
    }
    if (mbedtls_x509_crt_has_ext_type(crt, MBEDTLS_X509_EXT_KEY_USAGE) && may_sign_certificates(crt)) {
        *flags |= MBEDTLS_X509_BADCERT_KEY_USAGE;
        say(v, "certificate: its key is for signing certificates");
    }
    /* RFC 5280, 4.2.1.6: where there is no subject, the alternative names are one and have to be understood. */
    bool no_subject = crt->subject_raw.len <= 2;
    if (!tls_name_matches(crt, v->host) || (no_subject && !extensions->critical_alt_name)) {
        *flags |= MBEDTLS_X509_BADCERT_CN_MISMATCH;
        say(v, "name %s not in certificate", v->host);
    }
    /* Public CAs always say serverAuth. Private ones often say nothing, which RFC 5280 reads as any use; what is
     * said must be serverAuth itself: anyExtendedKeyUsage is for no purpose that a server has. */
    bool any = has_purpose(crt, MBEDTLS_OID_ANY_EXTENDED_KEY_USAGE,
                           MBEDTLS_OID_SIZE(MBEDTLS_OID_ANY_EXTENDED_KEY_USAGE));
    bool server = has_purpose(crt, MBEDTLS_OID_SERVER_AUTH, MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH));
    if (mbedtls_x509_crt_has_ext_type(crt, MBEDTLS_X509_EXT_EXTENDED_KEY_USAGE) && (!server || any)) {
        *flags |= MBEDTLS_X509_BADCERT_EXT_KEY_USAGE;
        say(v, "certificate: not for servers");
    }
}

static void verify_issuer(struct tls_verify *v, const mbedtls_x509_crt *crt, uint32_t *flags)
{
    if (crt->version != 3 || crt->private_ca_istrue == 0) {
        *flags |= MBEDTLS_X509_BADCERT_NOT_TRUSTED;
        say(v, "issuer: no CA");
    }
    if (!may_sign_certificates(crt)) { /* true without the extension */
        *flags |= MBEDTLS_X509_BADCERT_KEY_USAGE;
        say(v, "issuer: its key is not for signing certificates");
    }
    /* A CA that is for mail, say, is for no server, whatever its certificates claim. */
    if (!has_purpose(crt, MBEDTLS_OID_SERVER_AUTH, MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH))) {
        *flags |= MBEDTLS_X509_BADCERT_EXT_KEY_USAGE;
        say(v, "issuer: not for servers");
    }
}

/* RFC 5280, 6.1.3 b and c: the names against the constraints of every issuer above. Certificates that a CA issued to itself
 * are left out, except for the leaf. Then the certificate's own constraints join them. */
static void verify_constraints(struct tls_verify *v, const mbedtls_x509_crt *crt, int depth,
                               const struct extensions *extensions, uint32_t *flags)
{
    struct span subject = span_of(crt->subject_raw.p, crt->subject_raw.len);
    struct tls_names names = {.subject = subject, .alt_names = extensions->alt_names};
    bool self_issued = span_eq(subject, span_of(crt->issuer_raw.p, crt->issuer_raw.len));
    for (size_t i = 0; i < v->constraint_count && (depth == 0 || !self_issued); i++) {
        const char *why = tls_constraints_check(v->constraints[i], &names, &v->budget);
        if (why != NULL) {
            *flags |= MBEDTLS_X509_BADCERT_OTHER;
            say(v, "certificate: %s", why);
        }
    }
    if (extensions->name_constraints.ptr == NULL) {
        return;
    }
    if (extensions->twice || v->constraint_count == TLS_CHAIN_MAX) {
        *flags |= MBEDTLS_X509_BADCERT_OTHER;
        say(v, "issuer: name constraints are malformed");
        return;
    }
    v->constraints[v->constraint_count++] = extensions->name_constraints;
}

static void verify_pins(struct tls_verify *v, const mbedtls_x509_crt *crt, int depth, uint32_t *flags)
{
    uint8_t digest[DIGEST_LEN];
    if (v->roots == NULL || v->roots->pin_count == 0) {
        return;
    }
    struct span key = span_of(crt->pk_raw.p, crt->pk_raw.len);
    digest_sha256(&key, 1, digest);
    for (size_t i = 0; i < v->roots->pin_count; i++) {
        v->pinned = v->pinned || memcmp(digest, v->roots->pins[i], sizeof(digest)) == 0;
    }
    if (depth == 0 && !v->pinned) {
        *flags |= MBEDTLS_X509_BADCERT_OTHER;
        say(v, "pin mismatch: no key of the chain is pinned");
    }
}

static void say_date(struct tls_verify *v, const char *who, const char *what, const mbedtls_x509_time *t)
{
    say(v, "%s: %s %04d-%02d-%02d", who, what, t->year, t->mon, t->day);
}

/* In words what mbedTLS has found. */
static void say_flags(struct tls_verify *v, const mbedtls_x509_crt *crt, int depth, uint32_t flags)
{
    const char *who = depth == 0 ? "certificate" : "issuer";
    char issuer[96];
    if ((flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED) != 0) {
        /* Too long a name does not fit; what was written of it does. */
        issuer[0] = '\0';
        (void)mbedtls_x509_dn_gets(issuer, sizeof(issuer), &crt->issuer);
        issuer[sizeof(issuer) - 1] = '\0';
        say(v, "issuer not trusted: %s", issuer);
    }
    if ((flags & MBEDTLS_X509_BADCERT_EXPIRED) != 0) {
        say_date(v, who, "expired", &crt->valid_to);
    }
    if ((flags & MBEDTLS_X509_BADCERT_FUTURE) != 0) {
        say_date(v, who, "not valid before", &crt->valid_from);
    }
    if ((flags & MBEDTLS_X509_BADCERT_CN_MISMATCH) != 0) {
        say(v, "name %s not in certificate", v->host);
    }
    if ((flags & (MBEDTLS_X509_BADCERT_BAD_MD | MBEDTLS_X509_BADCERT_BAD_PK)) != 0) {
        say(v, "%s: signed by an algorithm that is not accepted", who);
    }
    if ((flags & MBEDTLS_X509_BADCERT_BAD_KEY) != 0) {
        say(v, "%s: key is too short", who);
    }
    if (flags != 0) {
        char text[160];
        if (mbedtls_x509_crt_verify_info(text, sizeof(text), "", flags) > 0) {
            text[strcspn(text, "\n")] = '\0';
            say(v, "%s: %s", who, text);
        } else {
            say(v, "%s: not accepted", who);
        }
    }
}

void tls_verify_begin(struct tls_verify *v, const char *host, const struct tls_roots *roots)
{
    *v = (struct tls_verify){.host = host, .roots = roots, .budget = TLS_CONSTRAINTS_BUDGET};
}

int tls_verify_more(void *verify, mbedtls_x509_crt *crt, int depth, uint32_t *flags)
{
    struct tls_verify *v = verify;
    struct extensions extensions;
    const char *who = depth == 0 ? "certificate" : "issuer";
    say_flags(v, crt, depth, *flags);
    if (!key_is_good(crt)) {
        *flags |= MBEDTLS_X509_BADCERT_BAD_KEY;
        say(v, "%s: key is too short", who);
    }
    if (!read_extensions(crt, &extensions) || extensions.critical_ids || !serial_is_short(crt)) {
        *flags |= MBEDTLS_X509_BADCERT_OTHER;
        say(v, "%s: malformed", who);
        return 0;
    }
    /* Constraints that are not evaluated are not ignored either: such a chain is refused. */
    if (extensions.policies) {
        *flags |= MBEDTLS_X509_BADCERT_OTHER;
        say(v, "%s: has policy constraints, which are not supported", who);
    }
    verify_constraints(v, crt, depth, &extensions, flags);
    if (depth == 0) {
        verify_leaf(v, crt, &extensions, flags);
    } else {
        verify_issuer(v, crt, flags);
    }
    verify_pins(v, crt, depth, flags);
    return 0;
}
