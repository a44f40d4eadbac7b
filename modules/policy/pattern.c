/* pattern.c - hosts as a configuration writes them: the check, and the message that says what would be right. */
#include <stdio.h>

#include "policy/host.h"
#include "policy/punycode.h"
#include "policy/suffix.h"

struct suggestion {
    char text[256];
    size_t len;
};

static bool suggestion_add(struct suggestion *s, struct span part)
{
    if (part.len >= sizeof(s->text) - s->len) {
        return false;
    }
    if (part.len != 0) {
        memcpy(s->text + s->len, part.ptr, part.len);
    }
    s->len += part.len;
    s->text[s->len] = '\0';
    return true;
}

static bool label_is_ascii(struct span label)
{
    for (size_t i = 0; i < label.len; i++) {
        if (label.ptr[i] > 0x7e) {
            return false;
        }
    }
    return true;
}

/* The host with Unicode labels as A-labels and without a trailing dot, if that makes it one that parses. */
static bool canonical_name(struct span text, struct policy_host *out)
{
    struct suggestion s = {.len = 0};
    if (text.len > 1 && text.ptr[text.len - 1] == '.') {
        text.len--;
    }
    for (size_t start = 0, i = 0; i <= text.len; i++) {
        if (i < text.len && text.ptr[i] != '.') {
            continue;
        }
        struct span label = span_sub(text, start, i - start);
        char encoded[64];
        if (!label_is_ascii(label)) {
            if (punycode_encode_label(label, encoded) != 0) {
                return false;
            }
            label = span_str(encoded);
        }
        if ((start > 0 && !suggestion_add(&s, SPAN_LIT("."))) || !suggestion_add(&s, label)) {
            return false;
        }
        start = i + 1;
    }
    return policy_host_parse(span_of(s.text, s.len), out) == 0;
}

static bool is_unbracketed_ipv6(struct span text, struct policy_host *out)
{
    char bracketed[64];
    if (text.len > 45 || memchr(text.ptr, ':', text.len) == NULL) {
        return false;
    }
    int len = snprintf(bracketed, sizeof(bracketed), "[%.*s]", (int)text.len, (const char *)text.ptr);
    return len > 0 && policy_host_parse(span_of(bracketed, (size_t)len), out) == 0;
}

/* Numbers and dots, or hexadecimal: something that was meant as an address. */
static bool looks_like_address(struct span text)
{
    size_t start = 0;
    for (size_t i = 0; i < text.len; i++) {
        start = text.ptr[i] == '.' ? i + 1 : start;
    }
    struct span last = span_sub(text, start, text.len);
    if (last.len >= 2 && last.ptr[0] == '0' && ascii_lower(last.ptr[1]) == 'x') {
        return true;
    }
    for (size_t i = 0; i < last.len; i++) {
        if (last.ptr[i] < '0' || last.ptr[i] > '9') {
            return false;
        }
    }
    return last.len > 0;
}

/* What is wrong with a text that is not a host, in the order in which people get it wrong. Never repeats the text:
 * only what was made canonical is safe to print. */
static void explain(struct span text, const char *star, char *why, size_t why_size)
{
    struct policy_host host;
    uint16_t port;
    for (size_t i = 0; i + 2 < text.len; i++) {
        if (memcmp(text.ptr + i, "://", 3) != 0) {
            continue;
        }
        struct span rest = span_sub(text, i + 3, text.len);
        const uint8_t *slash = rest.len != 0 ? memchr(rest.ptr, '/', rest.len) : NULL;
        rest.len = slash != NULL ? (size_t)(slash - rest.ptr) : rest.len;
        if (policy_authority_parse(rest, 1, &host, &port) == 0) {
            (void)snprintf(why, why_size, "a URL is not a host: write \"%s%s\"", star, host.text);
        } else {
            (void)snprintf(why, why_size, "a URL is not a host: write the host name alone");
        }
        return;
    }
    if (is_unbracketed_ipv6(text, &host)) {
        (void)snprintf(why, why_size, "an IPv6 address stands in brackets: write \"%s\"", host.text);
    } else if (policy_authority_parse(text, 0, &host, &port) == 0) {
        (void)snprintf(why, why_size, "the port does not belong here: write \"%s%s\" and port %u", star,
                       host.text, port);
    } else if (canonical_name(text, &host)) {
        (void)snprintf(why, why_size, "not in canonical form: write \"%s%s\"", star, host.text);
    } else if (!label_is_ascii(text)) {
        (void)snprintf(why, why_size, "not in canonical form: write it as A-labels (xn--...)");
    } else if (memchr(text.ptr, '*', text.len) != NULL) {
        (void)snprintf(why, why_size, "\"*\" stands only for whole labels in front, as in \"*.example.com\"");
    } else if (memchr(text.ptr, '/', text.len) != NULL) {
        (void)snprintf(why, why_size, "a path does not belong here: write the host name alone");
    } else if (looks_like_address(text)) {
        (void)snprintf(why, why_size,
                       "not a canonical address: write all four numbers in decimal without leading zeros");
    } else {
        (void)snprintf(
            why, why_size,
            "not a host name: labels of a-z, 0-9 and \"-\", 1 to 63 each and 253 in all, joined by dots");
    }
}

int policy_host_pattern_check(struct span text, char *why, size_t why_size)
{
    struct policy_host host;
    const char *star = "";
    struct span name = text;
    if (text.len == 0) {
        (void)snprintf(why, why_size, "a host name is needed");
        return CB_EINVAL;
    }
    if (span_starts(text, SPAN_LIT("*."))) {
        star = "*.";
        name = span_sub(text, 2, text.len);
    } else if (text.ptr[0] == '.' && policy_host_parse(span_sub(text, 1, text.len), &host) == 0) {
        (void)snprintf(why, why_size, "names below a domain are written with a star: \"*.%s\"", host.text);
        return CB_EINVAL;
    }
    if (policy_host_parse(name, &host) != 0) {
        if (name.len == 0) {
            (void)snprintf(why, why_size, "after \"*.\" comes a name, as in \"*.example.com\"");
        } else {
            explain(name, star, why, why_size);
        }
        return CB_EINVAL;
    }
    if (!span_eq(name, span_of(host.text, host.len))) {
        (void)snprintf(why, why_size, "not in canonical form: write \"%s%s\"", star, host.text);
        return CB_EINVAL;
    }
    if (star[0] != '\0' && host.kind != POLICY_HOST_NAME) {
        (void)snprintf(why, why_size, "an address has no names below it: write \"%s\"", host.text);
        return CB_EINVAL;
    }
    if (star[0] != '\0' && policy_suffix_is_public(name)) {
        (void)snprintf(why, why_size,
                       "anybody can get a name below \"%s\" (it is a public suffix): name the hosts you mean",
                       host.text);
        return CB_EINVAL;
    }
    return 0;
}
