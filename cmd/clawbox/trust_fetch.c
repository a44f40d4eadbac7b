/* trust_fetch.c - one try to get /ca.pem: dial, one request, one answer that is bounded in size and time. */
#include "trust_fetch.h"

#include "base/encode.h"
#include "base/secret.h"
#include "http/write.h"
#include "net/conn.h"
#include "net/dial.h"

#include <string.h>
#include <unistd.h>

#define LOGIN_MAX    ((size_t)512)
#define RESOLVE_MS   5000
#define CONNECT_MS   5000
#define REQUEST_MAX  ((size_t)4096)
#define NAME_SERVERS "127.0.0.1" /* where the proxy is an address, and nobody is asked */

struct fetch {
    const struct trust_proxy *proxy;
    struct net_loop *loop;
    struct net_dial *dial;
    struct net_conn *conn;
    struct http_parser *parser;
    struct buf *pem;
    unsigned status;
    int result;
};

/* ---- the URL ---- */

static int url_is_wrong(const char *what)
{
    return cmd_wrong_usage("trust", "CLAWBOX_PROXY_URL %s: it has the form http://NAME:TOKEN@HOST:PORT",
                           what);
}

int trust_proxy_read(const char *url, struct trust_proxy *out)
{
    struct span rest = span_str(url);
    struct span scheme = SPAN_LIT("http://");
    *out = (struct trust_proxy){.port = 0};
    buf_init(&out->login, 2 * LOGIN_MAX);
    buf_set_sensitive(&out->login);
    if (!span_starts(rest, scheme)) {
        return url_is_wrong("does not begin with http://");
    }
    rest = span_sub(rest, scheme.len, SIZE_MAX);
    if (span_ends(rest, SPAN_LIT("/"))) {
        rest = span_sub(rest, 0, rest.len - 1);
    }
    const uint8_t *at = rest.len != 0 ? memchr(rest.ptr, '@', rest.len) : NULL;
    struct span login = span_sub(rest, 0, at != NULL ? (size_t)(at - rest.ptr) : 0);
    const uint8_t *colon = login.len != 0 ? memchr(login.ptr, ':', login.len) : NULL;
    if (colon == NULL || colon + 1 == login.ptr + login.len) {
        return url_is_wrong("has no token");
    }
    /* A token of ours needs no escapes, so one that has some was not copied whole. */
    if (login.len > LOGIN_MAX || memchr(login.ptr, '%', login.len) != NULL) {
        return url_is_wrong("has a token that is none of clawbox's");
    }
    if (policy_authority_parse(span_sub(rest, login.len + 1, SIZE_MAX), 0, &out->host, &out->port) != 0) {
        return url_is_wrong("names no HOST:PORT");
    }
    char text[2 * LOGIN_MAX];
    size_t len = encode_base64(login.ptr, login.len, text);
    int r = buf_append(&out->login, text, len);
    secret_wipe(text, sizeof(text));
    return r == 0 ? CMD_GO : cmd_fail_r(r, "the proxy's URL");
}

void trust_proxy_deinit(struct trust_proxy *p)
{
    buf_deinit(&p->login);
}

/* ---- the exchange ---- */

static void fetch_end(struct fetch *f, int result)
{
    f->result = result;
    net_loop_stop(f->loop);
}

static void on_data(void *arg, struct span data)
{
    struct fetch *f = arg;
    struct http_event event;
    int r;
    while ((r = http_parser_next(f->parser, &data, &event)) == 0) {
        if (event.type == HTTP_EVENT_HEAD) {
            f->status = event.head->status;
        } else if (event.type == HTTP_EVENT_BODY) {
            r = buf_append_span(f->pem, event.body);
        } else if (event.type == HTTP_EVENT_END) {
            fetch_end(f, 0);
            return;
        }
        if (r != 0) {
            break;
        }
    }
    if (r != CB_EAGAIN) {
        fetch_end(f, r);
    }
}

static void on_end(void *arg)
{
    struct fetch *f = arg;
    struct http_event event;
    fetch_end(f, http_parser_eof(f->parser, &event));
}

static void on_error(void *arg, int code)
{
    fetch_end(arg, code);
}

static const struct net_conn_handler conn_handler = {
    .on_data = on_data, .on_end = on_end, .on_error = on_error};

