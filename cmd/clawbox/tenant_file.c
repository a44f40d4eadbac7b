/*
 * tenant_file.c - reading a tenant file for the server, which has no business in the file system of whoever applies it.
 *
 * The text is sent as it was written and checked by the server. Here it is read only to find the files that it names,
 * so what is said here is about the text as YAML and about those files.
 */
#include "tenant_file.h"

#include "base/json.h"
#include "conf/report.h"
#include "policy/spec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_all(int fd, struct buf *out)
{
    for (;;) {
        size_t want = buf_room(out) < 65536 ? buf_room(out) + 1 : 65536;
        uint8_t chunk[65537];
        ssize_t n = read(fd, chunk, want);
        if (n == 0) {
            return 0;
        }
        if (n < 0 && errno == EINTR) {
            continue;
        }
        int r = n < 0 ? -errno : buf_append(out, chunk, (size_t)n);
        if (r != 0) {
            return r;
        }
    }
}

int tenant_file_slurp(const char *path, struct buf *out)
{
    /* Without O_NONBLOCK a pipe that nobody writes to would be waited for. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    if (fd < 0) {
        return -errno;
    }
    int r = fstat(fd, &st) != 0 ? -errno : 0;
    if (r == 0 && S_ISDIR(st.st_mode)) {
        r = -EISDIR;
    } else if (r == 0 && !S_ISREG(st.st_mode)) {
        /* <(command) of a shell: then waiting is what is wanted. */
        r = fcntl(fd, F_SETFL, 0) == 0 ? 0 : -errno;
    }
    r = r == 0 ? read_all(fd, out) : r;
    (void)close(fd);
    return r;
}

struct reading {
    const char *path; /* of the tenant file */
    struct conf_report report;
    struct json json;
    const struct conf_node *sent[SPEC_ROUTES_MAX]; /* caFiles that are in the body already */
    size_t sent_count;
    bool has_address; /* what CONF_IN_CLUSTER stands for is in it too */
};

/* `name` seen from the directory of the tenant file. */
static int resolve(const char *tenant_file, const char *name, char *out, size_t size)
{
    const char *slash = strcmp(tenant_file, "-") != 0 ? strrchr(tenant_file, '/') : NULL;
    int directory = name[0] == '/' || slash == NULL ? 0 : (int)(slash - tenant_file) + 1;
    int len = snprintf(out, size, "%.*s%s", directory, tenant_file, name);
    return len < 0 || (size_t)len >= size ? -ENAMETOOLONG : 0;
}

static bool is_sent(const struct reading *reading, const char *name)
{
    for (size_t i = 0; i < reading->sent_count; i++) {
        if (strcmp(reading->sent[i]->text, name) == 0) {
            return true;
        }
    }
    return false;
}

static void add_file(struct reading *reading, const struct conf_node *node)
{
    const char *name;
    char path[PATH_MAX];
    struct buf content;
    if (!conf_read_text(&reading->report, node, &name) || is_sent(reading, name)) {
        return;
    }
    buf_init(&content, SPEC_CA_MAX);
    buf_set_sensitive(&content); /* it may turn out to be the wrong file */
    int r = resolve(reading->path, name, path, sizeof(path));
    r = r == 0 ? tenant_file_slurp(path, &content) : r;
    struct span text = buf_span(&content);
    if (r == CB_ELIMIT) {
        conf_report_node(&reading->report, node,
                         "%s is larger than %zu bytes: name only the CA that signs there", path, SPEC_CA_MAX);
    } else if (r != 0) {
        conf_report_node(&reading->report, node, "cannot read %s: %s", path, cb_strerror(r));
    } else if (memmem(text.ptr, text.len, "-----BEGIN CERTIFICATE-----", 27) == NULL ||
               memchr(text.ptr, '\0', text.len) != NULL) {
        conf_report_node(&reading->report, node,
                         "%s has no certificate in PEM form (-----BEGIN CERTIFICATE-----)", path);
    } else if (memmem(text.ptr, text.len, CONF_PRIVATE_KEY, strlen(CONF_PRIVATE_KEY)) != NULL) {
        conf_report_node(&reading->report, node,
                         "%s has a private key in it: name a file of certificates alone", path);
    } else if (reading->sent_count == SPEC_ROUTES_MAX) {
        conf_report_node(&reading->report, node, "the file names more than %d others: split it",
                         SPEC_ROUTES_MAX);
    } else {
        json_text(&reading->json, name, text);
        reading->sent[reading->sent_count++] = node;
    }
    buf_deinit(&content);
}

int tenant_file_in_cluster(struct buf *out)
{
    const char *host = getenv("KUBERNETES_SERVICE_HOST");
    const char *port = getenv("KUBERNETES_SERVICE_PORT");
    if (host == NULL || port == NULL) {
        return CB_ENOTFOUND;
    }
    return buf_appendf(out, strchr(host, ':') != NULL ? "[%s]:%s" : "%s:%s", host, port);
}

