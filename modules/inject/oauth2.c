/* oauth2.c - the request to a token endpoint and its answer, RFC 6749. */
#include "base/encode.h"
#include "base/json.h"
#include "base/json_read.h"
#include "http/write.h"
#include "inject/internal.h"
#include "inject/token.h"

#define BODY_MAX     ((size_t)128 * 1024)
#define VENDED_TTL_S 3600 /* that a placeholder never expires is nobody's business */
#define LIFETIME_MAX (24 * 3600)

int inject_token_url(const struct spec_token *token, struct buf *out)
{
    return token->port == 443 ? buf_appendf(out, "https://%s%s", token->host, token->path)
                              : buf_appendf(out, "https://%s:%u%s", token->host, token->port, token->path);
}

/* ---- the request ---- */

/* Appends a parameter as a form has it, unless it is empty. */
static int put(struct buf *body, const char *name, struct span value)
{
    int r;
    if (value.len == 0 || (buf_len(body) != 0 && (r = buf_append_byte(body, '&')) != 0)) {
        return value.len == 0 ? 0 : r;
    }
    if ((r = buf_append_str(body, name)) != 0 || (r = buf_append_byte(body, '=')) != 0) {
        return r;
    }
    return inject_text_escape(value, "", body);
}

static struct span or_empty(const char *text)
{
    return text != NULL ? span_str(text) : SPAN_EMPTY;
}

/* Whether the client's secret goes into Authorization: RFC 6749, 2.3.1. Google's clients write it into the body. */
static bool is_basic(const struct spec_token *token, const struct inject_grant *grant)
{
    return grant->client_secret.len != 0 && !token->client_in_body && !grant->google;
}

static int write_body(const struct spec_token *token, const struct inject_grant *grant, struct span assertion,
                      struct span client_id, struct buf *body)
{
    static const char jwt[] = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    const char *type = grant->kind == SPEC_GRANT_CLIENT    ? "client_credentials"
                       : grant->kind == SPEC_GRANT_REFRESH ? "refresh_token"
                                                           : jwt;
    bool in_body = !is_basic(token, grant) && grant->kind != SPEC_GRANT_JWT;
    struct span scope =
        grant->google ? SPAN_EMPTY : or_empty(token->scope); /* there it is a claim, or the user's */
    struct span audience = grant->kind == SPEC_GRANT_CLIENT ? or_empty(token->audience) : SPAN_EMPTY;
    int r;
    if ((r = put(body, "grant_type", span_str(type))) != 0 ||
        (r = put(body, "refresh_token", grant->refresh_token)) != 0 ||
        (r = put(body, "assertion", assertion)) != 0 || (r = put(body, "scope", scope)) != 0 ||
        (r = put(body, "audience", audience)) != 0) {
        return r;
    }
    r = in_body ? put(body, "client_id", client_id) : 0;
    return r == 0 && in_body ? put(body, "client_secret", grant->client_secret) : r;
}

static int write_authorization(const struct inject_grant *grant, struct span client_id, struct buf *out)
{
    struct buf both;
    uint8_t *to;
    buf_init(&both, BODY_MAX);
    buf_set_sensitive(&both);
    /* Each is form-encoded before the two are joined, so a colon in one does no harm. */
    int r = inject_text_escape(client_id, "", &both);
    if (r == 0 && (r = buf_append_byte(&both, ':')) == 0 &&
        (r = inject_text_escape(grant->client_secret, "", &both)) == 0 &&
        (r = buf_append_str(out, "Authorization: Basic ")) == 0 &&
        (r = buf_reserve(out, ENCODE_BASE64_SIZE(buf_len(&both)), &to)) == 0) {
        buf_commit(out, encode_base64(buf_span(&both).ptr, buf_len(&both), (char *)to));
        r = buf_append_str(out, "\r\n");
    }
    buf_deinit(&both);
    return r;
}

static int write_head(const struct spec_token *token, size_t body_len, struct buf *out)
{
    int r;
    if ((r = http_write_request_line(out, SPAN_LIT("POST"), span_str(token->path))) != 0 ||
        (r = token->port == 443 ? http_write_field(out, SPAN_LIT("Host"), span_str(token->host))
                                : http_write_fieldf(out, "Host", "%s:%u", token->host, token->port)) != 0 ||
        (r = http_write_field(out, SPAN_LIT("Accept"), SPAN_LIT("application/json"))) != 0 ||
        (r = http_write_field(out, SPAN_LIT("Accept-Encoding"), SPAN_LIT("identity"))) != 0 ||
        (r = http_write_field(out, SPAN_LIT("Content-Type"),
                              SPAN_LIT("application/x-www-form-urlencoded"))) != 0) {
        return r;
    }
    return http_write_framing(out, HTTP_FRAMING_LENGTH, body_len);
}

