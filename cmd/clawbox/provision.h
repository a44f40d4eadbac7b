/*
 * provision.h - the parts of `clawbox provision` and `clawbox deprovision`: a tenant's document for the server, the folder of its
 * manifests, the file of its Secrets.
 *
 * These functions speak: when they return CMD_FAILED, standard error says what went wrong and what to do.
 */
#ifndef CB_CLAWBOX_PROVISION_H
#define CB_CLAWBOX_PROVISION_H

#include "cmd.h"
#include "conf/tree.h"
#include "policy/spec.h"

#define PROVISION_TYPE          "application/vnd.clawbox.tenant-file+json"
#define PROVISION_FILES_MAX     2048 /* of one tenant */
#define PROVISION_PATH_MAX      256
#define PROVISION_PROVIDERS_MAX 64
#define PROVISION_SECRETS       "secrets.yaml"

/* ---- provision_document.c: what is sent ---- */

struct provision_document {
    struct buf body;    /* of PUT, as PROVISION_TYPE; empty: the tenant stays as it is */
    char if_match[64];  /* the document was made from the one with this tag; "": it was not */
    bool if_none_match; /* there was none */
};

/* "PROVIDER" or "PROVIDER=CREDENTIAL", for each of which there is to be a route. */
struct provision_providers {
    const char *items[PROVISION_PROVIDERS_MAX];
    size_t count;
};

/*
 * The document of tenant `name`: of the file, or NULL; else the one that the server has, with a route for each provider that it has
 * none for; else a new one. CMD_GO or an exit code. Free with provision_document_deinit() in any case.
 */
CB_MUST_USE int provision_document_make(const char *state, const char *name, const char *file,
                                        const struct provision_providers *providers,
                                        struct provision_document *out);
void provision_document_deinit(struct provision_document *document);
struct provision_route {
    char provider[SPEC_NAME_MAX + 1];
    char credential[SPEC_NAME_MAX + 1]; /* "" for a provider that takes none */
};

/* Appends `text`, a tenant's document, with each of the routes that it does not have yet. 0; CB_ENOTFOUND when its routes are not written
 * one below the other, so that there is no place for another; or an error of conf_tree_read(). */
CB_MUST_USE int provision_add_routes(struct span text, const struct provision_route *routes, size_t count,
                                     struct buf *out);

/* ---- provision_files.c: the folder ---- */

enum provision_change { PROVISION_SAME, PROVISION_NEW, PROVISION_CHANGED, PROVISION_GONE };

struct provision_file {
    char path[PROVISION_PATH_MAX]; /* below the folder of all tenants: "alice/claw/10-x.yaml" */
    struct buf now;                /* what is there; empty for NEW */
    struct buf next;               /* what is to be there; empty for GONE */
    enum provision_change change;
};

struct provision_files {
    struct provision_file *items;
    size_t count;
};

/* The files of an answer of .../manifests, each behind the line that marks it as ours. CMD_GO or CMD_FAILED. */
CB_MUST_USE int provision_files_take(const struct conf_node *answer, const char *name,
                                     struct provision_files *out);
/*
 * Looks at DIR/NAME: what is there of each file, and which of ours are to go. CMD_GO; CMD_FAILED when something there is not ours, which
 * is named. Nothing is changed.
 */
CB_MUST_USE int provision_files_compare(const char *dir, const char *name, struct provision_files *files);
/* Makes the folder what it is to be, one whole file after the other. CMD_GO or CMD_FAILED. */
CB_MUST_USE int provision_files_write(const char *dir, const char *name, const struct provision_files *files);
/* Writes all of it as one stream of YAML documents. */
void provision_files_print(const struct provision_files *files, FILE *out);
/* How many of them change. */
size_t provision_files_changed(const struct provision_files *files);
const char *provision_change_word(enum provision_change change);
void provision_files_deinit(struct provision_files *files);

/* Whether DIR/NAME can be written, or made where it is not there yet. CMD_GO or CMD_FAILED. */
CB_MUST_USE int provision_folder_check(const char *dir, const char *name);
/* Opens DIR/NAME for whoever writes there, made if `make` says so, and locks it. The descriptor, -ENOENT, or another negative errno. */
CB_MUST_USE int provision_folder_open(const char *dir, const char *name, bool make);
/* Puts a whole file there: under a temporary name first, durable, then under its own. */
CB_MUST_USE int provision_file_put(int folder, const char *name, struct span content, unsigned mode);

/* ---- provision_diff.c ---- */

/* Prints what changes as diff(1) does it. CMD_GO; CMD_FAILED when it cannot be started. */
CB_MUST_USE int provision_files_diff(const struct provision_files *files);

/* ---- provision_secrets.c: the file with the Secrets ---- */

struct provision_secrets {
    const char *files[PROVISION_PROVIDERS_MAX]; /* "CREDENTIAL=FILE" */
    size_t count;
};

/*
 * Writes DIR/NAME/secrets.yaml, or adds to it what is missing: random values, and the given credentials. Appends to `missing` a line for
 * each of the answer's Secrets that is not in the file. CMD_GO or CMD_FAILED.
 */
CB_MUST_USE int provision_secrets_write(const char *dir, const char *name, const struct conf_node *answer,
                                        const struct provision_secrets *given, struct buf *missing);
/* Checks the arguments: each names a credential that the answer has a Secret for, and a file that can be read. CMD_GO or an exit code. */
CB_MUST_USE int provision_secrets_check(const struct conf_node *answer,
                                        const struct provision_secrets *given);

#endif
