/* section.c - collects a head or trailers and accounts for every byte of it. */
#include "http/section.h"

#include <stdlib.h>

#include "http/fields.h"

#define SECTION_FIRST_LINES 16

void section_init(struct section *s, size_t max_bytes, size_t max_fields)
{
    *s = (struct section){.max_fields = max_fields};
    buf_init(&s->raw, max_bytes);
    buf_set_sensitive(&s->raw);
}

void section_release(struct section *s)
{
    buf_deinit(&s->raw);
    free(s->lines);
    free(s->fields);
    s->lines = NULL;
    s->fields = NULL;
    s->capacity = s->count = 0;
}

bool section_part_extend(struct section_part *part, size_t at, size_t len)
{
    if (part->len == 0) {
        part->at = at;
    } else if (part->at + part->len != at) {
        return false;
    }
    part->len += len;
    return true;
}

int section_add(struct section *s, struct section_part name, struct section_part value)
{
    if (s->count == s->max_fields) {
        return CB_ELIMIT;
    }
    if (s->count == s->capacity) {
        size_t capacity = s->capacity == 0 ? SECTION_FIRST_LINES : s->capacity * 2;
        struct section_line *lines = reallocarray(s->lines, capacity, sizeof(*lines));
        if (lines == NULL) {
            return CB_ENOMEM;
        }
        s->lines = lines;
        s->capacity = capacity;
    }
    s->lines[s->count++] = (struct section_line){.name = name, .value = value};
    return 0;
}

struct span section_span(const struct section *s, struct section_part part)
{
    return span_sub(buf_span(&s->raw), part.at, part.len);
}

static size_t blanks_end(struct span raw, size_t at)
{
    while (at < raw.len && (raw.ptr[at] == ' ' || raw.ptr[at] == '\t')) {
        at++;
    }
    return at;
}

static bool is_crlf(struct span raw, size_t at)
{
    return raw.len >= 2 && at <= raw.len - 2 && raw.ptr[at] == '\r' && raw.ptr[at + 1] == '\n';
}

static struct span trim_end(struct span s)
{
    while (s.len != 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t')) {
        s.len--;
    }
    return s;
}

/* One line `name ":" OWS value OWS CRLF` at *at; NULL and *at behind it, or what is wrong. */
static const char *check_line(struct span raw, const struct section_line *line, size_t *at,
                              struct http_field *field)
{
    size_t colon = line->name.at + line->name.len;
    if (line->name.at != *at || colon >= raw.len || raw.ptr[colon] != ':') {
        return "a field name is not followed by its colon";
    }
    size_t value_at = line->value.len != 0 ? line->value.at : colon + 1;
    if (value_at <= colon || blanks_end(raw, colon + 1) < value_at) {
        return "bytes between a field name and its value";
    }
    size_t end = blanks_end(raw, value_at + line->value.len);
    if (!is_crlf(raw, end)) {
        return "a field line does not end in CRLF";
    }
    field->name = span_sub(raw, *at, line->name.len);
    field->value = trim_end(span_sub(raw, value_at, line->value.len));
    if (!http_name_valid(field->name)) {
        return "a field name is not a token";
    }
    if (!http_value_valid(field->value)) {
        return "a field value has a control byte";
    }
    *at = end + 2;
    return NULL;
}

int section_finish(struct section *s, size_t first, struct http_refusal *refusal)
{
    struct span raw = buf_span(&s->raw);
    if (s->count != 0) {
        s->fields = calloc(s->count, sizeof(*s->fields));
        if (s->fields == NULL) {
            return http_refuse(refusal, CB_ENOMEM, HTTP_ERROR_NONE, "out of memory");
        }
    }
    size_t at = first;
    for (size_t i = 0; i < s->count; i++) {
        const char *why = check_line(raw, &s->lines[i], &at, &s->fields[i]);
        if (why != NULL) {
            return http_refuse_syntax(refusal, why);
        }
    }
    if (!is_crlf(raw, at) || at + 2 != raw.len) {
        return http_refuse_syntax(refusal, "the fields do not end in an empty line");
    }
    free(s->lines);
    s->lines = NULL;
    s->capacity = 0;
    return 0;
}
