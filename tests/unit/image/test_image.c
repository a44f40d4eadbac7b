/* test_image.c - images and the tar archives that they are: the bytes as readers of the formats want them. */
#include "image/image.h"
#include "support/check.h"
#include "tls/digest.h"
#include "tls/seal.h"

#include "base/encode.h"

#include <stdlib.h>

/* The number of an octal field; SIZE_MAX when it is not written as one. */
static size_t octal(const uint8_t *field, size_t size)
{
    size_t value = 0;
    for (size_t i = 0; i + 1 < size; i++) {
        if (field[i] < '0' || field[i] > '7') {
            return SIZE_MAX;
        }
        value = value * 8 + (size_t)(field[i] - '0');
    }
    return field[size - 1] == '\0' ? value : SIZE_MAX;
}

/* The entry at the beginning of *tar, which is advanced behind it. False at the end. */
static bool next_entry(struct span *tar, const uint8_t **header, struct span *content)
{
    unsigned sum = 0;
    if (!CHECK(tar->len >= TAR_BLOCK)) {
        return false;
    }
    const uint8_t *h = tar->ptr;
    if (h[0] == '\0') {
        CHECK_EQ_UINT(tar->len, 2 * TAR_BLOCK);
        return false;
    }
    for (size_t i = 0; i < TAR_BLOCK; i++) {
        sum += i >= 148 && i < 156 ? ' ' : h[i];
    }
    CHECK_EQ_UINT(octal(h + 148, 7), sum);
    CHECK_EQ_BYTES(h + 257, 8, "ustar\00000", 8);
    size_t size = octal(h + 124, 12);
    size_t blocks = (size + TAR_BLOCK - 1) / TAR_BLOCK;
    if (!CHECK(tar->len >= (blocks + 1) * TAR_BLOCK)) {
        return false;
    }
    *header = h;
    *content = span_of(h + TAR_BLOCK, size);
    *tar = span_sub(*tar, (blocks + 1) * TAR_BLOCK, SIZE_MAX);
    return true;
}

/* The content of the file of that name. */
static struct span find(struct span tar, const char *name)
{
    const uint8_t *h;
    struct span content;
    while (next_entry(&tar, &h, &content)) {
        if (strncmp((const char *)h, name, TAR_NAME_MAX) == 0) {
            return content;
        }
    }
    return SPAN_EMPTY;
}

TEST(entries_have_their_header_and_whole_blocks)
{
    static const char letters[600] = {'a', [599] = 'z'};
    struct buf out;
    const uint8_t *h;
    struct span content;
    buf_init(&out, 65536);
    struct tar_entry folder = {.name = "var/lib/clawbox/", .mode = 0770, .uid = 65532, .mtime_s = 951782400};
    struct tar_entry file = {.name = "clawbox", .mode = 0755, .gid = 7, .content = span_of(letters, 600)};
    struct tar_entry exact = {.name = "b", .mode = 01777, .content = span_of(letters, 512)};
    struct tar_entry empty = {.name = "c", .mode = 0};
    CHECK_EQ_INT(tar_add(&out, &folder), 0);
    CHECK_EQ_INT(tar_add(&out, &file), 0);
    CHECK_EQ_INT(tar_add(&out, &exact), 0);
    CHECK_EQ_INT(tar_add(&out, &empty), 0);
    CHECK_EQ_INT(tar_end(&out), 0);
    CHECK_EQ_UINT(buf_len(&out), (1 + 3 + 2 + 1 + 2) * (size_t)TAR_BLOCK);
    struct span tar = buf_span(&out);
    CHECK(next_entry(&tar, &h, &content));
    CHECK_EQ_STR((const char *)h, "var/lib/clawbox/");
    CHECK(h[156] == '5' && octal(h + 100, 8) == 0770 && octal(h + 108, 8) == 65532 &&
          octal(h + 116, 8) == 0 && octal(h + 136, 12) == 951782400 && content.len == 0);
    CHECK(next_entry(&tar, &h, &content));
    CHECK_EQ_STR((const char *)h, "clawbox");
    CHECK(h[156] == '0' && octal(h + 100, 8) == 0755 && octal(h + 116, 8) == 7);
    CHECK_EQ_BYTES(content.ptr, content.len, letters, 600);
    CHECK(next_entry(&tar, &h, &content) && content.len == 512 && octal(h + 100, 8) == 01777);
    CHECK(next_entry(&tar, &h, &content) && content.len == 0);
    CHECK(!next_entry(&tar, &h, &content));
    buf_deinit(&out);
}

