/* basic.c - Basic authentication, RFC 7617. */
#include "base/encode.h"
#include "inject/internal.h"

bool inject_basic_decode(struct span value, uint8_t out[INJECT_BASIC_MAX], struct span *decoded)
{
    const struct span scheme = SPAN_LIT("Basic ");
    size_t len = INJECT_BASIC_MAX;
    if (!span_eq_nocase(span_sub(value, 0, scheme.len), scheme) ||
        decode_base64(span_sub(value, scheme.len, value.len), out, &len) != 0) {
        return false;
    }
    *decoded = span_of(out, len);
    return true;
}

bool inject_basic_holds(struct span value, struct span placeholder)
{
    uint8_t bytes[INJECT_BASIC_MAX];
    struct span text;
    if (!inject_basic_decode(value, bytes, &text)) {
        return false;
    }
    const uint8_t *colon = text.len != 0 ? memchr(text.ptr, ':', text.len) : NULL;
    size_t user = colon != NULL ? (size_t)(colon - text.ptr) : text.len;
    struct span password = span_sub(text, user + 1, text.len);
    return span_eq(text, placeholder) || span_eq(password, placeholder) ||
           (password.len == 0 && span_eq(span_sub(text, 0, user), placeholder));
}

int inject_basic_write(const struct spec_route *route, struct span credential, struct buf *out)
{
    uint8_t *to;
    struct buf both;
    buf_init(&both, SIZE_MAX);
    buf_set_sensitive(&both);
    bool whole = credential.len != 0 && memchr(credential.ptr, ':', credential.len) != NULL;
    /* RFC 7617, 2: no control bytes in either. And a credential without a colon has no password. */
    int r =
        http_value_valid(credential) && credential.len != 0 && (route->user != NULL || whole) ? 0 : CB_EINVAL;
    if (r == 0 && route->user != NULL && (r = buf_append_str(&both, route->user)) == 0) {
        r = buf_append_byte(&both, ':');
    }
    size_t size = ENCODE_BASE64_SIZE(buf_len(&both) + credential.len);
    if (r != 0 || (r = buf_append_span(&both, credential)) != 0 ||
        (r = buf_append_str(out, route->headers[0].name)) != 0 || (r = buf_append_str(out, ": ")) != 0 ||
        (r = buf_append_str(out, route->headers[0].value)) != 0 || (r = buf_reserve(out, size, &to)) != 0) {
        goto out;
    }
    buf_commit(out, encode_base64(buf_span(&both).ptr, buf_len(&both), (char *)to));
    r = buf_append_str(out, "\r\n");
out:
    buf_deinit(&both);
    return r;
}
