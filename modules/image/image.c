/*
 * image.c - layer, configuration, manifest and index of an image, each named by its digest.
 *
 * The layer is not compressed: what compresses can change its output from one version to the next, and a registry client compresses
 * what it pushes.
 */
#include "image/image.h"

#include "base/encode.h"
#include "base/json.h"
#include "tls/digest.h"

#include <stdio.h>
#include <string.h>

#define DIGEST_TEXT  (sizeof("sha256:") + 2 * (size_t)DIGEST_LEN)
#define DOCUMENT_MAX ((size_t)64 * 1024)

#define TYPE_INDEX    "application/vnd.oci.image.index.v1+json"
#define TYPE_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define TYPE_CONFIG   "application/vnd.oci.image.config.v1+json"
#define TYPE_LAYER    "application/vnd.oci.image.layer.v1.tar"

struct blob {
    struct buf bytes;
    char digest[DIGEST_TEXT]; /* "sha256:..." */
};

/* ---- references ---- */

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Lower-case letters and digits, and between them separators. */
static bool is_component(const char *text, size_t len, bool host)
{
    if (len == 0 || !is_name_byte(text[0]) || !is_name_byte(text[len - 1])) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (!is_name_byte(text[i]) && strchr(host ? ".-:" : ".-_", text[i]) == NULL) {
            return false;
        }
    }
    return true;
}

bool image_reference_valid(const char *reference)
{
    const char *tag = strrchr(reference, ':');
    size_t tag_len = tag != NULL ? strlen(tag + 1) : 0;
    if (tag_len == 0 || tag_len > 128 || strlen(reference) > IMAGE_REFERENCE_MAX || tag[1] == '.' ||
        tag[1] == '-' ||
        strspn(tag + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != tag_len) {
        return false;
    }
    bool first = true;
    for (const char *at = reference; at <= tag;) {
        const char *end = memchr(at, '/', (size_t)(tag - at));
        bool last = end == NULL;
        end = last ? tag : end;
        if (!is_component(at, (size_t)(end - at), first && !last)) {
            return false;
        }
        first = false;
        at = end + 1;
    }
    return true;
}

/* The name under which containerd keeps it, which has a registry in it. */
static int full_reference(const char *reference, struct buf *out)
{
    const char *slash = strchr(reference, '/');
    size_t len = slash != NULL ? (size_t)(slash - reference) : 0;
    bool host =
        slash != NULL && (memchr(reference, '.', len) != NULL || memchr(reference, ':', len) != NULL ||
                          (len == strlen("localhost") && strncmp(reference, "localhost", len) == 0));
    return buf_appendf(out, "%s%s",
                       host            ? ""
                       : slash != NULL ? "docker.io/"
                                       : "docker.io/library/",
                       reference);
}

/* ---- documents ---- */

static void blob_seal(struct blob *b)
{
    uint8_t hash[DIGEST_LEN];
    struct span bytes = buf_span(&b->bytes);
    digest_sha256(&bytes, 1, hash);
    memcpy(b->digest, "sha256:", strlen("sha256:"));
    encode_hex(hash, sizeof(hash), b->digest + strlen("sha256:"));
}

static void write_descriptor(struct json *j, const char *key, const char *type, const struct blob *b)
{
    json_object(j, key);
    json_text(j, "mediaType", span_str(type));
    json_text(j, "digest", span_str(b->digest));
    json_number(j, "size", buf_len(&b->bytes));
}

static void write_labels(struct json *j, const char *key, const struct image_plan *plan)
{
    json_object(j, key);
    for (size_t i = 0; i < plan->label_count; i++) {
        json_text(j, plan->labels[i].key, span_str(plan->labels[i].value));
    }
    json_object_end(j);
}

static int make_layer(const struct image_plan *plan, struct blob *layer)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < plan->entry_count; i++) {
        r = tar_add(&layer->bytes, &plan->entries[i]);
    }
    r = r == 0 ? tar_end(&layer->bytes) : r;
    blob_seal(layer);
    return r;
}

static int make_config(const struct image_plan *plan, const struct blob *layer, struct blob *config)
{
    struct json j;
    json_init(&j, &config->bytes);
    json_object(&j, NULL);
    json_time(&j, "created", plan->created_s * 1000);
    json_text(&j, "architecture", span_str(plan->architecture));
    json_text(&j, "os", SPAN_LIT("linux"));
    json_object(&j, "config");
    json_text(&j, "User", span_str(plan->user));
    json_array(&j, "Entrypoint");
    json_text(&j, NULL, span_str(plan->entrypoint));
    json_array_end(&j);
    json_text(&j, "WorkingDir", SPAN_LIT("/"));
    json_text(&j, "StopSignal", SPAN_LIT("SIGTERM"));
    write_labels(&j, "Labels", plan);
    json_object_end(&j);
    json_object(&j, "rootfs");
    json_text(&j, "type", SPAN_LIT("layers"));
    json_array(&j, "diff_ids");
    json_text(&j, NULL, span_str(layer->digest)); /* it is not compressed, so it is the layer's own */
    json_array_end(&j);
    json_object_end(&j);
    json_array(&j, "history");
    json_object(&j, NULL);
    json_time(&j, "created", plan->created_s * 1000);
    json_text(&j, "created_by", SPAN_LIT("clawbox image"));
    json_object_end(&j);
    json_array_end(&j);
    json_object_end(&j);
    int r = json_finish(&j);
    blob_seal(config);
    return r;
}

