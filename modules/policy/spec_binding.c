/*
 * spec_binding.c - to where a credential may go: the lines that are sealed with it.
 *
 * A line is "host:port", as in the route. A route that changes what stands behind the name says so in its line, or
 * whoever edits routes could send a credential to a server of their own under the right name: " clear" for plain http,
 * " via ADDRESS:PORT" for a dialled address of its own, " own-ca:DIGEST" for root certificates of its own. And what goes there is said: " token" for an
 * access token only, so that a line made for that does not let the credential itself go there; " token-endpoint" for the
 * credential, as the one fetching tokens needs it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/encode.h"
#include "policy/host.h"
#include "policy/spec.h"

#define ROTATES " rotates"

/* Destination "host:port" and the notes behind it, which start with a blank or are empty. */
struct line {
    struct span host;
    struct span port;
    struct span notes;
};

/* Takes the first line off `text`. False at the end. */
static bool next_line(struct span *text, struct line *out)
{
    if (text->len == 0) {
        return false;
    }
    const uint8_t *end = memchr(text->ptr, '\n', text->len);
    struct span line = span_sub(*text, 0, end != NULL ? (size_t)(end - text->ptr) : text->len);
    *text = end != NULL ? span_sub(*text, line.len + 1, text->len) : SPAN_EMPTY;
    const uint8_t *blank = line.len != 0 ? memchr(line.ptr, ' ', line.len) : NULL;
    struct span destination = span_sub(line, 0, blank != NULL ? (size_t)(blank - line.ptr) : line.len);
    out->notes = span_sub(line, destination.len, line.len);
    size_t colon = destination.len;
    while (colon > 0 && destination.ptr[colon - 1] != ':') {
        colon--;
    }
    /* Without a colon both are empty, which equals no host and no port. */
    out->host = span_sub(destination, 0, colon > 0 ? colon - 1 : 0);
    out->port = span_sub(destination, colon, colon > 0 ? destination.len : 0);
    return true;
}

/* Half of the digest, which is enough against everybody who cannot choose both texts, and fits into a line. */
#define CA_DIGEST_SHOWN (SPEC_DIGEST_LEN / 2)

static int append_ca(const char *ca, spec_digest_fn *digest, struct buf *out)
{
    uint8_t bytes[SPEC_DIGEST_LEN];
    char text[2 * CA_DIGEST_SHOWN + 1];
    digest(span_str(ca), bytes);
    encode_hex(bytes, CA_DIGEST_SHOWN, text);
    return buf_appendf(out, " own-ca:%s", text);
}

static int append_upstream(const char *address, unsigned port, const char *ca, spec_digest_fn *digest,
                           struct buf *out)
{
    int r = address != NULL ? buf_appendf(out, " via %s:%u", address, port) : 0;
    return r == 0 && ca != NULL ? append_ca(ca, digest, out) : r;
}

/* What a line has behind the host and its colon: the port, and the notes. */
static int append_token_way(const struct spec_token *token, spec_digest_fn *digest, struct buf *out)
{
    unsigned port = token->address_port != 0 ? token->address_port : token->port;
    int r = buf_appendf(out, "%u", token->port);
    if (r == 0) {
        r = append_upstream(token->address, port, token->ca, digest, out);
    }
    if (r == 0) {
        r = buf_append_str(out, " token-endpoint");
    }
    return r == 0 && token->grant == SPEC_GRANT_REFRESH ? buf_append_str(out, ROTATES) : r;
}

