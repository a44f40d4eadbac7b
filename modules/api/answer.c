/* answer.c - answers: JSON, problem documents (RFC 9457), and the calls to store and vault that come before them. */
#include "api/state.h"

#include "base/log.h"
#include "base/strnum.h"
#include "http/write.h"

#include <stdarg.h>
#include <stdio.h>

#define DETAIL_MAX 4224 /* all paths, or a `why` of msgs.h and some words */

/* ---- answers ---- */

static void answered(struct api_request *q, unsigned status, const char *content_type)
{
    q->answered = true;
    q->status = status;
    q->content_type = content_type;
    api_conn_answered(q->conn);
}

struct json *api_json_begin(struct api_request *q)
{
    buf_reset(&q->out);
    json_init(&q->json, &q->out);
    json_object(&q->json, NULL);
    return &q->json;
}

void api_answer_json(struct api_request *q)
{
    int r = api_json_finish(q);
    if (r != 0) {
        api_refuse_code(q, r, SPAN_EMPTY);
    } else if (!q->has_tag || api_condition_holds(q)) {
        answered(q, q->location[0] != '\0' ? 201 : 200, "application/json");
    }
}

int api_json_finish(struct api_request *q)
{
    json_object_end(&q->json);
    int r = json_finish(&q->json);
    return r == 0 ? buf_append_byte(&q->out, '\n') : r;
}

void api_answer_unchanged(struct api_request *q)
{
    buf_reset(&q->out);
    answered(q, 304, NULL);
}

void api_answer_text(struct api_request *q, const char *content_type)
{
    answered(q, 200, content_type);
}

void api_answer_nothing(struct api_request *q)
{
    buf_reset(&q->out);
    answered(q, 204, NULL);
}

/* ---- refusals ---- */

