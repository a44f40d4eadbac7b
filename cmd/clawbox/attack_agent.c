/* attack_agent.c - one connection of an attacker: blocking, with a limit on how long the other end may be silent. */
#include "attack.h"
#include "demo_wire.h"

#include "base/encode.h"
#include "conf/tree.h"
#include "control.h"
#include "http/fields.h"
#include "http/parser.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static int open_connection(const struct attack_listener *at)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(at->port)};
    struct timeval patience = {.tv_sec = ATTACK_WAIT_MS / 1000};
    if (inet_pton(AF_INET, at->address, &to.sin_addr) != 1) {
        return -EINVAL;
    }
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) != 0 ||
        connect(fd, (const struct sockaddr *)&to, sizeof(to)) != 0) {
        int r = -errno;
        (void)close(fd);
        return r;
    }
    return fd;
}

/* "Proxy-Authorization: Basic ..." with its line break; nothing for an empty login. */
static int write_login(struct buf *out, const char *login)
{
    char text[ENCODE_BASE64_SIZE(256)];
    size_t len = strlen(login);
    if (len == 0) {
        return 0;
    }
    if (len > 256) {
        return CB_ELIMIT;
    }
    (void)encode_base64(login, len, text);
    return buf_appendf(out, "Proxy-Authorization: Basic %s\r\n", text);
}

static int send_connect(struct demo_wire *w, const struct attack_listener *at, const struct attack_shot *shot)
{
    struct buf out;
    buf_init(&out, (size_t)128 * 1024);
    int r = buf_append_str(&out, "CONNECT ");
    r = r == 0 ? buf_append_span(&out, shot->connect) : r;
    r = r == 0 ? buf_append_str(&out, " HTTP/1.1\r\nHost: ") : r;
    r = r == 0 ? buf_append_span(&out, shot->connect) : r;
    r = r == 0 ? buf_append_str(&out, "\r\n") : r;
    r = r == 0 ? write_login(&out, shot->login != NULL ? shot->login : at->login) : r;
    r = r == 0 ? buf_append_str(&out, "\r\n") : r;
    r = r == 0 ? demo_wire_send(w, buf_span(&out)) : r;
    buf_deinit(&out);
    return r;
}

/* Without a tunnel the login stands in the request itself, behind its first line. */
static int send_plain(struct demo_wire *w, const struct attack_listener *at, const struct attack_shot *shot)
{
    struct buf out;
    const uint8_t *end = shot->request.len != 0 ? memchr(shot->request.ptr, '\n', shot->request.len) : NULL;
    size_t line = end != NULL ? (size_t)(end - shot->request.ptr) + 1 : shot->request.len;
    buf_init(&out, shot->request.len + 1024);
    int r = buf_append_span(&out, span_sub(shot->request, 0, line));
    r = r == 0 && end != NULL ? write_login(&out, shot->login != NULL ? shot->login : at->login) : r;
    r = r == 0 ? buf_append_span(&out, span_sub(shot->request, line, SIZE_MAX)) : r;
    r = r == 0 ? demo_wire_send(w, buf_span(&out)) : r;
    buf_deinit(&out);
    return r;
}

static int keep_head(struct attack_answer *answer, const struct http_head *head)
{
    int r = buf_appendf(&answer->text, "%u %.*s\n", head->status, SPAN_ARG(head->phrase));
    for (size_t i = 0; r == 0 && i < head->field_count; i++) {
        r = buf_append_span(&answer->text, head->fields[i].name);
        r = r == 0 ? buf_append_str(&answer->text, ": ") : r;
        r = r == 0 ? buf_append_span(&answer->text, head->fields[i].value) : r;
        r = r == 0 ? buf_append_byte(&answer->text, '\n') : r;
    }
    return r;
}

/* The reason of a problem document; a body that is none has no reason. */
static void read_reason(struct attack_answer *answer, struct span body)
{
    struct conf_tree tree;
    struct conf_tree_error error;
    answer->reason[0] = '\0';
    if (body.len != 0 && body.ptr[0] == '{' && conf_tree_read(body, &tree, &error) == 0) {
        (void)snprintf(answer->reason, sizeof(answer->reason), "%s", control_text(tree.documents, "reason"));
        conf_tree_deinit(&tree);
    }
}

