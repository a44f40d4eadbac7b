/* verify_read.c - Kubernetes objects for `clawbox verify`, from files. */
#include "verify_read.h"

#include "cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <unistd.h>

#define FILES_MAX 5000

void verify_trees_deinit(struct verify_trees *trees)
{
    for (size_t i = 0; i < trees->count; i++) {
        conf_tree_deinit(&trees->items[i]);
    }
    free(trees->items);
    *trees = (struct verify_trees){0};
}

int verify_read_text(struct span text, const char *name, struct verify_trees *trees,
                     const struct conf_tree **out)
{
    struct conf_tree_error error;
    if (trees->count == trees->room) {
        size_t room = trees->room != 0 ? 2 * trees->room : 64;
        struct conf_tree *grown = realloc(trees->items, room * sizeof(*grown));
        if (grown == NULL) {
            return cmd_fail_r(CB_ENOMEM, "%s", name);
        }
        trees->items = grown;
        trees->room = room;
    }
    struct conf_tree *tree = &trees->items[trees->count];
    int r = conf_tree_read_large(text, tree, &error);
    if (r == CB_ENOMEM) {
        return cmd_fail_r(r, "%s", name);
    }
    if (r != 0) {
        return cmd_fail("%s:%zu:%zu: %s", name, error.line, error.column, error.message);
    }
    trees->count++;
    *out = tree;
    return CMD_GO;
}

/* ---- files ---- */

static int read_all(int fd, struct buf *out)
{
    for (;;) {
        uint8_t *room;
        int r = buf_reserve(out, 65536, &room);
        if (r != 0) {
            return r;
        }
        ssize_t n = read(fd, room, 65536);
        if (n == 0) {
            return 0;
        }
        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        buf_commit(out, n > 0 ? (size_t)n : 0);
    }
}

static bool is_kustomization(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    return strcmp(name, "kustomization.yaml") == 0 || strcmp(name, "kustomization.yml") == 0 ||
           strcmp(name, "Kustomization") == 0;
}

/* A kustomization that only lists files leaves them as they are; what any other makes of them is not known. */
static int add_kustomization(struct wall *wall, const struct conf_node *document, const char *path)
{
    static const char *const harmless[] = {"apiVersion", "kind", "metadata", "resources"};
    for (const struct conf_node *n = document->kind == CONF_KIND_MAP ? document->first : NULL; n != NULL;
         n = n->next) {
        bool known = false;
        for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++) {
            known = known || strcmp(n->key, harmless[i]) == 0;
        }
        if (!known) {
            char why[160];
            (void)snprintf(why, sizeof(why),
                           "its \"%.40s\" changes what the files say: give the result of kubectl kustomize",
                           n->key);
            return wall_unreadable(wall, path, why);
        }
    }
    return 0;
}

static int add_file(struct wall *wall, int fd, const char *path, struct verify_trees *trees)
{
    char why[256] = "";
    struct buf text;
    const struct conf_tree *tree = NULL;
    buf_init(&text, CONF_TREE_LARGE_BYTES_MAX);
    int r = read_all(fd, &text);
    int status = r == 0 ? verify_read_text(buf_span(&text), path, trees, &tree) : cmd_fail_r(r, "%s", path);
    for (const struct conf_node *d = status == CMD_GO ? tree->documents : NULL; d != NULL && r == 0;
         d = d->next) {
        r = is_kustomization(path) ? add_kustomization(wall, d, path) : wall_add(wall, d, why, sizeof(why));
    }
    buf_deinit(&text);
    if (status == CMD_GO && r != 0) {
        return why[0] != '\0' ? cmd_fail("%s: %s", path, why) : cmd_fail_r(r, "%s", path);
    }
    return status;
}

/* The values that `clawbox provision --secrets file` writes are nobody's business here. */
#define SECRETS_FILE "secrets.yaml"

static bool has_objects(const char *name)
{
    if (strcmp(name, SECRETS_FILE) == 0) {
        return false;
    }
    size_t len = strlen(name);
    const char *const ends[] = {".yaml", ".yml", ".json"};
    for (size_t i = 0; i < 3; i++) {
        size_t end = strlen(ends[i]);
        if (len > end && strcmp(name + len - end, ends[i]) == 0) {
            return true;
        }
    }
    return strcmp(name, "Kustomization") == 0;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static int add_entry(struct wall *wall, FTS *fts, FTSENT *e, struct verify_trees *trees, size_t *files)
{
    if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR || e->fts_info == FTS_NS) {
        return cmd_fail_r(-e->fts_errno, "%s", e->fts_path);
    }
    if (e->fts_info == FTS_D && e->fts_level > 0 && e->fts_name[0] == '.') {
        (void)fts_set(fts, e, FTS_SKIP);
    }
    bool file = e->fts_info == FTS_F || e->fts_info == FTS_SL;
    if (!file || (e->fts_level > 0 && (e->fts_name[0] == '.' || !has_objects(e->fts_name)))) {
        return CMD_GO;
    }
    if (++*files > FILES_MAX) {
        return cmd_fail("%s: more than %d files", e->fts_path, FILES_MAX);
    }
    int fd = open(e->fts_path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return cmd_fail_r(-errno, "%s", e->fts_path);
    }
    int status = add_file(wall, fd, e->fts_path, trees);
    (void)close(fd);
    return status;
}

int verify_read_files(struct wall *wall, const char *path, struct verify_trees *trees)
{
    if (strcmp(path, "-") == 0) {
        return add_file(wall, STDIN_FILENO, "standard input", trees);
    }
    char *root = strdup(path);
    char *const roots[] = {root, NULL};
    FTS *fts = root != NULL ? fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, by_name) : NULL;
    int status = fts != NULL ? CMD_GO : cmd_fail_r(root != NULL ? -errno : CB_ENOMEM, "%s", path);
    size_t files = 0;
    while (status == CMD_GO) {
        errno = 0;
        FTSENT *e = fts_read(fts);
        if (e == NULL) {
            status = errno != 0 ? cmd_fail_r(-errno, "%s", path) : CMD_GO;
            break;
        }
        status = add_entry(wall, fts, e, trees, &files);
    }
    if (fts != NULL) {
        (void)fts_close(fts);
    }
    free(root);
    return status;
}
