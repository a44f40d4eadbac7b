/* control.c - the client of the control socket. */
#include "control.h"

#include "base/clock.h"
#include "base/strnum.h"
#include "http/fields.h"
#include "http/write.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_NAME "control.sock"
/* The largest answer that is kept whole. */
#define BODY_MAX       ((size_t)16 * 1024 * 1024)
#define LINE_MAX_BYTES ((size_t)1024 * 1024)

struct exchange {
    const char *state;
    int fd;
    uint64_t silent_ms; /* how long the server may say nothing */
    struct http_parser *parser;
    unsigned status;
    char tag[64];          /* ETag of the answer */
    bool problem;          /* the body tells of an error */
    struct buf *body;      /* receives the body, or the part of a line that has come */
    control_line_fn *line; /* NULL: the body is kept whole */
    void *line_arg;
};

/* ---- the socket ---- */

/* A path in sockaddr_un has room for 107 bytes; through a descriptor of the directory every path fits. */
static int connect_in(int directory, int fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" SOCKET_NAME, directory);
    return connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 ? 0 : -errno;
}

static int connect_socket(const char *state, int *out)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    /* The only call that could wait for a server that accepts nobody; later calls are not blocking. */
    struct timeval patience = {.tv_sec = CONTROL_TIMEOUT_MS / 1000};
    int r = setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) == 0 ? 0 : -errno;
    int len = snprintf(address.sun_path, sizeof(address.sun_path), "%s/" SOCKET_NAME, state);
    if (r == 0 && len > 0 && (size_t)len < sizeof(address.sun_path)) {
        r = connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 ? 0 : -errno;
    } else if (r == 0) {
        int directory = open(state, O_PATH | O_DIRECTORY | O_CLOEXEC);
        r = directory < 0 ? -errno : connect_in(directory, fd);
        if (directory >= 0) {
            (void)close(directory);
        }
    }
    if (r == 0) {
        r = fcntl(fd, F_SETFL, O_NONBLOCK) == 0 ? 0 : -errno;
    }
    if (r != 0) {
        (void)close(fd);
        return r;
    }
    *out = fd;
    return 0;
}

bool control_is_reachable(const char *state)
{
    int fd = -1;
    int r = connect_socket(state, &fd);
    if (r == 0) {
        (void)close(fd);
    }
    return r == 0;
}

static int fail_connect(const char *state, int r)
{
    struct buf word;
    buf_init(&word, 5 * (size_t)PATH_MAX);
    int status = CMD_FAILED;
    if (r == -EACCES || r == -EPERM) {
        status = cmd_fail("you may not use %s/" SOCKET_NAME
                          ": run this as the user who runs clawbox serve, or as root",
                          state);
    } else if (r == -ENOENT || r == -ECONNREFUSED || r == -ENOTDIR) {
        if (cmd_shell_word(&word, span_str(state)) == 0) {
            status = cmd_fail("no clawbox serve is running on %s: start it with: clawbox serve --state %.*s",
                              state, SPAN_ARG(buf_span(&word)));
        }
    } else if (r == -EAGAIN) {
        status = cmd_fail("clawbox serve on %s accepts no connections: its log may tell why", state);
    } else {
        status = cmd_fail_r(r, "%s/" SOCKET_NAME " cannot be reached", state);
    }
    buf_deinit(&word);
    return status;
}

/* Waits until the socket is ready; the clock starts anew with every byte that moves. */
static int wait_for(const struct exchange *x, short events)
{
    uint64_t end = clock_mono_us() / 1000 + x->silent_ms;
    for (;;) {
        uint64_t now = clock_mono_us() / 1000;
        if (now >= end) {
            return CB_ETIMEOUT;
        }
        uint64_t left = end - now;
        struct pollfd p = {.fd = x->fd, .events = events};
        int n = poll(&p, 1, left > INT_MAX ? INT_MAX : (int)left);
        if (n > 0) {
            return 0;
        }
        if (n < 0 && errno != EINTR) {
            return -errno;
        }
    }
}

