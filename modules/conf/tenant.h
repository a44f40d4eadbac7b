/*
 * tenant.h - tenant files: the format that people write, checked in full and made into specifications.
 *
 * A text holds one or more YAML (or JSON) documents, each a tenant; schema/tenant.schema.json is the same for editors.
 * All or none: one error anywhere, and nothing is returned but the errors.
 */
#ifndef CB_CONF_TENANT_H
#define CB_CONF_TENANT_H

#include "conf/kubernetes.h"
#include "policy/spec.h"

/* Path patterns of one tenant, all routes together: the search for two that could match the same path takes milliseconds
 * for as many as people write, but a file can be made for which it asks about every pair on a host. */
#define CONF_PATTERNS_MAX 4096

/* What `upstream.address` may be in place of an address: the API server's, as a pod knows it ("10.96.0.1:443"). It is asked for
 * as if it were a file of this name. */
#define CONF_IN_CLUSTER "in-cluster"

/* Stands in every PEM file with a private key, whatever kind it is of (RFC 7468). */
#define CONF_PRIVATE_KEY "PRIVATE KEY-----"

/* How a tenant file reaches the files that it names (caFile). */
struct conf_files {
    /* Appends the file's content to `out`, which has a cap. 0 or a negative code, whose text goes into the message. */
    int (*read)(void *arg, const char *path, struct buf *out);
    void *arg;
};

/* What the agent holds in place of credentials when the file says it: else the store makes it up. */
struct conf_placeholders {
    struct spec_field *items; /* credential and placeholder */
    size_t count;
};

struct conf_tenants {
    struct spec **specs;                    /* in the order of the documents; names are unique */
    struct conf_kubernetes *kubernetes;     /* beside each of them: its spec.kubernetes */
    struct conf_placeholders *placeholders; /* and its spec.placeholders */
    size_t count;
};

/*
 * Reads a text. `file_name` stands in messages only, and NULL asks for lines as conf/report.h has them for programs; `files` NULL refuses caFile. 0 with at least one tenant in *out,
 * each of which spec_encode() takes and policy_table_new() compiles. CB_ECONFIG: `errors` has one line per error, 20 at
 * most, each `FILE:LINE:COL: PATH: message` with a newline. CB_ENOMEM, or CB_ELIMIT when `errors` is too small for its
 * lines. *out is empty after a failure; free with conf_tenants_deinit().
 */
CB_MUST_USE int conf_tenants_load(struct span text, const char *file_name, const struct conf_files *files,
                                  struct conf_tenants *out, struct buf *errors);
/* Frees the specifications. A zeroed struct is fine; taking a spec out means setting its place to NULL. */
void conf_tenants_deinit(struct conf_tenants *tenants);

#endif
