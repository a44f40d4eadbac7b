/* host.c - host names, address literals and authorities: the one grammar. Patterns are in pattern.c. */
#include "policy/host.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "base/strnum.h"
#include "policy/punycode.h"

#define HOST_NAME_MAX  253
#define HOST_LABEL_MAX 63

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* Four decimal numbers without leading zeros; nothing that inet_aton() would take beyond that. */
static bool ipv4_parse(struct span text, uint8_t out[4])
{
    size_t at = 0;
    for (size_t part = 0; part < 4; part++) {
        size_t len = 0;
        while (at + len < text.len && is_digit(text.ptr[at + len])) {
            len++;
        }
        uint64_t value;
        if (len == 0 || len > 3 || strnum_u64(span_sub(text, at, len), 255, &value) != 0) {
            return false;
        }
        out[part] = (uint8_t)value;
        at += len;
        if (part < 3 && (at == text.len || text.ptr[at++] != '.')) {
            return false;
        }
    }
    return at == text.len;
}

/* The text between the brackets. inet_pton() takes no zone, and the characters are checked before it sees them. */
static bool ipv6_parse(struct span text, uint8_t out[16])
{
    char copy[INET6_ADDRSTRLEN];
    if (text.len == 0 || text.len >= sizeof(copy)) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = ascii_lower(text.ptr[i]);
        if (!is_digit(c) && !(c >= 'a' && c <= 'f') && c != ':' && c != '.') {
            return false;
        }
        copy[i] = (char)text.ptr[i];
    }
    copy[text.len] = '\0';
    return inet_pton(AF_INET6, copy, out) == 1;
}

struct label {
    struct span text;
    bool underscore;
    bool digits_only;
};

static bool label_check(struct label *label)
{
    struct span s = label->text;
    if (s.len == 0 || s.len > HOST_LABEL_MAX || s.ptr[0] == '-' || s.ptr[s.len - 1] == '-') {
        return false;
    }
    label->underscore = false;
    label->digits_only = true;
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.ptr[i];
        bool digit = is_digit(c);
        if (!digit && !(c >= 'a' && c <= 'z') && c != '-' && c != '_') {
            return false;
        }
        label->underscore = label->underscore || c == '_';
        label->digits_only = label->digits_only && digit;
    }
    return !span_starts(s, SPAN_LIT("xn--")) || punycode_label_valid(s);
}

/* A name, already in lower case. */
static bool name_check(struct span name)
{
    struct label last = {0};
    struct label before = {0};
    size_t start = 0;
    for (size_t i = 0; i <= name.len; i++) {
        if (i < name.len && name.ptr[i] != '.') {
            continue;
        }
        before = last;
        last.text = span_sub(name, start, i - start);
        if (!label_check(&last)) {
            return false;
        }
        start = i + 1;
    }
    /* "1.2.3", "127.1" and "0x7f.1" are addresses to some resolver, so they are names to nobody. */
    if (last.digits_only || span_starts(last.text, SPAN_LIT("0x"))) {
        return false;
    }
    return !last.underscore && !before.underscore;
}

int policy_host_parse(struct span text, struct policy_host *out)
{
    *out = (struct policy_host){.kind = POLICY_HOST_NAME};
    if (text.len >= 2 && text.ptr[0] == '[' && text.ptr[text.len - 1] == ']') {
        if (!ipv6_parse(span_sub(text, 1, text.len - 2), out->address)) {
            return CB_EMALFORMED;
        }
        out->kind = POLICY_HOST_IPV6;
        policy_address_text(out->address, 16, out->text);
        out->len = strlen(out->text);
        return 0;
    }
    if (text.len == 0 || text.len > HOST_NAME_MAX) {
        return CB_EMALFORMED;
    }
    for (size_t i = 0; i < text.len; i++) {
        out->text[i] = (char)ascii_lower(text.ptr[i]);
    }
    out->len = text.len;
    if (ipv4_parse(text, out->address)) {
        out->kind = POLICY_HOST_IPV4;
        return 0;
    }
    if (!name_check(span_of(out->text, out->len))) {
        *out = (struct policy_host){.kind = POLICY_HOST_NAME};
        return CB_EMALFORMED;
    }
    return 0;
}

int policy_authority_parse(struct span text, uint16_t default_port, struct policy_host *host, uint16_t *port)
{
    struct span name = text;
    uint64_t value = default_port;
    /* Behind the last ':' stands the port, unless that colon is inside an IPv6 address. */
    for (size_t i = text.len; i > 0 && text.ptr[i - 1] != ']'; i--) {
        if (text.ptr[i - 1] == ':') {
            if (strnum_u64(span_sub(text, i, text.len), UINT16_MAX, &value) != 0) {
                return CB_EMALFORMED;
            }
            name = span_sub(text, 0, i - 1);
            break;
        }
    }
    if (value == 0) {
        return CB_EMALFORMED;
    }
    int r = policy_host_parse(name, host);
    if (r == 0) {
        *port = (uint16_t)value;
    }
    return r;
}

bool policy_host_matches(struct span pattern, struct span host)
{
    if (!span_starts(pattern, SPAN_LIT("*."))) {
        return span_eq(pattern, host);
    }
    struct span suffix = span_sub(pattern, 1, pattern.len);
    return host.len > suffix.len && span_ends(host, suffix);
}

/* RFC 5952: lower case, no leading zeros, the first longest run of two or more zero groups as "::", and the dotted form
 * for an IPv4-mapped address. */
static void ipv6_text(const uint8_t address[16], char out[64])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (memcmp(address, mapped, sizeof(mapped)) == 0) {
        (void)snprintf(out, 64, "[::ffff:%u.%u.%u.%u]", address[12], address[13], address[14], address[15]);
        return;
    }
    unsigned groups[8];
    size_t run = 0;
    size_t best_at = 8;
    size_t best = 1;
    for (size_t i = 0; i < 8; i++) {
        groups[i] = (unsigned)address[2 * i] << 8 | address[2 * i + 1];
        run = groups[i] == 0 ? run + 1 : 0;
        if (run > best) {
            best = run;
            best_at = i + 1 - run;
        }
    }
    size_t len = 0;
    out[len++] = '[';
    for (size_t i = 0; i < 8;) {
        if (i == best_at) {
            out[len++] = ':';
            out[len++] = ':';
            i += best;
            continue;
        }
        bool colon = i > 0 && out[len - 1] != ':';
        len += (size_t)snprintf(out + len, 64 - len, "%s%x", colon ? ":" : "", groups[i]);
        i++;
    }
    out[len++] = ']';
    out[len] = '\0';
}

void policy_address_text(const uint8_t *address, size_t len, char out[64])
{
    out[0] = '\0';
    if (len == 16) {
        ipv6_text(address, out);
    } else if (len == 4) {
        (void)snprintf(out, 64, "%u.%u.%u.%u", address[0], address[1], address[2], address[3]);
    }
}
