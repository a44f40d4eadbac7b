/*
 * texts.c - bodies with something secret in them: a JSON object whose members are all texts, read once into memory that is wiped.
 *
 * The parser of other bodies (conf/tree.h) copies as it likes, and what it lets go of stays in memory.
 */
#include "api/state.h"

#include "base/encode.h"
#include "base/json_read.h"

void api_texts_deinit(struct api_texts *t)
{
    buf_deinit(&t->memory);
    *t = (struct api_texts){.count = 0};
}

static struct api_text *member(struct api_texts *t, struct span name)
{
    for (size_t i = 0; i < t->count; i++) {
        if (span_eq_str(name, t->members[i].name)) {
            return &t->members[i];
        }
    }
    return NULL;
}

/* 0, or the request is refused. */
static int take(struct api_request *q, struct api_texts *t, const struct json_member *m)
{
    struct api_text *text = member(t, m->name);
    if (text == NULL) {
        api_refuse(q, 422, "\"%.*s\" is no member of this body.", API_SHORT(m->name));
        return CB_EINVAL;
    }
    if (text->there) {
        api_refuse(q, 400, "\"%s\" is there twice.", text->name);
        return CB_EINVAL;
    }
    text->start = buf_len(&t->memory);
    int r = m->kind == JSON_TEXT ? json_decode_text(m->value, &t->memory) : CB_EMALFORMED;
    if (r == CB_EMALFORMED) {
        api_refuse(q, 422, "\"%s\" should be a string.", text->name);
    } else if (r != 0) {
        api_refuse_code(q, r, SPAN_EMPTY);
    }
    text->len = buf_len(&t->memory) - text->start;
    text->there = true;
    return r;
}

bool api_texts_read(struct api_request *q, const char *const *known, struct api_texts *out)
{
    struct json_reader reader;
    struct json_member m;
    int more = 0;
    int r = 0;
    *out = (struct api_texts){.count = 0};
    buf_init(&out->memory, API_BODY_MAX);
    buf_set_sensitive(&out->memory);
    for (; known[out->count] != NULL && out->count < API_TEXTS_MAX; out->count++) {
        out->members[out->count].name = known[out->count];
    }
    json_reader_init(&reader, q->body);
    while (r == 0 && (more = json_reader_next(&reader, &m)) > 0) {
        r = take(q, out, &m);
    }
    if (r == 0 && more < 0) {
        api_refuse(q, 400, "The body should be one JSON object.");
    }
    if (r != 0 || more < 0) {
        api_texts_deinit(out);
        return false;
    }
    return true;
}

bool api_texts_have(const struct api_texts *t, const char *key)
{
    for (size_t i = 0; i < t->count; i++) {
        if (strcmp(t->members[i].name, key) == 0) {
            return t->members[i].there;
        }
    }
    return false;
}

bool api_text(struct api_request *q, const struct api_texts *t, const char *key, struct span *out)
{
    for (size_t i = 0; i < t->count; i++) {
        const struct api_text *text = &t->members[i];
        if (text->there && strcmp(text->name, key) == 0) {
            *out = span_sub(buf_span(&t->memory), text->start, text->len);
            return true;
        }
    }
    api_refuse(q, 422, "\"%s\" should be a string.", key);
    return false;
}

bool api_text_hex(struct api_request *q, const struct api_texts *t, const char *key, uint8_t *out, size_t len)
{
    struct span text;
    if (!api_text(q, t, key, &text)) {
        return false;
    }
    if (decode_hex(text, out, len) != 0) {
        api_refuse(q, 422, "\"%s\" should be %zu hexadecimal digits.", key, 2 * len);
        return false;
    }
    return true;
}