static int make_manifest(const struct image_plan *plan, const struct blob *layer, const struct blob *config,
                         struct blob *manifest)
{
    struct json j;
    json_init(&j, &manifest->bytes);
    json_object(&j, NULL);
    json_number(&j, "schemaVersion", 2);
    json_text(&j, "mediaType", SPAN_LIT(TYPE_MANIFEST));
    write_descriptor(&j, "config", TYPE_CONFIG, config);
    json_object_end(&j);
    json_array(&j, "layers");
    write_descriptor(&j, NULL, TYPE_LAYER, layer);
    json_object_end(&j);
    json_array_end(&j);
    write_labels(&j, "annotations", plan);
    json_object_end(&j);
    int r = json_finish(&j);
    blob_seal(manifest);
    return r;
}

static int make_index(const struct image_plan *plan, const struct blob *manifest, struct buf *out)
{
    struct json j;
    struct buf full;
    buf_init(&full, 2 * IMAGE_REFERENCE_MAX);
    int r = full_reference(plan->reference, &full);
    json_init(&j, out);
    json_object(&j, NULL);
    json_number(&j, "schemaVersion", 2);
    json_text(&j, "mediaType", SPAN_LIT(TYPE_INDEX));
    json_array(&j, "manifests");
    write_descriptor(&j, NULL, TYPE_MANIFEST, manifest);
    json_object(&j, "platform");
    json_text(&j, "architecture", span_str(plan->architecture));
    json_text(&j, "os", SPAN_LIT("linux"));
    json_object_end(&j);
    json_object(&j, "annotations");
    json_text(&j, "io.containerd.image.name", buf_span(&full));
    json_text(&j, "org.opencontainers.image.ref.name", span_str(plan->reference));
    json_object_end(&j);
    json_object_end(&j);
    json_array_end(&j);
    json_object_end(&j);
    r = r == 0 ? json_finish(&j) : r;
    buf_deinit(&full);
    return r;
}

/* ---- the archive ---- */

static int add_file(struct buf *out, const struct image_plan *plan, const char *name, struct span content)
{
    struct tar_entry entry = {.name = name, .mode = 0644, .mtime_s = plan->created_s, .content = content};
    return tar_add(out, &entry);
}

static int add_folder(struct buf *out, const struct image_plan *plan, const char *name)
{
    struct tar_entry entry = {.name = name, .mode = 0755, .mtime_s = plan->created_s};
    return tar_add(out, &entry);
}

static int add_blob(struct buf *out, const struct image_plan *plan, const struct blob *b)
{
    char name[TAR_NAME_MAX];
    (void)snprintf(name, sizeof(name), "blobs/sha256/%s", b->digest + strlen("sha256:"));
    return add_file(out, plan, name, buf_span(&b->bytes));
}

int image_write(const struct image_plan *plan, struct buf *out)
{
    struct blob layer;
    struct blob config;
    struct blob manifest;
    struct buf index;
    if (!image_reference_valid(plan->reference)) {
        return CB_EINVAL;
    }
    buf_init(&layer.bytes, IMAGE_MAX);
    buf_init(&config.bytes, DOCUMENT_MAX);
    buf_init(&manifest.bytes, DOCUMENT_MAX);
    buf_init(&index, DOCUMENT_MAX);
    int r;
    if ((r = make_layer(plan, &layer)) == 0 && (r = make_config(plan, &layer, &config)) == 0 &&
        (r = make_manifest(plan, &layer, &config, &manifest)) == 0 &&
        (r = make_index(plan, &manifest, &index)) == 0 &&
        (r = add_file(out, plan, "oci-layout", SPAN_LIT("{\"imageLayoutVersion\":\"1.0.0\"}"))) == 0 &&
        (r = add_file(out, plan, "index.json", buf_span(&index))) == 0 &&
        (r = add_folder(out, plan, "blobs/")) == 0 && (r = add_folder(out, plan, "blobs/sha256/")) == 0 &&
        (r = add_blob(out, plan, &manifest)) == 0 && (r = add_blob(out, plan, &config)) == 0 &&
        (r = add_blob(out, plan, &layer)) == 0) {
        r = tar_end(out);
    }
    buf_deinit(&layer.bytes);
    buf_deinit(&config.bytes);
    buf_deinit(&manifest.bytes);
    buf_deinit(&index);
    return r;
}