static void add_address(struct reading *reading, const struct conf_node *upstream)
{
    const struct conf_node *address = conf_node_get(upstream, "address");
    struct buf known;
    if (reading->has_address || address == NULL || address->kind != CONF_KIND_SCALAR ||
        strcmp(address->text, CONF_IN_CLUSTER) != 0) {
        return;
    }
    buf_init(&known, 256);
    if (tenant_file_in_cluster(&known) == 0) { /* else the server says that it is not known */
        json_text(&reading->json, CONF_IN_CLUSTER, buf_span(&known));
        reading->has_address = true;
    }
    buf_deinit(&known);
}

static void add_files(struct reading *reading, const struct conf_node *documents)
{
    for (const struct conf_node *document = documents; document != NULL; document = document->next) {
        const struct conf_node *routes = conf_node_get(conf_node_get(document, "spec"), "routes");
        for (const struct conf_node *route = routes != NULL ? routes->first : NULL; route != NULL;
             route = route->next) {
            const struct conf_node *upstream = conf_node_get(route, "upstream");
            const struct conf_node *file = conf_node_get(upstream, "caFile");
            add_address(reading, upstream);
            if (file != NULL) {
                add_file(reading, file);
            }
        }
    }
}

static int write_body(struct reading *reading, struct span text, const struct conf_tree *tree,
                      struct buf *body)
{
    struct json *j = &reading->json;
    json_init(j, body);
    json_object(j, NULL);
    json_text(j, "file", span_str(reading->report.file));
    json_text(j, "text", text);
    json_object(j, "files");
    add_files(reading, tree->documents);
    json_object_end(j);
    json_object_end(j);
    return json_finish(j);
}

/* The whole file. CMD_GO or CMD_FAILED, and then it has been said. */
static int read_text(const char *path, const char *shown, struct buf *text)
{
    int r = strcmp(path, "-") == 0 ? read_all(STDIN_FILENO, text) : tenant_file_slurp(path, text);
    if (r == CB_ELIMIT) {
        return cmd_fail("%s is larger than 1 MiB: split it", shown);
    }
    return r != 0 ? cmd_fail_r(r, "cannot read %s", shown) : CMD_GO;
}

static const char *shown_name(const char *path)
{
    return strcmp(path, "-") == 0 ? "stdin" : path;
}

static int read_named(void *arg, const char *name, struct buf *out)
{
    char path[PATH_MAX];
    if (strcmp(name, CONF_IN_CLUSTER) == 0) {
        return tenant_file_in_cluster(out);
    }
    int r = resolve(arg, name, path, sizeof(path));
    return r == 0 ? tenant_file_slurp(path, out) : r;
}

int tenant_file_load(const char *path, struct conf_tenants *out)
{
    struct buf text;
    struct buf errors;
    *out = (struct conf_tenants){0};
    buf_init(&text, CONF_TREE_BYTES_MAX);
    buf_init(&errors, (size_t)256 * 1024);
    int status = read_text(path, shown_name(path), &text);
    if (status == CMD_GO) {
        /* The callback only reads; its argument has no const. */
        const struct conf_files files = {.read = read_named, .arg = (void *)(uintptr_t)path};
        int r = conf_tenants_load(buf_span(&text), shown_name(path), &files, out, &errors);
        if (r != 0) {
            (void)fwrite(buf_span(&errors).ptr, 1, buf_len(&errors), stderr);
            status = r == CB_ECONFIG ? cmd_fail("%s is not a valid tenant file", shown_name(path))
                                     : cmd_fail_r(r, "cannot read %s", shown_name(path));
        }
    }
    buf_deinit(&errors);
    buf_deinit(&text);
    return status;
}

int tenant_file_read(const char *path, struct buf *body)
{
    const char *shown = shown_name(path);
    struct buf text;
    struct buf lines;
    struct conf_tree tree = {0};
    struct conf_tree_error error;
    buf_init(body, CONF_TREE_BYTES_MAX);
    buf_init(&text, CONF_TREE_BYTES_MAX);
    buf_init(&lines, (size_t)256 * 1024);
    struct reading reading = {.path = path, .report = {.file = shown, .out = &lines}};

    int status = read_text(path, shown, &text);
    if (status != CMD_GO) {
        goto out;
    }
    status = CMD_FAILED;
    int r = conf_tree_read(buf_span(&text), &tree, &error);
    if (r != 0) {
        conf_report_place(&reading.report, error.line, error.column, "",
                          error.message[0] != '\0' ? error.message : cb_strerror(r));
    } else {
        r = write_body(&reading, buf_span(&text), &tree, body);
    }
    conf_report_end(&reading.report);
    if (reading.report.count > 0) {
        (void)fwrite(buf_span(&lines).ptr, 1, buf_len(&lines), stderr);
        (void)cmd_fail("%s cannot be applied; nothing was changed", shown);
    } else if (r == CB_ELIMIT) {
        (void)cmd_fail("%s and the files that it names are more than one request carries (1 MiB): split it",
                       shown);
    } else if (r != 0) {
        (void)cmd_fail_r(r, "cannot read %s", shown);
    } else {
        status = CMD_GO;
    }
out:
    conf_tree_deinit(&tree);
    buf_deinit(&lines);
    buf_deinit(&text);
    return status;
}
