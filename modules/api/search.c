/* search.c - the audit searched: slice after slice of the store's, for as long as one request may take. */
#include "api/state.h"

#include "base/encode.h"
#include "base/strnum.h"
#include "policy/verdict.h"
#include "store/client.h"

#define SEARCH_LIMIT_DEFAULT 100
#define SEARCH_LIMIT_MAX     1000
#define SEARCH_MS            80 /* then what was found is answered, and where it goes on */
#define TARGET_MAX           (4 * 1024)

/* ---- what is asked for ---- */

/* A word out of a list; 0: not given, else its place in the list and one. */
static bool read_word(struct api_request *q, const char *name, struct span word,
                      const char *(*name_of)(unsigned), unsigned count, uint8_t *out)
{
    *out = 0;
    for (unsigned i = 0; i < count && word.len != 0; i++) {
        if (span_eq_str(word, name_of(i))) {
            *out = (uint8_t)(i + 1);
            return true;
        }
    }
    if (word.len != 0) {
        api_refuse(q, 400, "\"%.*s\" is no %s that a record can have.", API_SHORT(word), name);
    }
    return word.len == 0;
}

static const char *kind_name(unsigned i)
{
    return api_audit_kind_name(i + 1);
}

static const char *verdict_name(unsigned i)
{
    return policy_verdict_name((enum policy_verdict)i);
}

static const char *reason_name(unsigned i)
{
    return policy_reason_name((enum policy_reason)i);
}

/* Decodes the percent-escapes of `text`. Records are of printable ASCII, so nothing else can be looked for. */
static bool read_text(struct api_request *q, struct span raw)
{
    struct api_search *s = &q->search;
    size_t len = 0;
    bool fine = true;
    for (size_t i = 0; i < raw.len && fine; i++) {
        uint8_t byte = raw.ptr[i];
        if (byte == '%') {
            fine = decode_hex(span_sub(raw, i + 1, 2), &byte, 1) == 0;
            i += 2;
        }
        fine = fine && byte >= 0x20 && byte < 0x7f && len < sizeof(s->text);
        if (fine) {
            s->text[len++] = (char)byte;
        }
    }
    if (!fine) {
        api_refuse(q, 400, "text should be at most %zu printable ASCII characters, percent-encoded.",
                   sizeof(s->text));
    }
    s->m.text = span_of(s->text, len);
    return fine;
}

static bool read_request_id(struct api_request *q, struct span hex)
{
    struct api_search *s = &q->search;
    if (hex.len == 0) {
        return true;
    }
    if (decode_hex(hex, s->request_id, sizeof(s->request_id)) != 0) {
        api_refuse(q, 400, "request should be the request_id of a record: %zu hexadecimal digits.",
                   2 * sizeof(s->request_id));
        return false;
    }
    s->m.request_id = span_of(s->request_id, sizeof(s->request_id));
    return true;
}

static bool read_query(struct api_request *q)
{
    struct ipc_audit_search *m = &q->search.m;
    struct span kind = SPAN_EMPTY;
    struct span verdict = SPAN_EMPTY;
    struct span reason = SPAN_EMPTY;
    struct span request_id = SPAN_EMPTY;
    struct span text = SPAN_EMPTY;
    uint64_t limit = SEARCH_LIMIT_DEFAULT;
    const struct api_param params[] = {
        {.name = "tenant", .text = &m->tenant},
        {.name = "kind", .word = &kind},
        {.name = "verdict", .word = &verdict},
        {.name = "reason", .word = &reason},
        {.name = "route", .word = &m->route},
        {.name = "host", .word = &m->host},
        {.name = "request", .word = &request_id},
        {.name = "text", .escaped = &text},
        {.name = "since", .number = &m->since_ms, .max = INT64_MAX},
        {.name = "until", .number = &m->until_ms, .max = INT64_MAX},
        {.name = "before", .number = &m->before_seq, .max = INT64_MAX},
        {.name = "limit", .number = &limit, .min = 1, .max = SEARCH_LIMIT_MAX}};
    if (!api_query_read(q, params, sizeof(params) / sizeof(params[0])) ||
        !read_word(q, "kind", kind, kind_name, 3, &m->kind) ||
        !read_word(q, "verdict", verdict, verdict_name, POLICY_VERDICT__COUNT, &m->verdict) ||
        !read_word(q, "reason", reason, reason_name, POLICY_REASON__COUNT, &m->reason) ||
        !read_request_id(q, request_id) || !read_text(q, text)) {
        return false;
    }
    if (m->host.len > IPC_HOST_MAX || m->route.len > IPC_NAME_MAX) {
        api_refuse(q, 400, "A host has at most %d characters, and a route's name %d.", IPC_HOST_MAX,
                   IPC_NAME_MAX);
        return false;
    }
    m->limit = (uint16_t)limit;
    return api_audit_scope(q, m->tenant, &m->since_ms);
}

