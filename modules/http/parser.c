/*
 * parser.c - llhttp turned round: the caller pulls events, and every callback that matters pauses it.
 *
 * llhttp reads heads, chunks and trailers. Whether a message is acceptable, and how its body is framed, is decided in
 * one place (rules.c) from a head of which every byte is accounted for (section.c); bodies with a length, and those
 * that end with the connection, need no parser. So what llhttp thinks of upgrades, lengths and keep-alive is never used,
 * and each message starts from a fresh state.
 *
 * Whatever the splits of the input, the events and the refusal are the same: limits are checked at bytes, not at
 * buffers, and bytes past a limit are not shown to llhttp.
 */
#include "http/parser.h"

#include <llhttp.h>
#include <stdlib.h>

#include "http/chunk.h"
#include "http/refusal.h"
#include "http/rules.h"
#include "http/section.h"

/* Empty lines before a request that are ignored (RFC 9112, 2.2, asks for one). */
#define EMPTY_LINES_MAX 2
/* "METHOD target ": past that, either of the two is too long. */
#define REQUEST_WORDS_MAX (HTTP_METHOD_MAX + 1 + HTTP_TARGET_MAX + 1)

enum parser_state {
    STATE_HEAD_READ,     /* llhttp has read a head */
    STATE_TRAILERS_READ, /* and the end of a chunked message */
    STATE_END,           /* HTTP_EVENT_END is to be delivered */
    STATE_DONE,          /* a message has ended, its head is still there */
    STATE_INTERIM_DONE,  /* the same for an interim response */
    STATE_REFUSED,
    /* From here on, nothing happens without input. */
    STATE_START,      /* before the first byte of a message */
    STATE_HEAD,       /* llhttp reads a head */
    STATE_LENGTH,     /* body: `left` bytes to come */
    STATE_CLOSE,      /* body: up to the end of the connection */
    STATE_CHUNK_LINE, /* body: a chunk's size */
    STATE_CHUNK_DATA, /* body: a chunk's data and its CRLF */
    STATE_TRAILERS,   /* behind the last chunk */
    STATE_CLOSED,     /* the sender said that no message follows */
};

struct http_parser {
    llhttp_t llhttp;
    struct section head;
    struct section trailers;
    struct section *section; /* the one that is being read: &head or &trailers */
    struct section_part method;
    struct section_part target;
    struct section_part phrase;
    struct section_line line; /* the field that is being read */
    struct http_head message;
    struct http_refusal refusal;
    const uint8_t *base; /* first byte of what llhttp is reading now */
    struct span body;    /* what on_body() found */
    uint64_t left;
    struct chunk_line chunk_line;
    enum parser_state state;
    unsigned empty_lines;
    unsigned interims;
    bool cr; /* the CR of an empty line was read */
    bool response;
    bool head_request; /* the response belongs to a HEAD */
    bool upgrade;      /* the response may be a 101 */
    bool target_read;
};

/* ---- callbacks of llhttp: they note where parts are, or pause ---- */

/* Notes a refusal, which makes llhttp stop. */
static int refused(struct http_parser *p, int code, enum http_error error, const char *why)
{
    p->refusal = (struct http_refusal){.code = code, .error = error, .why = why};
    return HPE_USER;
}

static int extend(llhttp_t *llhttp, struct section_part *part, const char *at, size_t len)
{
    struct http_parser *p = llhttp->data;
    size_t offset = section_len(p->section) + (size_t)((const uint8_t *)at - p->base);
    if (!section_part_extend(part, offset, len)) {
        return refused(p, CB_EMALFORMED, HTTP_ERROR_SYNTAX, "a folded line");
    }
    return HPE_OK;
}

static int on_method(llhttp_t *llhttp, const char *at, size_t len)
{
    struct http_parser *p = llhttp->data;
    return extend(llhttp, &p->method, at, len);
}

static int on_target(llhttp_t *llhttp, const char *at, size_t len)
{
    struct http_parser *p = llhttp->data;
    return extend(llhttp, &p->target, at, len);
}

