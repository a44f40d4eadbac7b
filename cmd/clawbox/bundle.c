/*
 * bundle.c - writing a tenant's CA bundle, and what else its agent reads from a file.
 *
 * The variables that name it replace a client's own roots, so the system's are in it: an agent may be given a way past
 * the proxy on purpose. The state directory may be closed to others; the folders below it and the file are open.
 */
#include "bundle.h"

#include "output_file.h"
#include "tenant_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUNDLE_MAX ((size_t)8 * 1024 * 1024)
#define FILE_NAME  "ca-bundle.pem"

static const char *const roots[] = {
    "/etc/ssl/certs/ca-certificates.crt", /* Debian and its kin */
    "/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora and its kin */
    "/etc/ssl/cert.pem",                  /* Alpine */
};

static int append_roots(struct buf *out)
{
    for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
        int r = tenant_file_slurp(roots[i], out);
        if (r == -ENOENT || r == -ENOTDIR) {
            continue;
        }
        if (r != 0) {
            return cmd_fail_r(r, "the system's certificates cannot be read from %s", roots[i]);
        }
        if (buf_len(out) > 0 && !span_ends(buf_span(out), SPAN_LIT("\n")) &&
            buf_append_byte(out, '\n') != 0) {
            return cmd_fail("%s is too large", roots[i]);
        }
        return CMD_GO;
    }
    cmd_say("this machine has no file of root certificates (%s): the bundle has only the tenant's CA",
            roots[0]);
    return CMD_GO;
}

/* Opens the folder below `parent`, made if it is not there. The descriptor or a negative errno. */
static int open_folder(int parent, const char *name)
{
    bool made = mkdirat(parent, name, 0755) == 0;
    if (!made && errno != EEXIST) {
        return -errno;
    }
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    if (made && fchmod(fd, 0755) != 0) { /* the umask may have taken something away */
        int r = -errno;
        (void)close(fd);
        return r;
    }
    return fd;
}

/* True when the file has this content and mode already. */
static bool is_current(int folder, const char *file, struct span content)
{
    int fd = openat(folder, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat st;
    bool same = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 07777) == 0644 &&
                (size_t)st.st_size == content.len;
    uint8_t chunk[16384];
    size_t at = 0;
    while (same && at < content.len) {
        ssize_t n = read(fd, chunk, sizeof(chunk));
        same = n > 0 && span_eq(span_of(chunk, (size_t)n), span_sub(content, at, (size_t)n));
        at += n > 0 ? (size_t)n : 0;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return same;
}

static int write_below(const char *state, const char *tenant, const char *file, struct span content)
{
    int r = 0;
    int top = open(state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int tenants = top >= 0 ? open_folder(top, "tenants") : -errno;
    int folder = tenants >= 0 ? open_folder(tenants, tenant) : tenants;
    if (folder < 0) {
        r = folder;
    } else if (!is_current(folder, file, content)) {
        r = output_file_replace(folder, file, content, 0644);
    }
    if (folder >= 0) {
        (void)close(folder);
    }
    if (tenants >= 0) {
        (void)close(tenants);
    }
    if (top >= 0) {
        (void)close(top);
    }
    return r;
}

int bundle_write_file(const char *state, const char *tenant, const char *file, struct span content,
                      char *path, size_t path_size)
{
    char *absolute = realpath(state, NULL);
    if (absolute == NULL) {
        return cmd_fail_r(-errno, "the state directory %s cannot be found", state);
    }
    int status = CMD_GO;
    int len = snprintf(path, path_size, "%s/tenants/%s/%s", absolute, tenant, file);
    if (len < 0 || (size_t)len >= path_size) {
        status = cmd_fail("the path of the state directory is too long");
    } else {
        int r = write_below(absolute, tenant, file, content);
        if (r == -EACCES || r == -EPERM || r == -EROFS) {
            status = cmd_fail_r(r, "%s cannot be written: run this as the user who owns %s", path, state);
        } else if (r != 0) {
            status = cmd_fail_r(r, "%s cannot be written", path);
        }
    }
    free(absolute);
    return status;
}

int bundle_write(const char *state, const char *tenant, struct span ca_pem, char *path, size_t path_size)
{
    struct buf content;
    buf_init(&content, BUNDLE_MAX);
    int status = append_roots(&content);
    if (status == CMD_GO) {
        int r = buf_append_span(&content, ca_pem);
        r = r == 0 && !span_ends(ca_pem, SPAN_LIT("\n")) ? buf_append_byte(&content, '\n') : r;
        status = r != 0 ? cmd_fail_r(r, "the certificates of %s cannot be put together", tenant)
                        : bundle_write_file(state, tenant, FILE_NAME, buf_span(&content), path, path_size);
    }
    buf_deinit(&content);
    return status;
}
