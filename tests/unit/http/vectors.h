/*
 * vectors.h - reads the test data that lives outside of the project: JSON arrays of flat objects.
 *
 * CLAWBOX_TEST_DATA names the folder, `../shared/data` when it is not set. A scanner for exactly that shape; anything
 * else ends the program, so that a test never passes on data that it did not read.
 */
#ifndef TESTS_UNIT_HTTP_VECTORS_H
#define TESTS_UNIT_HTTP_VECTORS_H

#include <stdio.h>
#include <stdlib.h>

#include "base/encode.h"
#include "base/span.h"

#define VECTOR_MEMBERS_MAX 24

struct vector_member {
    struct span name;
    struct span
        value; /* a string without its quotes and with its escapes as written, or true, false, null, a number */
};

struct vectors {
    char *text;
    size_t size;
    size_t at;
    struct vector_member members[VECTOR_MEMBERS_MAX];
    size_t count;
};

static inline void vectors_need(bool condition)
{
    if (!condition) {
        printf("the test data is not an array of flat objects\n");
        exit(2);
    }
}

/* False when there is no such file. */
static inline bool vectors_open(struct vectors *v, const char *name)
{
    char path[4096];
    const char *folder = getenv("CLAWBOX_TEST_DATA");
    *v = (struct vectors){0};
    (void)snprintf(path, sizeof(path), "%s/%s", folder != NULL ? folder : "../shared/data", name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return false;
    }
    vectors_need(fseek(file, 0, SEEK_END) == 0);
    long size = ftell(file);
    vectors_need(size > 0);
    rewind(file);
    v->size = (size_t)size;
    v->text = malloc(v->size);
    vectors_need(v->text != NULL && fread(v->text, 1, v->size, file) == v->size);
    (void)fclose(file);
    return true;
}

static inline void vectors_close(struct vectors *v)
{
    free(v->text);
    v->text = NULL;
}

static inline char vectors_peek(struct vectors *v)
{
    while (v->at < v->size && strchr(" \t\r\n", v->text[v->at]) != NULL) {
        v->at++;
    }
    vectors_need(v->at < v->size);
    return v->text[v->at];
}

static inline struct span vectors_scalar(struct vectors *v)
{
    size_t from = v->at;
    if (vectors_peek(v) != '"') {
        from = v->at;
        while (v->at < v->size && strchr(",}] \t\r\n", v->text[v->at]) == NULL) {
            v->at++;
        }
        vectors_need(v->at > from);
        return span_of(v->text + from, v->at - from);
    }
    from = ++v->at;
    while (v->at < v->size && v->text[v->at] != '"') {
        v->at += v->text[v->at] == '\\' ? 2 : 1;
    }
    vectors_need(v->at < v->size);
    return span_of(v->text + from, v->at++ - from);
}

/* The next object; false after the last. */
static inline bool vectors_next(struct vectors *v)
{
    char c = vectors_peek(v);
    vectors_need(v->at == 0 ? c == '[' : c == ',' || c == ']');
    if (c == ']') {
        return false;
    }
    v->at++;
    vectors_need(vectors_peek(v) == '{');
    v->count = 0;
    do {
        v->at++;
        vectors_need(v->count < VECTOR_MEMBERS_MAX && vectors_peek(v) == '"');
        v->members[v->count].name = vectors_scalar(v);
        vectors_need(vectors_peek(v) == ':');
        v->at++;
        (void)vectors_peek(v);
        v->members[v->count++].value = vectors_scalar(v);
    } while (vectors_peek(v) == ',');
    vectors_need(v->text[v->at++] == '}');
    return true;
}

static inline struct span vectors_get(const struct vectors *v, const char *name)
{
    for (size_t i = 0; i < v->count; i++) {
        if (span_eq_str(v->members[i].name, name)) {
            return v->members[i].value;
        }
    }
    vectors_need(false);
    return SPAN_EMPTY;
}

/* The bytes of a hexadecimal member, in memory that the caller frees, with room for `extra` more. */
static inline uint8_t *vectors_hex(const struct vectors *v, const char *name, size_t extra, size_t *len)
{
    struct span hex = vectors_get(v, name);
    *len = hex.len / 2;
    uint8_t *bytes = malloc(*len + extra + 1);
    vectors_need(bytes != NULL && decode_hex(hex, bytes, *len) == 0);
    return bytes;
}

#endif
