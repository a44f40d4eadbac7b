/* answer.c - an HTTP/1.1 answer, read as it comes. */
#include "answer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

void answer_reset(struct answer *a)
{
    a->head_length = 0;
    a->head[0] = '\0';
    a->head_complete = false;
    a->last = false;
    a->chunked = (struct chunked){CHUNKED_SIZE, 0};
    a->body_left = 0;
}

static const char *header(const char *head, const char *name)
{
    size_t length = strlen(name);
    for (const char *line = strchr(head, '\n'); line != NULL; line = strchr(line, '\n')) {
        line++;
        if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
            line += length + 1;
            return line + strspn(line, " \t");
        }
    }
    return NULL;
}

static void read_framing(struct answer *a)
{
    const char *value = header(a->head, "Connection");
    a->last = value != NULL && strncasecmp(value, "close", 5) == 0;
    value = header(a->head, "Transfer-Encoding");
    if (value != NULL && strncasecmp(value, "chunked", 7) == 0) {
        a->framing = ANSWER_CHUNKED;
    } else if ((value = header(a->head, "Content-Length")) != NULL) {
        a->framing = ANSWER_LENGTH;
        a->body_left = strtoull(value, NULL, 10);
    } else {
        a->framing = ANSWER_CLOSE;
        a->last = true;
    }
}

size_t answer_head(struct answer *a, const char *data, size_t length)
{
    size_t had = a->head_length;
    size_t room = sizeof(a->head) - 1 - had;
    size_t part = length < room ? length : room;
    memcpy(a->head + had, data, part);
    a->head[had + part] = '\0';
    const char *end = strstr(a->head + (had > 3 ? had - 3 : 0), "\r\n\r\n");
    if (end == NULL) {
        a->head_length += part;
        return part == length ? part : SIZE_MAX;
    }
    a->head_length = (size_t)(end - a->head) + 4;
    a->head[a->head_length] = '\0';
    a->head_complete = true;
    if (strncmp(a->head, "HTTP/1.1 200", 12) != 0 && strncmp(a->head, "HTTP/1.0 200", 12) != 0) {
        return SIZE_MAX;
    }
    read_framing(a);
    return a->head_length - had;
}

static int take_chunked(struct answer *a, const char *data, size_t length, answer_body_fn on_body, void *arg)
{
    size_t i = 0;
    while (i < length) {
        bool end = false;
        size_t n = chunked_skip(&a->chunked, data + i, length - i, &end);
        if (n == SIZE_MAX || (end && i + n < length)) {
            return -1;
        }
        if (end) {
            return 1;
        }
        i += n;
        n = length - i < a->chunked.left ? length - i : (size_t)a->chunked.left;
        if (n > 0 && a->chunked.state == CHUNKED_DATA) {
            on_body(arg, data + i, n);
            chunked_used(&a->chunked, n);
            i += n;
        }
    }
    return 0;
}

int answer_take(struct answer *a, const char *data, size_t length, answer_body_fn on_body, void *arg)
{
    if (!a->head_complete) {
        size_t n = answer_head(a, data, length);
        if (n == SIZE_MAX) {
            return -1;
        }
        if (!a->head_complete) {
            return 0;
        }
        data += n;
        length -= n;
    }
    switch (a->framing) {
    case ANSWER_CHUNKED:
        return take_chunked(a, data, length, on_body, arg);
    case ANSWER_LENGTH:
        if (length > a->body_left) {
            return -1;
        }
        a->body_left -= length;
        on_body(arg, data, length);
        return a->body_left == 0 ? 1 : 0;
    case ANSWER_CLOSE:
        break;
    }
    on_body(arg, data, length);
    return 0;
}
