/*
 * provision_files.c - the folder of a tenant's manifests: what is there, what is to be there, and the way from one to the other.
 *
 * A file is ours when its first line says so; whatever else is in the folder is refused by name, so that nothing of somebody else is
 * ever replaced or removed. Links are not followed anywhere below DIR. Files are written whole under a temporary name, made durable, and
 * renamed; those that are right already are not touched. A lock on the folder keeps two runs from writing at the same time.
 */
#include "provision.h"

#include "control.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARK     "# Written by clawbox provision"
#define HEADER   MARK ": what is changed here is lost at its next run.\n"
#define FILE_MAX ((size_t)2 * 1024 * 1024)
/* A file that was being written when a run was ended. */
#define TEMPORARY ".clawbox-new-"
#define IGNORE    ".gitignore"

/* ---- paths ---- */

static bool is_name(struct span part)
{
    for (size_t i = 0; i < part.len; i++) {
        uint8_t c = part.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || (c == '.' && i != 0))) {
            return false;
        }
    }
    return part.len != 0;
}

/* NAME/FILE.yaml or NAME/FOLDER/FILE.yaml, whatever the server says. */
static bool is_path(struct span path, const char *name)
{
    struct span rest = path;
    size_t parts = 0;
    for (bool more = true; more; parts++) {
        const uint8_t *slash = rest.len != 0 ? memchr(rest.ptr, '/', rest.len) : NULL;
        struct span part = span_sub(rest, 0, slash != NULL ? (size_t)(slash - rest.ptr) : rest.len);
        if (!is_name(part) || (parts == 0 && !span_eq_str(part, name))) {
            return false;
        }
        more = slash != NULL;
        rest = span_sub(rest, part.len + 1, SIZE_MAX);
    }
    return (parts == 2 || parts == 3) && path.len < PROVISION_PATH_MAX && span_ends(path, SPAN_LIT(".yaml"));
}

/* ---- the list ---- */

static struct provision_file *add(struct provision_files *files, const char *path)
{
    struct provision_file *grown = reallocarray(files->items, files->count + 1, sizeof(*grown));
    if (grown == NULL) {
        return NULL;
    }
    files->items = grown;
    struct provision_file *file = &grown[files->count++];
    *file = (struct provision_file){.change = PROVISION_NEW};
    (void)snprintf(file->path, sizeof(file->path), "%s", path);
    buf_init(&file->now, FILE_MAX);
    buf_init(&file->next, FILE_MAX);
    return file;
}

static struct provision_file *find(const struct provision_files *files, const char *path)
{
    for (size_t i = 0; i < files->count; i++) {
        if (strcmp(files->items[i].path, path) == 0) {
            return &files->items[i];
        }
    }
    return NULL;
}

int provision_files_take(const struct conf_node *answer, const char *name, struct provision_files *out)
{
    for (const struct conf_node *node = control_first(answer, "files"); node != NULL; node = node->next) {
        const char *path = control_text(node, "path");
        if (!is_path(span_str(path), name) || find(out, path) != NULL || out->count == PROVISION_FILES_MAX) {
            return cmd_fail("clawbox serve answers with a file \"%s\", which cannot be", path);
        }
        struct provision_file *file = add(out, path);
        int r = file != NULL ? buf_append_str(&file->next, HEADER) : CB_ENOMEM;
        r = r == 0 ? buf_append_str(&file->next, control_text(node, "content")) : r;
        if (r != 0) {
            return cmd_fail_r(r, "%s cannot be taken", path);
        }
    }
    return out->count != 0 ? CMD_GO : cmd_fail("clawbox serve answers without a file");
}

size_t provision_files_changed(const struct provision_files *files)
{
    size_t count = 0;
    for (size_t i = 0; i < files->count; i++) {
        count += files->items[i].change != PROVISION_SAME;
    }
    return count;
}

const char *provision_change_word(enum provision_change change)
{
    static const char *const words[] = {"unchanged", "created", "changed", "removed"};
    return words[change];
}

