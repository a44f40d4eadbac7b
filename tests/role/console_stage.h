/*
 * console_stage.h - the world around the role `console` in its tests: this process is its monitor, its api, and browsers, which speak
 * over plain sockets that wait for what comes.
 */
#ifndef TESTS_ROLE_CONSOLE_STAGE_H
#define TESTS_ROLE_CONSOLE_STAGE_H

#include "console/console.h"
#include "console/state.h"
#include "net/listener.h"
#include "role_stage.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <sys/socket.h>

#define SESSION "cbxs_0123456789ABCDEFGHIJabcdefghij0123456789-_A"

struct console_stage {
    bool quiet; /* set before the start: the role's complaints are expected */
    struct stage stage;
    struct ipc_chan *api;
    uint16_t port;
    char csrf[CONSOLE_CSRF_LEN + 1]; /* of SESSION */
    unsigned streams;                /* that were handed over */
    bool head_only;                  /* the answer that is read has no body */
    int stream;                      /* the last one, not taken yet; -1: none */
};

/* An answer, with its head. */
struct answer {
    int status;
    size_t len;
    char text[65536];
};

void console_stage_start(struct console_stage *s);
/* The console ends well when it is told to. */
void console_stage_end(struct console_stage *s);
/* Gives the console a new api. */
void console_stage_api(struct console_stage *s);

/* A connection to the console. */
int browse(struct console_stage *s);
void say(int fd, const char *fmt, ...) CB_PRINTF(2, 3);
/* Reads until what was read ends with that; the text, until the next call. */
const char *hear(int fd, const char *end);
/* Reads an answer with a length. */
void read_answer(struct console_stage *s, int fd, struct answer *out);
/* Both. */
void ask(struct console_stage *s, int fd, struct answer *out, const char *fmt, ...) CB_PRINTF(4, 5);
bool answer_has(const struct answer *a, const char *text);
/* The api's end of the next stream. */
int take_stream(struct console_stage *s);

#endif
