/* fields.c - header fields: finding, classifying, checking, listing. */
#include "http/fields.h"

#include "wire/reader.h"
#include "wire/writer.h"

const struct http_field *http_field_find(const struct http_field *fields, size_t count, const char *name)
{
    struct span wanted = span_str(name);
    for (size_t i = 0; i < count; i++) {
        if (span_eq_nocase(fields[i].name, wanted)) {
            return &fields[i];
        }
    }
    return NULL;
}

bool http_field_only(const struct http_head *head, const char *name, struct span *value)
{
    const struct http_field *first = http_field_find(head->fields, head->field_count, name);
    *value = first != NULL ? first->value : SPAN_EMPTY;
    const struct http_field *end = head->fields + head->field_count;
    return first == NULL || http_field_find(first + 1, (size_t)(end - first - 1), name) == NULL;
}

static struct span trim(struct span s)
{
    while (s.len != 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t')) {
        s = span_sub(s, 1, s.len);
    }
    while (s.len != 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t')) {
        s.len--;
    }
    return s;
}

/* True when one element of the comma-separated list is that token. */
static bool list_has(struct span list, struct span token)
{
    while (list.len != 0) {
        const uint8_t *comma = memchr(list.ptr, ',', list.len);
        size_t len = comma != NULL ? (size_t)(comma - list.ptr) : list.len;
        struct span element = trim(span_sub(list, 0, len));
        if (element.len != 0 && span_eq_nocase(element, token)) {
            return true;
        }
        list = span_sub(list, len + 1, list.len);
    }
    return false;
}

bool http_field_has_token(struct span value, const char *token)
{
    return list_has(value, span_str(token));
}

bool http_field_is_hop_by_hop(const struct http_field *fields, size_t count, struct span name)
{
    static const char *const always[] = {
        "connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "http2-settings",
    };
    for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++) {
        if (span_eq_nocase(name, span_str(always[i]))) {
            return true;
        }
    }
    if (span_eq_nocase(span_sub(name, 0, 6), SPAN_LIT("proxy-"))) {
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        if (span_eq_nocase(fields[i].name, SPAN_LIT("connection")) && list_has(fields[i].value, name)) {
            return true;
        }
    }
    return false;
}

static bool is_token_byte(uint8_t c)
{
    if ((c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z')) {
        return true;
    }
    return c == '-' || (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

bool http_name_valid(struct span name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (!is_token_byte(name.ptr[i])) {
            return false;
        }
    }
    return name.len != 0;
}

bool http_value_valid(struct span value)
{
    for (size_t i = 0; i < value.len; i++) {
        if ((value.ptr[i] < 0x20 && value.ptr[i] != '\t') || value.ptr[i] == 0x7f) {
            return false;
        }
    }
    return trim(value).len == value.len;
}

int http_fields_encode(const struct http_field *fields, size_t count, struct buf *out)
{
    if (count > UINT16_MAX) {
        return CB_ELIMIT;
    }
    struct writer w = writer_to(out);
    writer_u16(&w, (uint16_t)count);
    for (size_t i = 0; i < count; i++) {
        if (fields[i].name.len > UINT16_MAX) {
            return CB_ELIMIT;
        }
        writer_u16(&w, (uint16_t)fields[i].name.len);
        writer_raw(&w, fields[i].name.ptr, fields[i].name.len);
        writer_bytes(&w, fields[i].value, HTTP_HEAD_MAX);
    }
    return writer_finish(&w);
}

int http_fields_decode(struct span encoded, struct http_field *fields, size_t max, size_t *count)
{
    struct reader r = reader_of(encoded);
    size_t announced = reader_u16(&r);
    if (r.error == 0 && announced > max) {
        return CB_ELIMIT;
    }
    for (size_t i = 0; i < announced && r.error == 0; i++) {
        fields[i].name = reader_take(&r, reader_u16(&r));
        fields[i].value = reader_bytes(&r, HTTP_HEAD_MAX);
        if (r.error == 0 && (!http_name_valid(fields[i].name) || !http_value_valid(fields[i].value))) {
            return CB_EMALFORMED;
        }
    }
    int result = reader_finish(&r);
    if (result == 0) {
        *count = announced;
    }
    return result;
}