void provision_files_deinit(struct provision_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        buf_deinit(&files->items[i].now);
        buf_deinit(&files->items[i].next);
    }
    free(files->items);
    *files = (struct provision_files){0};
}

/* ---- the folder ---- */

/* A folder below another, made if `make` says so. The descriptor or a negative errno. */
static int open_below(int parent, const char *name, bool make)
{
    if (make && mkdirat(parent, name, 0777) != 0 && errno != EEXIST) {
        return -errno;
    }
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd >= 0 ? fd : -errno;
}

/* The folder and those above it, as far as they are not there. */
static int make_folders(const char *dir)
{
    char path[PATH_MAX];
    int len = snprintf(path, sizeof(path), "%s/", dir);
    if (len < 0 || (size_t)len >= sizeof(path)) {
        return -ENAMETOOLONG;
    }
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0777) != 0 && errno != EEXIST) {
            return -errno;
        }
        *slash = '/';
    }
    return 0;
}

int provision_folder_check(const char *dir, const char *name)
{
    char path[PATH_MAX];
    int len = snprintf(path, sizeof(path), "%s/%s", dir, name);
    if (len < 0 || (size_t)len >= sizeof(path)) {
        return cmd_fail_r(-ENAMETOOLONG, "%s cannot be written", dir);
    }
    /* What is not there yet is made in the nearest folder that is. */
    while (access(path, W_OK | X_OK) != 0) {
        char *slash = strrchr(path, '/');
        if (errno != ENOENT || strcmp(path, ".") == 0) {
            return cmd_fail_r(-errno, "%s cannot be written", path);
        }
        if (slash == NULL) {
            (void)snprintf(path, sizeof(path), ".");
        } else {
            slash[slash == path] = '\0';
        }
    }
    return CMD_GO;
}

int provision_folder_open(const char *dir, const char *name, bool make)
{
    int made = make ? make_folders(dir) : 0;
    if (made != 0) {
        return made;
    }
    int top = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int folder = top >= 0 ? open_below(top, name, make) : -errno;
    if (top >= 0) {
        (void)close(top);
    }
    if (folder >= 0 && flock(folder, LOCK_EX) != 0) {
        int r = -errno;
        (void)close(folder);
        return r;
    }
    return folder;
}

static int write_all(int fd, struct span content)
{
    while (content.len > 0) {
        ssize_t n = write(fd, content.ptr, content.len);
        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        content = span_sub(content, n > 0 ? (size_t)n : 0, content.len);
    }
    return 0;
}

int provision_file_put(int folder, const char *name, struct span content, unsigned mode)
{
    char temporary[PROVISION_PATH_MAX];
    (void)snprintf(temporary, sizeof(temporary), TEMPORARY "%ld", (long)getpid());
    (void)unlinkat(folder, temporary, 0); /* of a run with the same number, long ago */
    int fd = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0) {
        return -errno;
    }
    int r = write_all(fd, content);
    r = r == 0 && fsync(fd) != 0 ? -errno : r;
    if (close(fd) != 0 && r == 0) {
        r = -errno;
    }
    r = r == 0 && renameat(folder, temporary, folder, name) != 0 ? -errno : r;
    if (r != 0) {
        (void)unlinkat(folder, temporary, 0);
    }
    return r;
}

/* The content of a regular file. 0, CB_EINVAL when it is none, CB_ELIMIT when it is larger than any of ours, or a negative errno. */
static int slurp(int folder, const char *name, struct buf *out)
{
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat st;
    uint8_t chunk[16384];
    if (fd < 0) {
        return errno == ELOOP ? CB_EINVAL : -errno;
    }
    int r = fstat(fd, &st) != 0 ? -errno : S_ISREG(st.st_mode) ? 0 : CB_EINVAL;
    while (r == 0) {
        ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n == 0) {
            break;
        }
        r = n > 0 ? buf_append(out, chunk, (size_t)n) : errno == EINTR ? 0 : -errno;
    }
    (void)close(fd);
    return r;
}

