/* grant.c - what the credential of a route that fetches tokens is made of. */
#include "inject/grant.h"

#include "base/json.h"
#include "base/secret.h"

bool inject_grant_text(struct inject_grant *grant, const struct json_member *member, struct span *out)
{
    size_t at = buf_len(&grant->memory);
    if (member->kind != JSON_TEXT || out->len != 0 || json_decode_text(member->value, &grant->memory) != 0) {
        return false;
    }
    /* The memory was reserved as a whole, so it does not move. */
    *out = span_sub(buf_span(&grant->memory), at, SIZE_MAX);
    return true;
}

int inject_grant_begin(struct inject_grant *grant, struct span credential)
{
    uint8_t *room;
    *grant = (struct inject_grant){.json = true};
    buf_init(&grant->memory, credential.len);
    buf_set_sensitive(&grant->memory);
    return credential.len != 0 ? buf_reserve(&grant->memory, credential.len, &room) : 0;
}

bool inject_grant_is_plain(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] <= 0x20 || text.ptr[i] >= 0x7f) {
            return false;
        }
    }
    return text.len != 0;
}

bool inject_grant_is_key(struct span text)
{
    const struct span begin = SPAN_LIT("-----BEGIN ");
    return span_eq(span_sub(text, 0, begin.len), begin) &&
           memmem(text.ptr, text.len, "PRIVATE KEY-----", 16) != NULL &&
           memchr(text.ptr, '\0', text.len) == NULL;
}

static int read_members(struct span credential, struct inject_grant *out, const char **why)
{
    const struct {
        const char *name;
        struct span *to;
    } known[] = {{"client_id", &out->client_id},
                 {"client_secret", &out->client_secret},
                 {"refresh_token", &out->refresh_token},
                 {"private_key", &out->private_key},
                 {"private_key_id", &out->key_id}};
    struct json_reader reader;
    struct json_member member;
    int r;
    json_reader_init(&reader, credential);
    while ((r = json_reader_next(&reader, &member)) == 1) {
        size_t i = 0;
        while (i < sizeof(known) / sizeof(known[0]) && !span_eq_str(member.name, known[i].name)) {
            i++;
        }
        /* A member that is not known is more likely a mistake than a wish: this object is written by hand. */
        if (i == sizeof(known) / sizeof(known[0]) || !inject_grant_text(out, &member, known[i].to)) {
            *why =
                "its JSON should have client_id, client_secret, refresh_token, private_key and private_key_id, each a "
                "text and at most once, and nothing else";
            return CB_EINVAL;
        }
    }
    if (r != 0) {
        *why = "it begins like JSON, and is not a JSON object";
        return CB_EINVAL;
    }
    return 0;
}

static int read_plain(enum spec_grant grant, struct span credential, struct inject_grant *out)
{
    out->json = false;
    int r = buf_append_span(&out->memory, credential);
    struct span *to = grant == SPEC_GRANT_CLIENT    ? &out->client_secret
                      : grant == SPEC_GRANT_REFRESH ? &out->refresh_token
                                                    : &out->private_key;
    *to = buf_span(&out->memory);
    return r;
}

static bool is_plain_or_empty(struct span text)
{
    return text.len == 0 || inject_grant_is_plain(text);
}

static const char *find_fault(const struct inject_grant *g)
{
    if (!is_plain_or_empty(g->client_secret) || !is_plain_or_empty(g->refresh_token) ||
        !is_plain_or_empty(g->key_id) || !is_plain_or_empty(g->client_id)) {
        return "a part of it has a byte that is not visible ASCII";
    }
    if (g->refresh_token.len > INJECT_TOKEN_MAX || g->client_secret.len > INJECT_CLIENT_SECRET_MAX) {
        return "a part of it is too long";
    }
    switch (g->kind) {
    case SPEC_GRANT_CLIENT:
        return g->client_secret.len != 0 ? NULL
                                         : "it should be the client's secret, or JSON with a client_secret";
    case SPEC_GRANT_REFRESH:
        return g->refresh_token.len != 0 ? NULL
                                         : "it should be the refresh token, or JSON with a refresh_token";
    default:
        return inject_grant_is_key(g->private_key)
                   ? NULL
                   : "it should be a private key in PEM, not encrypted, or JSON with a private_key";
    }
}

int inject_grant_read(enum spec_grant grant, struct span credential, struct inject_grant *out,
                      const char **why)
{
    size_t blanks = 0;
    *why = "";
    if (grant == SPEC_GRANT_GCP) {
        return inject_gcp_read(credential, out, why);
    }
    int r = inject_grant_begin(out, credential);
    out->kind = grant;
    if (r != 0) {
        return r;
    }
    while (blanks < credential.len && memchr(" \t\r\n", credential.ptr[blanks], 4) != NULL) {
        blanks++;
    }
    r = blanks < credential.len && credential.ptr[blanks] == '{' ? read_members(credential, out, why)
                                                                 : read_plain(grant, credential, out);
    if (r == 0) {
        const char *fault = find_fault(out);
        *why = fault != NULL ? fault : "";
        r = fault != NULL ? CB_EINVAL : 0;
    }
    return r;
}

void inject_grant_deinit(struct inject_grant *grant)
{
    buf_deinit(&grant->memory);
    *grant = (struct inject_grant){.kind = SPEC_GRANT_NONE};
}

int inject_grant_replace(const struct inject_grant *grant, struct span refresh_token, struct buf *out)
{
    struct json j;
    if (!grant->json) {
        return buf_append_span(out, refresh_token);
    }
    json_init(&j, out);
    json_object(&j, NULL);
    if (grant->client_id.len != 0) {
        json_text(&j, "client_id", grant->client_id);
    }
    if (grant->client_secret.len != 0) {
        json_text(&j, "client_secret", grant->client_secret);
    }
    json_text(&j, "refresh_token", refresh_token);
    json_object_end(&j);
    return json_finish(&j);
}

int inject_grant_check(const struct spec_token *token, const struct inject_grant *grant, const char **why)
{
    struct buf url;
    if (grant->client_id.len == 0 && token->client_id == NULL && grant->kind != SPEC_GRANT_REFRESH) {
        *why = "nothing names the client: write clientId in the route, or client_id in the credential's JSON";
        return CB_EINVAL;
    }
    if (grant->token_uri.len == 0) {
        return 0;
    }
    buf_init(&url, SPEC_HOST_MAX + SPEC_PATH_MAX + 32);
    int r = inject_token_url(token, &url);
    if (r == 0 && !span_eq(buf_span(&url), grant->token_uri)) {
        *why = "its token_uri is not the route's token endpoint";
        r = CB_EINVAL;
    }
    buf_deinit(&url);
    return r;
}