struct receiving {
    struct http_parser *parser;
    struct attack_answer *answer;
    bool to_connect;
    unsigned status;
    bool done;
    struct buf body;
};

static int on_event(struct receiving *x, const struct http_event *event)
{
    int r = 0;
    switch (event->type) {
    case HTTP_EVENT_HEAD:
        x->status = event->head->status;
        buf_reset(&x->body);
        r = keep_head(x->answer, event->head);
        x->done = x->to_connect && x->status == 200;
        return r;
    case HTTP_EVENT_BODY:
        r = buf_append_span(&x->body, event->body);
        return r == 0 ? buf_append_span(&x->answer->text, event->body) : r;
    case HTTP_EVENT_END:
        for (size_t i = 0; r == 0 && i < event->trailer_count; i++) {
            r = buf_appendf(&x->answer->text, "%.*s: %.*s\n", SPAN_ARG(event->trailers[i].name),
                            SPAN_ARG(event->trailers[i].value));
        }
        read_reason(x->answer, buf_span(&x->body));
        x->done = true;
        return r;
    case HTTP_EVENT_INTERIM:
        return keep_head(x->answer, event->head);
    }
    return r;
}

static int receive(struct demo_wire *w, bool to_connect, struct attack_answer *answer, unsigned *status)
{
    struct receiving x = {.parser = http_parser_new_response(), .answer = answer, .to_connect = to_connect};
    int r = x.parser != NULL ? 0 : CB_ENOMEM;
    buf_init(&x.body, ATTACK_ANSWER_MAX);
    while (r == 0 && !x.done) {
        struct span in;
        struct http_event event;
        r = demo_wire_receive(w, &in);
        if (r == CB_ECLOSED) {
            r = http_parser_eof(x.parser, &event);
            r = r == 0 ? on_event(&x, &event) : r;
            break;
        }
        while (r == 0 && !x.done) {
            r = http_parser_next(x.parser, &in, &event);
            r = r == 0 ? on_event(&x, &event) : r;
        }
        r = r == CB_EAGAIN ? 0 : r;
    }
    *status = x.status;
    buf_deinit(&x.body);
    http_parser_free(x.parser);
    return r;
}

static int start_tls(struct demo_wire *w, struct tls_client *client, const struct attack_listener *at,
                     const char *host)
{
    char name[256];
    size_t len = strlen(host);
    bool bracketed = len > 2 && host[0] == '[';
    (void)snprintf(name, sizeof(name), "%.*s", (int)(bracketed ? len - 2 : len), bracketed ? host + 1 : host);
    int r = client != NULL ? tls_session_new_client(client, at->roots, name, &w->tls) : CB_ENOMEM;
    return r == 0 ? demo_wire_handshake(w) : r;
}

static int shoot(struct demo_wire *w, struct tls_client *client, const struct attack_listener *at,
                 const struct attack_shot *shot, struct attack_answer *out)
{
    int r = 0;
    if (shot->connect.len != 0) {
        r = send_connect(w, at, shot);
        r = r == 0 ? receive(w, true, out, &out->connect_status) : r;
        if (r != 0 || out->connect_status != 200) {
            return r;
        }
    }
    if (shot->tls && (r = start_tls(w, client, at, shot->host)) != 0) {
        return r;
    }
    if (shot->request.len == 0) {
        return 0;
    }
    r = shot->connect.len != 0 ? demo_wire_send(w, shot->request) : send_plain(w, at, shot);
    /* Who refuses a head may close while the rest of it is on the way; what was said before counts. */
    int received = receive(w, false, out, &out->status);
    return received == 0 || r == 0 ? received : r;
}

void attack_shoot(const struct attack_listener *at, const struct attack_shot *shot, struct attack_answer *out)
{
    struct tls_client *client = shot->tls ? tls_client_new() : NULL;
    struct demo_wire w = {.fd = open_connection(at)};
    *out = (struct attack_answer){.connect_status = 0};
    buf_init(&out->text, ATTACK_ANSWER_MAX);
    out->code = w.fd >= 0 ? shoot(&w, client, at, shot, out) : w.fd;
    out->ended = out->code == CB_ECLOSED || out->code == CB_ETRUNCATED || out->code == -ECONNRESET;
    demo_wire_close(&w);
    tls_client_free(client);
}

void attack_answer_deinit(struct attack_answer *answer)
{
    buf_deinit(&answer->text);
}
