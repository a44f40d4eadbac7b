/* demo_agent.c - the agent of the demo: an ordinary, small client of an HTTP proxy. */
#include "demo_agent.h"

#include "base/encode.h"
#include "demo_wire.h"
#include "http/parser.h"
#include "http/write.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define AGENT_CA_STEP ((size_t)64 * 1024)
#define AGENT_CA_MAX  ((size_t)2 * 1024 * 1024)

static int connect_to_proxy(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        int r = -errno;
        (void)close(fd);
        return r;
    }
    return fd >= 0 ? fd : -errno;
}

static int write_proxy_login(struct buf *out, const struct demo_errand *e)
{
    char text[ENCODE_BASE64_SIZE(sizeof(e->proxy_user))];
    (void)encode_base64(e->proxy_user, strlen(e->proxy_user), text);
    return http_write_fieldf(out, "Proxy-Authorization", "Basic %s", text);
}

static int send_connect(struct demo_wire *w, const struct demo_errand *e)
{
    char authority[160];
    struct buf out;
    (void)snprintf(authority, sizeof(authority), "%s:%u", e->host, e->port);
    buf_init(&out, 4096);
    int r;
    if ((r = http_write_request_line(&out, SPAN_LIT("CONNECT"), span_str(authority))) == 0 &&
        (r = http_write_field(&out, SPAN_LIT("Host"), span_str(authority))) == 0 &&
        (r = write_proxy_login(&out, e)) == 0 && (r = http_write_head_end(&out)) == 0) {
        r = demo_wire_send(w, buf_span(&out));
    }
    buf_deinit(&out);
    return r;
}

static int send_request(struct demo_wire *w, const struct demo_errand *e)
{
    char target[512];
    struct buf out;
    bool absolute = e->how == DEMO_ABSOLUTE;
    (void)snprintf(target, sizeof(target), "%s%s%s", absolute ? "http://" : "", absolute ? e->host : "",
                   e->path);
    buf_init(&out, 8192);
    int r;
    if ((r = http_write_request_line(&out, SPAN_LIT("GET"), span_str(target))) == 0 &&
        (r = http_write_field(&out, SPAN_LIT("Host"), span_str(e->host))) == 0 &&
        (e->credential[0] == '\0' ||
         (r = http_write_field(&out, SPAN_LIT("Authorization"), span_str(e->credential))) == 0) &&
        (!absolute || (r = write_proxy_login(&out, e)) == 0) && (r = http_write_head_end(&out)) == 0) {
        r = demo_wire_send(w, buf_span(&out));
    }
    buf_deinit(&out);
    return r;
}

static void keep_body(struct demo_answer *answer, struct span body)
{
    size_t used = strlen(answer->body);
    for (size_t i = 0; i < body.len && used + 1 < sizeof(answer->body); i++) {
        answer->body[used++] = body.ptr[i] != 0 ? (char)body.ptr[i] : '?';
    }
    answer->body[used] = '\0';
}

/* Reads one answer. That to a CONNECT has no body when it is a success (RFC 9110, 9.3.6). */
static int receive_answer(struct demo_wire *w, bool to_connect, struct demo_answer *answer)
{
    struct http_parser *parser = http_parser_new_response();
    if (parser == NULL) {
        return CB_ENOMEM;
    }
    int r = 0;
    while (r == 0) {
        struct span in;
        r = demo_wire_receive(w, &in);
        while (r == 0) {
            struct http_event event;
            r = http_parser_next(parser, &in, &event);
            if (r == 0 && event.type == HTTP_EVENT_HEAD) {
                answer->status = event.head->status;
                if (to_connect && answer->status == 200) {
                    goto out;
                }
            } else if (r == 0 && event.type == HTTP_EVENT_BODY) {
                keep_body(answer, event.body);
            } else if (r == 0 && event.type == HTTP_EVENT_END) {
                goto out;
            }
        }
        r = r == CB_EAGAIN ? 0 : r;
    }
out:
    http_parser_free(parser);
    return r;
}

static int start_tls(struct demo_wire *w, const struct demo_errand *e, struct tls_client *client,
                     struct tls_roots **roots)
{
    struct buf pem;
    uint8_t *to;
    buf_init(&pem, AGENT_CA_MAX);
    int fd = open(e->ca_path, O_RDONLY | O_CLOEXEC);
    int r = fd >= 0 ? 0 : -errno;
    ssize_t got = 1;
    while (r == 0 && got > 0 && (r = buf_reserve(&pem, AGENT_CA_STEP, &to)) == 0) {
        got = read(fd, to, AGENT_CA_STEP);
        buf_commit(&pem, got > 0 ? (size_t)got : 0);
        r = got < 0 ? -errno : 0;
    }
    if (r == 0 && (r = tls_roots_new(buf_span(&pem), roots, NULL)) == 0 &&
        (r = tls_session_new_client(client, *roots, e->host, &w->tls)) == 0) {
        r = demo_wire_handshake(w);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    buf_deinit(&pem);
    return r;
}

static int run_errand(const struct demo_errand *e, struct tls_client *client, struct demo_answer *answer)
{
    struct demo_wire w = {.fd = connect_to_proxy(e->proxy_port)};
    struct tls_roots *roots = NULL;
    int r = w.fd >= 0 ? 0 : w.fd;
    if (r == 0 && e->how != DEMO_ABSOLUTE) {
        if ((r = send_connect(&w, e)) == 0) {
            r = receive_answer(&w, true, answer);
        }
        if (r != 0 || answer->status != 200) {
            goto out;
        }
    }
    if (r == 0 && e->how == DEMO_TLS) {
        r = start_tls(&w, e, client, &roots);
    }
    if (r == 0 && (r = send_request(&w, e)) == 0) {
        r = receive_answer(&w, false, answer);
    }
out:
    demo_wire_close(&w);
    tls_roots_free(roots);
    return r;
}

static void run(int fd)
{
    struct tls_client *client = tls_client_new();
    struct demo_errand *errand = calloc(1, sizeof(*errand));
    struct demo_answer *answer = calloc(1, sizeof(*answer));
    while (client != NULL && errand != NULL && answer != NULL &&
           recv(fd, errand, sizeof(*errand), 0) == (ssize_t)sizeof(*errand)) {
        *answer = (struct demo_answer){.status = 0};
        answer->code = run_errand(errand, client, answer);
        if (send(fd, answer, sizeof(*answer), MSG_NOSIGNAL) != (ssize_t)sizeof(*answer)) {
            break;
        }
    }
    _exit(0);
}

int demo_agent_start(struct demo_agent *out)
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) {
        return -errno;
    }
    out->pid = fork();
    if (out->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)close(fds[0]);
        run(fds[1]);
    }
    int r = out->pid < 0 ? -errno : 0;
    (void)close(fds[1]);
    out->fd = fds[0];
    return r;
}

int demo_agent_run(const struct demo_agent *a, const struct demo_errand *errand, struct demo_answer *answer)
{
    if (send(a->fd, errand, sizeof(*errand), MSG_NOSIGNAL) != (ssize_t)sizeof(*errand)) {
        return -errno;
    }
    ssize_t got = recv(a->fd, answer, sizeof(*answer), 0);
    return got == (ssize_t)sizeof(*answer) ? 0 : CB_ECLOSED;
}

void demo_agent_stop(struct demo_agent *a)
{
    if (a->pid > 0) {
        (void)close(a->fd);
        (void)kill(a->pid, SIGKILL);
        (void)waitpid(a->pid, NULL, 0);
        a->pid = 0;
    }
}
