/* sha1.c - SHA-1, for Sec-WebSocket-Accept (RFC 6455, 1.3) and nothing else: it protects nothing there. */
#include "tls/seal.h"

#include <mbedtls/sha1.h>

int digest_sha1(struct span data, uint8_t out[DIGEST_SHA1_LEN])
{
    return mbedtls_sha1(data.ptr, data.len, out) == 0 ? 0 : CB_ECRYPTO;
}
