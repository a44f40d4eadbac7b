/* emit.c - YAML out: events for libyaml's emitter, and the choice of a style that no reader takes for another type. */
#include "conf/emit.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

#define DEPTH_MAX  64
#define FORMAT_MAX 1024

struct emit {
    yaml_emitter_t emitter;
    struct buf *out;
    int error;
    size_t depth;
};

/* libyaml's callback: 1 is success. */
static int on_output(void *arg, unsigned char *bytes, size_t len)
{
    struct emit *e = arg;
    int r = buf_append(e->out, bytes, len);
    if (r != 0 && e->error == 0) {
        e->error = r;
    }
    return r == 0;
}

static void latch(struct emit *e, int code)
{
    if (e->error == 0) {
        e->error = code;
    }
}

/* Sends an event that was made, or says why it was not. The emitter owns the event from here on. */
static void send(struct emit *e, yaml_event_t *event, int made)
{
    if (!made) {
        latch(e, CB_EINVAL); /* not UTF-8; out of memory looks the same here, and ends the same */
    } else if (!yaml_emitter_emit(&e->emitter, event)) {
        latch(e, e->emitter.error == YAML_MEMORY_ERROR ? CB_ENOMEM : CB_EINVAL);
    }
}

struct emit *emit_new(struct buf *out)
{
    struct emit *e = calloc(1, sizeof(*e));
    if (e == NULL || !yaml_emitter_initialize(&e->emitter)) {
        free(e);
        return NULL;
    }
    e->out = out;
    yaml_emitter_set_output(&e->emitter, on_output, e);
    yaml_emitter_set_width(&e->emitter,
                           -1); /* a long text stays in one line: folding would be one more thing to read */
    yaml_emitter_set_indent(&e->emitter, 2);
    yaml_event_t event;
    send(e, &event, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING));
    return e;
}

int emit_finish(struct emit *e)
{
    if (e == NULL) {
        return CB_ENOMEM;
    }
    if (e->depth != 0) {
        latch(e, CB_EINVAL);
    }
    if (e->error == 0) {
        yaml_event_t event;
        send(e, &event, yaml_stream_end_event_initialize(&event));
    }
    int r = e->error;
    yaml_emitter_delete(&e->emitter);
    free(e);
    return r;
}

int emit_error(const struct emit *e)
{
    return e->error;
}

/* ---- the style of a text ---- */

/* What YAML 1.1 readers take for a boolean or null, in any of their spellings. */
static bool is_word_of_yaml(struct span text)
{
    static const char *const words[] = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (span_eq_nocase(text, span_str(words[i]))) {
            return true;
        }
    }
    return false;
}

/* Letters in front, and nothing that has a meaning anywhere in YAML: no reader takes such a text for something else. */
static bool is_plain(struct span text)
{
    if (text.len == 0 || is_word_of_yaml(text)) {
        return false;
    }
    uint8_t first = text.ptr[0];
    if (first != '/' && (ascii_lower(first) < 'a' || ascii_lower(first) > 'z')) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        bool fine = (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || (c >= '0' && c <= '9') ||
                    (c != 0 && strchr("-_./", c) != NULL);
        if (!fine) {
            return false;
        }
    }
    return true;
}

/* Lines of printable ASCII: a block gives them back as they are. (A carriage return in one would come back as a newline.) */
static bool is_block(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '\n' && (text.ptr[i] < ' ' || text.ptr[i] > '~')) {
            return false;
        }
    }
    return text.len != 0 && memchr(text.ptr, '\n', text.len) != NULL;
}

static void scalar(struct emit *e, struct span text, yaml_scalar_style_t style)
{
    yaml_event_t event;
    if (e->error != 0) {
        return;
    }
    if (text.len > INT32_MAX) {
        latch(e, CB_ELIMIT);
        return;
    }
    /* libyaml copies the bytes; its argument has no const in older versions, and no NULL. */
    const uint8_t *bytes = text.ptr != NULL ? text.ptr : (const uint8_t *)"";
    bool plain = style == YAML_PLAIN_SCALAR_STYLE;
    send(e, &event,
         yaml_scalar_event_initialize(&event, NULL, NULL, (yaml_char_t *)(uintptr_t)bytes, (int)text.len,
                                      plain, !plain, style));
}

static void text_scalar(struct emit *e, struct span text)
{
    scalar(e, text,
           is_plain(text)   ? YAML_PLAIN_SCALAR_STYLE
           : is_block(text) ? YAML_LITERAL_SCALAR_STYLE
                            : YAML_DOUBLE_QUOTED_SCALAR_STYLE);
}

/* ---- maps and lists ---- */

/* Begins a document at the top; writes the key inside a map. */
static void begin(struct emit *e, const char *key)
{
    if (e->error != 0) {
        return;
    }
    if (e->depth == 0) {
        yaml_event_t event;
        send(e, &event, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1));
    }
    if (key != NULL) {
        text_scalar(e, span_str(key));
    }
}

static void end(struct emit *e)
{
    if (e->depth == 0 && e->error == 0) {
        yaml_event_t event;
        send(e, &event, yaml_document_end_event_initialize(&event, 1));
    }
}

static void open_node(struct emit *e, const char *key, bool map)
{
    yaml_event_t event;
    begin(e, key);
    if (e->error != 0) {
        return;
    }
    if (e->depth == DEPTH_MAX) {
        latch(e, CB_ELIMIT);
        return;
    }
    e->depth++;
    if (map) {
        send(e, &event, yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE));
    } else {
        send(e, &event,
             yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE));
    }
}

static void close_node(struct emit *e, bool map)
{
    yaml_event_t event;
    if (e->error != 0) {
        return;
    }
    if (e->depth == 0) {
        latch(e, CB_EINVAL);
        return;
    }
    e->depth--;
    send(e, &event,
         map ? yaml_mapping_end_event_initialize(&event) : yaml_sequence_end_event_initialize(&event));
    end(e);
}

void emit_map(struct emit *e, const char *key)
{
    open_node(e, key, true);
}

void emit_map_end(struct emit *e)
{
    close_node(e, true);
}

void emit_list(struct emit *e, const char *key)
{
    open_node(e, key, false);
}

void emit_list_end(struct emit *e)
{
    close_node(e, false);
}

/* ---- scalars ---- */

void emit_span(struct emit *e, const char *key, struct span value)
{
    begin(e, key);
    text_scalar(e, value);
    end(e);
}

void emit_text(struct emit *e, const char *key, const char *value)
{
    emit_span(e, key, span_str(value));
}

void emit_textf(struct emit *e, const char *key, const char *fmt, ...)
{
    char text[FORMAT_MAX];
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof(text)) {
        latch(e, CB_ELIMIT);
        return;
    }
    emit_span(e, key, span_of(text, (size_t)len));
}

void emit_plain(struct emit *e, const char *key, struct span value)
{
    begin(e, key);
    scalar(e, value, YAML_PLAIN_SCALAR_STYLE);
    end(e);
}

void emit_number(struct emit *e, const char *key, uint64_t value)
{
    char text[24];
    int len = snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    emit_plain(e, key, span_of(text, (size_t)len));
}

void emit_bool(struct emit *e, const char *key, bool value)
{
    emit_plain(e, key, value ? SPAN_LIT("true") : SPAN_LIT("false"));
}