static int send_all(const struct exchange *x, struct span bytes)
{
    while (bytes.len > 0) {
        ssize_t n = send(x->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        if (n > 0) {
            bytes = span_sub(bytes, (size_t)n, bytes.len);
            continue;
        }
        if (errno == EINTR) {
            continue;
        }
        int r = errno == EAGAIN ? wait_for(x, POLLOUT) : -errno;
        if (r != 0) {
            return r;
        }
    }
    return 0;
}

/* ---- the request ---- */

static int write_head(const struct control_request *request, struct buf *out)
{
    int r = http_write_request_line(out, span_str(request->method), span_str(request->target));
    r = r == 0 ? http_write_field(out, SPAN_LIT("Host"), SPAN_LIT("clawbox")) : r;
    r = r == 0 ? http_write_field(out, SPAN_LIT("Connection"), SPAN_LIT("close")) : r;
    r = r == 0 ? http_write_field(out, SPAN_LIT("Accept"),
                                  SPAN_LIT("application/json, application/jsonl, application/problem+json"))
               : r;
    if (r == 0 && request->if_match != NULL) {
        r = http_write_field(out, SPAN_LIT("If-Match"), span_str(request->if_match));
    }
    if (r == 0 && request->if_none_match != NULL) {
        r = http_write_field(out, SPAN_LIT("If-None-Match"), span_str(request->if_none_match));
    }
    if (r == 0 && request->body.len > 0) {
        r = http_write_field(out, SPAN_LIT("Content-Type"),
                             span_str(request->type != NULL ? request->type : "application/json"));
        r = r == 0 ? http_write_framing(out, HTTP_FRAMING_LENGTH, request->body.len) : r;
    }
    return r == 0 ? http_write_head_end(out) : r;
}

/* 0 also when the server stopped reading: it may have answered already, and then that says why. */
static int send_request(const struct exchange *x, const struct control_request *request)
{
    struct buf head;
    buf_init(&head, HTTP_HEAD_MAX);
    int r = write_head(request, &head);
    r = r == 0 ? send_all(x, buf_span(&head)) : r;
    r = r == 0 ? send_all(x, request->body) : r;
    buf_deinit(&head);
    return r == -EPIPE || r == -ECONNRESET ? 0 : r;
}

/* ---- the answer ---- */

/* Hands over the lines that are complete. CMD_GO, an exit code of the receiver, or an error below 0. */
static int take_lines(struct exchange *x, struct span bytes)
{
    while (bytes.len > 0) {
        const uint8_t *end = memchr(bytes.ptr, '\n', bytes.len);
        size_t len = end != NULL ? (size_t)(end - bytes.ptr) : bytes.len;
        int r = buf_append(x->body, bytes.ptr, len);
        if (r != 0) {
            return r;
        }
        bytes = span_sub(bytes, end != NULL ? len + 1 : len, bytes.len);
        if (end != NULL && buf_len(x->body) > 0) {
            r = x->line(x->line_arg, buf_span(x->body));
            buf_reset(x->body);
            if (r != CMD_GO) {
                return r;
            }
        }
    }
    return CMD_GO;
}

static int on_event(struct exchange *x, const struct http_event *event, bool *done)
{
    switch (event->type) {
    case HTTP_EVENT_HEAD: {
        const struct http_field *type =
            http_field_find(event->head->fields, event->head->field_count, "Content-Type");
        const struct http_field *tag = http_field_find(event->head->fields, event->head->field_count, "ETag");
        (void)snprintf(x->tag, sizeof(x->tag), "%.*s", SPAN_ARG(tag != NULL ? tag->value : SPAN_EMPTY));
        x->status = event->head->status;
        x->problem = x->status < 200 || x->status > 299 ||
                     (type != NULL && span_starts(type->value, SPAN_LIT("application/problem+json")));
        return CMD_GO;
    }
    case HTTP_EVENT_BODY:
        if (x->line != NULL && !x->problem) {
            return take_lines(x, event->body);
        } else {
            int r = buf_append_span(x->body, event->body);
            return r != 0 ? r : CMD_GO;
        }
    case HTTP_EVENT_END:
        *done = true;
        /* A last line need not have a line break. */
        return x->line != NULL && !x->problem ? take_lines(x, SPAN_LIT("\n")) : CMD_GO;
    case HTTP_EVENT_INTERIM:
        break;
    }
    return CMD_GO;
}

/* Reads to the end of the answer. CMD_GO, an exit code of the receiver of lines, or an error below 0. */
static int receive(struct exchange *x)
{
    uint8_t bytes[16384];
    for (bool done = false; !done;) {
        ssize_t n = recv(x->fd, bytes, sizeof(bytes), 0);
        if (n < 0) {
            int r = errno == EINTR ? 0 : errno == EAGAIN ? wait_for(x, POLLIN) : -errno;
            if (r != 0) {
                return r;
            }
            continue;
        }
        struct span input = span_of(bytes, (size_t)n);
        struct http_event event;
        int r = n == 0 ? http_parser_eof(x->parser, &event) : http_parser_next(x->parser, &input, &event);
        while (r == 0) {
            r = on_event(x, &event, &done);
            if (r != CMD_GO) {
                return r;
            }
            if (done) {
                return CMD_GO;
            }
            r = http_parser_next(x->parser, &input, &event);
        }
        if (r != CB_EAGAIN) {
            return r;
        }
    }
    return CMD_GO;
}

static int fail_exchange(const struct exchange *x, int r)
{
    switch (r) {
    case CB_ETIMEOUT:
        return cmd_fail("clawbox serve on %s has said nothing for %llu seconds: its log may tell why",
                        x->state, (unsigned long long)(x->silent_ms / 1000));
    case CB_ECLOSED:
    case CB_ETRUNCATED:
    case -ECONNRESET:
    case -EPIPE:
        return cmd_fail(
            "clawbox serve on %s ended the connection before its answer was complete: try again, and see "
            "its log",
            x->state);
    case CB_EMALFORMED:
        return cmd_fail("what answers on %s/" SOCKET_NAME " does not speak HTTP as clawbox serve does: %s",
                        x->state, http_parser_why(x->parser));
    case CB_ELIMIT:
        return cmd_fail("the answer of clawbox serve on %s is too large", x->state);
    default:
        return cmd_fail_r(r, "the conversation with clawbox serve on %s failed", x->state);
    }
}

/* What is wrong in a file: FILE:LINE:COL: FIELD: DETAIL, as far as that is known. */
static void print_error(const struct conf_node *error)
{
    const char *field = control_text(error, "field");
    uint64_t line = control_number(error, "line");
    cmd_print_text(stderr, span_str(control_text(error, "file")));
    if (line != 0) {
        (void)fprintf(stderr, ":%llu:%llu", (unsigned long long)line,
                      (unsigned long long)control_number(error, "column"));
    }
    (void)fputs(": ", stderr);
    cmd_print_text(stderr, span_str(field));
    (void)fputs(field[0] != '\0' ? ": " : "", stderr);
    cmd_print_text(stderr, span_str(control_text(error, "detail")));
    (void)fputc('\n', stderr);
}

/* The problem document (RFC 9457), for people. */
static int fail_problem(const struct exchange *x)
{
    struct conf_tree tree;
    struct conf_tree_error error;
    if (conf_tree_read(buf_span(x->body), &tree, &error) != 0) {
        return cmd_fail("clawbox serve answered %u %s", x->status, http_phrase(x->status));
    }
    const char *detail = control_text(tree.documents, "detail");
    const char *title = control_text(tree.documents, "title");
    if (detail[0] != '\0' || title[0] != '\0') {
        cmd_say("%s", detail[0] != '\0' ? detail : title);
    } else {
        cmd_say("clawbox serve answered %u %s", x->status, http_phrase(x->status));
    }
    for (const struct conf_node *line = control_first(tree.documents, "errors"); line != NULL;
         line = line->next) {
        print_error(line);
    }
    conf_tree_deinit(&tree);
    return CMD_FAILED;
}

static int exchange_run(struct exchange *x, const struct control_request *request)
{
    x->silent_ms = request->timeout_ms != 0 ? request->timeout_ms : CONTROL_TIMEOUT_MS;
    int r = connect_socket(x->state, &x->fd);
    if (r != 0) {
        return fail_connect(x->state, r);
    }
    x->parser = http_parser_new_response();
    r = x->parser != NULL ? send_request(x, request) : CB_ENOMEM;
    r = r == 0 ? receive(x) : r;
    int status = r < 0 ? fail_exchange(x, r) : r;
    if (status == CMD_GO && x->problem && !(request->absent_is_fine && x->status == 404)) {
        status = fail_problem(x);
    }
    http_parser_free(x->parser);
    (void)close(x->fd);
    return status;
}

int control_ask(const char *state, const struct control_request *request, struct control_answer *answer)
{
    *answer = (struct control_answer){0};
    buf_init(&answer->body, BODY_MAX);
    struct exchange x = {.state = state, .fd = -1, .body = &answer->body};
    int status = exchange_run(&x, request);
    answer->status = x.status;
    (void)snprintf(answer->tag, sizeof(answer->tag), "%s", x.tag);
    if (status != CMD_GO) {
        control_answer_deinit(answer);
    }
    return status;
}

int control_answer_read(struct control_answer *answer)
{
    struct conf_tree_error error;
    int r = conf_tree_read(buf_span(&answer->body), &answer->tree, &error);
    if (r == CB_ELIMIT) {
        return cmd_fail("the answer is larger than this command reads; with --json it is passed on as it is");
    }
    if (r != 0) {
        return cmd_fail("the answer of clawbox serve is not the JSON that was expected: %s", error.message);
    }
    if (answer->tree.documents == NULL || answer->tree.documents->kind != CONF_KIND_MAP) {
        return cmd_fail("the answer of clawbox serve is not the JSON object that was expected");
    }
    return CMD_GO;
}

int control_read(const char *state, const char *target, struct control_answer *answer)
{
    struct control_request request = {.method = "GET", .target = target};
    int r = control_ask(state, &request, answer);
    if (r == CMD_GO) {
        r = control_answer_read(answer);
        if (r != CMD_GO) {
            control_answer_deinit(answer);
        }
    }
    return r;
}

void control_answer_deinit(struct control_answer *answer)
{
    conf_tree_deinit(&answer->tree);
    buf_deinit(&answer->body);
    *answer = (struct control_answer){0};
}

const struct conf_node *control_answer_root(const struct control_answer *answer)
{
    return answer->tree.documents;
}

void control_print_body(const struct control_answer *answer)
{
    struct span body = buf_span(&answer->body);
    (void)fwrite(body.ptr, 1, body.len, stdout);
    if (!span_ends(body, SPAN_LIT("\n"))) {
        (void)fputc('\n', stdout);
    }
}

int control_stream(const char *state, const char *target, control_line_fn *on_line, void *arg)
{
    struct buf line;
    buf_init(&line, LINE_MAX_BYTES);
    struct control_request request = {.method = "GET", .target = target};
    struct exchange x = {.state = state, .fd = -1, .body = &line, .line = on_line, .line_arg = arg};
    int status = exchange_run(&x, &request);
    buf_deinit(&line);
    return status;
}

/* ---- reading answers ---- */

const char *control_text(const struct conf_node *object, const char *key)
{
    const struct conf_node *node = conf_node_get(object, key);
    if (node == NULL || node->kind != CONF_KIND_SCALAR || (node->plain && strcmp(node->text, "null") == 0)) {
        return "";
    }
    return node->text;
}

uint64_t control_number(const struct conf_node *object, const char *key)
{
    const struct conf_node *node = conf_node_get(object, key);
    uint64_t number = 0;
    if (node == NULL || node->kind != CONF_KIND_SCALAR || !node->plain ||
        strnum_u64(span_of(node->text, node->len), UINT64_MAX, &number) != 0) {
        return 0;
    }
    return number;
}

bool control_flag(const struct conf_node *object, const char *key)
{
    const struct conf_node *node = conf_node_get(object, key);
    return node != NULL && node->kind == CONF_KIND_SCALAR && node->plain && strcmp(node->text, "true") == 0;
}

const struct conf_node *control_first(const struct conf_node *object, const char *key)
{
    const struct conf_node *node = conf_node_get(object, key);
    return node != NULL ? node->first : NULL;
}

int control_join(const struct conf_node *array, const char *separator, struct buf *out)
{
    int r = 0;
    for (const struct conf_node *node = array != NULL ? array->first : NULL; r == 0 && node != NULL;
         node = node->next) {
        if (node->kind != CONF_KIND_SCALAR) {
            continue;
        }
        r = buf_len(out) > 0 ? buf_append_str(out, separator) : 0;
        r = r == 0 ? buf_append(out, node->text, node->len) : r;
    }
    return r;
}
