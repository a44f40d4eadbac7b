/* tenant_file.h - a tenant file, and the files that it names, as the body of a request or as specifications. */
#ifndef CB_CLAWBOX_TENANT_FILE_H
#define CB_CLAWBOX_TENANT_FILE_H

#include "cmd.h"
#include "conf/tenant.h"

/*
 * Reads a tenant file ("-": standard input) and every caFile of its routes, relative to the file's directory, and writes
 * the JSON of POST /v1/tenants:apply. CMD_GO; or CMD_FAILED, and standard error has said where and why. `body` is made
 * usable in any case and is the caller's to free.
 */
CB_MUST_USE int tenant_file_read(const char *path, struct buf *body);

/* Appends the content of a file, which the buffer's cap bounds. 0, CB_ELIMIT, CB_ENOMEM or a negative errno. */
CB_MUST_USE int tenant_file_slurp(const char *path, struct buf *out);

/* Appends the API server's address as Kubernetes tells it to every container: "10.96.0.1:443". 0, CB_ELIMIT, CB_ENOMEM, or CB_ENOTFOUND outside of a
 * cluster. */
CB_MUST_USE int tenant_file_in_cluster(struct buf *out);

/* Reads a tenant file ("-": standard input) as the server would, with the files that it names, and checks it in full. CMD_GO
 * and at least one specification in *out; or CMD_FAILED, and standard error has said where and why. */
CB_MUST_USE int tenant_file_load(const char *path, struct conf_tenants *out);

#endif
