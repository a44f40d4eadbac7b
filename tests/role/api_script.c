/* api_script.c - the store and the vault that the tests of the role `api` play: answers from a script. */
#include "api_world.h"

#include "base/clock.h"
#include "policy/grants.h"
#include "policy/verdict.h"
#include "store/client.h"
#include "support/spec_make.h"

static const uint8_t public_key[32] = {0xab, 0xcd, [31] = 0xef};
const uint8_t hash_one[IPC_HASH_LEN] = {0x11};

static int answer_done(struct world *w, struct ipc_chan *chan, const struct ipc_in *in)
{
    struct ipc_done m = {.code = w->code, .why = span_str(w->why)};
    return ipc_send_done(chan, in->call, &m);
}

static struct spec *alice_spec(void)
{
    struct spec *spec = make_spec("alice");
    make_credential(spec, "openai", "OPENAI_API_KEY", "sk-proj-{48}");
    make_credential(spec, "docs", "CLAWBOX_DOCS", "{32}");
    make_bearer(make_route(spec, "openai", "https://api.openai.com:443", "GET POST", "/v1/**"), "openai");
    struct spec_route *route = make_route(spec, "inside", "http://docs.example.com:80", "GET", "");
    make_bearer(route, "docs");
    route->insecure = true;
    route->upstream_address = make_text("10.0.0.1");
    route->upstream_port = 8080;
    make_route(spec, "no-admin", "https://api.openai.com:443", "DELETE", "/v1/admin")->action =
        SPEC_ACTION_DENY;
    return spec;
}

static void write_credential(struct writer *w, const char *name, const char *placeholder, const char *binding,
                             uint64_t version, uint64_t set_ms)
{
    ipc_write_text(w, span_str(name), IPC_NAME_MAX);
    ipc_write_text(w, span_str(placeholder), 255);
    writer_bytes(w, span_str(binding), IPC_BINDING_MAX);
    writer_u64(w, version);
    writer_u64(w, set_ms);
    writer_u64(w, set_ms == 0 ? 0 : set_ms + 60000);
}

static int answer_tenant(struct world *w, struct ipc_chan *chan, const struct ipc_in *in)
{
    struct ipc_tenant m = {.code = w->absent ? (uint32_t)-CB_ENOTFOUND : w->code};
    struct buf spec;
    struct buf credentials;
    buf_init(&spec, IPC_SPEC_MAX);
    buf_init(&credentials, 4096);
    if (m.code == 0) {
        struct spec *alice = alice_spec();
        CHECK_EQ_INT(spec_encode(alice, &spec), 0);
        spec_free(alice);
        struct writer out = writer_to(&credentials);
        size_t at = ipc_list_begin(&out);
        write_credential(&out, "openai", "sk-proj-PLACEHOLDER", "api.openai.com:443\n*.openai.com:443", 3,
                         951782400007);
        write_credential(&out, "docs", "PLACEHOLDER2", "", 0, 0);
        write_credential(&out, "old", "PLACEHOLDER3", "old.example.com:443", 1, 1000);
        ipc_list_end(&out, at, 3);
        CHECK_EQ_INT(writer_finish(&out), 0);
        m = (struct ipc_tenant){.tenant_id = 7,
                                .generation = w->generation != 0 ? w->generation : 9,
                                .port = 4711,
                                .token = SPAN_LIT("tok"),
                                .yaml = SPAN_LIT("# mine\nname: \"x\"\n"),
                                .spec = buf_span(&spec),
                                .credentials = buf_span(&credentials)};
    }
    int r = ipc_send_tenant(chan, in->call, &m);
    buf_deinit(&spec);
    buf_deinit(&credentials);
    return r;
}

