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

#endif