static int on_target_complete(llhttp_t *llhttp)
{
    struct http_parser *p = llhttp->data;
    p->target_read = true;
    if (p->target.len > HTTP_TARGET_MAX) {
        return refused(p, CB_ELIMIT, HTTP_ERROR_TARGET_TOO_LONG, "the target is too long");
    }
    return HPE_OK;
}

static int on_phrase(llhttp_t *llhttp, const char *at, size_t len)
{
    struct http_parser *p = llhttp->data;
    return extend(llhttp, &p->phrase, at, len);
}

static int on_name(llhttp_t *llhttp, const char *at, size_t len)
{
    struct http_parser *p = llhttp->data;
    return extend(llhttp, &p->line.name, at, len);
}

static int on_value(llhttp_t *llhttp, const char *at, size_t len)
{
    struct http_parser *p = llhttp->data;
    return extend(llhttp, &p->line.value, at, len);
}

static int on_value_complete(llhttp_t *llhttp)
{
    struct http_parser *p = llhttp->data;
    int r = section_add(p->section, p->line.name, p->line.value);
    p->line = (struct section_line){0};
    if (r == CB_ELIMIT) {
        return refused(p, r, HTTP_ERROR_HEAD_TOO_LARGE, "too many fields");
    }
    return r == 0 ? HPE_OK : refused(p, r, HTTP_ERROR_NONE, "out of memory");
}

static int on_headers_complete(llhttp_t *llhttp)
{
    struct http_parser *p = llhttp->data;
    p->state = STATE_HEAD_READ;
    return HPE_PAUSED;
}

static int on_chunk_header(llhttp_t *llhttp)
{
    struct http_parser *p = llhttp->data;
    if (llhttp->content_length > HTTP_LENGTH_MAX) {
        return refused(p, CB_ELIMIT, HTTP_ERROR_SYNTAX, "a chunk that is too large");
    }
    p->state = llhttp->content_length == 0 ? STATE_TRAILERS : STATE_CHUNK_DATA;
    return HPE_PAUSED;
}

static int on_body(llhttp_t *llhttp, const char *at, size_t len)
{
    struct http_parser *p = llhttp->data;
    p->body = span_of(at, len);
    return HPE_PAUSED;
}

static int on_chunk_complete(llhttp_t *llhttp)
{
    struct http_parser *p = llhttp->data;
    if (p->state != STATE_CHUNK_DATA) {
        return HPE_OK; /* of the last chunk: the end of the trailers */
    }
    p->state = STATE_CHUNK_LINE;
    p->chunk_line = (struct chunk_line){0};
    return HPE_PAUSED;
}

static int on_message_complete(llhttp_t *llhttp)
{
    struct http_parser *p = llhttp->data;
    p->state = STATE_TRAILERS_READ;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_method = on_method,
    .on_url = on_target,
    .on_url_complete = on_target_complete,
    .on_status = on_phrase,
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_header_value_complete = on_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_chunk_header = on_chunk_header,
    .on_body = on_body,
    .on_chunk_complete = on_chunk_complete,
    .on_message_complete = on_message_complete,
};

/* ---- life ---- */

static struct http_parser *parser_new(bool response)
{
    struct http_parser *p = calloc(1, sizeof(*p));
    if (p == NULL) {
        return NULL;
    }
    p->response = response;
    p->state = STATE_START;
    section_init(&p->head, HTTP_HEAD_MAX, HTTP_FIELDS_MAX);
    section_init(&p->trailers, HTTP_TRAILERS_BYTES_MAX, HTTP_TRAILERS_MAX);
    p->section = &p->head;
    llhttp_init(&p->llhttp, response ? HTTP_RESPONSE : HTTP_REQUEST, &settings);
    p->llhttp.data = p;
    return p;
}

struct http_parser *http_parser_new_request(void)
{
    return parser_new(false);
}

struct http_parser *http_parser_new_response(void)
{
    return parser_new(true);
}

void http_parser_free(struct http_parser *p)
{
    if (p == NULL) {
        return;
    }
    section_release(&p->head);
    section_release(&p->trailers);
    free(p);
}

