/*
 * keys.c - the vault's master keys in the vault: read from the descriptors that the monitor hands over, held until the
 * store has said whose database this is, and wiped then.
 *
 * There can be two: the one in use, and its successor. A successor is there while `clawbox rekey` runs, and after one that was
 * interrupted: then the database says which of the two its boxes are sealed for.
 */
#include "vault/keys.h"

#include "base/encode.h"
#include "base/log.h"
#include "tls/passphrase.h"

#include <errno.h>
#include <unistd.h>

#define KEY_DIGITS ((size_t)2 * SEAL_MASTER_LEN)

/* Reads up to the end, or until `text` is full. The descriptor may be shared, so its position is not used. */
static int read_all(int fd, struct secret *text, size_t *len)
{
    *len = 0;
    while (*len < secret_len(text)) {
        ssize_t got = pread(fd, secret_ptr(text) + *len, secret_len(text) - *len, (off_t)*len);
        if (got == 0) {
            break;
        }
        if (got > 0) {
            *len += (size_t)got;
        } else if (errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}

/* Without the newline that an editor adds. */
static struct span without_newline(struct span text)
{
    return text.len != 0 && text.ptr[text.len - 1] == '\n' ? span_sub(text, 0, text.len - 1) : text;
}

/* A master key is text: its digits. */
static int take_digits(struct vault_source *s, struct span text)
{
    if (text.len != KEY_DIGITS || decode_hex(text, secret_ptr(s->master), SEAL_MASTER_LEN) != 0) {
        log_error("the master key is not %zu hexadecimal digits, with at most a newline after them",
                  KEY_DIGITS);
        return CB_EINVAL;
    }
    return 0;
}

static int take_passphrase(struct vault_source *s, struct span text)
{
    if (text.len < PASSPHRASE_MIN || text.len > PASSPHRASE_MAX) {
        log_error(
            "the passphrase has %zu bytes: it must have %d to %d, and a newline after it does not count",
            text.len, PASSPHRASE_MIN, PASSPHRASE_MAX);
        return CB_EINVAL;
    }
    s->passphrase = secret_from(text);
    return s->passphrase != NULL ? 0 : CB_ENOMEM;
}

int source_read(struct vault_source *s, bool passphrase, int fd)
{
    if (s->master != NULL || s->passphrase != NULL) {
        return CB_EEXIST;
    }
    size_t len = 0;
    struct secret *text =
        secret_new((passphrase ? PASSPHRASE_MAX : KEY_DIGITS) + 2); /* one more than right */
    int r = text != NULL ? read_all(fd, text, &len) : CB_ENOMEM;
    if (r == 0 && !passphrase && (s->master = secret_new(SEAL_MASTER_LEN)) == NULL) {
        r = CB_ENOMEM;
    }
    if (r == 0) {
        struct span content = without_newline(span_sub(secret_span(text), 0, len));
        r = passphrase ? take_passphrase(s, content) : take_digits(s, content);
    }
    secret_free(text);
    if (r != 0) {
        source_forget(s);
    }
    return r;
}

bool source_is_there(const struct vault_source *s)
{
    return s->master != NULL || s->passphrase != NULL;
}

void source_forget(struct vault_source *s)
{
    secret_free(s->master);
    secret_free(s->passphrase);
    *s = (struct vault_source){.master = NULL};
}

int source_pair(const struct vault_source *s, struct span database_id, struct span kdf,
                struct vault_pair *out)
{
    struct passphrase_kdf read;
    struct secret *derived = NULL;
    if ((s->passphrase != NULL) != (kdf.len != 0)) {
        return CB_EINVAL;
    }
    int r = 0;
    if (s->passphrase != NULL && (r = passphrase_kdf_read(kdf, &read)) == 0) {
        r = passphrase_master(secret_span(s->passphrase), &read, &derived);
    }
    if (r == 0) {
        r = seal_keypair(derived != NULL ? derived : s->master, database_id, out->public_key,
                         &out->secret_key);
    }
    secret_free(derived);
    return r;
}

int source_new_pair(const struct vault_source *s, struct span database_id, struct vault_kdf *kdf,
                    struct vault_pair *out)
{
    kdf->len = 0;
    if (s->passphrase != NULL) {
        struct passphrase_kdf fresh;
        passphrase_kdf_new(&fresh);
        passphrase_kdf_write(&fresh, kdf->bytes);
        kdf->len = PASSPHRASE_KDF_LEN;
    }
    return source_pair(s, database_id, span_of(kdf->bytes, kdf->len), out);
}

void pair_forget(struct vault_pair *p)
{
    secret_free(p->secret_key);
    *p = (struct vault_pair){.secret_key = NULL};
}
