/*
 * store_stage.h - everybody around a store, for test_store.c: a child runs store_main() in a folder of its own, the test
 * is its monitor, the egresses of tenants, the vault and the api.
 */
#ifndef TESTS_ROLE_STORE_STAGE_H
#define TESTS_ROLE_STORE_STAGE_H

#include "role_stage.h"
#include "store/store.h"
#include "unit/store/store_test.h"

#define STORE_LIFE_MAX   64
#define STORE_EVENTS_MAX 64

/* What the store told the monitor. */
struct store_life {
    enum ipc_msg msg;
    uint64_t tenant_id; /* TENANTS_LOADED: the count */
    uint16_t port;
    char tenant[IPC_NAME_MAX + 1];
};

struct store_stage {
    struct stage s;
    struct store_life life[STORE_LIFE_MAX];
    size_t life_count;
    char folder[256];
};

/* An egress, the vault or the api. */
struct store_friend {
    struct store_stage *stage;
    struct ipc_chan *chan;
    bool closed;
    struct {
        enum ipc_msg msg;
        uint64_t value; /* generation, or the tenant's id */
    } events[STORE_EVENTS_MAX];
    size_t event_count;
    uint64_t grew; /* of AUDIT_GREW: the last record, and how often it was said */
    size_t grew_count;
};

/* One answer, with its payload. */
struct store_answer {
    struct stage *stage;
    bool done;
    int channel; /* 0, or CB_ECLOSED: the channel ended without an answer */
    enum ipc_msg msg;
    struct buf payload;
};

/* ---- the monitor ---- */

static inline int store_on_life(void *arg, struct ipc_in *in)
{
    struct store_stage *t = arg;
    struct store_life l = {.msg = in->msg};
    struct ipc_tenant_up up;
    struct ipc_tenant_down down;
    struct ipc_tenants_loaded loaded;
    struct ipc_tenant_restart restart;
    int r = CB_EPERM;
    if (in->msg == IPC_MSG_TENANT_UP && (r = ipc_get_tenant_up(in->payload, &up)) == 0) {
        l.tenant_id = up.tenant_id;
        l.port = up.port;
        (void)snprintf(l.tenant, sizeof(l.tenant), "%.*s", SPAN_ARG(up.tenant));
    } else if (in->msg == IPC_MSG_TENANT_DOWN && (r = ipc_get_tenant_down(in->payload, &down)) == 0) {
        l.tenant_id = down.tenant_id;
    } else if (in->msg == IPC_MSG_TENANT_RESTART &&
               (r = ipc_get_tenant_restart(in->payload, &restart)) == 0) {
        l.tenant_id = restart.tenant_id;
    } else if (in->msg == IPC_MSG_TENANTS_LOADED && (r = ipc_get_tenants_loaded(in->payload, &loaded)) == 0) {
        CHECK(!t->s.ready); /* first who is there, then that it serves */
        l.tenant_id = loaded.count;
    }
    if (r == 0 && CHECK(t->life_count < STORE_LIFE_MAX)) {
        t->life[t->life_count++] = l;
    }
    return r;
}

/* A stage whose folder is new and empty. */
static inline struct store_stage *store_stage_new(void)
{
    static unsigned number;
    struct store_stage *t = make_or_die(calloc(1, sizeof(*t)));
    char name[32];
    (void)snprintf(name, sizeof(name), "state-%u", number++);
    (void)snprintf(t->folder, sizeof(t->folder), "%s", test_path(name));
    CHECK_EQ_INT(mkdir(t->folder, 0700), 0);
    t->s = (struct stage){.role = IPC_ROLE_STORE,
                          .role_main = store_main,
                          .folder = t->folder,
                          .on_life = store_on_life,
                          .arg = t};
    return t;
}

static inline void store_stage_serve(struct store_stage *t)
{
    t->life_count = 0;
    stage_start(&t->s);
    stage_serve(&t->s);
}

static inline void store_stage_file(const struct store_stage *t, const char *end, char out[300])
{
    (void)snprintf(out, 300, "%s/%s%s", t->folder, STORE_FILE, end);
}