void http_parser_set_head_request(struct http_parser *p, bool is_head)
{
    p->head_request = is_head;
}

void http_parser_set_upgrade(struct http_parser *p, bool asked)
{
    p->upgrade = asked;
}

enum http_error http_parser_error(const struct http_parser *p)
{
    return p->refusal.error;
}

const char *http_parser_why(const struct http_parser *p)
{
    return p->refusal.why != NULL ? p->refusal.why : "";
}

/* ---- steps ---- */

/* Latches the refusal that was noted. */
static int parser_refuse(struct http_parser *p)
{
    p->state = STATE_REFUSED;
    return p->refusal.code;
}

static int parser_refuse_as(struct http_parser *p, int code, enum http_error error, const char *why)
{
    (void)refused(p, code, error, why);
    return parser_refuse(p);
}

/* Shows llhttp the first `len` bytes of the input, and takes those that it used. */
static int parser_feed(struct http_parser *p, struct span *input, size_t len)
{
    const char *data = (const char *)input->ptr;
    size_t used = len;
    p->base = input->ptr;
    enum llhttp_errno e = llhttp_execute(&p->llhttp, data, len);
    if (e == HPE_PAUSED) {
        used = (size_t)(llhttp_get_error_pos(&p->llhttp) - data);
        llhttp_resume(&p->llhttp);
    } else if (e != HPE_OK) {
        if (p->refusal.code != 0) {
            return parser_refuse(p);
        }
        bool version = e == HPE_INVALID_VERSION || e == HPE_PAUSED_H2_UPGRADE;
        return parser_refuse_as(p, CB_EMALFORMED, version ? HTTP_ERROR_VERSION : HTTP_ERROR_SYNTAX,
                                llhttp_get_error_reason(&p->llhttp));
    }
    p->base = NULL;
    *input = span_sub(*input, used, input->len);
    return 0;
}

/* The same for a head or trailers, whose bytes are kept, up to `max` bytes of the section. */
static int parser_feed_section(struct http_parser *p, struct span *input, size_t max)
{
    struct span before = *input;
    size_t room = max - section_len(p->section);
    int r = parser_feed(p, input, before.len < room ? before.len : room);
    if (r == 0) {
        r = buf_append(&p->section->raw, before.ptr, before.len - input->len);
        if (r != 0) {
            return parser_refuse_as(p, r, HTTP_ERROR_NONE, "out of memory");
        }
    }
    return r;
}

/* Skips empty lines; a message begins with the first byte that is not part of one. */
static int parser_start(struct http_parser *p, struct span *input)
{
    while (input->len != 0) {
        uint8_t c = input->ptr[0];
        if (p->cr && c != '\n') {
            return parser_refuse_as(p, CB_EMALFORMED, HTTP_ERROR_SYNTAX, "a CR before the message");
        }
        if (!p->cr && c == '\n') {
            return parser_refuse_as(p, CB_EMALFORMED, HTTP_ERROR_SYNTAX, "a line feed before the message");
        }
        if (!p->cr && c != '\r') {
            llhttp_reset(&p->llhttp);
            p->method = p->target = p->phrase = (struct section_part){0};
            p->message = (struct http_head){0};
            p->section = &p->head;
            p->target_read = false;
            p->state = STATE_HEAD;
            return 0;
        }
        if (p->response || p->empty_lines == EMPTY_LINES_MAX) {
            return parser_refuse_as(p, CB_EMALFORMED, HTTP_ERROR_SYNTAX, "empty lines before the message");
        }
        p->cr = c == '\r';
        p->empty_lines += c == '\n' ? 1 : 0;
        *input = span_sub(*input, 1, input->len);
    }
    return CB_EAGAIN;
}