int answer_page(struct ipc_chan *chan, const struct ipc_in *in)
{
    struct buf list;
    buf_init(&list, 4096);
    struct writer out = writer_to(&list);
    size_t at = ipc_list_begin(&out);
    ipc_write_text(&out, SPAN_LIT("alice"), IPC_NAME_MAX);
    writer_u64(&out, 7);
    writer_u16(&out, 4711);
    writer_u32(&out, 3);
    writer_u32(&out, 2);
    writer_u32(&out, 1);
    writer_u64(&out, 0);
    writer_u64(&out, 951782400007);
    writer_u64(&out, 951782400008);
    writer_u64(&out, 12);
    writer_u64(&out, 3);
    writer_u64(&out, 951782400009);
    writer_u32(&out, 4);
    ipc_list_end(&out, at, 1);
    struct ipc_tenant_page m = {.more = true, .tenants = buf_span(&list)};
    int r = ipc_send_tenant_page(chan, in->call, &m);
    buf_deinit(&list);
    return r;
}

static void write_audit(struct writer *out, const struct store_audit_row *row)
{
    struct buf encoded;
    buf_init(&encoded, STORE_AUDIT_ROW_MAX);
    CHECK_EQ_INT(store_audit_row_encode(row, &encoded), 0);
    writer_bytes(out, buf_span(&encoded), STORE_AUDIT_ROW_MAX);
    writer_raw(out, hash_one, sizeof(hash_one));
    buf_deinit(&encoded);
}

static int answer_audit(struct ipc_chan *chan, const struct ipc_in *in)
{
    struct buf list;
    buf_init(&list, IPC_PAGE_MAX);
    struct writer out = writer_to(&list);
    size_t at = ipc_list_begin(&out);
    struct store_audit_row row = {.seq = 5,
                                  .kind = STORE_AUDIT_DECISION,
                                  .tenant = SPAN_LIT("alice"),
                                  .tenant_id = 7,
                                  .request_id = SPAN_LIT("0123456789ab"),
                                  .time_ms = 951782400007,
                                  .reason = POLICY_REASON_NO_ROUTE,
                                  .method = SPAN_LIT("GET"),
                                  .host = SPAN_LIT("evil.example"),
                                  .port = 443,
                                  .path = SPAN_LIT("/\"quoted\""),
                                  .query_keys = SPAN_LIT("a&b")};
    write_audit(&out, &row);
    row = (struct store_audit_row){.seq = 6,
                                   .kind = STORE_AUDIT_OUTCOME,
                                   .tenant = SPAN_LIT("alice"),
                                   .tenant_id = 7,
                                   .request_id = SPAN_LIT("0123456789ab"),
                                   .time_ms = 951782400008,
                                   .reason = POLICY_REASON_ROUTE,
                                   .status = 200,
                                   .request_bytes = 10,
                                   .response_bytes = 20,
                                   .first_byte_us = 30,
                                   .duration_us = 40,
                                   .scrubs = 2,
                                   .peer = SPAN_LIT("192.0.2.1:443"),
                                   .detail = SPAN_LIT("a \"detail\""),
                                   .model = SPAN_LIT("m-1"),
                                   .input_tokens = 7,
                                   .output_tokens = 8};
    write_audit(&out, &row);
    ipc_list_end(&out, at, 2);
    struct ipc_audit_rows m = {.last_seq = 6, .rows = buf_span(&list)};
    int r = ipc_send_audit_rows(chan, in->call, &m);
    buf_deinit(&list);
    return r;
}

static void note_text(struct world *w, const char *name, struct span text)
{
    if (text.len != 0) {
        world_note(w, " %s=%.*s", name, SPAN_ARG(text));
    }
}

static void note_number(struct world *w, const char *name, uint64_t number)
{
    if (number != 0) {
        world_note(w, " %s=%llu", name, (unsigned long long)number);
    }
}

