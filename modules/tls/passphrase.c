/* passphrase.c - a master key from a passphrase, by libsodium's argon2id (RFC 9106). */
#include "tls/passphrase.h"

#include "tls/seal.h"

#include <sodium.h>

#define KDF_FORMAT 1
/* The second recommended option of RFC 9106, section 4: 64 MiB; with one pass more, since there is one lane only. */
#define KDF_PASSES 4
#define KDF_KIB    65536
/* What is read back may have been changed: no more than this is computed, and no less than this protects anything. */
#define KDF_PASSES_MAX 16
#define KDF_KIB_MIN    8192
#define KDF_KIB_MAX    1048576

void passphrase_kdf_new(struct passphrase_kdf *out)
{
    *out = (struct passphrase_kdf){.passes = KDF_PASSES, .kib = KDF_KIB};
    secret_random(out->salt, sizeof(out->salt));
}

void passphrase_kdf_write(const struct passphrase_kdf *kdf, uint8_t out[PASSPHRASE_KDF_LEN])
{
    *out++ = KDF_FORMAT;
    memcpy(out, kdf->salt, sizeof(kdf->salt));
    out += sizeof(kdf->salt);
    for (int shift = 24; shift >= 0; shift -= 8) {
        *out++ = (uint8_t)(kdf->passes >> shift);
    }
    for (int shift = 24; shift >= 0; shift -= 8) {
        *out++ = (uint8_t)(kdf->kib >> shift);
    }
}

static uint32_t read_u32(const uint8_t *from)
{
    return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
}

int passphrase_kdf_read(struct span from, struct passphrase_kdf *out)
{
    if (from.len != PASSPHRASE_KDF_LEN || from.ptr[0] != KDF_FORMAT) {
        return CB_EMALFORMED;
    }
    memcpy(out->salt, from.ptr + 1, sizeof(out->salt));
    out->passes = read_u32(from.ptr + 1 + sizeof(out->salt));
    out->kib = read_u32(from.ptr + 1 + sizeof(out->salt) + 4);
    bool sane = out->passes >= 1 && out->passes <= KDF_PASSES_MAX && out->kib >= KDF_KIB_MIN &&
                out->kib <= KDF_KIB_MAX;
    return sane ? 0 : CB_ELIMIT;
}

int passphrase_master(struct span passphrase, const struct passphrase_kdf *kdf, struct secret **out)
{
    _Static_assert(PASSPHRASE_SALT_LEN == crypto_pwhash_SALTBYTES, "argon2id's salt");
    struct secret *master = secret_new(SEAL_MASTER_LEN);
    if (master == NULL) {
        return CB_ENOMEM;
    }
    if (crypto_pwhash(secret_ptr(master), SEAL_MASTER_LEN, (const char *)passphrase.ptr, passphrase.len,
                      kdf->salt, kdf->passes, (size_t)kdf->kib * 1024, crypto_pwhash_ALG_ARGON2ID13) != 0) {
        secret_free(master);
        return CB_ENOMEM; /* its one failure with sane parameters */
    }
    *out = master;
    return 0;
}
