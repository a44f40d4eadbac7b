/* serving.c - the certificate of a role's TLS listeners, and its key. */
#include "link/internal.h"

#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FILE_SIZE_MAX ((size_t)128 * 1024)
#define READ_SIZE     4096

int link_serving_new(struct span pem, struct link_serving **out, const char **why)
{
    struct link_serving *serving = calloc(1, sizeof(*serving));
    if (serving == NULL) {
        return CB_ENOMEM;
    }
    int r = tls_leaf_serving(pem, &serving->leaf, why);
    serving->server = r == 0 ? tls_server_new() : NULL;
    if (r == 0 && serving->server == NULL) {
        r = CB_ENOMEM;
    }
    if (r != 0) {
        tls_leaf_unref(serving->leaf);
        free(serving);
        return r;
    }
    *out = serving;
    return 0;
}

static int append_file(int fd, struct buf *out)
{
    for (;;) {
        uint8_t *to;
        int r = buf_reserve(out, READ_SIZE, &to);
        if (r != 0) {
            return r;
        }
        ssize_t got = read(fd, to, READ_SIZE);
        if (got < 0 && errno != EINTR) {
            return -errno;
        }
        if (got == 0) {
            return buf_append_byte(out, '\n');
        }
        buf_commit(out, got > 0 ? (size_t)got : 0);
    }
}

/* Connections that stand keep the leaf that they began with, and tickets go on: they are the server's. */
static int serve_another(struct link_serving *serving, struct span pem, const char **why)
{
    struct tls_leaf *leaf;
    int r = tls_leaf_serving(pem, &leaf, why);
    if (r == 0) {
        tls_leaf_unref(serving->leaf);
        serving->leaf = leaf;
    }
    return r;
}

int link_serving_read(int cert_fd, int key_fd, struct link_serving **serving)
{
    struct buf pem;
    const char *why = NULL;
    buf_init(&pem, 2 * FILE_SIZE_MAX);
    buf_set_sensitive(&pem);
    int r = append_file(cert_fd, &pem);
    r = r == 0 ? append_file(key_fd, &pem) : r;
    (void)close(cert_fd);
    (void)close(key_fd);
    if (r == 0) {
        r = *serving == NULL ? link_serving_new(buf_span(&pem), serving, &why)
                             : serve_another(*serving, buf_span(&pem), &why);
    }
    buf_deinit(&pem);
    if (r != 0) {
        log_error_r(r, "--tls-cert and --tls-key: %s", why != NULL ? why : "they cannot be read");
    }
    return r;
}

int link_serving_take(bool key, int fd, int *cert_fd, struct link_serving **serving)
{
    bool waits = *cert_fd >= 0;
    if (key != waits) {
        (void)close(fd);
        return CB_EPERM;
    }
    if (!key) {
        *cert_fd = fd;
        return 0;
    }
    int cert = *cert_fd;
    *cert_fd = -1;
    return link_serving_read(cert, fd, serving);
}

bool link_serves(const struct link_serving *serving, struct span host)
{
    char text[256];
    if (host.len == 0 || host.len >= sizeof(text) || memchr(host.ptr, 0, host.len) != NULL) {
        return false;
    }
    (void)snprintf(text, sizeof(text), "%.*s", SPAN_ARG(host));
    return tls_leaf_is_for(serving->leaf, text);
}