/* Two slices: record 6, and then record 5, or what is behind it when only that is asked for. */
static int answer_search(struct world *w, struct ipc_chan *chan, const struct ipc_in *in)
{
    struct ipc_audit_search m;
    int r = ipc_get_audit_search(in->payload, &m);
    if (r != 0) {
        return r;
    }
    world_note(w, "search");
    note_text(w, "tenant", m.tenant);
    note_number(w, "kind", m.kind);
    note_number(w, "verdict", m.verdict);
    note_number(w, "reason", m.reason);
    note_text(w, "route", m.route);
    note_text(w, "host", m.host);
    note_number(w, "request", m.request_id.len);
    note_text(w, "text", m.text);
    note_number(w, "since", m.since_ms);
    note_number(w, "until", m.until_ms);
    note_number(w, "before", m.before_seq);
    world_note(w, " limit=%u\n", m.limit);
    struct buf list;
    buf_init(&list, IPC_PAGE_MAX);
    struct writer out = writer_to(&list);
    size_t at = ipc_list_begin(&out);
    struct store_audit_row row = {.seq = m.before_seq == 0 ? 6 : 5,
                                  .kind = STORE_AUDIT_CHANGE,
                                  .tenant = SPAN_LIT("alice"),
                                  .tenant_id = 7,
                                  .request_id = SPAN_LIT("0123456789ab"),
                                  .time_ms = 951782400008,
                                  .reason = POLICY_REASON_ROUTE,
                                  .change = SPAN_LIT("resumed"),
                                  .by = SPAN_LIT("socket")};
    write_audit(&out, &row);
    ipc_list_end(&out, at, 1);
    struct ipc_audit_found a = {.code = w->code,
                                .next = m.before_seq == 0   ? 6
                                        : m.before_seq == 1 ? 1
                                                            : 0,
                                .rows = buf_span(&list)};
    r = ipc_send_audit_found(chan, in->call, &a);
    buf_deinit(&list);
    return r;
}

static int answer_series(struct world *w, struct ipc_chan *chan, const struct ipc_in *in)
{
    struct ipc_series_get m;
    int r = ipc_get_series_get(in->payload, &m);
    if (r != 0) {
        return r;
    }
    world_note(w, "series tenant=%.*s for=%llu step=%u\n", SPAN_ARG(m.tenant),
               (unsigned long long)(m.to_s - m.from_s), m.step_s);
    struct buf list;
    buf_init(&list, 4096);
    struct writer out = writer_to(&list);
    size_t at = ipc_list_begin(&out);
    for (uint64_t n = 0; n < 18; n++) {
        writer_u64(&out, n + 1);
    }
    ipc_list_end(&out, at, 2);
    struct ipc_series a = {.code = span_eq_str(m.tenant, "nobody") ? (uint32_t)-CB_ENOTFOUND : w->code,
                           .points = buf_span(&list)};
    r = ipc_send_series(chan, in->call, &a);
    buf_deinit(&list);
    return r;
}

static int answer_applied(struct world *w, struct ipc_chan *chan, struct ipc_in *in)
{
    struct ipc_tenants_apply m;
    struct buf results;
    int error = ipc_get_tenants_apply(in->payload, &m);
    buf_init(&results, 4096);
    struct writer out = writer_to(&results);
    struct reader r = reader_of(m.tenants);
    uint32_t count = ipc_list_read(&r, 4096);
    size_t at = ipc_list_begin(&out);
    for (uint32_t i = 0; i < count && r.error == 0; i++) {
        struct span name = ipc_read_text(&r, IPC_NAME_MAX);
        struct span yaml = reader_bytes(&r, IPC_PAGE_MAX);
        struct span encoded = reader_bytes(&r, IPC_SPEC_MAX);
        struct spec *spec = NULL;
        CHECK_EQ_INT(spec_decode(encoded, &spec), 0);
        CHECK(spec != NULL && span_eq_str(name, spec->tenant));
        world_note(w, "apply %.*s [%.*s]", SPAN_ARG(name), SPAN_ARG(yaml));
        uint32_t credentials = ipc_list_read(&r, 512);
        for (uint32_t k = 0; k < credentials; k++) {
            struct span credential = ipc_read_text(&r, IPC_NAME_MAX);
            struct span placeholder = ipc_read_text(&r, 255);
            bool fixed = reader_u8(&r) != 0;
            world_note(w, " %.*s=%.3s(%zu)%s", SPAN_ARG(credential), (const char *)placeholder.ptr,
                       placeholder.len, fixed ? " fixed" : "");
        }
        world_note(w, " ca=%zu\n",
                   spec->route_count != 0 && spec->routes[0].upstream_ca != NULL
                       ? strlen(spec->routes[0].upstream_ca)
                       : 0);
        spec_free(spec);
        ipc_write_text(&out, name, IPC_NAME_MAX);
        writer_u8(&out, (uint8_t)((i + w->result) % 3));
    }
    ipc_list_end(&out, at, count);
    CHECK_EQ_INT(error, 0);
    CHECK_EQ_INT(reader_finish(&r), 0);
    if (m.expect != IPC_EXPECT_ANY || m.dry_run) {
        world_note(w, "expect=%u id=%llu generation=%llu dry=%d\n", m.expect, (unsigned long long)m.tenant_id,
                   (unsigned long long)m.generation, m.dry_run);
    }
    struct ipc_tenants_applied a = {.code = w->code | w->apply_code, .why = span_str(w->why)};
    if (a.code == 0) {
        a.results = buf_span(&results);
    }
    int sent = ipc_send_tenants_applied(chan, in->call, &a);
    buf_deinit(&results);
    return sent;
}

