/*
 * answer.h - an HTTP/1.1 answer, read as it comes from the connection. For load.
 */
#ifndef BENCH_ANSWER_H
#define BENCH_ANSWER_H

#include "chunked.h"

#define ANSWER_HEAD_MAX 8192

enum answer_framing { ANSWER_LENGTH, ANSWER_CHUNKED, ANSWER_CLOSE };

/* Zeroed before each answer. */
struct answer {
    char head[ANSWER_HEAD_MAX]; /* a string */
    size_t head_length;
    bool head_complete;
    bool last; /* the server closes the connection after it */
    enum answer_framing framing;
    struct chunked chunked;
    uint64_t body_left;
};

typedef void (*answer_body_fn)(void *arg, const char *data, size_t length);

/* Begins another answer. The head keeps its bytes: only the lengths count. */
void answer_reset(struct answer *a);
/* Takes bytes into the head. Returns how many of them belong to it; SIZE_MAX when it is too long, or complete and not 200. */
size_t answer_head(struct answer *a, const char *data, size_t length);
/* Takes bytes of head and body: 1 when the answer is complete, 0 when more is to come (with ANSWER_CLOSE the end of the
 * connection completes it), -1 when it is not a good one. */
int answer_take(struct answer *a, const char *data, size_t length, answer_body_fn on_body, void *arg);

#endif
