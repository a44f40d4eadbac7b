/*
 * cmd_image.c - `clawbox image`: an OCI image with this program in it, and nothing else that could be executed.
 *
 * What is in it: /clawbox, the roots by which a pod knows providers, the state directory, /tmp. The user has a number and no name, and
 * what can be written belongs to group 0, since OpenShift runs containers with any uid and that group. Times are
 * $SOURCE_DATE_EPOCH, or 1970: the same program and roots give the same bytes, so that anybody can make it again and compare.
 */
#include "cmd.h"
#include "output_file.h"
#include "system_roots.h"
#include "tenant_file.h"

#include "base/encode.h"
#include "base/strnum.h"
#include "image/image.h"
#include "tls/cert.h"
#include "tls/seal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM_MAX ((size_t)256 * 1024 * 1024)
#define ROOTS_MAX   ((size_t)16 * 1024 * 1024)
#define TIME_MAX    UINT64_C(8589934591) /* what a tar header has room for */
#define USER        65532U               /* "nonroot" where distributions of images have such a user */
#define DIGEST_HEX  (2 * DIGEST_LEN + 1)

#if defined(__x86_64__)
#define ARCHITECTURE "amd64"
#elif defined(__aarch64__)
#define ARCHITECTURE "arm64"
#else
#error "the name of this architecture in images is not known"
#endif

struct image_options {
    const char *out;
    const char *roots;
    const char *platform;
    const char *tag;
    uint64_t time_s;
};

static void digest_text(struct span bytes, char out[DIGEST_HEX])
{
    uint8_t hash[DIGEST_LEN];
    digest_sha256(&bytes, 1, hash);
    encode_hex(hash, sizeof(hash), out);
}

static int read_program(struct buf *out)
{
    int r = tenant_file_slurp("/proc/self/exe", out);
    return r == 0 ? CMD_GO : cmd_fail_r(r, "this program cannot be read");
}

static int read_roots(const char *path, struct buf *out)
{
    struct tls_roots *roots = NULL;
    if (path == NULL) {
        return cmd_fail(
            "this machine has no file of root certificates, by which a pod would know providers: name one with "
            "--roots FILE");
    }
    int r = tenant_file_slurp(path, out);
    if (r == 0) {
        r = tls_init();
    }
    if (r == 0) {
        r = tls_roots_new(buf_span(out), &roots, NULL);
        tls_roots_free(roots);
    }
    return r == 0 ? CMD_GO : cmd_fail_r(r, "the root certificates in %s", path);
}

static int make(const struct image_options *o, struct span program, struct span roots, struct buf *out)
{
    char program_digest[DIGEST_HEX];
    char roots_digest[DIGEST_HEX];
    digest_text(program, program_digest);
    digest_text(roots, roots_digest);
    const struct tar_entry entries[] = {
        {.name = "clawbox", .mode = 0755, .mtime_s = o->time_s, .content = program},
        {.name = "etc/", .mode = 0755, .mtime_s = o->time_s},
        {.name = "etc/ssl/", .mode = 0755, .mtime_s = o->time_s},
        {.name = "etc/ssl/certs/", .mode = 0755, .mtime_s = o->time_s},
        {.name = "etc/ssl/certs/ca-certificates.crt", .mode = 0644, .mtime_s = o->time_s, .content = roots},
        {.name = "tmp/", .mode = 01777, .mtime_s = o->time_s},
        {.name = "var/", .mode = 0755, .mtime_s = o->time_s},
        {.name = "var/lib/", .mode = 0755, .mtime_s = o->time_s},
        {.name = "var/lib/clawbox/", .mode = 0770, .uid = USER, .mtime_s = o->time_s},
    };
    const struct image_label labels[] = {
        {"clawbox.program.sha256", program_digest},
        {"clawbox.roots.sha256", roots_digest},
        {"org.opencontainers.image.description",
         "An agent's only way out, with credentials that the agent never holds"},
        {"org.opencontainers.image.title", "clawbox"},
        {"org.opencontainers.image.version", CLAWBOX_VERSION},
    };
    const struct image_plan plan = {.entries = entries,
                                    .entry_count = sizeof(entries) / sizeof(entries[0]),
                                    .architecture = ARCHITECTURE,
                                    .user = "65532:65532",
                                    .entrypoint = "/clawbox",
                                    .labels = labels,
                                    .label_count = sizeof(labels) / sizeof(labels[0]),
                                    .reference = o->tag,
                                    .created_s = o->time_s};
    int r = image_write(&plan, out);
    return r == 0 ? CMD_GO : cmd_fail_r(r, "the image cannot be made");
}

