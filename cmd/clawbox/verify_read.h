/*
 * verify_read.h - where `clawbox verify` has its objects from: kubectl, which knows every way of proving who asks, or files. A
 * cluster is not asked for Secrets.
 */
#ifndef CB_CLAWBOX_VERIFY_READ_H
#define CB_CLAWBOX_VERIFY_READ_H

#include "wall/wall.h"

/* The trees that a wall borrows. */
struct verify_trees {
    struct conf_tree *items;
    size_t count;
    size_t room;
};

/* Asks the cluster. Both may be NULL: what kubectl takes by itself. CMD_GO, or CMD_FAILED when nothing could be asked, which has been
 * said; a kind that could not be read is told to the wall. */
CB_MUST_USE int verify_read_cluster(struct wall *wall, const char *tenant, const char *kubeconfig,
                                    const char *context, struct verify_trees *trees);
/* Reads a file, everything below a folder, or standard input ("-"). CMD_GO or CMD_FAILED. */
CB_MUST_USE int verify_read_files(struct wall *wall, const char *path, struct verify_trees *trees);
/* Keeps a tree of this text, of a file or of a program. CMD_GO or CMD_FAILED; then it has been said, with `name` in front. */
CB_MUST_USE int verify_read_text(struct span text, const char *name, struct verify_trees *trees,
                                 const struct conf_tree **out);
void verify_trees_deinit(struct verify_trees *trees);

#endif