static int send_request(struct fetch *f)
{
    struct buf out;
    buf_init(&out, REQUEST_MAX);
    buf_set_sensitive(&out);
    const struct trust_proxy *p = f->proxy;
    int r = http_write_request_line(&out, SPAN_LIT("GET"), SPAN_LIT("/ca.pem"));
    r = r == 0 ? http_write_fieldf(&out, "Host", "%s:%u", p->host.text, (unsigned)p->port) : r;
    r = r == 0 ? http_write_fieldf(&out, "Proxy-Authorization", "Basic %.*s", SPAN_ARG(buf_span(&p->login)))
               : r;
    r = r == 0 ? http_write_field(&out, SPAN_LIT("Connection"), SPAN_LIT("close")) : r;
    r = r == 0 ? http_write_head_end(&out) : r;
    r = r == 0 ? net_conn_write(f->conn, buf_span(&out)) : r;
    buf_deinit(&out);
    return r;
}

static void on_dialled(void *arg, int code, enum net_dial_stage stage, int fd, const struct net_peer *peer)
{
    struct fetch *f = arg;
    (void)stage;
    (void)peer;
    f->dial = NULL;
    int r = code;
    if (r == 0) {
        r = net_conn_open(f->loop, fd, &conn_handler, f, &f->conn);
        if (r != 0) {
            (void)close(fd);
        }
    }
    r = r == 0 ? send_request(f) : r;
    if (r != 0) {
        fetch_end(f, r);
        return;
    }
    net_conn_read(f->conn, true);
}

static void on_timeout(void *arg)
{
    fetch_end(arg, CB_ETIMEOUT);
}

/* The proxy is whatever the URL says. */
static bool any_address(void *arg, const uint8_t *address, size_t len)
{
    (void)arg;
    (void)address;
    (void)len;
    return true;
}

static int dial(struct fetch *f, struct net_dialer *dialer)
{
    const struct policy_host *host = &f->proxy->host;
    char literal[sizeof(host->text)];
    if (host->kind == POLICY_HOST_NAME) {
        return net_dial_name(dialer, host->text, f->proxy->port, any_address, on_dialled, f, &f->dial);
    }
    bool brackets = host->kind == POLICY_HOST_IPV6;
    (void)snprintf(literal, sizeof(literal), "%.*s", (int)(host->len - (brackets ? 2 : 0)),
                   host->text + (brackets ? 1 : 0));
    return net_dial_address(dialer, literal, f->proxy->port, on_dialled, f, &f->dial);
}

static int fetch_run(struct fetch *f, uint64_t within_ms)
{
    bool name = f->proxy->host.kind == POLICY_HOST_NAME;
    const struct net_dialer_options options = {.servers = name ? NULL : NAME_SERVERS,
                                               .resolve_timeout_ms = RESOLVE_MS,
                                               .connect_timeout_ms = CONNECT_MS};
    struct net_dialer *dialer = NULL;
    struct net_timer *timer = net_timer_new(f->loop, on_timeout, f);
    f->parser = http_parser_new_response();
    int r = timer != NULL && f->parser != NULL ? net_dialer_new(f->loop, &options, &dialer) : CB_ENOMEM;
    r = r == 0 ? dial(f, dialer) : r;
    if (r == 0) {
        net_timer_start(timer, within_ms, 0);
        net_loop_run(f->loop);
        r = f->result;
    }
    net_timer_free(timer);
    net_dial_cancel(f->dial);
    net_conn_close(f->conn);
    http_parser_free(f->parser);
    if (dialer != NULL) {
        net_dialer_free(dialer);
    }
    return r;
}

/* What an answer other than 200 means for whoever waits. */
static const char *meaning_of(unsigned status)
{
    return status == 407   ? ": the token in CLAWBOX_PROXY_URL is not the tenant's"
           : status == 429 ? ": it was asked too often"
           : status == 503 ? ": it is starting"
                           : ": is this a clawbox proxy, of this version?";
}

int trust_fetch(const struct trust_proxy *p, uint64_t within_ms, struct buf *pem, char *why, size_t why_size)
{
    struct fetch f = {.proxy = p, .pem = pem, .loop = net_loop_new()};
    buf_reset(pem);
    if (f.loop == NULL) {
        (void)snprintf(why, why_size, "%s", cb_strerror(CB_ENOMEM));
        return CB_ENOMEM;
    }
    int r = fetch_run(&f, within_ms);
    net_loop_free(f.loop);
    if (r != 0) {
        (void)snprintf(why, why_size, "%s", cb_strerror(r));
    } else if (f.status != 200) {
        (void)snprintf(why, why_size, "it answers %u%s", f.status, meaning_of(f.status));
        r = CB_EPERM;
    }
    return r;
}