int spec_route_way(const struct spec_route *route, spec_digest_fn *digest, struct buf *out)
{
    unsigned port = route->upstream_port != 0 ? route->upstream_port : route->port;
    int r = buf_appendf(out, "%u%s", route->port, route->scheme == SPEC_SCHEME_HTTP ? " clear" : "");
    if (r == 0) {
        r = append_upstream(route->upstream_address, port, route->upstream_ca, digest, out);
    }
    return r == 0 && route->token.grant != SPEC_GRANT_NONE ? buf_append_str(out, " token") : r;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The line of a route's host, or that of its token endpoint. */
static int route_line(const struct spec_route *route, bool endpoint, spec_digest_fn *digest, char **out)
{
    struct buf line;
    buf_init(&line, 1024);
    int r = buf_appendf(&line, "%s:", endpoint ? route->token.host : route->host);
    if (r == 0) {
        r = endpoint ? append_token_way(&route->token, digest, &line) : spec_route_way(route, digest, &line);
    }
    if (r == 0) {
        *out = strndup((const char *)buf_span(&line).ptr, buf_len(&line));
        r = *out != NULL ? 0 : CB_ENOMEM;
    }
    buf_deinit(&line);
    return r;
}

static bool uses(const struct spec_route *route, struct span credential)
{
    return route->action == SPEC_ACTION_ALLOW && route->inject != SPEC_INJECT_NONE &&
           route->credential != NULL && span_eq_str(credential, route->credential);
}

/* As a client certificate, which never goes to a token endpoint. */
static bool shows(const struct spec_route *route, struct span credential)
{
    return route->action == SPEC_ACTION_ALLOW && route->upstream_credential != NULL &&
           span_eq_str(credential, route->upstream_credential);
}

enum spec_grant spec_credential_grant(const struct spec *spec, struct span credential)
{
    for (size_t i = 0; i < spec->route_count; i++) {
        if (uses(&spec->routes[i], credential)) {
            return spec->routes[i].token.grant;
        }
    }
    return SPEC_GRANT_NONE;
}

int spec_credential_binding(const struct spec *spec, struct span credential, spec_digest_fn *digest,
                            struct buf *out)
{
    int r = 0;
    size_t count = 0;
    char **lines = calloc(2 * spec->route_count + 1, sizeof(*lines));
    if (lines == NULL) {
        return CB_ENOMEM;
    }
    for (size_t i = 0; r == 0 && i < spec->route_count; i++) {
        const struct spec_route *route = &spec->routes[i];
        if (!uses(route, credential) && !shows(route, credential)) {
            continue;
        }
        r = route_line(route, false, digest, &lines[count]);
        count += r == 0 ? 1 : 0;
        if (r == 0 && uses(route, credential) && route->token.grant != SPEC_GRANT_NONE) {
            r = route_line(route, true, digest, &lines[count]);
            count += r == 0 ? 1 : 0;
        }
    }
    if (r != 0) {
        goto out;
    }
    if (count == 0) {
        r = CB_ENOTFOUND;
        goto out;
    }
    qsort(lines, count, sizeof(*lines), compare_texts);
    for (size_t i = 0; r == 0 && i < count; i++) {
        if (i > 0 && strcmp(lines[i - 1], lines[i]) == 0) {
            continue;
        }
        r = i > 0 ? buf_append_byte(out, '\n') : 0;
        if (r == 0) {
            r = buf_append_str(out, lines[i]);
        }
    }
out:
    for (size_t i = 0; i < count; i++) {
        free(lines[i]);
    }
    free(lines);
    return r;
}

static bool is_bound(struct span bound, const struct line *wanted)
{
    struct line line;
    while (next_line(&bound, &line)) {
        if (line.host.len != 0 && span_eq(line.port, wanted->port) && span_eq(line.notes, wanted->notes) &&
            policy_host_matches(line.host, wanted->host)) {
            return true;
        }
    }
    return false;
}

bool spec_binding_covers(struct span bound, struct span wanted)
{
    struct line line;
    while (next_line(&wanted, &line)) {
        /* A wildcard matches a narrower one as if that were a host: "*.b.c" ends in ".c". */
        if (line.host.len == 0 || !is_bound(bound, &line)) {
            return false;
        }
    }
    return true;
}

bool spec_binding_allows(struct span bound, struct span host, uint16_t port)
{
    struct line line;
    char text[8];
    (void)snprintf(text, sizeof(text), "%u", port);
    while (next_line(&bound, &line)) {
        if (line.host.len != 0 && span_eq_str(line.port, text) && policy_host_matches(line.host, host)) {
            return true;
        }
    }
    return false;
}

/* `notes` are appended by the caller; what failed there allows nothing. */
bool spec_binding_allows_way(struct span bound, struct span host, struct span way)
{
    const uint8_t *blank = way.len != 0 ? memchr(way.ptr, ' ', way.len) : NULL;
    size_t port = blank != NULL ? (size_t)(blank - way.ptr) : way.len;
    struct line wanted = {
        .host = host, .port = span_sub(way, 0, port), .notes = span_sub(way, port, SIZE_MAX)};
    return port != 0 && is_bound(bound, &wanted);
}

bool spec_binding_allows_route(struct span bound, const struct spec_route *route, struct span host,
                               spec_digest_fn *digest)
{
    struct buf way;
    buf_init(&way, 1024);
    int r = spec_route_way(route, digest, &way);
    bool allowed = r == 0 && spec_binding_allows_way(bound, host, buf_span(&way));
    buf_deinit(&way);
    return allowed;
}

bool spec_binding_allows_token(struct span bound, const struct spec_route *route, spec_digest_fn *digest)
{
    struct buf way;
    buf_init(&way, 1024);
    int r = append_token_way(&route->token, digest, &way);
    bool allowed = r == 0 && spec_binding_allows_way(bound, span_str(route->token.host), buf_span(&way));
    buf_deinit(&way);
    return allowed;
}

bool spec_binding_rotates(struct span bound)
{
    struct line line;
    while (next_line(&bound, &line)) {
        if (line.host.len != 0 && span_ends(line.notes, SPAN_LIT(ROTATES))) {
            return true;
        }
    }
    return false;
}
