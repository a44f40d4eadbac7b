/*
 * usage.c - the use that a provider reports, found in an answer that passes by.
 *
 * Strings and brackets are followed, and nothing else of JSON: what is between quotes is never taken for structure, so a text that a model wrote
 * cannot pass for a report. A report counts only where providers put it: `usage` (or `usageMetadata`) in the outermost object, or in its member
 * `response` or `message`.
 */
#include "egress/usage.h"

#include "base/strnum.h"

#include <string.h>

/* What a container is. */
enum place { PLACE_ELSEWHERE, PLACE_LIST, PLACE_TOP, PLACE_ANSWER, PLACE_REPORT };

/* What a key means; in a report a number of enum usage_number above KEY_NUMBER. */
enum key { KEY_NONE, KEY_ANSWER, KEY_REPORT, KEY_MODEL, KEY_NUMBER };

static enum place place_here(const struct usage *u)
{
    if (u->depth == 0 || u->depth > USAGE_DEPTH_KNOWN) {
        return PLACE_ELSEWHERE;
    }
    return (enum place)u->places[u->depth - 1];
}

static bool is_text(const struct usage *u, const char *word)
{
    return u->len <= USAGE_MODEL_MAX && span_eq_str(span_of(u->text, u->len), word);
}

static unsigned key_of(const struct usage *u)
{
    static const struct {
        const char *word;
        enum usage_number number;
    } numbers[] = {
        {"prompt_tokens", USAGE_PROMPT},
        {"promptTokenCount", USAGE_PROMPT},
        {"input_tokens", USAGE_INPUT},
        {"cache_creation_input_tokens", USAGE_CACHE_MADE},
        {"cache_read_input_tokens", USAGE_CACHE_READ},
        {"completion_tokens", USAGE_OUTPUT},
        {"output_tokens", USAGE_OUTPUT},
        {"candidatesTokenCount", USAGE_OUTPUT},
        {"thoughtsTokenCount", USAGE_THOUGHTS},
    };
    enum place here = place_here(u);
    if (here == PLACE_REPORT) {
        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
            if (is_text(u, numbers[i].word)) {
                return KEY_NUMBER + (unsigned)numbers[i].number;
            }
        }
        return KEY_NONE;
    }
    if (here != PLACE_TOP && here != PLACE_ANSWER) {
        return KEY_NONE;
    }
    if (is_text(u, "usage") || is_text(u, "usageMetadata")) {
        return KEY_REPORT;
    }
    if (is_text(u, "model") || is_text(u, "modelVersion")) {
        return KEY_MODEL;
    }
    return here == PLACE_TOP && (is_text(u, "response") || is_text(u, "message")) ? KEY_ANSWER : KEY_NONE;
}

/* ---- values ---- */

/* Names of models are of these characters; what is not goes into no record. */
static bool is_model(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    (c != 0 && strchr("-._:/@+", c) != NULL);
        if (!fine) {
            return false;
        }
    }
    return text.len != 0;
}

static void end_string(struct usage *u)
{
    u->in_string = false;
    if (u->key == KEY_MODEL && u->len <= USAGE_MODEL_MAX && is_model(span_of(u->text, u->len))) {
        memcpy(u->model, u->text, u->len);
        u->model[u->len] = '\0';
    }
}

static void end_number(struct usage *u, uint8_t c)
{
    uint64_t value;
    bool ends = c == ',' || c == '}' || c == ' ' || c == '\n' || c == '\r' || c == '\t';
    u->number = false;
    if (ends && u->len <= USAGE_MODEL_MAX &&
        strnum_u64(span_of(u->text, u->len), USAGE_TOKENS_MAX, &value) == 0) {
        u->numbers[u->key - KEY_NUMBER] = value;
        u->seen[u->key - KEY_NUMBER] = true;
    }
    u->key = KEY_NONE;
}

static void keep(struct usage *u, uint8_t c)
{
    if (u->len < USAGE_MODEL_MAX) {
        u->text[u->len] = (char)c;
    }
    u->len += u->len <= USAGE_MODEL_MAX ? 1 : 0; /* one too many says that it is too long */
}

/* ---- structure ---- */

static void start_over(struct usage *u)
{
    u->in_string = u->escaped = u->number = false;
    u->len = 0;
    u->key = KEY_NONE;
    u->depth = 0;
}

