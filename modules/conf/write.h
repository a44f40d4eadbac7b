/*
 * write.h - a tenant file made of a specification: the other direction of tenant.h.
 *
 * What it says is what is enforced, in full: presets are expanded to what they were when the tenant was applied (the provider's
 * name stays), certificates stand in it, and routes that the reader adds by itself are left to it.
 */
#ifndef CB_CONF_WRITE_H
#define CB_CONF_WRITE_H

#include "base/buf.h"
#include "policy/spec.h"

/* One placeholder, as the agent holds it. */
struct conf_write_placeholder {
    const char *credential;
    const char *value;
};

/* What stands in the file beside the specification. Zeroed: nothing. */
struct conf_write {
    const struct conf_write_placeholder *placeholders; /* spec.placeholders */
    size_t placeholder_count;
    const struct spec_route
        *relocated; /* a route of the spec that gets another upstream, of this address and caFile */
    const char *address;
    const char *ca_file;
};

/* Appends the YAML. 0; CB_ENOMEM; CB_ELIMIT when `out` is full; CB_EINTERNAL for a provider that does not exist. */
CB_MUST_USE int conf_tenant_write(const struct spec *spec, const struct conf_write *with, struct buf *out);
/* Whether the YAML that conf_tenant_write() makes of the spec alone is read as the same spec. 0; CB_EINTERNAL when it is not: a
 * mistake here, which must not become another policy; CB_ENOMEM or CB_ELIMIT. */
CB_MUST_USE int conf_tenant_write_check(const struct spec *spec);

#endif