/* The head is complete: checks it and decides what follows. */
static int parser_finish_head(struct http_parser *p, struct http_event *event)
{
    struct http_head *message = &p->message;
    size_t first = 0;
    int r = p->response ? rules_status_line(&p->head, p->phrase, message, &first, &p->refusal)
                        : rules_request_line(&p->head, p->method, p->target, message, &first, &p->refusal);
    if (r == 0) {
        r = section_finish(&p->head, first, &p->refusal);
    }
    if (r == 0) {
        message->fields = p->head.fields;
        message->field_count = p->head.count;
        r = p->response ? rules_response(message, p->head_request, p->upgrade, &p->refusal)
                        : rules_request(message, &p->refusal);
    }
    if (r != 0) {
        return parser_refuse(p);
    }
    *event = (struct http_event){.type = HTTP_EVENT_HEAD, .head = message};
    if (p->response && message->status < 200 && message->status != 101) {
        if (p->interims == HTTP_INTERIMS_MAX) {
            return parser_refuse_as(p, CB_ELIMIT, HTTP_ERROR_SYNTAX, "too many interim responses");
        }
        p->interims++;
        event->type = HTTP_EVENT_INTERIM;
        p->state = STATE_INTERIM_DONE;
        return 0;
    }
    switch (message->framing) {
    case HTTP_FRAMING_LENGTH:
        p->left = message->content_length;
        p->state = p->left == 0 ? STATE_END : STATE_LENGTH;
        break;
    case HTTP_FRAMING_CHUNKED:
        /* llhttp goes on with this message, so it has to see chunks too. */
        if ((p->llhttp.flags & F_CHUNKED) == 0) {
            return parser_refuse_as(p, CB_EMALFORMED, HTTP_ERROR_SYNTAX, "a doubtful Transfer-Encoding");
        }
        p->chunk_line = (struct chunk_line){0};
        p->state = STATE_CHUNK_LINE;
        break;
    case HTTP_FRAMING_CLOSE:
        p->state = STATE_CLOSE;
        break;
    case HTTP_FRAMING_NONE:
    case HTTP_FRAMING__COUNT:
    default:
        p->state = STATE_END;
        break;
    }
    return 0;
}

static int parser_read_head(struct http_parser *p, struct span *input)
{
    size_t max = p->response || p->target_read ? HTTP_HEAD_MAX : REQUEST_WORDS_MAX;
    int r = parser_feed_section(p, input, max);
    if (r != 0 || p->state != STATE_HEAD || section_len(&p->head) < max) {
        return r;
    }
    if (max == HTTP_HEAD_MAX) {
        return parser_refuse_as(p, CB_ELIMIT, HTTP_ERROR_HEAD_TOO_LARGE, "the head is too large");
    }
    if (!p->target_read) {
        return parser_refuse_as(p, CB_ELIMIT, HTTP_ERROR_TARGET_TOO_LONG, "the target is too long");
    }
    return 0;
}

static int parser_read_trailers(struct http_parser *p, struct span *input)
{
    p->section = &p->trailers;
    int r = parser_feed_section(p, input, HTTP_TRAILERS_BYTES_MAX);
    if (r == 0 && p->state == STATE_TRAILERS && section_len(&p->trailers) == HTTP_TRAILERS_BYTES_MAX) {
        return parser_refuse_as(p, CB_ELIMIT, HTTP_ERROR_HEAD_TOO_LARGE, "the trailers are too large");
    }
    return r;
}

static int parser_finish_trailers(struct http_parser *p)
{
    int r = section_finish(&p->trailers, 0, &p->refusal);
    if (r == 0) {
        r = rules_trailers(p->trailers.fields, p->trailers.count, &p->refusal);
    }
    if (r != 0) {
        return parser_refuse(p);
    }
    p->state = STATE_END;
    return 0;
}

static int parser_read_chunk_line(struct http_parser *p, struct span *input)
{
    struct http_refusal limit = {0};
    size_t len = chunk_line_scan(&p->chunk_line, *input, &limit);
    /* llhttp first: when it refuses a byte before the one over the limit, that is the reason. */
    int r = parser_feed(p, input, len);
    if (r == 0 && limit.code != 0) {
        p->refusal = limit;
        return parser_refuse(p);
    }
    return r;
}