/* 4500 rows, then as w->code says. */
static int answer_verified(struct world *w, struct ipc_chan *chan, const struct ipc_in *in)
{
    struct ipc_audit_verify m;
    int r = ipc_get_audit_verify(in->payload, &m);
    world_note(w, "verify after=%llu hash=%zu limit=%u\n", (unsigned long long)m.after_seq, m.hash.len,
               m.limit);
    uint64_t last = m.after_seq + m.limit < 4500 ? m.after_seq + m.limit : 4500;
    struct ipc_audit_verified a = {.last_seq = last,
                                   .rows = last - m.after_seq,
                                   .hash = span_of(hash_one, sizeof(hash_one)),
                                   .more = last < 4500};
    if (!a.more && w->code != 0) {
        a.code = w->code;
        a.rows = 17;
        a.why = span_str(w->why);
    }
    return r == 0 ? ipc_send_audit_verified(chan, in->call, &a) : r;
}

static int answer_put(struct world *w, struct ipc_chan *chan, const struct ipc_in *in)
{
    struct ipc_credential_put m;
    int r = ipc_get_credential_put(in->payload, &m);
    if (r != 0) {
        return r;
    }
    world_note(w, "put %.*s/%.*s id=%llu binding=[%.*s] box=[%.*s]\n", SPAN_ARG(m.tenant),
               SPAN_ARG(m.credential), (unsigned long long)m.tenant_id, SPAN_ARG(m.binding), SPAN_ARG(m.box));
    return answer_done(w, chan, in);
}

static int answer_grants(const struct world *w, struct ipc_chan *chan, const struct ipc_in *in)
{
    const struct policy_grant grant = {.id = 17,
                                       .host = SPAN_LIT("granted.example"),
                                       .port = 443,
                                       .method = SPAN_LIT("GET"),
                                       .path = SPAN_LIT("/a/*"),
                                       .until_ms = clock_wall_ms() + 3600000,
                                       .uses_left = 1};
    struct buf list;
    buf_init(&list, 4096);
    struct writer out = writer_to(&list);
    writer_u32(&out, w->granted ? 1 : 0);
    if (w->granted) {
        policy_grant_write(&out, &grant);
        writer_u64(&out, 951782400006);
        ipc_write_text(&out, SPAN_LIT("admin:root"), IPC_BY_MAX);
    }
    CHECK_EQ_INT(writer_finish(&out), 0);
    struct ipc_grants m = {.code = w->absent ? (uint32_t)-CB_ENOTFOUND : w->code, .grants = buf_span(&list)};
    int r = ipc_send_grants(chan, in->call, &m);
    buf_deinit(&list);
    return r;
}