int inject_token_request(const struct spec_token *token, const struct inject_grant *grant,
                         struct span assertion, struct buf *out)
{
    struct span client_id = token->client_id != NULL ? span_str(token->client_id) : grant->client_id;
    struct buf body;
    buf_init(&body, BODY_MAX);
    buf_set_sensitive(&body);
    int r = write_body(token, grant, assertion, client_id, &body);
    if (r == 0 && (r = write_head(token, buf_len(&body), out)) == 0 && is_basic(token, grant)) {
        r = write_authorization(grant, client_id, out);
    }
    if (r == 0 && (r = http_write_head_end(out)) == 0) {
        r = buf_append_span(out, buf_span(&body));
    }
    buf_deinit(&body);
    return r;
}

/* ---- the answer ---- */

struct fields {
    struct span access_token;
    struct span refresh_token;
    struct span token_type;
    struct span expires_in;
    bool expires_said;
};

/* Takes a text over, once. */
static bool take_text(const struct json_member *member, struct buf *memory, struct span *out)
{
    size_t at = buf_len(memory);
    if (out->len != 0 || member->kind != JSON_TEXT || json_decode_text(member->value, memory) != 0) {
        return false;
    }
    *out = span_sub(buf_span(memory), at, SIZE_MAX);
    return true;
}

static bool take_field(const struct json_member *member, struct buf *memory, struct fields *f)
{
    if (span_eq_str(member->name, "access_token")) {
        return take_text(member, memory, &f->access_token);
    }
    if (span_eq_str(member->name, "refresh_token")) {
        return member->kind == JSON_NULL || take_text(member, memory, &f->refresh_token);
    }
    if (span_eq_str(member->name, "token_type")) {
        return take_text(member, memory, &f->token_type);
    }
    if (span_eq_str(member->name, "expires_in") && member->kind != JSON_NULL) {
        /* A number; some write it as a text. */
        bool once = !f->expires_said && (member->kind == JSON_NUMBER || member->kind == JSON_TEXT);
        f->expires_said = true;
        f->expires_in = member->value;
        return once;
    }
    return true;
}

static bool is_token(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] <= 0x20 || text.ptr[i] >= 0x7f) {
            return false;
        }
    }
    return text.len != 0 && text.len <= INJECT_TOKEN_MAX;
}

int inject_token_answer_read(struct span body, struct buf *memory, struct inject_token_answer *out)
{
    struct fields f = {.expires_said = false};
    struct json_reader reader;
    struct json_member member;
    uint8_t *room;
    /* Decoded, a text is never longer: with room for all of it at once nothing moves. */
    int r = body.len != 0 ? buf_reserve(memory, body.len, &room) : CB_EMALFORMED;
    if (r != 0) {
        return r;
    }
    json_reader_init(&reader, body);
    while ((r = json_reader_next(&reader, &member)) == 1) {
        if (!take_field(&member, memory, &f)) {
            return CB_EMALFORMED;
        }
    }
    *out = (struct inject_token_answer){.access_token = f.access_token, .refresh_token = f.refresh_token};
    if (r != 0 || !is_token(f.access_token) || (f.refresh_token.len != 0 && !is_token(f.refresh_token)) ||
        (f.token_type.len != 0 && !span_eq_nocase(f.token_type, SPAN_LIT("Bearer"))) ||
        (f.expires_said && !json_decode_number(f.expires_in, &out->lifetime_s))) {
        return CB_EMALFORMED;
    }
    if (out->lifetime_s > LIFETIME_MAX) {
        out->lifetime_s = LIFETIME_MAX;
    }
    return 0;
}

void inject_token_error_read(struct span body, char out[64])
{
    struct json_reader reader;
    struct json_member member;
    out[0] = '\0';
    json_reader_init(&reader, body);
    while (json_reader_next(&reader, &member) == 1) {
        if (!span_eq_str(member.name, "error") || member.kind != JSON_TEXT || member.value.len >= 64) {
            continue;
        }
        for (size_t i = 0; i < member.value.len; i++) {
            uint8_t c = member.value.ptr[i];
            bool fine = (c >= 'a' && c <= 'z') || c == '_';
            out[i] = fine ? (char)c : '?';
        }
        out[member.value.len] = '\0';
    }
}

int inject_token_answer_write(struct span placeholder, struct buf *out)
{
    struct json j;
    json_init(&j, out);
    json_object(&j, NULL);
    json_text(&j, "access_token", placeholder);
    json_text(&j, "token_type", SPAN_LIT("Bearer"));
    json_number(&j, "expires_in", VENDED_TTL_S);
    json_object_end(&j);
    return json_finish(&j);
}
