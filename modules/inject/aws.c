/*
 * aws.c - Signature Version 4, as the AWS documentation has it under "Create a signed AWS API request".
 *
 * The canonical request is never written down: its parts go into the digest one by one.
 */
#include "inject/aws.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/encode.h"
#include "http/write.h"
#include "inject/internal.h"

#define ALGORITHM      "AWS4-HMAC-SHA256"
#define SECRET_MAX     256
#define SIGNED_MAX     (HTTP_FIELDS_MAX + SPEC_EXTRAS_MAX + 4)
#define QUERY_PAIR_MAX 1024

#define STREAMING_SIGNED           "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
#define STREAMING_SIGNED_TRAILER   "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
#define STREAMING_UNSIGNED_TRAILER "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
#define UNSIGNED                   "UNSIGNED-PAYLOAD"
#define EMPTY_SHA256               "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* ---- what the agent sent ---- */

bool inject_aws_credential(struct span credential, struct inject_aws_credential *out)
{
    const uint8_t *colon = credential.len != 0 ? memchr(credential.ptr, ':', credential.len) : NULL;
    if (colon == NULL || !http_value_valid(credential)) {
        return false;
    }
    out->key_id = span_sub(credential, 0, (size_t)(colon - credential.ptr));
    struct span rest = span_sub(credential, out->key_id.len + 1, SIZE_MAX);
    colon = rest.len != 0 ? memchr(rest.ptr, ':', rest.len) : NULL;
    out->secret = span_sub(rest, 0, colon != NULL ? (size_t)(colon - rest.ptr) : rest.len);
    out->token = colon != NULL ? span_sub(rest, out->secret.len + 1, SIZE_MAX) : SPAN_EMPTY;
    for (size_t i = 0; i < out->key_id.len; i++) {
        uint8_t c = ascii_lower(out->key_id.ptr[i]);
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_') {
            return false;
        }
    }
    return out->key_id.len >= 8 && out->key_id.len <= 128 && out->secret.len != 0 &&
           out->secret.len <= SECRET_MAX && (colon == NULL || out->token.len != 0) &&
           memchr(rest.ptr, ' ', rest.len) == NULL &&
           (out->token.len == 0 || memchr(out->token.ptr, ':', out->token.len) == NULL);
}

bool inject_aws_holds(struct span value, struct span placeholder)
{
    const struct span head = SPAN_LIT(ALGORITHM " ");
    const struct span name = SPAN_LIT("Credential=");
    if (!span_starts(value, head)) {
        return false;
    }
    value = span_sub(value, head.len, SIZE_MAX);
    while (value.len != 0 && value.ptr[0] == ' ') {
        value = span_sub(value, 1, SIZE_MAX);
    }
    /* Every SDK writes it first, and it is the only place that names a key. */
    struct span id = span_sub(value, name.len, placeholder.len);
    return span_starts(value, name) && placeholder.len != 0 && span_eq(id, placeholder) &&
           value.len > name.len + id.len && value.ptr[name.len + id.len] == '/' &&
           memmem(value.ptr + 1, value.len - 1, "Credential=", name.len) == NULL;
}

bool inject_aws_writes(struct span name)
{
    return span_eq_nocase(name, SPAN_LIT("x-amz-date")) ||
           span_eq_nocase(name, SPAN_LIT("x-amz-content-sha256")) ||
           span_eq_nocase(name, SPAN_LIT("x-amz-security-token"));
}

bool inject_aws_is_place(struct span name)
{
    return span_eq_nocase(name, SPAN_LIT("x-amz-security-token"));
}

static bool is_s3(const struct spec_route *route)
{
    return strcmp(route->service, "s3") == 0 || strncmp(route->service, "s3-", 3) == 0;
}

static bool is_hash(struct span value)
{
    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = ascii_lower(value.ptr[i]);
        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f')) {
            return false;
        }
    }
    return value.len == INJECT_AWS_HEX;
}

/* The field, if there is exactly one; *many says that there are more. */
static struct span said_payload(const struct inject_request *request, bool *many)
{
    struct span value = SPAN_EMPTY;
    bool found = false;
    *many = false;
    for (size_t i = 0; i < request->field_count; i++) {
        if (span_eq_nocase(request->fields[i].name, SPAN_LIT("x-amz-content-sha256"))) {
            *many = found;
            found = true;
            value = request->fields[i].value;
        }
    }
    return value;
}