/* ---- what is there ---- */

struct look {
    const char *dir;
    const char *name;
    struct provision_files *files;
    size_t strange; /* what is not ours, and was said */
};

/* What belongs to the folder beside the manifests: the Secrets, and what keeps them out of Git. */
static bool is_ours_beside(const char *path, const char *entry)
{
    return strchr(path, '/') == strrchr(path, '/') &&
           (strcmp(entry, PROVISION_SECRETS) == 0 || strcmp(entry, IGNORE) == 0);
}

static void say_strange(struct look *look, const char *path, const char *why)
{
    if (look->strange++ == 0) {
        cmd_say("%s/%s has what clawbox provision did not write, so it leaves all of it as it is:", look->dir,
                look->name);
    }
    cmd_print_text(stderr, span_str(path));
    (void)fprintf(stderr, ": %s\n", why);
}

static int look_at_file(struct look *look, int folder, const char *path, const char *entry)
{
    struct provision_file *file = find(look->files, path);
    struct buf content;
    buf_init(&content, FILE_MAX);
    int r = slurp(folder, entry, &content);
    bool ours = r == 0 && span_starts(buf_span(&content), SPAN_LIT(MARK));
    if (r == -ENOENT) {
        r = 0; /* gone in between */
    } else if (r == CB_EINVAL || r == CB_ELIMIT || (r == 0 && !ours)) {
        say_strange(look, path, r == CB_EINVAL ? "no file" : "without the first line of our files");
        r = 0;
    } else if (r == 0 && file == NULL) {
        file = add(look->files, path);
        r = file != NULL ? buf_append_span(&file->now, buf_span(&content)) : CB_ENOMEM;
        if (r == 0) {
            file->change = PROVISION_GONE;
        }
    } else if (r == 0) {
        r = buf_append_span(&file->now, buf_span(&content));
        file->change =
            span_eq(buf_span(&file->now), buf_span(&file->next)) ? PROVISION_SAME : PROVISION_CHANGED;
    }
    buf_deinit(&content);
    return r;
}

static int look_into(struct look *look, int folder, const char *path, unsigned depth);

