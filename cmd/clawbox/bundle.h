/* bundle.h - the certificates that a tenant's agent trusts, as one file. */
#ifndef CB_CLAWBOX_BUNDLE_H
#define CB_CLAWBOX_BUNDLE_H

#include "cmd.h"

/*
 * Writes the system's roots and the tenant's CA to STATE/tenants/TENANT/ca-bundle.pem (mode 0644, replaced at once and
 * only when it changes) and its absolute path to `path`. CMD_GO; or CMD_FAILED, which has been said.
 */
CB_MUST_USE int bundle_write(const char *state, const char *tenant, struct span ca_pem, char *path,
                             size_t path_size);

/* Writes another file beside it, in the same way. `file` is a name without '/'. */
CB_MUST_USE int bundle_write_file(const char *state, const char *tenant, const char *file,
                                  struct span content, char *path, size_t path_size);

#endif
