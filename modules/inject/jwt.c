/* jwt.c - the assertion of a client (RFC 7523, 3), before it is signed. */
#include "base/encode.h"
#include "base/json.h"
#include "inject/token.h"

#include <stdlib.h>

#define LIFETIME_S        300  /* it is used at once */
#define GOOGLE_LIFETIME_S 3600 /* what Google's own clients write, and the most that it takes */
#define PART_MAX          ((size_t)16 * 1024)

static int append_base64url(struct span part, struct buf *out)
{
    uint8_t *to;
    int r = buf_reserve(out, ENCODE_BASE64_SIZE(part.len), &to);
    if (r == 0) {
        buf_commit(out, encode_base64url(part.ptr, part.len, (char *)to));
    }
    return r;
}

static int write_header(const struct inject_grant *grant, const char *algorithm, struct buf *out)
{
    struct json j;
    json_init(&j, out);
    json_object(&j, NULL);
    json_text(&j, "alg", span_str(algorithm));
    json_text(&j, "typ", SPAN_LIT("JWT"));
    if (grant->key_id.len != 0) {
        json_text(&j, "kid", grant->key_id);
    }
    json_object_end(&j);
    return json_finish(&j);
}

static int write_claims(const struct spec_token *token, const struct inject_grant *grant, uint64_t now_s,
                        struct span id, struct buf *out)
{
    struct span issuer = token->client_id != NULL ? span_str(token->client_id) : grant->client_id;
    struct json j;
    struct buf url;
    buf_init(&url, SPEC_HOST_MAX + SPEC_PATH_MAX + 32);
    int r = inject_token_url(token, &url);
    json_init(&j, out);
    json_object(&j, NULL);
    json_text(&j, "iss", issuer);
    /* For Google a subject is a user that the account acts for, so it is not simply the account. */
    if (token->subject != NULL || !grant->google) {
        json_text(&j, "sub", token->subject != NULL ? span_str(token->subject) : issuer);
    }
    json_text(&j, "aud", token->audience != NULL ? span_str(token->audience) : buf_span(&url));
    json_number(&j, "iat", now_s);
    json_number(&j, "exp", now_s + (grant->google ? GOOGLE_LIFETIME_S : LIFETIME_S));
    json_text(&j, "jti", id);
    if (grant->google && token->scope != NULL) {
        json_text(&j, "scope", span_str(token->scope));
    }
    json_object_end(&j);
    buf_deinit(&url);
    return r != 0 ? r : json_finish(&j);
}

int inject_jwt_unsigned(const struct spec_token *token, const struct inject_grant *grant,
                        const char *algorithm, uint64_t now_s, struct span id, struct buf *out)
{
    struct buf part;
    buf_init(&part, PART_MAX);
    int r = write_header(grant, algorithm, &part);
    if (r == 0) {
        r = append_base64url(buf_span(&part), out);
    }
    buf_reset(&part);
    if (r == 0 && (r = buf_append_byte(out, '.')) == 0 &&
        (r = write_claims(token, grant, now_s, id, &part)) == 0) {
        r = append_base64url(buf_span(&part), out);
    }
    buf_deinit(&part);
    return r;
}

int inject_jwt_sign(struct span signature, struct buf *out)
{
    int r = buf_append_byte(out, '.');
    return r != 0 ? r : append_base64url(signature, out);
}
