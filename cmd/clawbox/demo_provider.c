/* demo_provider.c - the fake provider: one connection after the other, blocking, in a process of its own. */
#include "demo_provider.h"

#include "base/clock.h"
#include "demo_wire.h"
#include "http/fields.h"
#include "http/parser.h"
#include "http/write.h"
#include "net/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROVIDER_CERTIFICATE_S 86400

/* What the process needs to present itself. */
struct provider_identity {
    struct tls_key *key;
    struct tls_leaf *leaf;
};

static const char provider_answer[] =
    "{\"id\":\"demo-1\",\"object\":\"chat.completion\",\"model\":\"demo\",\"choices\":[{\"index\":0,"
    "\"message\":{\"role\":\"assistant\",\"content\":\"Hello from the provider.\"},\"finish_reason\":\"stop\"}]}";

static int write_file(const char *path, struct span content)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    int r = fd >= 0 && write(fd, content.ptr, content.len) == (ssize_t)content.len ? 0 : -errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    return r;
}

static int make_identity(const char *host, const char *ca_path, struct provider_identity *out)
{
    struct tls_key *ca_key = tls_key_new();
    struct buf ca;
    struct buf pem;
    struct buf leaf;
    struct buf public_key;
    uint64_t not_after_ms;
    uint64_t now_ms = clock_wall_ms();
    buf_init(&ca, TLS_CERT_DER_MAX);
    buf_init(&leaf, TLS_CERT_DER_MAX);
    buf_init(&pem, (size_t)2 * TLS_CERT_DER_MAX);
    buf_init(&public_key, TLS_PUBLIC_KEY_MAX);
    out->key = tls_key_new();
    int r = ca_key != NULL && out->key != NULL ? 0 : CB_ECRYPTO;
    if (r == 0 && (r = tls_ca_create(ca_key, "demo-provider", now_ms, &ca)) == 0 &&
        (r = tls_key_public(out->key, &public_key)) == 0 &&
        (r = tls_ca_issue(ca_key, buf_span(&ca), span_str(host), buf_span(&public_key), now_ms,
                          PROVIDER_CERTIFICATE_S, &leaf, &not_after_ms)) == 0 &&
        (r = tls_cert_to_pem(buf_span(&ca), &pem)) == 0 && (r = write_file(ca_path, buf_span(&pem))) == 0) {
        r = tls_leaf_new(buf_span(&leaf), buf_span(&ca), out->key, &out->leaf);
    }
    tls_key_free(ca_key);
    buf_deinit(&ca);
    buf_deinit(&leaf);
    buf_deinit(&pem);
    buf_deinit(&public_key);
    return r;
}

static int answer(struct demo_wire *w)
{
    struct buf out;
    buf_init(&out, 4096);
    int r;
    if ((r = http_write_status_line(&out, 200)) == 0 &&
        (r = http_write_field(&out, SPAN_LIT("Content-Type"), SPAN_LIT("application/json"))) == 0 &&
        (r = http_write_framing(&out, HTTP_FRAMING_LENGTH, sizeof(provider_answer) - 1)) == 0 &&
        (r = http_write_head_end(&out)) == 0 && (r = buf_append_str(&out, provider_answer)) == 0) {
        r = demo_wire_send(w, buf_span(&out));
    }
    buf_deinit(&out);
    return r;
}

static int report(int seen_fd, const struct http_head *head)
{
    const struct http_field *field = http_field_find(head->fields, head->field_count, "Authorization");
    struct span value = field != NULL ? field->value : SPAN_LIT("(none)");
    char line[1024];
    int len = snprintf(line, sizeof(line), "%.*s\n", SPAN_ARG(value));
    return write(seen_fd, line, (size_t)len) == len ? 0 : -errno;
}

static void serve(struct demo_wire *w, int seen_fd)
{
    struct http_parser *parser = http_parser_new_request();
    int r = parser != NULL ? demo_wire_handshake(w) : CB_ENOMEM;
    while (r == 0) {
        struct span in;
        r = demo_wire_receive(w, &in);
        while (r == 0) {
            struct http_event event;
            r = http_parser_next(parser, &in, &event);
            if (r == 0 && event.type == HTTP_EVENT_HEAD) {
                r = report(seen_fd, event.head);
            } else if (r == 0 && event.type == HTTP_EVENT_END) {
                r = answer(w);
            }
        }
        r = r == CB_EAGAIN ? 0 : r;
    }
    http_parser_free(parser);
}

static void run(int listener, int seen_fd, const struct provider_identity *identity)
{
    struct tls_server *server = tls_server_new();
    while (server != NULL) {
        struct demo_wire w = {.fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)};
        if (w.fd < 0 && errno != EINTR && errno != ECONNABORTED) {
            break;
        }
        if (w.fd >= 0 && tls_session_new_server(server, identity->leaf, &w.tls) == 0) {
            serve(&w, seen_fd);
        }
        demo_wire_close(&w);
    }
    _exit(1);
}

int demo_provider_start(const char *host, const char *ca_path, struct demo_provider *out)
{
    struct provider_identity identity = {.key = NULL};
    int seen[2] = {-1, -1};
    *out = (struct demo_provider){.seen_fd = -1};
    int listener = net_listen_tcp("127.0.0.1", 0, &out->port);
    int r = listener >= 0 ? make_identity(host, ca_path, &identity) : listener;
    if (r == 0 && pipe2(seen, O_CLOEXEC) != 0) {
        r = -errno;
    }
    if (r == 0 && fcntl(listener, F_SETFL, 0) != 0) {
        r = -errno; /* this process may wait in accept */
    }
    if (r == 0 && (out->pid = fork()) < 0) {
        r = -errno;
    }
    if (r == 0 && out->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        run(listener, seen[1], &identity);
    }
    if (seen[1] >= 0) {
        (void)close(seen[1]);
    }
    if (listener >= 0) {
        (void)close(listener);
    }
    tls_leaf_unref(identity.leaf);
    tls_key_free(identity.key);
    out->seen_fd = seen[0];
    return r;
}

int demo_provider_seen(const struct demo_provider *p, int within_ms, struct buf *out)
{
    for (;;) {
        struct pollfd ready = {.fd = p->seen_fd, .events = POLLIN};
        char c;
        int n = poll(&ready, 1, within_ms);
        if (n <= 0) {
            return n == 0 ? CB_ETIMEOUT : -errno;
        }
        if (read(p->seen_fd, &c, 1) != 1) {
            return CB_ECLOSED;
        }
        int r = c != '\n' ? buf_append_byte(out, (uint8_t)c) : 0;
        if (r != 0 || c == '\n') {
            return r;
        }
    }
}

void demo_provider_stop(struct demo_provider *p)
{
    if (p->pid > 0) {
        (void)kill(p->pid, SIGKILL);
        (void)waitpid(p->pid, NULL, 0);
        p->pid = 0;
    }
    if (p->seen_fd >= 0) {
        (void)close(p->seen_fd);
        p->seen_fd = -1;
    }
}