enum inject_aws_payload inject_aws_payload(const struct spec_route *route,
                                           const struct inject_request *request, bool has_body,
                                           struct span *value)
{
    bool many;
    *value = said_payload(request, &many);
    if (many) {
        return INJECT_AWS_REFUSED;
    }
    if (value->len == 0) {
        bool unsigned_payload = is_s3(route) && route->scheme == SPEC_SCHEME_HTTPS;
        *value = !has_body ? SPAN_LIT(EMPTY_SHA256) : unsigned_payload ? SPAN_LIT(UNSIGNED) : SPAN_EMPTY;
        return value->len != 0 ? INJECT_AWS_SAID : INJECT_AWS_HASH;
    }
    if (span_eq_str(*value, STREAMING_SIGNED) || span_eq_str(*value, STREAMING_SIGNED_TRAILER)) {
        return has_body ? INJECT_AWS_CHUNKS : INJECT_AWS_REFUSED;
    }
    bool known =
        is_hash(*value) || span_eq_str(*value, UNSIGNED) || span_eq_str(*value, STREAMING_UNSIGNED_TRAILER);
    return known ? INJECT_AWS_SAID : INJECT_AWS_REFUSED;
}

/* ---- the canonical request ---- */

static void add(struct digest *d, const char *text)
{
    digest_add(d, span_str(text));
}

/* Paths are escaped once more than they are sent, but for S3, which takes them apart first. */
static int add_path(struct digest *d, const struct spec_route *route, struct span path)
{
    struct buf text;
    buf_init(&text, SIZE_MAX);
    int r = 0;
    for (size_t at = 0; r == 0 && at < path.len;) {
        uint8_t c = is_s3(route) ? inject_text_next(path, &at) : path.ptr[at++];
        r = inject_text_escape(span_of(&c, 1), "/", &text);
    }
    digest_add(d, buf_span(&text));
    buf_deinit(&text);
    return r;
}

/* A parameter in its canonical spelling; offsets into the text in which all of them stand. */
struct parameter {
    const struct buf *text;
    size_t name;
    size_t name_len;
    size_t value;
    size_t value_len;
};

static int compare_spans(struct span a, struct span b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len != 0 ? memcmp(a.ptr, b.ptr, len) : 0;
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_parameters(const void *left, const void *right)
{
    const struct parameter *a = left;
    const struct parameter *b = right;
    struct span text = buf_span(a->text);
    int order = compare_spans(span_sub(text, a->name, a->name_len), span_sub(text, b->name, b->name_len));
    return order != 0 ? order
                      : compare_spans(span_sub(text, a->value, a->value_len),
                                      span_sub(text, b->value, b->value_len));
}

/* Decoded and escaped anew, with '+' as the blank that it is in a query. */
static int append_canonical(struct span raw, struct buf *text, size_t *at, size_t *len)
{
    int r = 0;
    *at = buf_len(text);
    for (size_t i = 0; r == 0 && i < raw.len;) {
        uint8_t c = raw.ptr[i] == '+' ? ' ' : 0;
        if (c == ' ') {
            i++;
        } else {
            c = inject_text_next(raw, &i);
        }
        r = inject_text_escape(span_of(&c, 1), "", text);
    }
    *len = buf_len(text) - *at;
    return r;
}

static int read_parameters(struct span query, struct buf *text, struct parameter *out, size_t *count)
{
    struct inject_pair pair;
    int r = 0;
    while (r == 0 && inject_query_next(&query, &pair)) {
        if (pair.whole.len == 0) {
            continue;
        }
        if (*count == QUERY_PAIR_MAX) {
            return CB_ELIMIT;
        }
        struct parameter *p = &out[(*count)++];
        p->text = text;
        r = append_canonical(pair.name, text, &p->name, &p->name_len);
        if (r == 0) {
            r = append_canonical(pair.value, text, &p->value, &p->value_len);
        }
    }
    return r;
}

static int add_query(struct digest *d, struct span query)
{
    struct buf text;
    size_t count = 0;
    struct parameter *list = calloc(QUERY_PAIR_MAX, sizeof(*list));
    if (list == NULL) {
        return CB_ENOMEM;
    }
    buf_init(&text, SIZE_MAX);
    int r = read_parameters(query, &text, list, &count);
    if (r == 0 && count > 1) {
        qsort(list, count, sizeof(*list), compare_parameters);
    }
    for (size_t i = 0; r == 0 && i < count; i++) {
        add(d, i != 0 ? "&" : "");
        digest_add(d, span_sub(buf_span(&text), list[i].name, list[i].name_len));
        add(d, "=");
        digest_add(d, span_sub(buf_span(&text), list[i].value, list[i].value_len));
    }
    buf_deinit(&text);
    free(list);
    return r;
}

/* The fields that are signed, in order. */
struct signed_fields {
    struct http_field list[SIGNED_MAX];
    size_t count;
};

static void lower_name(struct span name, struct digest *d, struct buf *out, int *r)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = ascii_lower(name.ptr[i]);
        if (d != NULL) {
            digest_add(d, span_of(&c, 1));
        } else if (*r == 0) {
            *r = buf_append_byte(out, c);
        }
    }
}