int play_script(struct world *w, struct ipc_chan *chan, struct ipc_in *in)
{
    struct ipc_tenant_list list;
    struct ipc_tenant_get get;
    struct ipc_grants_get grants;
    struct ipc_tenant_delete gone;
    struct ipc_credential_delete credential;
    struct ipc_ca_cert_get ca;
    struct ipc_audit_page page;
    int r = 0;
    switch (in->msg) {
    case IPC_MSG_TENANTS_APPLY:
        return answer_applied(w, chan, in);
    case IPC_MSG_TENANT_LIST:
        r = ipc_get_tenant_list(in->payload, &list);
        world_note(w, "list after=%.*s limit=%u\n", SPAN_ARG(list.after), list.limit);
        if (list.only.len != 0) {
            world_note(w, "only %.*s\n", SPAN_ARG(list.only));
        }
        return r == 0 ? answer_page(chan, in) : r;
    case IPC_MSG_TENANT_GET:
        r = ipc_get_tenant_get(in->payload, &get);
        world_note(w, "get %.*s\n", SPAN_ARG(get.tenant));
        return r == 0 ? answer_tenant(w, chan, in) : r;
    case IPC_MSG_GRANTS_GET:
        r = ipc_get_grants_get(in->payload, &grants);
        world_note(w, "grants %.*s\n", SPAN_ARG(grants.tenant));
        return r == 0 ? answer_grants(w, chan, in) : r;
    case IPC_MSG_TENANT_DELETE:
        r = ipc_get_tenant_delete(in->payload, &gone);
        world_note(w, "delete %.*s\n", SPAN_ARG(gone.tenant));
        if (gone.tenant_id != 0) {
            world_note(w, "id=%llu generation=%llu\n", (unsigned long long)gone.tenant_id,
                       (unsigned long long)gone.generation);
        }
        return r == 0 ? answer_done(w, chan, in) : r;
    case IPC_MSG_CREDENTIAL_PUT:
        return answer_put(w, chan, in);
    case IPC_MSG_CREDENTIAL_DELETE:
        r = ipc_get_credential_delete(in->payload, &credential);
        world_note(w, "delete %.*s/%.*s\n", SPAN_ARG(credential.tenant), SPAN_ARG(credential.credential));
        return r == 0 ? answer_done(w, chan, in) : r;
    case IPC_MSG_AUDIT_PAGE:
        r = ipc_get_audit_page(in->payload, &page);
        world_note(w, "audit tenant=%.*s after=%llu since=%llu denied=%d newest=%d limit=%u\n",
                   SPAN_ARG(page.tenant), (unsigned long long)page.after_seq,
                   (unsigned long long)page.since_ms, page.denied_only, page.newest, page.limit);
        return r == 0 ? answer_audit(chan, in) : r;
    case IPC_MSG_SERIES_GET:
        return answer_series(w, chan, in);
    case IPC_MSG_AUDIT_SEARCH:
        return answer_search(w, chan, in);
    case IPC_MSG_AUDIT_VERIFY:
        return answer_verified(w, chan, in);
    case IPC_MSG_SEAL_KEY_GET:
        world_note(w, "seal key\n");
        return ipc_send_seal_key(
            chan, in->call, &(struct ipc_seal_key){.public_key = span_of(public_key, sizeof(public_key))});
    case IPC_MSG_CA_CERT_GET:
        r = ipc_get_ca_cert_get(in->payload, &ca);
        world_note(w, "ca %llu\n", (unsigned long long)ca.tenant_id);
        return r == 0
                   ? ipc_send_ca_cert(chan, in->call, &(struct ipc_ca_cert){.cert = SPAN_LIT("\x30\x01\x02")})
                   : r;
    default:
        return CB_EPERM;
    }
}

/* Remembers the request, and does not answer it. */
int play_silent(struct world *w, struct ipc_chan *chan, struct ipc_in *in)
{
    (void)chan;
    w->pending = in->msg;
    w->pending_call = in->call;
    w->asked = true;
    return 0;
}
