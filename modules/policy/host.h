/*
 * host.h - the one parser of host names, addresses and authorities. Nothing reaches a resolver that it did not accept.
 *
 * The grammar is stricter than RFC 3986's: a name is A-labels in ASCII letters, digits, hyphens and underscores
 * (underscore not in the last two labels; no hyphen at an end of a label; a label that starts "xn--" is the one right
 * encoding of something), 1 to 63 bytes each, 253 in all; upper case is folded to lower case, nothing else is repaired.
 * A name whose last label is all digits or starts "0x" is an address form, and the only address forms are the
 * canonical dotted quad (no leading zeros) and a bracketed IPv6 address without zone (made canonical). One trailing dot, an
 * empty label, userinfo, percent signs, backslashes, control bytes and bytes above 0x7e are refused.
 */
#ifndef CB_POLICY_HOST_H
#define CB_POLICY_HOST_H

#include "base/err.h"
#include "base/span.h"

enum policy_host_kind { POLICY_HOST_NAME, POLICY_HOST_IPV4, POLICY_HOST_IPV6 };

struct policy_host {
    enum policy_host_kind kind;
    char text[256]; /* canonical, NUL-terminated; IPv6 in brackets, as in an authority */
    size_t len;
    uint8_t address[16]; /* network order; 4 bytes for IPv4, 16 for IPv6 */
};

/* Parses a host (no port). 0 or CB_EMALFORMED. */
CB_MUST_USE int policy_host_parse(struct span text, struct policy_host *out);
/*
 * Parses "host" or "host:port" (RFC 9110, 7.2; RFC 3986, 3.2 without userinfo). With `default_port` 0 the port is
 * required. The port is 1 to 65535 in plain decimal. 0 or CB_EMALFORMED.
 */
CB_MUST_USE int policy_authority_parse(struct span text, uint16_t default_port, struct policy_host *host,
                                       uint16_t *port);
/*
 * Checks a host as it stands in a configuration: exact, or "*." and a name of at least two labels. On CB_EINVAL
 * `why` receives a message for people that says what would be right (for a Unicode or upper-case name: the canonical
 * form, when there is one). A wildcard on a public suffix is refused (see suffix.c for what is known as one).
 */
CB_MUST_USE int policy_host_pattern_check(struct span text, char *why, size_t why_size);
/* True when the canonical host is covered by the pattern: equal, or for "*.x" ends in ".x" with something before. */
bool policy_host_matches(struct span pattern, struct span host);
/* Appends nothing: writes the canonical text of an address (IPv6 bracketed, RFC 5952) to out[64]. */
void policy_address_text(const uint8_t *address, size_t len, char out[64]);

#endif
