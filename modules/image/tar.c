/* tar.c - writing ustar. */
#include "image/tar.h"

#include <string.h>

#define OCTAL_7  ((uint64_t)07777777)
#define OCTAL_11 ((uint64_t)077777777777)

struct header {
    char name[100];
    char mode[8];
    char uid[8];
    char gid[8];
    char size[12];
    char mtime[12];
    char checksum[8];
    char type;
    char link_name[100];
    char magic[6];
    char version[2];
    char user[32];
    char group[32];
    char device_major[8];
    char device_minor[8];
    char prefix[155];
    char padding[12];
};
_Static_assert(sizeof(struct header) == TAR_BLOCK, "a header is one block");

/* Digits up to the NUL that ends the field; the caller has seen that the value fits. */
static void octal(char *field, size_t size, uint64_t value)
{
    field[size - 1] = '\0';
    for (size_t i = size - 1; i > 0; i--) {
        field[i - 1] = (char)('0' + (value & 7));
        value >>= 3;
    }
}

static void seal(struct header *h)
{
    unsigned sum = 0;
    memset(h->checksum, ' ', sizeof(h->checksum));
    for (size_t i = 0; i < sizeof(*h); i++) {
        sum += ((const unsigned char *)h)[i];
    }
    octal(h->checksum, sizeof(h->checksum) - 1, sum); /* the last blank stays */
}

int tar_add(struct buf *out, const struct tar_entry *entry)
{
    static const uint8_t zeroes[TAR_BLOCK];
    size_t name_len = strlen(entry->name);
    if (name_len == 0 || name_len > TAR_NAME_MAX || entry->name[0] == '/' || entry->mode > 07777 ||
        entry->uid > OCTAL_7 || entry->gid > OCTAL_7 || entry->mtime_s > OCTAL_11 ||
        entry->content.len > OCTAL_11) {
        return CB_EINVAL;
    }
    bool folder = entry->name[name_len - 1] == '/';
    struct header h = {.type = folder ? '5' : '0', .magic = "ustar", .version = {'0', '0'}};
    if (folder && entry->content.len != 0) {
        return CB_EINVAL;
    }
    memcpy(h.name, entry->name, name_len);
    octal(h.mode, sizeof(h.mode), entry->mode);
    octal(h.uid, sizeof(h.uid), entry->uid);
    octal(h.gid, sizeof(h.gid), entry->gid);
    octal(h.size, sizeof(h.size), entry->content.len);
    octal(h.mtime, sizeof(h.mtime), entry->mtime_s);
    octal(h.device_major, sizeof(h.device_major), 0);
    octal(h.device_minor, sizeof(h.device_minor), 0);
    seal(&h);
    size_t rest = entry->content.len % TAR_BLOCK;
    int r = buf_append(out, &h, sizeof(h));
    r = r == 0 ? buf_append_span(out, entry->content) : r;
    return r == 0 && rest != 0 ? buf_append(out, zeroes, TAR_BLOCK - rest) : r;
}

int tar_end(struct buf *out)
{
    static const uint8_t zeroes[2 * TAR_BLOCK];
    return buf_append(out, zeroes, sizeof(zeroes));
}
