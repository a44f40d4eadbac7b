/*
 * secrets.c - what the api makes and shows once: tokens, sessions, sign-in links. Each is a prefix that says what it is, and 256 random bits;
 * the store gets its hash alone.
 */
#include "api/state.h"

#include "base/encode.h"
#include "base/secret.h"
#include "tls/seal.h"

#define SECRET_RANDOM 32
#define SECRET_DIGITS 43
_Static_assert(API_SECRET_SIZE > API_SECRET_PREFIX + SECRET_DIGITS, "a prefix, the digits, a NUL");
_Static_assert(ENCODE_BASE64_SIZE(SECRET_RANDOM) <= API_SECRET_SIZE - API_SECRET_PREFIX, "what is written");
_Static_assert(DIGEST_LEN == IPC_HASH_LEN, "what the store keeps");

void api_secret_make(const char *prefix, char out[API_SECRET_SIZE], uint8_t hash[IPC_HASH_LEN])
{
    uint8_t random[SECRET_RANDOM];
    secret_random(random, sizeof(random));
    memcpy(out, prefix, API_SECRET_PREFIX);
    (void)encode_base64url(random, sizeof(random), out + API_SECRET_PREFIX);
    digest_sha256_of(span_str(out), hash);
    secret_wipe(random, sizeof(random));
}

bool api_secret_formed(const char *prefix, struct span text)
{
    bool fine = text.len == API_SECRET_PREFIX + SECRET_DIGITS && span_starts(text, span_str(prefix));
    for (size_t i = 0; fine && i < text.len; i++) {
        uint8_t c = text.ptr[i];
        fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
               c == '_';
    }
    return fine;
}