static int compare_names(struct span a, struct span b)
{
    for (size_t i = 0; i < a.len && i < b.len; i++) {
        int order = ascii_lower(a.ptr[i]) - ascii_lower(b.ptr[i]);
        if (order != 0) {
            return order;
        }
    }
    return (a.len > b.len) - (a.len < b.len);
}

/* Behind those of the same name, since their values are joined in the order in which they are sent. */
static void add_field(struct signed_fields *fields, struct span name, struct span value)
{
    size_t at = fields->count;
    if (at == SIGNED_MAX) {
        return; /* cannot be: there is room for all there may be */
    }
    while (at > 0 && compare_names(fields->list[at - 1].name, name) > 0) {
        fields->list[at] = fields->list[at - 1];
        at--;
    }
    fields->list[at] = (struct http_field){name, value};
    fields->count++;
}

static bool is_amz(struct span name)
{
    return span_eq_nocase(span_sub(name, 0, 6), SPAN_LIT("x-amz-"));
}

/* Blanks around a value go, and several in it become one. */
static void add_value(struct digest *d, struct span value)
{
    bool blank = false;
    bool begun = false;
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] == ' ' || value.ptr[i] == '\t') {
            blank = begun;
            continue;
        }
        if (blank) {
            add(d, " ");
        }
        blank = false;
        begun = true;
        digest_add(d, span_of(value.ptr + i, 1));
    }
}

static void add_fields(struct digest *d, const struct signed_fields *fields)
{
    int r = 0;
    for (size_t i = 0; i < fields->count; i++) {
        bool same = i > 0 && span_eq_nocase(fields->list[i - 1].name, fields->list[i].name);
        if (!same) {
            add(d, i != 0 ? "\n" : "");
            lower_name(fields->list[i].name, d, NULL, &r);
        }
        add(d, same ? "," : ":");
        add_value(d, fields->list[i].value);
    }
    add(d, "\n");
}

static int append_names(const struct signed_fields *fields, struct buf *out)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < fields->count; i++) {
        if (i > 0 && span_eq_nocase(fields->list[i - 1].name, fields->list[i].name)) {
            continue;
        }
        r = i != 0 ? buf_append_byte(out, ';') : 0;
        lower_name(fields->list[i].name, NULL, out, &r);
    }
    return r;
}

static void collect(const struct spec_route *route, const struct inject_request *request,
                    struct signed_fields *fields)
{
    for (size_t i = 0; i < request->field_count; i++) {
        const struct http_field *field = &request->fields[i];
        if (inject_field_passes(route, request, field) &&
            (is_amz(field->name) || span_eq_nocase(field->name, SPAN_LIT("content-type")))) {
            add_field(fields, field->name, field->value);
        }
    }
    for (size_t i = 0; i < route->extra_count; i++) {
        if (is_amz(span_str(route->extras[i].name))) {
            add_field(fields, span_str(route->extras[i].name), span_str(route->extras[i].value));
        }
    }
}

static int hash_request(const struct spec_route *route, const struct inject_request *request,
                        const struct inject_aws_call *call, const struct signed_fields *fields,
                        struct span names, char out[INJECT_AWS_HEX + 1])
{
    struct digest d;
    uint8_t hash[DIGEST_LEN];
    digest_begin(&d);
    digest_add(&d, call->method);
    add(&d, "\n");
    int r = add_path(&d, route, request->path);
    add(&d, "\n");
    r = r == 0 ? add_query(&d, request->query) : r;
    add(&d, "\n");
    add_fields(&d, fields);
    add(&d, "\n");
    digest_add(&d, names);
    add(&d, "\n");
    digest_add(&d, call->payload);
    digest_end(&d, hash);
    encode_hex(hash, sizeof(hash), out);
    return r;
}

/* ---- keys and signatures ---- */

static void hmac_text(const uint8_t key[DIGEST_LEN], struct span text, uint8_t out[DIGEST_LEN])
{
    uint8_t result[DIGEST_LEN];
    digest_hmac_sha256(span_of(key, DIGEST_LEN), &text, 1, result);
    memcpy(out, result, sizeof(result));
    secret_wipe(result, sizeof(result));
}

static void derive_key(const struct spec_route *route, struct span secret, struct span day,
                       uint8_t out[DIGEST_LEN])
{
    uint8_t first[4 + SECRET_MAX] = {'A', 'W', 'S', '4'};
    memcpy(first + 4, secret.ptr, secret.len);
    digest_hmac_sha256(span_of(first, 4 + secret.len), &day, 1, out);
    secret_wipe(first, sizeof(first));
    hmac_text(out, span_str(route->region), out);
    hmac_text(out, span_str(route->service), out);
    hmac_text(out, SPAN_LIT("aws4_request"), out);
}