/* Takes up to `max` bytes of the input as body. */
static void parser_take_body(struct span *input, uint64_t max, struct http_event *event)
{
    size_t len = input->len < max ? input->len : (size_t)max;
    *event = (struct http_event){.type = HTTP_EVENT_BODY, .body = span_sub(*input, 0, len)};
    *input = span_sub(*input, len, input->len);
}

static void parser_end(struct http_parser *p, struct http_event *event)
{
    *event = (struct http_event){
        .type = HTTP_EVENT_END, .trailers = p->trailers.fields, .trailer_count = p->trailers.count};
    p->head_request = false;
    p->upgrade = false;
    p->interims = 0;
    p->state = STATE_DONE;
}

static void parser_release(struct http_parser *p, enum parser_state next)
{
    section_release(&p->head);
    section_release(&p->trailers);
    p->empty_lines = 0;
    p->state = next;
}

/* Reads on inside a chunk; *got when that gave a piece of body. */
static int parser_read_chunk_data(struct http_parser *p, struct span *input, struct http_event *event,
                                  bool *got)
{
    p->body = SPAN_EMPTY;
    int r = parser_feed(p, input, input->len);
    *got = r == 0 && p->body.len != 0;
    if (*got) {
        *event = (struct http_event){.type = HTTP_EVENT_BODY, .body = p->body};
    }
    return r;
}

int http_parser_next(struct http_parser *p, struct span *input, struct http_event *event)
{
    for (;;) {
        int r = 0;
        bool got = false;
        if (p->state >= STATE_START && input->len == 0) {
            return CB_EAGAIN;
        }
        switch (p->state) {
        case STATE_HEAD_READ:
            return parser_finish_head(p, event);
        case STATE_TRAILERS_READ:
            r = parser_finish_trailers(p);
            break;
        case STATE_END:
            parser_end(p, event);
            return 0;
        case STATE_DONE:
            parser_release(p, p->message.keep_alive ? STATE_START : STATE_CLOSED);
            break;
        case STATE_INTERIM_DONE:
            parser_release(p, STATE_START);
            break;
        case STATE_REFUSED:
            return p->refusal.code;
        case STATE_START:
            r = parser_start(p, input);
            break;
        case STATE_HEAD:
            r = parser_read_head(p, input);
            break;
        case STATE_LENGTH:
            parser_take_body(input, p->left, event);
            p->left -= event->body.len;
            p->state = p->left == 0 ? STATE_END : STATE_LENGTH;
            return 0;
        case STATE_CLOSE:
            parser_take_body(input, UINT64_MAX, event);
            return 0;
        case STATE_CHUNK_LINE:
            r = parser_read_chunk_line(p, input);
            break;
        case STATE_CHUNK_DATA:
            r = parser_read_chunk_data(p, input, event, &got);
            break;
        case STATE_TRAILERS:
            r = parser_read_trailers(p, input);
            break;
        case STATE_CLOSED:
        default:
            r = parser_refuse_as(p, CB_EMALFORMED, HTTP_ERROR_SYNTAX, "bytes after the last message");
            break;
        }
        if (r != 0 || got) {
            return r;
        }
    }
}

int http_parser_eof(struct http_parser *p, struct http_event *event)
{
    switch (p->state) {
    case STATE_CLOSE:
    case STATE_END:
        parser_end(p, event);
        return 0;
    case STATE_REFUSED:
        return p->refusal.code;
    case STATE_START:
        if (p->interims == 0) {
            return CB_ECLOSED;
        }
        break;
    case STATE_DONE:
    case STATE_CLOSED:
        return CB_ECLOSED;
    default:
        break;
    }
    return parser_refuse_as(p, CB_ETRUNCATED, HTTP_ERROR_SYNTAX, "the connection ended inside a message");
}

#define VERSION_TEXT(number) #number
#define VERSION_OF(a, b, c)  VERSION_TEXT(a) "." VERSION_TEXT(b) "." VERSION_TEXT(c)

const char *http_llhttp_version(void)
{
    return VERSION_OF(LLHTTP_VERSION_MAJOR, LLHTTP_VERSION_MINOR, LLHTTP_VERSION_PATCH);
}