static inline void store_listening(struct store_stage *t, uint64_t tenant_id, uint16_t port)
{
    struct ipc_listening m = {.tenant_id = tenant_id, .port = port};
    CHECK_EQ_INT(ipc_send_listening(t->s.life, 0, &m), 0);
    ipc_chan_flush(t->s.life);
}

/* ---- friends ---- */

static inline int store_on_event(void *arg, struct ipc_in *in)
{
    struct store_friend *f = arg;
    struct ipc_spec_changed changed;
    struct ipc_forget forget;
    struct ipc_audit_grew grew;
    int r = CB_EPERM;
    uint64_t value = 0;
    if (in->msg == IPC_MSG_SPEC_CHANGED && (r = ipc_get_spec_changed(in->payload, &changed)) == 0) {
        value = changed.generation;
    } else if (in->msg == IPC_MSG_FORGET && (r = ipc_get_forget(in->payload, &forget)) == 0) {
        value = forget.tenant_id;
    } else if (in->msg == IPC_MSG_AUDIT_GREW && (r = ipc_get_audit_grew(in->payload, &grew)) == 0) {
        CHECK(grew.seq > f->grew);
        f->grew = grew.seq;
        f->grew_count++;
        net_loop_stop(f->stage->s.loop);
        return 0;
    }
    CHECK_EQ_INT(r, 0);
    if (r == 0 && CHECK(f->event_count < STORE_EVENTS_MAX)) {
        f->events[f->event_count].msg = in->msg;
        f->events[f->event_count++].value = value;
    }
    net_loop_stop(f->stage->s.loop);
    return r;
}

static inline void store_on_closed(void *arg, int code)
{
    struct store_friend *f = arg;
    CHECK_EQ_INT(code, CB_ECLOSED);
    f->closed = true;
    net_loop_stop(f->stage->s.loop);
}

static const struct ipc_chan_handler store_friend_handler = {.on_message = store_on_event,
                                                             .on_closed = store_on_closed};

static inline void store_join(struct store_stage *t, struct store_friend *f, enum ipc_role role,
                              uint64_t tenant_id, const char *tenant)
{
    *f = (struct store_friend){.stage = t};
    int fd = stage_wire(&t->s, role, tenant_id, tenant);
    CHECK_EQ_INT(ipc_chan_open(t->s.loop, fd, IPC_CHANNEL_PEER, role, IPC_ROLE_STORE, false,
                               &store_friend_handler, f, &f->chan),
                 0);
}

static inline void store_leave(struct store_friend *f)
{
    ipc_chan_free(f->chan);
    f->chan = NULL;
}

/* ---- asking ---- */

static inline int store_on_answer(void *arg, int code, const struct ipc_in *in)
{
    struct store_answer *a = arg;
    CHECK(!a->done);
    a->done = true;
    a->channel = code;
    if (code == 0) {
        a->msg = in->msg;
        CHECK_EQ_INT(buf_append_span(&a->payload, in->payload), 0);
    }
    net_loop_stop(a->stage->loop);
    return 0;
}

static inline struct store_answer *store_answer_init(struct store_friend *f, struct store_answer *a)
{
    *a = (struct store_answer){.stage = &f->stage->s, .msg = IPC_MSG__COUNT};
    buf_init(&a->payload, IPC_APPLY_MAX);
    return a;
}