static const char *problem_word(unsigned status)
{
    static const struct {
        unsigned status;
        const char *word;
    } table[] = {
        {400, "bad_request"},
        {401, "unauthorized"},
        {403, "forbidden"},
        {404, "not_found"},
        {405, "method_not_allowed"},
        {409, "conflict"},
        {412, "precondition_failed"},
        {413, "body_too_large"},
        {414, "uri_too_long"},
        {415, "media_type"},
        {417, "expectation"},
        {421, "misdirected"},
        {422, "unprocessable"},
        {429, "too_many_attempts"},
        {431, "head_too_large"},
        {503, "unavailable"},
        {505, "version"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (table[i].status == status) {
            return table[i].word;
        }
    }
    return "internal";
}

bool api_next_line(struct span *text, struct span *line)
{
    if (text->len == 0) {
        return false;
    }
    const uint8_t *end = memchr(text->ptr, '\n', text->len);
    size_t len = end != NULL ? (size_t)(end - text->ptr) : text->len;
    *line = span_sub(*text, 0, len);
    *text = span_sub(*text, len + 1, SIZE_MAX);
    return true;
}

void api_json_lines(struct json *j, const char *key, struct span lines)
{
    struct span line;
    json_array(j, key);
    while (api_next_line(&lines, &line)) {
        json_text(j, NULL, line);
    }
    json_array_end(j);
}

void api_json_text_or_null(struct json *j, const char *key, const char *text)
{
    if (text != NULL) {
        json_text(j, key, span_str(text));
    } else {
        json_null(j, key);
    }
}

/* The next field of a line: up to a tab, or to its end. */
static struct span take_field(struct span *line)
{
    const uint8_t *tab = line->len != 0 ? memchr(line->ptr, '\t', line->len) : NULL;
    struct span field = span_sub(*line, 0, tab != NULL ? (size_t)(tab - line->ptr) : line->len);
    *line = span_sub(*line, field.len + 1, SIZE_MAX);
    return field;
}

/* The lines of conf/report.h for programs, as objects. What has no place has no such member. */
static void write_errors(struct json *j, const char *file, struct span errors)
{
    struct span line;
    json_array(j, "errors");
    while (api_next_line(&errors, &line)) {
        uint64_t at = 0;
        uint64_t column = 0;
        struct span at_text = take_field(&line);
        struct span column_text = take_field(&line);
        struct span field = take_field(&line);
        json_object(j, NULL);
        json_text(j, "file", span_str(file));
        if (strnum_u64(at_text, UINT32_MAX, &at) == 0 && at != 0 &&
            strnum_u64(column_text, UINT32_MAX, &column) == 0) {
            json_number(j, "line", at);
            json_number(j, "column", column);
        }
        if (field.len != 0) {
            json_text(j, "field", field);
        }
        json_text(j, "detail", line);
        json_object_end(j);
    }
    json_array_end(j);
}

static void refuse(struct api_request *q, unsigned status, const char *detail, const char *file,
                   struct span errors)
{
    char type[64];
    q->tag[0] = q->location[0] = '\0'; /* of another answer */
    struct json *j = api_json_begin(q);
    (void)snprintf(type, sizeof(type), "urn:clawbox:problem:%s", problem_word(status));
    json_text(j, "type", span_str(type));
    json_text(j, "title", span_str(http_phrase(status)));
    json_number(j, "status", status);
    json_text(j, "detail", span_str(detail));
    if (errors.len != 0) {
        write_errors(j, file, errors);
    }
    int r = api_json_finish(q);
    if (r != 0) {
        /* The status alone has to say it. */
        log_error_r(r, "a problem document cannot be written");
        buf_reset(&q->out);
    }
    answered(q, status, "application/problem+json");
}

void api_refuse_errors(struct api_request *q, const char *detail, const char *file, struct span errors)
{
    refuse(q, 422, detail, file, errors);
}

void api_refuse(struct api_request *q, unsigned status, const char *fmt, ...)
{
    char detail[DETAIL_MAX];
    va_list ap;
    va_start(ap, fmt);
    int len = vsnprintf(detail, sizeof(detail), fmt, ap);
    va_end(ap);
    refuse(q, status, len >= 0 ? detail : "", NULL, SPAN_EMPTY);
}

static unsigned status_of(int code)
{
    static const struct {
        int code;
        unsigned status;
    } table[] = {
        {CB_ENOTFOUND, 404}, {CB_ECONFLICT, 409},  {CB_EPERM, 409},    {CB_EEXIST, 409}, {CB_EINVAL, 422},
        {CB_ECONFIG, 422},   {CB_EMALFORMED, 422}, {CB_ELIMIT, 422},   {CB_EFULL, 503},  {CB_EDB, 503},
        {CB_ECLOSED, 503},   {CB_EBUSY, 503},      {CB_ETIMEOUT, 503},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (table[i].code == code) {
            return table[i].status;
        }
    }
    return 500;
}

void api_refuse_code(struct api_request *q, int code, struct span why)
{
    api_refuse(q, status_of(code), "%.*s", SPAN_ARG(why.len != 0 ? why : span_str(cb_strerror(code))));
}

void api_refuse_answer(struct api_request *q, uint32_t code, struct span why)
{
    api_refuse_code(q, ipc_result(code), why);
}

/* ---- calls ---- */

static void refuse_gone(struct api_request *q, enum ipc_role peer)
{
    api_refuse(q, 503, "The %s is not available at the moment. Try again.", ipc_role_name(peer));
}

int api_on_answer(void *arg, int code, const struct ipc_in *in)
{
    struct api_request *q = arg;
    enum ipc_role peer = ipc_chan_peer(q->chan);
    q->chan = NULL;
    int r = code;
    if (r == 0) {
        r = in->msg == q->answer ? q->next(q, in->payload) : CB_EMALFORMED;
    }
    if (r == 0) {
        return 0;
    }
    if (!q->answered) {
        refuse_gone(q, peer);
    }
    return code == 0 ? r : 0;
}

void api_wait(struct api_request *q, struct ipc_chan *peer, int r, enum ipc_msg answer, api_answer_fn *next)
{
    if (r == 0) {
        q->chan = peer;
        q->answer = answer;
        q->next = next;
    } else if (r == CB_ECLOSED) {
        refuse_gone(q, peer != NULL                                              ? ipc_chan_peer(peer)
                       : answer == IPC_MSG_SEAL_KEY || answer == IPC_MSG_CA_CERT ? IPC_ROLE_VAULT
                                                                                 : IPC_ROLE_STORE);
    } else {
        api_refuse_code(q, r, SPAN_EMPTY);
    }
}

void api_fail_calls(struct api *api, const struct ipc_chan *chan)
{
    LIST_FOR_EACH (node, safe, &api->conns) {
        struct api_request *q = &LIST_ENTRY(node, struct api_conn, link)->request;
        if (chan != NULL && q->chan == chan) {
            enum ipc_role peer = ipc_chan_peer(q->chan);
            q->chan = NULL;
            refuse_gone(q, peer);
        }
    }
}

int api_on_done(struct api_request *q, struct span payload)
{
    struct ipc_done m;
    int r = ipc_get_done(payload, &m);
    if (r != 0) {
        return r;
    }
    if (m.code != 0) {
        api_refuse_answer(q, m.code, m.why);
    } else {
        api_answer_nothing(q);
    }
    return 0;
}