static void open_container(struct usage *u, bool map)
{
    enum place outer = place_here(u);
    enum place inner = PLACE_ELSEWHERE;
    if (u->depth == 0 || (u->depth == 1 && outer == PLACE_LIST)) {
        inner = map ? PLACE_TOP : u->depth == 0 ? PLACE_LIST : PLACE_ELSEWHERE;
    } else if (map && u->key == KEY_REPORT) {
        inner = PLACE_REPORT;
    } else if (map && u->key == KEY_ANSWER) {
        inner = PLACE_ANSWER;
    }
    if (u->depth < USAGE_DEPTH_KNOWN) {
        u->places[u->depth] = (unsigned char)inner;
    }
    u->depth += u->depth < UINT32_MAX ? 1 : 0;
    u->key = KEY_NONE;
    u->len = 0;
}

static void close_container(struct usage *u)
{
    u->depth -= u->depth != 0 ? 1 : 0;
    u->key = KEY_NONE;
    u->len = 0;
}

/* The first character of the value, or what stands in front of it: of anything but a number nothing is taken. */
static void start_number(struct usage *u, uint8_t c)
{
    if (c >= '0' && c <= '9') {
        u->number = true;
        u->len = 0;
        keep(u, c);
    } else if (c != ' ' && c != '\t' && c != '\r' && c != '\n') {
        u->key = KEY_NONE;
    }
}

static void take_structure(struct usage *u, uint8_t c)
{
    switch (c) {
    case '"':
        u->in_string = true;
        u->len = 0;
        break;
    case ':':
        u->key = key_of(u);
        u->len = 0;
        break;
    case ',':
        u->key = KEY_NONE;
        u->len = 0;
        break;
    case '{':
    case '[':
        open_container(u, c == '{');
        break;
    case '}':
    case ']':
        close_container(u);
        break;
    default:
        if (u->key >= KEY_NUMBER) {
            start_number(u, c);
        }
        break;
    }
}

static void take_in_string(struct usage *u, uint8_t c)
{
    if (u->escaped) {
        u->escaped = false;
    } else if (c == '\\') {
        u->escaped = true;
        u->len = USAGE_MODEL_MAX + 1; /* nothing that is looked for needs one */
    } else if (c == '"') {
        end_string(u);
    } else if (u->len <= USAGE_MODEL_MAX) {
        keep(u, c);
    }
}

static void take(struct usage *u, uint8_t c)
{
    if (c == '\n') {
        /* No string goes over the end of a line, so one that does was none; and events stand for themselves. */
        if (u->in_string || (u->events && u->line_empty)) {
            start_over(u);
        }
        u->line_empty = true;
    } else if (c != '\r') {
        u->line_empty = false;
    }
    if (u->in_string) {
        take_in_string(u, c);
        return;
    }
    if (u->number) {
        if (c >= '0' && c <= '9') {
            keep(u, c);
            return;
        }
        end_number(u, c);
    }
    take_structure(u, c);
}

/* ---- for the exchange ---- */

void usage_begin(struct usage *u, struct span content_type, bool encoded)
{
    struct span type = content_type;
    const uint8_t *end = type.len != 0 ? memchr(type.ptr, ';', type.len) : NULL;
    type = span_sub(type, 0, end != NULL ? (size_t)(end - type.ptr) : type.len);
    while (type.len != 0 && (type.ptr[type.len - 1] == ' ' || type.ptr[type.len - 1] == '\t')) {
        type.len--;
    }
    *u = (struct usage){.events = span_eq_nocase(type, SPAN_LIT("text/event-stream"))};
    u->on = !encoded && (u->events || span_eq_nocase(type, SPAN_LIT("application/json")));
}

void usage_feed(struct usage *u, struct span body)
{
    for (size_t i = 0; u->on && i < body.len; i++) {
        take(u, body.ptr[i]);
    }
}

uint64_t usage_input(const struct usage *u)
{
    return u->seen[USAGE_PROMPT]
               ? u->numbers[USAGE_PROMPT]
               : u->numbers[USAGE_INPUT] + u->numbers[USAGE_CACHE_MADE] + u->numbers[USAGE_CACHE_READ];
}

uint64_t usage_output(const struct usage *u)
{
    return u->numbers[USAGE_OUTPUT] + u->numbers[USAGE_THOUGHTS];
}