/* Waits, reads the answer into *m with that getter, checks its kind. The spans of *m live until the buf is freed. */
#define STORE_GET(answer_, MSG_, lower_, m_)                                    \
    do {                                                                        \
        STAGE_UNTIL((answer_)->stage, (answer_)->done);                         \
        CHECK_EQ_INT((answer_)->channel, 0);                                    \
        CHECK_EQ_INT((answer_)->msg, IPC_MSG_##MSG_);                           \
        CHECK_EQ_INT(ipc_get_##lower_(buf_span(&(answer_)->payload), (m_)), 0); \
    } while (0)

/* The store has read what came before on other channels when it answers this. */
static inline void store_settle(struct store_friend *api)
{
    struct store_answer a;
    struct ipc_tenant_page page;
    CHECK_EQ_INT(ipc_call_tenant_list(api->chan, &(struct ipc_tenant_list){.limit = 100}, store_on_answer,
                                      store_answer_init(api, &a), NULL),
                 0);
    STORE_GET(&a, TENANT_PAGE, tenant_page, &page);
    CHECK_EQ_UINT(page.code, 0);
    buf_deinit(&a.payload);
}

/* TENANTS_APPLY of one tenant with one route; the answer comes into `a`. */
static inline void store_apply(struct store_friend *api, const char *tenant, const char *destination,
                               struct store_answer *a)
{
    struct test_apply apply;
    test_apply_init(&apply);
    test_apply_add(&apply, tenant, destination, test_spec(tenant, destination, "key"), NULL);
    struct writer w = writer_to(&apply.list);
    ipc_list_end(&w, apply.at, apply.count);
    struct ipc_tenants_apply m = {.tenants = buf_span(&apply.list)};
    CHECK_EQ_INT(ipc_call_tenants_apply(api->chan, &m, store_on_answer, store_answer_init(api, a), NULL), 0);
    buf_deinit(&apply.list);
}

/* What an apply of one tenant answers: enum store_applied_what, or the negative code. */
static inline int store_applied_what(struct store_answer *a)
{
    struct ipc_tenants_applied m;
    STORE_GET(a, TENANTS_APPLIED, tenants_applied, &m);
    struct reader r = reader_of(m.results);
    int what = ipc_result(m.code);
    if (m.code == 0 && CHECK_EQ_UINT(ipc_list_read(&r, 10), 1)) {
        (void)ipc_read_text(&r, IPC_NAME_MAX);
        what = reader_u8(&r);
        CHECK_EQ_INT(reader_finish(&r), 0);
    }
    buf_deinit(&a->payload);
    return what;
}

/* Creates a tenant, with its listener; its id. */
static inline uint64_t store_create(struct store_stage *t, struct store_friend *api, const char *tenant)
{
    struct store_answer a;
    size_t before = t->life_count;
    store_apply(api, tenant, "https://api.example.com:443", &a);
    STAGE_UNTIL(&t->s, t->life_count == before + 1);
    CHECK_EQ_INT(t->life[before].msg, IPC_MSG_TENANT_UP);
    CHECK_EQ_STR(t->life[before].tenant, tenant);
    uint64_t id = t->life[before].tenant_id;
    store_listening(t, id, (uint16_t)(40000 + id));
    CHECK_EQ_INT(store_applied_what(&a), STORE_APPLIED_CREATED);
    return id;
}

/* ---- the audit ---- */

static inline struct span store_request_id(uint64_t n)
{
    static uint8_t id[IPC_REQUEST_ID_LEN];
    for (size_t i = 0; i < sizeof(id); i++) {
        id[i] = (uint8_t)(i < 8 ? n >> (8 * i) : 0x5a);
    }
    return span_of(id, sizeof(id));
}

static inline struct ipc_audit_decision store_decision(uint64_t n)
{
    return (struct ipc_audit_decision){.request_id = store_request_id(n),
                                       .time_ms = TEST_NOW_MS + n,
                                       .reason = n % 2 == 0 ? POLICY_REASON_ROUTE : POLICY_REASON_NO_ROUTE,
                                       .route = SPAN_LIT("main"),
                                       .credential = SPAN_LIT("key"),
                                       .method = SPAN_LIT("POST"),
                                       .host = SPAN_LIT("api.example.com"),
                                       .port = 443,
                                       .path = SPAN_LIT("/v1/messages")};
}

static inline struct ipc_audit_outcome store_outcome(uint64_t n)
{
    return (struct ipc_audit_outcome){.request_id = store_request_id(n),
                                      .time_ms = TEST_NOW_MS + n,
                                      .reason = POLICY_REASON_ROUTE,
                                      .status = 200,
                                      .request_bytes = UINT64_MAX,
                                      .response_bytes = n,
                                      .duration_us = 5,
                                      .peer = SPAN_LIT("203.0.113.7:443"),
                                      .detail = n % 2 != 0 ? SPAN_LIT("pin mismatch") : SPAN_EMPTY};
}

static inline void store_send_outcome(struct store_friend *f, uint64_t n)
{
    struct ipc_audit_outcome m = store_outcome(n);
    CHECK_EQ_INT(ipc_send_audit_outcome(f->chan, 0, &m), 0);
}

/* Answers to many decisions. */
struct store_tally {
    struct stage *stage;
    size_t stored;
    size_t refused;
    size_t lost; /* the channel ended */
    int code;    /* of the last refusal */
    uint64_t first_seq;
    uint64_t last_seq;
};

static inline int store_on_stored(void *arg, int code, const struct ipc_in *in)
{
    struct store_tally *y = arg;
    struct ipc_audit_stored m;
    net_loop_stop(y->stage->loop);
    if (code != 0) {
        y->lost++;
        return 0;
    }
    CHECK_EQ_INT(in->msg, IPC_MSG_AUDIT_STORED);
    CHECK_EQ_INT(ipc_get_audit_stored(in->payload, &m), 0);
    if (m.code != 0) {
        y->refused++;
        y->code = ipc_result(m.code);
        CHECK_EQ_UINT(m.seq, 0);
        return 0;
    }
    CHECK(m.seq > y->last_seq);
    y->first_seq = y->stored == 0 ? m.seq : y->first_seq;
    y->last_seq = m.seq;
    y->stored++;
    return 0;
}

static inline void store_decide(struct store_friend *f, uint64_t n, struct store_tally *y)
{
    struct ipc_audit_decision m = store_decision(n);
    y->stage = &f->stage->s;
    CHECK_EQ_INT(ipc_call_audit_decision(f->chan, &m, store_on_stored, y, NULL), 0);
}

/* One decision, waited for: 0 or the refusal's code. */
static inline int store_decide_one(struct store_friend *f, uint64_t n)
{
    struct store_tally y = {0};
    store_decide(f, n, &y);
    STAGE_UNTIL(y.stage, y.stored + y.refused + y.lost == 1);
    CHECK_EQ_UINT(y.lost, 0);
    return y.refused != 0 ? y.code : 0;
}

/* HEALTH_GET; the spans of *m live until the answer's payload is freed. */
static inline void store_ask_health(struct store_friend *api, struct store_answer *a, struct ipc_health *m)
{
    struct ipc_health_get get = {.version = 1};
    CHECK_EQ_INT(ipc_call_health_get(api->chan, &get, store_on_answer, store_answer_init(api, a), NULL), 0);
    STORE_GET(a, HEALTH, health, m);
}

/* What is in the database of a store that has ended. */
struct store_found {
    uint64_t rows; /* with an unbroken chain */
    size_t decisions[3];
    size_t outcomes[3]; /* by tenant id; 0 for other ids than 1 and 2 */
    uint64_t last_outcome;
};

static inline struct store_found store_find(const struct store_stage *t)
{
    struct store_found found = {0};
    char path[300];
    store_stage_file(t, "", path);
    struct store_db *db = test_open(path);
    struct store_audit_verified v = {.more = true};
    struct store_audit_page page = {.more = true};
    struct buf rows;
    if (db == NULL) {
        return found;
    }
    CHECK_EQ_INT(store_audit_verify(db, 0, SPAN_EMPTY, UINT32_MAX, &v), 0);
    CHECK(!v.more);
    found.rows = v.rows;
    buf_init(&rows, IPC_PAGE_MAX);
    for (uint64_t after = 0; page.more; after = page.last_seq) {
        struct store_audit_query query = {.after_seq = after, .limit = 500};
        buf_reset(&rows);
        if (!CHECK_EQ_INT(store_audit_page(db, &query, &rows, &page), 0)) {
            break;
        }
        struct reader r = reader_of(buf_span(&rows));
        uint32_t count = ipc_list_read(&r, 500);
        for (uint32_t i = 0; i < count; i++) {
            struct store_audit_row row;
            CHECK_EQ_INT(store_audit_row_read(&r, &row), 0);
            size_t who = row.tenant_id < 3 ? (size_t)row.tenant_id : 0;
            if (row.kind == STORE_AUDIT_DECISION) {
                found.decisions[who]++;
            } else if (row.kind == STORE_AUDIT_OUTCOME) {
                found.outcomes[who]++;
                found.last_outcome = row.response_bytes;
                CHECK(span_eq_str(row.detail, row.response_bytes % 2 != 0 ? "pin mismatch" : ""));
            }
        }
    }
    buf_deinit(&rows);
    store_db_free(db);
    return found;
}

#endif