static int put(const struct image_options *o, struct span archive)
{
    if (strcmp(o->out, "-") == 0) {
        return fwrite(archive.ptr, 1, archive.len, stdout) == archive.len
                   ? CMD_DONE
                   : cmd_fail_r(-errno, "the image could not be written");
    }
    int r = output_file_write(o->out, archive, 0644);
    if (r != 0) {
        return cmd_fail_r(r, "%s cannot be written", o->out);
    }
    cmd_say("%s: %s for linux/" ARCHITECTURE
            " (skopeo: oci-archive:FILE; podman load -i FILE; ctr images import FILE)",
            o->out, o->tag);
    return CMD_DONE;
}

static int image(const struct image_options *o)
{
    struct buf program;
    struct buf roots;
    struct buf archive;
    buf_init(&program, PROGRAM_MAX);
    buf_init(&roots, ROOTS_MAX);
    buf_init(&archive, IMAGE_MAX);
    int r = read_program(&program);
    r = r == CMD_GO ? read_roots(o->roots != NULL ? o->roots : system_roots(), &roots) : r;
    r = r == CMD_GO ? make(o, buf_span(&program), buf_span(&roots), &archive) : r;
    r = r == CMD_GO ? put(o, buf_span(&archive)) : r;
    buf_deinit(&program);
    buf_deinit(&roots);
    buf_deinit(&archive);
    return r;
}

static int check(struct image_options *o)
{
    const char *epoch = getenv("SOURCE_DATE_EPOCH");
    if (o->out == NULL || o->out[0] == '\0') {
        return cmd_wrong_usage("image", "-o FILE is missing: where the image goes, - for standard output");
    }
    if (strcmp(o->out, "-") == 0 && isatty(STDOUT_FILENO)) {
        return cmd_wrong_usage("image", "-o -: an image is nothing for a terminal");
    }
    if (o->platform != NULL && strcmp(o->platform, "linux/" ARCHITECTURE) != 0) {
        return cmd_wrong_usage(
            "image", "--platform %s: this program is one for linux/" ARCHITECTURE ", and so is its image",
            o->platform);
    }
    if (!image_reference_valid(o->tag)) {
        return cmd_wrong_usage("image", "--tag %s: it is NAME:TAG, or HOST/NAME:TAG", o->tag);
    }
    if (epoch != NULL && strnum_u64(span_str(epoch), TIME_MAX, &o->time_s) != 0) {
        return cmd_wrong_usage("image", "SOURCE_DATE_EPOCH is no number of seconds since 1970");
    }
    return CMD_GO;
}

int cmd_image(int argc, char **argv)
{
    struct image_options o = {.tag = "clawbox:" CLAWBOX_VERSION};
    const struct cmd_option options[] = {{.name = "out", .letter = 'o', .value = &o.out},
                                         {.name = "roots", .value = &o.roots},
                                         {.name = "platform", .value = &o.platform},
                                         {.name = "tag", .value = &o.tag}};
    const struct cmd_usage usage = {.command = "image",
                                    .line = "image -o FILE [--roots FILE] [--tag NAME:TAG]",
                                    .options = options,
                                    .option_count = sizeof(options) / sizeof(options[0]),
                                    .stateless = true};
    struct cmd_line line;
    int r = cmd_line_parse(&usage, argc, argv, &line);
    r = r == CMD_GO ? check(&o) : r;
    return r == CMD_GO ? image(&o) : r;
}
