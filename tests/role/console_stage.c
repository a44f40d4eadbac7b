/* console_stage.c - see console_stage.h. */
#include "console_stage.h"

STAGE_CLOCK

const struct console_asset console_assets[] = {
    {.path = "/index.html",
     .type = "text/html; charset=utf-8",
     .tag = "\"page\"",
     .gzip = (const unsigned char *)"the page",
     .len = 8},
    {.path = "/assets/app-1a2b.js",
     .type = "text/javascript",
     .tag = "\"1a2b\"",
     .immutable = true,
     .gzip = (const unsigned char *)"the script",
     .len = 10},
};
const size_t console_asset_count = 2;

static int on_message(void *arg, struct ipc_in *in)
{
    struct console_stage *s = arg;
    struct ipc_console_stream m;
    net_loop_stop(s->stage.loop);
    if (!CHECK_EQ_INT(in->msg, IPC_MSG_CONSOLE_STREAM) ||
        !CHECK_EQ_INT(ipc_get_console_stream(in->payload, &m), 0)) {
        return CB_EPERM;
    }
    CHECK_EQ_INT(s->stream, -1);
    s->stream = in->fd;
    in->fd = -1;
    s->streams++;
    return 0;
}

static void on_closed(void *arg, int code)
{
    struct console_stage *s = arg;
    CHECK_EQ_INT(code, CB_ECLOSED);
    net_loop_stop(s->stage.loop);
}

static const struct ipc_chan_handler api_handler = {.on_message = on_message, .on_closed = on_closed};

void console_stage_api(struct console_stage *s)
{
    ipc_chan_free(s->api);
    int fd = stage_wire(&s->stage, IPC_ROLE_API, 0, "");
    CHECK_EQ_INT(ipc_chan_open(s->stage.loop, fd, IPC_CHANNEL_PEER, IPC_ROLE_API, IPC_ROLE_CONSOLE, true,
                               &api_handler, s, &s->api),
                 0);
}

void console_stage_start(struct console_stage *s)
{
    bool quiet = s->quiet;
    *s = (struct console_stage){
        .stage = {.role = IPC_ROLE_CONSOLE, .role_main = console_main, .quiet = quiet}, .stream = -1};
    stage_start(&s->stage);
    int listener = net_listen_tcp("127.0.0.1", 0, &s->port);
    CHECK(listener >= 0);
    CHECK_EQ_INT(
        ipc_send_listener(s->stage.life, 0, &(struct ipc_listener){.kind = IPC_LISTENER_CONSOLE}, listener),
        0);
    console_stage_api(s);
    ask_csrf(span_str(SESSION), s->csrf);
    stage_serve(&s->stage);
}

void console_stage_end(struct console_stage *s)
{
    ipc_chan_free(s->api);
    CHECK_EQ_INT(stage_stop(&s->stage, 2000), 0);
}

int browse(struct console_stage *s)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(s->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0);
    return fd;
}

static void say_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t put = send(fd, text, len, MSG_NOSIGNAL);
        if (!CHECK(put > 0)) {
            return;
        }
        text += put;
        len -= (size_t)put;
    }
}

void say(int fd, const char *fmt, ...)
{
    char text[16384];
    va_list ap;
    va_start(ap, fmt);
    int len = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (CHECK(len >= 0 && (size_t)len < sizeof(text))) {
        say_all(fd, text, (size_t)len);
    }
}

/* More of what comes; false at its end, or when nothing comes. */
static bool read_more(int fd, char *text, size_t size, size_t *len)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (*len + 1 >= size || poll(&p, 1, STAGE_PATIENCE_MS) != 1) {
        return false;
    }
    ssize_t got = read(fd, text + *len, size - 1 - *len);
    if (got <= 0) {
        return false;
    }
    *len += (size_t)got;
    text[*len] = '\0';
    return true;
}

const char *hear(int fd, const char *end)
{
    static char text[65536];
    size_t len = 0;
    size_t tail = strlen(end);
    text[0] = '\0';
    while (len < tail || memcmp(text + len - tail, end, tail) != 0) {
        if (!CHECK(read_more(fd, text, sizeof(text), &len) && "what is waited for comes")) {
            (void)fprintf(stderr, "  so far: %s\n", text);
            break;
        }
    }
    return text;
}

void read_answer(struct console_stage *s, int fd, struct answer *out)
{
    *out = (struct answer){.status = 0};
    size_t want = SIZE_MAX;
    while (out->len < want) {
        if (!CHECK(read_more(fd, out->text, sizeof(out->text), &out->len) && "an answer comes")) {
            (void)fprintf(stderr, "  so far: %s\n", out->text);
            return;
        }
        const char *end = strstr(out->text, "\r\n\r\n");
        if (end != NULL && want == SIZE_MAX) {
            const char *length = strstr(out->text, "Content-Length: ");
            bool head_only = strstr(out->text, "HTTP/1.1 304") != NULL || length == NULL;
            want = (size_t)(end - out->text) + 4 +
                   (head_only ? 0 : (size_t)strtoul(length + strlen("Content-Length: "), NULL, 10));
            if (s->head_only) {
                want = (size_t)(end - out->text) + 4;
            }
        }
    }
    CHECK_EQ_INT(out->len, want);
    CHECK(strncmp(out->text, "HTTP/1.1 ", 9) == 0);
    out->status = (int)strtol(out->text + 9, NULL, 10);
}

void ask(struct console_stage *s, int fd, struct answer *out, const char *fmt, ...)
{
    char text[16384];
    va_list ap;
    va_start(ap, fmt);
    int len = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (CHECK(len >= 0 && (size_t)len < sizeof(text))) {
        say_all(fd, text, (size_t)len);
        s->head_only = strncmp(text, "HEAD ", 5) == 0;
        read_answer(s, fd, out);
        s->head_only = false;
    }
}

bool answer_has(const struct answer *a, const char *text)
{
    return strstr(a->text, text) != NULL;
}

int take_stream(struct console_stage *s)
{
    STAGE_UNTIL(&s->stage, s->stream >= 0);
    int fd = s->stream;
    s->stream = -1;
    return fd;
}