TEST(what_has_no_room_in_a_header_is_refused)
{
    char longest[TAR_NAME_MAX + 2];
    memset(longest, 'x', sizeof(longest));
    longest[TAR_NAME_MAX] = '\0';
    const struct tar_entry bad[] = {
        {.name = ""},
        {.name = "/clawbox"},
        {.name = "a", .mode = 010000},
        {.name = "a", .uid = 07777777 + 1},
        {.name = "a", .gid = 07777777 + 1},
        {.name = "a", .mtime_s = UINT64_C(8589934592)},
        {.name = "a/", .content = SPAN_LIT("x")},
    };
    struct buf out;
    buf_init(&out, 65536);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_EQ_INT(tar_add(&out, &bad[i]), CB_EINVAL);
    }
    CHECK_EQ_UINT(buf_len(&out), 0);
    CHECK_EQ_INT(tar_add(&out, &(struct tar_entry){.name = longest}), 0);
    CHECK_EQ_BYTES(buf_span(&out).ptr, TAR_NAME_MAX, longest, TAR_NAME_MAX);
    longest[TAR_NAME_MAX] = 'x';
    longest[TAR_NAME_MAX + 1] = '\0';
    CHECK_EQ_INT(tar_add(&out, &(struct tar_entry){.name = longest}), CB_EINVAL);
    buf_deinit(&out);
}

static struct image_plan plan(void)
{
    static const struct tar_entry entries[] = {
        {.name = "clawbox", .mode = 0755, .mtime_s = 5, .content = {(const uint8_t *)"program", 7}},
        {.name = "tmp/", .mode = 01777, .mtime_s = 5}};
    static const struct image_label labels[] = {{"org.opencontainers.image.title", "a \"title\""}};
    return (struct image_plan){.entries = entries,
                               .entry_count = 2,
                               .architecture = "amd64",
                               .user = "65532:65532",
                               .entrypoint = "/clawbox",
                               .labels = labels,
                               .label_count = 1,
                               .reference = "clawbox:1.2",
                               .created_s = 951782400};
}

static bool has(struct span text, const char *part)
{
    bool found = text.len != 0 && memmem(text.ptr, text.len, part, strlen(part)) != NULL;
    if (!found) {
        printf("without %s: %.*s\n", part, SPAN_ARG(text));
    }
    return found;
}

/* The blob that the text names behind `before`; its digest and size have to be right. */
static struct span blob_of(struct span tar, struct span text, const char *before)
{
    char name[TAR_NAME_MAX];
    char hex[2 * DIGEST_LEN + 1];
    char size[128];
    uint8_t hash[DIGEST_LEN];
    const char *at = memmem(text.ptr, text.len, before, strlen(before));
    if (!CHECK(at != NULL)) {
        return SPAN_EMPTY;
    }
    (void)snprintf(name, sizeof(name), "blobs/sha256/%.64s", at + strlen(before));
    struct span blob = find(tar, name);
    CHECK(blob.len != 0);
    digest_sha256(&blob, 1, hash);
    encode_hex(hash, sizeof(hash), hex);
    CHECK_EQ_BYTES(hex, 64, at + strlen(before), 64);
    (void)snprintf(size, sizeof(size), "%.64s\",\"size\":%zu", at + strlen(before), blob.len);
    CHECK(strstr(before, "digest") == NULL || has(text, size)); /* of a descriptor */
    return blob;
}