static int look_at(struct look *look, int folder, const char *path, const char *entry, unsigned depth)
{
    struct stat st;
    if (strncmp(entry, TEMPORARY, strlen(TEMPORARY)) == 0 || is_ours_beside(path, entry)) {
        return 0;
    }
    if (fstatat(folder, entry, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno == ENOENT ? 0 : -errno;
    }
    if (!S_ISDIR(st.st_mode)) {
        return look_at_file(look, folder, path, entry);
    }
    if (depth == 0 || (strcmp(entry, "claw") != 0 && strcmp(entry, "dev") != 0)) {
        say_strange(look, path, "a folder");
        return 0;
    }
    int fd = open_below(folder, entry, false);
    return fd >= 0 ? look_into(look, fd, path, depth - 1) : fd;
}

/* Takes the descriptor over. */
static int look_into(struct look *look, int folder, const char *path, unsigned depth)
{
    char below[PROVISION_PATH_MAX];
    DIR *dir = fdopendir(folder);
    if (dir == NULL) {
        int r = -errno;
        (void)close(folder);
        return r;
    }
    int r = 0;
    const struct dirent *entry;
    errno = 0;
    while (r == 0 && (entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        int len = snprintf(below, sizeof(below), "%s/%s", path, entry->d_name);
        if (len < 0 || (size_t)len >= sizeof(below)) {
            say_strange(look, entry->d_name, "a name that is none of ours");
        } else {
            r = look_at(look, dirfd(dir), below, entry->d_name, depth);
        }
        errno = 0;
    }
    r = r == 0 && errno != 0 ? -errno : r;
    (void)closedir(dir);
    return r;
}

int provision_files_compare(const char *dir, const char *name, struct provision_files *files)
{
    struct look look = {.dir = dir, .name = name, .files = files};
    int folder = provision_folder_open(dir, name, false);
    if (folder == -ENOENT) {
        return CMD_GO;
    }
    if (folder == -ELOOP || folder == -ENOTDIR) {
        return cmd_fail("%s/%s is there, and is no folder", dir, name);
    }
    int r = folder < 0 ? folder : look_into(&look, folder, name, 1);
    if (r != 0) {
        return cmd_fail_r(r, "%s/%s cannot be read", dir, name);
    }
    return look.strange != 0 ? CMD_FAILED : CMD_GO;
}

/* ---- writing ---- */

/* Splits "alice/claw/x.yaml" behind the tenant's name: the folder, or "", and the file. */
static const char *split(const char *path, char folder[PROVISION_PATH_MAX])
{
    const char *rest = strchr(path, '/') + 1;
    const char *slash = strchr(rest, '/');
    (void)snprintf(folder, PROVISION_PATH_MAX, "%.*s", slash != NULL ? (int)(slash - rest) : 0, rest);
    return slash != NULL ? slash + 1 : rest;
}

/* What runs that were ended have left. */
static int remove_temporary(int folder)
{
    int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
    if (dir == NULL) {
        int r = -errno;
        if (copy >= 0) {
            (void)close(copy);
        }
        return r;
    }
    const struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        if (strncmp(entry->d_name, TEMPORARY, strlen(TEMPORARY)) == 0) {
            (void)unlinkat(folder, entry->d_name, 0); /* it does no harm if it stays */
        }
    }
    (void)closedir(dir);
    return 0;
}

static int write_one(int folder, const struct provision_file *file)
{
    char below[PROVISION_PATH_MAX];
    const char *entry = split(file->path, below);
    int r = 0;
    int fd = below[0] == '\0' ? dup(folder) : open_below(folder, below, file->change != PROVISION_GONE);
    if (fd < 0) {
        return fd == -1 ? -errno : fd;
    }
    r = remove_temporary(fd);
    if (r == 0 && file->change == PROVISION_GONE) {
        r = unlinkat(fd, entry, 0) == 0 || errno == ENOENT ? 0 : -errno;
    } else if (r == 0 && file->change != PROVISION_SAME) {
        r = provision_file_put(fd, entry, buf_span(&file->next), 0666);
    }
    r = r == 0 && fsync(fd) != 0 ? -errno : r;
    (void)close(fd);
    /* A folder goes with its last file; one that has more stays. */
    if (r == 0 && file->change == PROVISION_GONE && below[0] != '\0' &&
        unlinkat(folder, below, AT_REMOVEDIR) != 0 && errno != ENOTEMPTY && errno != EEXIST) {
        r = -errno;
    }
    return r;
}

int provision_files_write(const char *dir, const char *name, const struct provision_files *files)
{
    int folder = provision_folder_open(dir, name, true);
    if (folder < 0) {
        return cmd_fail_r(folder, "%s/%s cannot be written", dir, name);
    }
    int r = remove_temporary(folder);
    const struct provision_file *file = NULL;
    for (size_t i = 0; r == 0 && i < files->count; i++) {
        file = &files->items[i];
        r = file->change != PROVISION_SAME ? write_one(folder, file) : 0;
    }
    (void)close(folder);
    return r == 0 ? CMD_GO : cmd_fail_r(r, "%s/%s cannot be written", dir, file != NULL ? file->path : name);
}

void provision_files_print(const struct provision_files *files, FILE *out)
{
    for (size_t i = 0; i < files->count; i++) {
        const struct provision_file *file = &files->items[i];
        struct span text = buf_span(&file->next);
        if (file->change == PROVISION_GONE ||
            span_ends(span_str(file->path), SPAN_LIT("/kustomization.yaml"))) {
            continue; /* a kustomization means nothing without its folder */
        }
        (void)fputs("---\n", out);
        (void)fwrite(text.ptr, 1, text.len, out);
    }
}
