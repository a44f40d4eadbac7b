/*
 * json_scan.h - reads the JSON of test data, token by token. For tests: files are trusted to be of sane size.
 *
 *     struct json_scan s;
 *     if (!json_open(&s, "wpt/toascii.json")) { SKIP("no test data"); return; }
 *     while (json_next(&s) != JSON_END) ...
 *     json_close(&s);
 *
 * A key comes as JSON_KEY, its value as the next tokens. Strings are unescaped to UTF-8 (a lone surrogate becomes the
 * three bytes it would have), with their length, and NUL-terminated. Anything malformed gives JSON_END with `failed` set.
 */
#ifndef TESTS_SUPPORT_JSON_SCAN_H
#define TESTS_SUPPORT_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum json_token {
    JSON_END,
    JSON_OBJECT,
    JSON_OBJECT_END,
    JSON_ARRAY,
    JSON_ARRAY_END,
    JSON_KEY,
    JSON_STRING,
    JSON_NUMBER,
    JSON_TRUE,
    JSON_FALSE,
    JSON_NULL
};

struct json_scan {
    char *file;
    size_t size;
    size_t at;
    char *text; /* of the last key, string or number */
    size_t len;
    unsigned depth;
    bool failed;
};

/* Opens a file below the test data folder: $CLAWBOX_TEST_DATA, else ../shared/data. False when it is not there. */
static inline bool json_open(struct json_scan *s, const char *name)
{
    char path[4096];
    const char *folder = getenv("CLAWBOX_TEST_DATA");
    *s = (struct json_scan){0};
    (void)snprintf(path, sizeof(path), "%s/%s", folder != NULL ? folder : "../shared/data", name);
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        return false;
    }
    size_t room = 0;
    do {
        room = room * 2 + 65536;
        char *larger = (char *)realloc(s->file, room);
        if (larger == NULL) {
            break;
        }
        s->file = larger;
        s->size += fread(s->file + s->size, 1, room - s->size, f);
    } while (s->size == room);
    (void)fclose(f);
    s->text = (char *)malloc(s->size + 1);
    s->failed = s->text == NULL;
    return true;
}

static inline void json_close(struct json_scan *s)
{
    free(s->file);
    free(s->text);
    *s = (struct json_scan){0};
}

static inline int json_peek(struct json_scan *s)
{
    while (s->at < s->size && strchr(" \t\r\n", s->file[s->at]) != NULL && s->file[s->at] != '\0') {
        s->at++;
    }
    return s->at < s->size ? (unsigned char)s->file[s->at] : -1;
}

static inline bool json_hex4(struct json_scan *s, uint32_t *out)
{
    *out = 0;
    for (size_t i = 0; i < 4; i++, s->at++) {
        int c = s->at < s->size ? s->file[s->at] : 0;
        int value = c >= '0' && c <= '9'                 ? c - '0'
                    : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                         : -1;
        if (value < 0) {
            return false;
        }
        *out = *out << 4 | (uint32_t)value;
    }
    return true;
}

static inline void json_put(struct json_scan *s, uint32_t point)
{
    if (point < 0x80) {
        s->text[s->len++] = (char)point;
        return;
    }
    unsigned more = point >= 0x10000 ? 3 : point >= 0x800 ? 2 : 1;
    s->text[s->len++] = (char)((0xffU << (7 - more) & 0xffU) | point >> (6 * more));
    while (more-- > 0) {
        s->text[s->len++] = (char)(0x80 | (point >> (6 * more) & 0x3f));
    }
}

static inline bool json_escape(struct json_scan *s)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    char c = s->at < s->size ? s->file[s->at++] : '\0';
    const char *known = c != '\0' ? strchr(from, c) : NULL;
    uint32_t point;
    if (known != NULL) {
        s->text[s->len++] = to[known - from];
        return true;
    }
    if (c != 'u' || !json_hex4(s, &point)) {
        return false;
    }
    if (point >= 0xd800 && point < 0xdc00 && s->size - s->at >= 6 && memcmp(s->file + s->at, "\\u", 2) == 0) {
        size_t back = s->at;
        uint32_t low;
        s->at += 2;
        if (json_hex4(s, &low) && low >= 0xdc00 && low < 0xe000) {
            point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
        } else {
            s->at = back;
        }
    }
    json_put(s, point);
    return true;
}

static inline bool json_string(struct json_scan *s)
{
    s->len = 0;
    for (s->at++; s->at < s->size && s->file[s->at] != '"';) {
        char c = s->file[s->at++];
        if (c != '\\') {
            s->text[s->len++] = c;
        } else if (!json_escape(s)) {
            return false;
        }
    }
    s->text[s->len] = '\0';
    return s->at++ < s->size;
}

static inline enum json_token json_next(struct json_scan *s)
{
    static const struct {
        const char *text;
        enum json_token token;
    } words[] = {{"true", JSON_TRUE}, {"false", JSON_FALSE}, {"null", JSON_NULL}};
    int c = s->failed ? -1 : json_peek(s);
    while (c == ',' || c == ':') {
        s->at++;
        c = json_peek(s);
    }
    switch (c) {
    case -1:
        s->failed = s->failed || s->depth != 0;
        return JSON_END;
    case '{':
    case '[':
        s->at++;
        s->depth++;
        return c == '{' ? JSON_OBJECT : JSON_ARRAY;
    case '}':
    case ']':
        s->at++;
        s->depth--;
        return c == '}' ? JSON_OBJECT_END : JSON_ARRAY_END;
    case '"':
        if (json_string(s)) {
            return json_peek(s) == ':' ? JSON_KEY : JSON_STRING;
        }
        break;
    default:
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
            size_t len = strlen(words[i].text);
            if (s->size - s->at >= len && memcmp(s->file + s->at, words[i].text, len) == 0) {
                s->at += len;
                return words[i].token;
            }
        }
        s->len = 0;
        while (s->at < s->size && s->file[s->at] != '\0' &&
               strchr("+-.0123456789eE", s->file[s->at]) != NULL) {
            s->text[s->len++] = s->file[s->at++];
        }
        s->text[s->len] = '\0';
        if (s->len != 0) {
            return JSON_NUMBER;
        }
        break;
    }
    s->failed = true;
    return JSON_END;
}

/* Skips the rest of the object or array that was just opened. */
static inline void json_skip(struct json_scan *s)
{
    unsigned outside = s->depth - 1;
    while (!s->failed && s->depth > outside && json_next(s) != JSON_END) {
    }
}

#endif
