/*
 * suffix.h - which names are public suffixes, as far as clawbox knows: no wildcard may stand on one.
 */
#ifndef CB_POLICY_SUFFIX_H
#define CB_POLICY_SUFFIX_H

#include "base/span.h"

/* True when strangers can get names below `name` (canonical): see the top of suffix.c. */
bool policy_suffix_is_public(struct span name);
/* True for the part of these that belongs to a registry and to nobody's platform: a single label, and what registries
 * under a country code call their second level. So nobody can have a certificate for everything below `name`. */
bool policy_suffix_is_registry(struct span name);
/* The table's entries in their order, NULL past the end; `deep` chooses the table. */
const char *policy_suffix_at(size_t index, bool deep);

#endif
