/*
 * write_route.h - one route of a tenant file that is written. Private to modules/conf.
 */
#ifndef CB_CONF_WRITE_ROUTE_H
#define CB_CONF_WRITE_ROUTE_H

#include "conf/emit.h"
#include "conf/preset.h"
#include "conf/write.h"

struct write {
    const struct spec *spec;
    const struct conf_write *with;
    const struct conf_presets *presets;
    struct emit *e;
};

/* Writes the route at this index as an item of spec.routes. 0, or CB_EINTERNAL for a provider that does not exist; errors of
 * the writer latch there. */
CB_MUST_USE int write_route(struct write *w, size_t index);

#endif
