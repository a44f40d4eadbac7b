/*
 * entry.h - one entry of spec.routes while it is read. Private to modules/conf.
 *
 *   route.c            the entry as a whole: destination, transport, name
 *   route_match.c      methods and paths
 *   route_inject.c     the credential and how it goes in
 *   route_body.c       the credential in the body
 *   route_aws.c        requests that are signed for AWS
 *   route_token.c      tokens that are fetched with the credential, and the route of the agent to their endpoint
 *   route_fields.c     headers that every request gets, places, what passes
 *   route_kubernetes.c what is allowed of a Kubernetes API
 *   route_upstream.c   another address, another root
 */
#ifndef CB_CONF_ENTRY_H
#define CB_CONF_ENTRY_H

#include "conf/route.h"

/* What stands in a path pattern where the credential goes in. */
#define CONF_CREDENTIAL_MARK "{credential}"

/* The texts are borrowed from the trees. */
struct conf_entry {
    struct conf_draft *draft;
    const struct conf_node *node;
    struct conf_preset preset;
    bool has_preset;
    struct spec_route *route;
    const char *name;
    const char *host;
    const char *credential;
};

/* ---- route.c ---- */

/* Replaces *out by a copy. 0 or CB_ENOMEM. */
CB_MUST_USE int conf_copy_text(char **out, const char *text);
const struct conf_node *conf_entry_get(const struct conf_entry *entry, const char *key);
/* Reads an optional text that is one of two words; *second says which. */
void conf_entry_choice(const struct conf_entry *entry, const char *key, const char *a, const char *b,
                       bool *second);
/* Reads a name that tenants, routes and credentials may have. */
void conf_entry_name(const struct conf_entry *entry, const char *key, const char **out);
/* Keys that mean nothing where they stand are more likely a mistake than a wish. */
void conf_entry_refuse(const struct conf_entry *entry, const char *const *keys, const char *message);

/* Each reads its part of the entry into the route; what is wrong goes to the report. 0 also then, or CB_ENOMEM. The
 * order counts: injection before paths, because only a path injector has marks in them. */
CB_MUST_USE int conf_entry_read_credential(struct conf_entry *entry);
CB_MUST_USE int conf_entry_read_match(struct conf_entry *entry);
CB_MUST_USE int conf_entry_read_fields(struct conf_entry *entry);
CB_MUST_USE int conf_entry_read_kubernetes(struct conf_entry *entry);
CB_MUST_USE int conf_entry_read_upstream(struct conf_entry *entry);
/* Reads {body: NAME}, beside which a header may stand. route_body.c. */
CB_MUST_USE int conf_entry_read_body(struct conf_entry *entry, const struct conf_node *map);
/* Reads {aws: {service: NAME, region: NAME}}; the region may be the host's. route_aws.c. */
CB_MUST_USE int conf_entry_read_aws(struct conf_entry *entry, const struct conf_node *map);
/* True for a name such as "eu-central-1". */
bool conf_aws_region_is_valid(struct span text);
/* Reads {oauth2: {...}} or {gcp: ...}: a token goes in as the map's header and prefix say, or as Bearer. route_token.c. */
CB_MUST_USE int conf_entry_read_token(struct conf_entry *entry, const struct conf_node *map);
/* When the route at this index answers the agent's requests for tokens: adds the route that lets them come, once for each
 * endpoint. */
CB_MUST_USE int conf_route_add_answering(struct conf_draft *draft, size_t index);
/* Adds the header that the map's "header" and "prefix" name. route_inject.c. */
CB_MUST_USE int conf_entry_add_header(struct conf_entry *entry, const struct conf_node *name,
                                      const struct conf_node *prefix);
/* Reads the map of an injection, of a route or of a preset, into the entry's route. route_inject.c. */
CB_MUST_USE int conf_entry_read_inject(struct conf_entry *entry, const struct conf_node *node);

#endif