/* ---- the answer ---- */

/* The target that was asked for, with another `before`. */
static int write_next(struct api_request *q, uint64_t before)
{
    struct buf next;
    struct span target = q->head->target;
    buf_init(&next, TARGET_MAX);
    int r =
        buf_append_span(&next, span_sub(target, 0, target.len - q->query.len - (q->query.len != 0 ? 1 : 0)));
    r = r == 0 ? buf_append_byte(&next, '?') : r;
    for (struct span rest = q->query; rest.len != 0 && r == 0;) {
        const uint8_t *end = memchr(rest.ptr, '&', rest.len);
        struct span pair = span_sub(rest, 0, end != NULL ? (size_t)(end - rest.ptr) : rest.len);
        rest = span_sub(rest, pair.len + 1, SIZE_MAX);
        if (pair.len != 0 && !span_starts(pair, SPAN_LIT("before="))) {
            r = buf_append_span(&next, pair);
            r = r == 0 ? buf_append_byte(&next, '&') : r;
        }
    }
    r = r == 0 ? buf_appendf(&next, "before=%llu", (unsigned long long)before) : r;
    if (r == 0) {
        json_text(&q->json, "next", buf_span(&next));
    }
    buf_deinit(&next);
    return r;
}

static void answer_found(struct api_request *q, uint64_t next)
{
    json_array_end(&q->json);
    int r = 0;
    if (next != 0) {
        r = write_next(q, next);
    } else {
        json_null(&q->json, "next");
    }
    if (r != 0) {
        api_refuse_code(q, r, SPAN_EMPTY);
    } else {
        api_answer_json(q);
    }
}

static int on_found(struct api_request *q, struct span payload);

static void search_slice(struct api_request *q)
{
    struct ipc_chan *store = q->api->store;
    api_wait(q, store, API_CALL(q, store, audit_search, &q->search.m), IPC_MSG_AUDIT_FOUND, on_found);
}

static int on_found(struct api_request *q, struct span payload)
{
    struct ipc_audit_search *asked = &q->search.m;
    struct ipc_audit_found m;
    int error = ipc_get_audit_found(payload, &m);
    if (error != 0) {
        return error;
    }
    if (m.code != 0) {
        api_refuse_code(q, ipc_result(m.code),
                        SPAN_LIT("the audit cannot be searched; the server's log says why"));
        return 0;
    }
    struct reader r = reader_of(m.rows);
    uint32_t count = ipc_list_read(&r, asked->limit);
    for (uint32_t i = 0; i < count && r.error == 0; i++) {
        struct store_audit_row row;
        if (store_audit_row_read(&r, &row) == 0) {
            api_audit_row_write(&q->json, &row);
        }
    }
    error = reader_finish(&r);
    if (error != 0 || (m.next != 0 && asked->before_seq != 0 && m.next >= asked->before_seq)) {
        return error != 0 ? error : CB_EMALFORMED; /* a search that does not go on would never end */
    }
    asked->limit = (uint16_t)(asked->limit - count);
    asked->before_seq = m.next;
    if (m.next == 0 || asked->limit == 0 || net_loop_now_ms(q->api->loop) - q->search.began_ms >= SEARCH_MS) {
        answer_found(q, m.next);
    } else {
        search_slice(q);
    }
    return 0;
}

void api_audit_search(struct api_request *q)
{
    if (!read_query(q)) {
        return;
    }
    q->search.began_ms = net_loop_now_ms(q->api->loop);
    json_array(api_json_begin(q), "records");
    search_slice(q);
}
