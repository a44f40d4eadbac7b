/*
 * encode.h - hexadecimal and base64 (RFC 4648), both directions, strict.
 */
#ifndef CB_BASE_ENCODE_H
#define CB_BASE_ENCODE_H

#include "base/err.h"
#include "base/span.h"

/* Lower-case hexadecimal with a NUL: `out` needs 2 * len + 1 bytes. */
void encode_hex(const void *ptr, size_t len, char *out);
/* Reads exactly 2 * len hexadecimal digits of either case. 0 or CB_EMALFORMED. */
CB_MUST_USE int decode_hex(struct span text, uint8_t *out, size_t len);

/* Size of the base64 text of `len` bytes, with padding and NUL. */
#define ENCODE_BASE64_SIZE(len) (((len) + 2) / 3 * 4 + 1)
/* Standard alphabet with padding, and the URL alphabet without. `out` needs ENCODE_BASE64_SIZE(len). Returns the
 * length of the text without the NUL. */
size_t encode_base64(const void *ptr, size_t len, char *out);
size_t encode_base64url(const void *ptr, size_t len, char *out);
/* Decodes the standard alphabet; padding is required, stray bits and white space are refused. *out_len gives the
 * size of `out` and receives the number of bytes. 0, CB_EMALFORMED or CB_ELIMIT. */
CB_MUST_USE int decode_base64(struct span text, uint8_t *out, size_t *out_len);

#endif