TEST(an_image_names_its_parts_by_their_digests)
{
    struct image_plan p = plan();
    struct buf out;
    buf_init(&out, IMAGE_MAX);
    CHECK_EQ_INT(tls_init(), 0);
    CHECK_EQ_INT(image_write(&p, &out), 0);
    struct span tar = buf_span(&out);
    CHECK(span_eq_str(find(tar, "oci-layout"), "{\"imageLayoutVersion\":\"1.0.0\"}"));
    struct span index = find(tar, "index.json");
    CHECK(has(index, "\"io.containerd.image.name\":\"docker.io/library/clawbox:1.2\""));
    CHECK(has(index, "\"org.opencontainers.image.ref.name\":\"clawbox:1.2\""));
    struct span manifest = blob_of(tar, index, "\"digest\":\"sha256:");
    struct span config = blob_of(tar, manifest, "config.v1+json\",\"digest\":\"sha256:");
    struct span layer = blob_of(tar, manifest, "layer.v1.tar\",\"digest\":\"sha256:");
    CHECK(
        has(config, "\"created\":\"2000-02-29T00:00:00.000Z\",\"architecture\":\"amd64\",\"os\":\"linux\""));
    CHECK(has(config, "\"User\":\"65532:65532\",\"Entrypoint\":[\"/clawbox\"]"));
    CHECK(has(config, "\"Labels\":{\"org.opencontainers.image.title\":\"a \\\"title\\\"\"}"));
    CHECK(span_eq(blob_of(tar, config, "\"diff_ids\":[\"sha256:"), layer));
    CHECK(span_eq_str(find(layer, "clawbox"), "program"));
    /* Again: the same bytes; with another time: others. */
    struct buf again;
    buf_init(&again, IMAGE_MAX);
    CHECK_EQ_INT(image_write(&p, &again), 0);
    CHECK(span_eq(buf_span(&again), tar));
    buf_reset(&again);
    p.created_s++;
    CHECK_EQ_INT(image_write(&p, &again), 0);
    CHECK(!span_eq(buf_span(&again), tar));
    buf_deinit(&again);
    buf_deinit(&out);
}

TEST(references)
{
    static const char *const good[] = {"clawbox:0.1.0",
                                       "a:b",
                                       "team/clawbox:V_1.2-rc",
                                       "registry.example.com/team/clawbox:1",
                                       "registry.example.com:5000/clawbox:1",
                                       "localhost/clawbox:1"};
    static const char *const bad[] = {"",        "clawbox",      "clawbox:", ":1",   "Clawbox:1", "a b:1",
                                      "a/:1",    "/a:1",         "a//b:1",   "a:.x", "a:-x",      "a:1/b",
                                      "a:b\"c",  "a\":1",        "-a:1",     "a-:1", "a:b:1",     "a@b:1",
                                      "a/b:5/c", "../clawbox:1", "a:1\n"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        if (!CHECK(image_reference_valid(good[i]))) {
            printf("  %s\n", good[i]);
        }
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (!CHECK(!image_reference_valid(bad[i]))) {
            printf("  %s\n", bad[i]);
        }
    }
    char longest[400];
    memset(longest, 'a', sizeof(longest));
    (void)snprintf(longest + 300, sizeof(longest) - 300, ":1");
    CHECK(!image_reference_valid(longest));
    struct image_plan p = plan();
    struct buf out;
    buf_init(&out, IMAGE_MAX);
    p.reference = "Bad";
    CHECK_EQ_INT(image_write(&p, &out), CB_EINVAL);
    buf_deinit(&out);
}

TEST(the_name_that_containerd_wants)
{
    static const struct {
        const char *reference, *full;
    } cases[] = {{"team/clawbox:1", "\"docker.io/team/clawbox:1\""},
                 {"localhost/clawbox:1", "\"localhost/clawbox:1\""},
                 {"localhosts/clawbox:1", "\"docker.io/localhosts/clawbox:1\""},
                 {"registry.example.com/clawbox:1", "\"registry.example.com/clawbox:1\""},
                 {"registry:5000/clawbox:1", "\"registry:5000/clawbox:1\""}};
    struct buf out;
    buf_init(&out, IMAGE_MAX);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct image_plan p = plan();
        p.reference = cases[i].reference;
        buf_reset(&out);
        CHECK_EQ_INT(image_write(&p, &out), 0);
        CHECK(has(find(buf_span(&out), "index.json"), cases[i].full));
    }
    buf_deinit(&out);
}

TEST_MAIN()
