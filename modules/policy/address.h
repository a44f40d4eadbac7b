/*
 * address.h - special-purpose addresses (IANA registries for IPv4 and IPv6, vendor metadata addresses, and IPv4
 * addresses embedded in IPv6: mapped, compatible, translated, NAT64, 6to4, Teredo, ISATAP).
 */
#ifndef CB_POLICY_ADDRESS_H
#define CB_POLICY_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* True when an address (4 or 16 bytes, network order) may be a destination: globally reachable unicast only. IPv6 is
 * an allow rule: 2000::/3 without the special blocks in it. *why (may be NULL) names the block otherwise. */
bool policy_address_is_public(const uint8_t *address, size_t len, const char **why);

/* All that is public stands in here, for a packet filter that knows prefixes and exceptions only. */
#define POLICY_ADDRESS_PUBLIC_IPV4 "0.0.0.0/0"
#define POLICY_ADDRESS_PUBLIC_IPV6 "2000::/3"
#define POLICY_ADDRESS_PREFIX_SIZE 64
/* Writes the exception at this index, "10.0.0.0/8", into `out`: every block inside the one above that is not public. False
 * past the last. */
bool policy_address_exception(bool ipv6, size_t index, char out[POLICY_ADDRESS_PREFIX_SIZE]);

#endif