void inject_aws_sign(struct inject_aws *signing, const char *algorithm, const struct span *lines,
                     size_t count)
{
    struct span parts[16];
    size_t n = 0;
    parts[n++] = span_str(algorithm);
    parts[n++] = SPAN_LIT("\n");
    parts[n++] = span_str(signing->time);
    parts[n++] = SPAN_LIT("\n");
    parts[n++] = span_str(signing->scope);
    for (size_t i = 0; i < count && n + 2 <= sizeof(parts) / sizeof(parts[0]); i++) {
        parts[n++] = SPAN_LIT("\n");
        parts[n++] = lines[i];
    }
    uint8_t mac[DIGEST_LEN];
    digest_hmac_sha256(span_of(signing->key, sizeof(signing->key)), parts, n, mac);
    encode_hex(mac, sizeof(mac), signing->signature);
}

/* Time, scope and key. */
static int begin(const struct spec_route *route, uint64_t time_ms, struct span secret,
                 struct inject_aws *signing)
{
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm tm;
    if (gmtime_r(&seconds, &tm) == NULL ||
        strftime(signing->time, sizeof(signing->time), "%Y%m%dT%H%M%SZ", &tm) != 16) {
        return CB_EINTERNAL;
    }
    int len = snprintf(signing->scope, sizeof(signing->scope), "%.8s/%s/%s/aws4_request", signing->time,
                       route->region, route->service);
    if (len < 0 || (size_t)len >= sizeof(signing->scope)) {
        return CB_EINTERNAL;
    }
    derive_key(route, secret, span_of(signing->time, 8), signing->key);
    return 0;
}

void inject_aws_forget(struct inject_aws *signing)
{
    secret_wipe(signing, sizeof(*signing));
}

static int write_authorization(const struct inject_aws *signing, struct span key_id, struct span names,
                               struct buf *out)
{
    int r;
    if ((r = buf_append_str(out, "Authorization: " ALGORITHM " Credential=")) != 0 ||
        (r = buf_append_span(out, key_id)) != 0 || (r = buf_append_byte(out, '/')) != 0 ||
        (r = buf_append_str(out, signing->scope)) != 0 ||
        (r = buf_append_str(out, ", SignedHeaders=")) != 0 || (r = buf_append_span(out, names)) != 0 ||
        (r = buf_append_str(out, ", Signature=")) != 0 ||
        (r = buf_append_str(out, signing->signature)) != 0) {
        return r;
    }
    return buf_append_str(out, "\r\n");
}

int inject_aws_write(const struct spec_route *route, const struct inject_request *request,
                     const struct inject_aws_call *call, struct span credential, struct inject_aws *signing,
                     struct buf *out)
{
    struct inject_aws_credential parts;
    struct signed_fields fields = {.count = 0};
    struct buf names;
    char hash[INJECT_AWS_HEX + 1];
    bool many;
    buf_init(&names, SIZE_MAX);
    int r = inject_aws_credential(credential, &parts) ? begin(route, call->time_ms, parts.secret, signing)
                                                      : CB_EINVAL;
    if (r != 0) {
        goto out;
    }
    bool say = is_s3(route) || said_payload(request, &many).len != 0;
    collect(route, request, &fields);
    add_field(&fields, SPAN_LIT("Host"), call->host);
    add_field(&fields, SPAN_LIT("X-Amz-Date"), span_str(signing->time));
    if ((r = http_write_field(out, SPAN_LIT("X-Amz-Date"), span_str(signing->time))) != 0) {
        goto out;
    }
    if (say) {
        add_field(&fields, SPAN_LIT("X-Amz-Content-Sha256"), call->payload);
        r = http_write_field(out, SPAN_LIT("X-Amz-Content-Sha256"), call->payload);
    }
    if (r == 0 && parts.token.len != 0) {
        add_field(&fields, SPAN_LIT("X-Amz-Security-Token"), parts.token);
        r = http_write_field(out, SPAN_LIT("X-Amz-Security-Token"), parts.token);
    }
    if (r != 0 || (r = append_names(&fields, &names)) != 0 ||
        (r = hash_request(route, request, call, &fields, buf_span(&names), hash)) != 0) {
        goto out;
    }
    inject_aws_sign(signing, ALGORITHM, &(struct span){(const uint8_t *)hash, INJECT_AWS_HEX}, 1);
    if ((r = write_authorization(signing, parts.key_id, buf_span(&names), out)) == 0) {
        r = inject_write(route, SPAN_EMPTY, out);
    }
out:
    buf_deinit(&names);
    return r;
}
