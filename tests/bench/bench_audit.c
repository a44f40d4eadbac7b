/*
 * bench_audit.c - what a large audit costs to write and to look into: prints the tables of AUDIT.md.
 *
 *     bench_audit FOLDER ROWS
 *
 * Makes a database of so many records, as 40 tenants make them in a month, with the store's own functions and in its file's usual way (WAL, a
 * durable commit for each 64 records); then asks as the console asks, each question until it is answered: the first page of what was found, or
 * that there is nothing.
 */
#include "base/clock.h"
#include "base/strnum.h"
#include "policy/verdict.h"
#include "store/audit.h"
#include "store/audit_search.h"
#include "store/series.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define TENANTS  40
#define BATCH    64
#define PAGE     50
#define MONTH_MS (UINT64_C(30) * 24 * 3600 * 1000)
#define BEGIN_MS UINT64_C(1800000000000)

static const char *const hosts[] = {"api.anthropic.com", "api.openai.com", "api.github.com",
                                    "registry.npmjs.org", "pypi.org"};
static const char *const paths[] = {"/v1/messages", "/v1/chat/completions", "/repos/example/example/issues",
                                    "/left-pad", "/simple/requests/"};

/* The n-th of `rows`: a request is a decision and an outcome; 3 in 100 are refused, and somewhere in the middle there is one of a kind. */
static struct store_audit_row record(uint64_t n, uint64_t rows)
{
    static uint8_t request_id[IPC_REQUEST_ID_LEN];
    static char tenant[16];
    uint64_t request = n / 2;
    uint64_t mixed = request * UINT64_C(0x9e3779b97f4a7c15) >> 32;
    unsigned what = (unsigned)(mixed % (sizeof(hosts) / sizeof(hosts[0])));
    bool refused = mixed % 100 < 3;
    memcpy(request_id, &request, sizeof(request));
    (void)snprintf(tenant, sizeof(tenant), "tenant%u", (unsigned)(mixed / 100 % TENANTS));
    struct store_audit_row row = {.kind = n % 2 == 0 || refused ? STORE_AUDIT_DECISION : STORE_AUDIT_OUTCOME,
                                  .tenant = span_str(tenant),
                                  .tenant_id = mixed / 100 % TENANTS + 1,
                                  .request_id = span_of(request_id, sizeof(request_id)),
                                  .time_ms = BEGIN_MS + MONTH_MS / rows * n,
                                  .reason = refused ? POLICY_REASON_NO_ROUTE_PATH : POLICY_REASON_ROUTE};
    if (row.kind == STORE_AUDIT_DECISION) {
        row.route = refused ? SPAN_EMPTY : span_str(hosts[what]);
        row.credential = refused || what > 2 ? SPAN_EMPTY : SPAN_LIT("key");
        row.method = SPAN_LIT("POST");
        row.host = request == rows / 4 ? SPAN_LIT("once.example.com") : span_str(hosts[what]);
        row.port = 443;
        row.path = request == rows / 4 ? SPAN_LIT("/a-needle") : span_str(paths[what]);
        row.query_keys = SPAN_LIT("stream,limit");
    } else {
        row.status = 200;
        row.request_bytes = 1000 + mixed % 5000;
        row.response_bytes = 3000 + mixed % 9000;
        row.first_byte_us = 200000;
        row.duration_us = 900000;
        row.peer = SPAN_LIT("203.0.113.7:443");
        row.model = what == 0 ? SPAN_LIT("a-model") : SPAN_EMPTY;
        row.input_tokens = what == 0 ? 900 : 0;
        row.output_tokens = what == 0 ? 120 : 0;
    }
    return row;
}

static int fill(struct store_db *db, uint64_t rows)
{
    uint64_t seq;
    int r = 0;
    for (uint64_t n = 0; r == 0 && n < rows; n++) {
        struct store_audit_row row = record(n, rows);
        r = n % BATCH == 0 ? store_db_begin(db) : 0;
        r = r == 0 ? store_audit_append(db, &row, &seq) : r;
        if (r == 0 && (n % BATCH == BATCH - 1 || n + 1 == rows)) {
            r = store_db_commit(db);
        }
        if (n % 1000000 == 999999) {
            (void)fprintf(stderr, "%llu million records\n", (unsigned long long)(n / 1000000 + 1));
        }
    }
    return r;
}

/* ---- searches ---- */

static int search(struct store_db *db, const char *what, struct ipc_audit_search q)
{
    struct buf rows;
    uint64_t next = 1;
    unsigned found = 0;
    unsigned slices = 0;
    uint64_t longest = 0;
    int r = 0;
    q.limit = PAGE;
    uint64_t start = clock_mono_us();
    while (r == 0 && next != 0 && found < PAGE) {
        uint64_t before = clock_mono_us();
        buf_init(&rows, IPC_PAGE_MAX);
        r = store_audit_search(db, &q, &rows, &next);
        struct reader reader = reader_of(buf_span(&rows));
        found += r == 0 ? ipc_list_read(&reader, PAGE) : 0;
        buf_deinit(&rows);
        uint64_t took = clock_mono_us() - before;
        longest = took > longest ? took : longest;
        q.before_seq = next;
        slices++;
    }
    if (r == 0) {
        (void)printf("| %s | %u | %.1f | %u | %.1f |\n", what, found,
                     (double)(clock_mono_us() - start) / 1000, slices, (double)longest / 1000);
    }
    return r;
}

static int searches(struct store_db *db, uint64_t end_ms)
{
    const struct {
        const char *what;
        struct ipc_audit_search q;
    } questions[] = {
        {"the newest", {.tenant = SPAN_EMPTY}},
        {"of one tenant", {.tenant = SPAN_LIT("tenant7")}},
        {"refused, of one tenant", {.tenant = SPAN_LIT("tenant7"), .verdict = POLICY_VERDICT_DENIED + 1}},
        {"a reason that there is not", {.reason = POLICY_REASON_DNS + 1}},
        {"a host that was asked once", {.host = SPAN_LIT("once.example.com")}},
        {"a host that was asked once, of a tenant that did not",
         {.tenant = SPAN_LIT("tenant7"), .host = SPAN_LIT("nowhere.example.com")}},
        {"a route", {.route = SPAN_LIT("pypi.org")}},
        {"a text, found soon", {.text = SPAN_LIT("left-pad")}},
        {"a text that is not there, in the last hour",
         {.text = SPAN_LIT("nothing like it"), .since_ms = end_ms - 3600000}},
        {"a text that is not there, in the last day",
         {.text = SPAN_LIT("nothing like it"), .since_ms = end_ms - 24 * 3600000}},
        {"a text that is there once, in all of it", {.text = SPAN_LIT("a-needle")}},
    };
    (void)printf(
        "| records | found | ms | slices | longest slice ms |\n| --- | ---: | ---: | ---: | ---: |\n");
    int r = 0;
    for (size_t i = 0; r == 0 && i < sizeof(questions) / sizeof(questions[0]); i++) {
        r = search(db, questions[i].what, questions[i].q);
    }
    return r;
}

/* ---- charts ---- */

static int chart(struct store_db *db, const char *what, uint64_t span_s, uint32_t step_s, uint64_t end_ms)
{
    struct buf points;
    buf_init(&points, IPC_PAGE_MAX);
    uint64_t start = clock_mono_us();
    int r = store_series_read(
        db,
        &(struct ipc_series_get){.from_s = end_ms / 1000 - span_s, .to_s = end_ms / 1000, .step_s = step_s},
        &points);
    struct reader reader = reader_of(buf_span(&points));
    if (r == 0) {
        (void)printf("| %s | %u | %.1f |\n", what, ipc_list_read(&reader, IPC_SERIES_POINTS),
                     (double)(clock_mono_us() - start) / 1000);
    }
    buf_deinit(&points);
    return r;
}

static int charts(struct store_db *db, uint64_t end_ms)
{
    (void)printf("\n| chart | points | ms |\n| --- | ---: | ---: |\n");
    int r = chart(db, "an hour by minutes", 3600, 60, end_ms);
    r = r == 0 ? chart(db, "a day by five minutes", UINT64_C(24) * 3600, 300, end_ms) : r;
    r = r == 0 ? chart(db, "a week by hours", UINT64_C(7) * 24 * 3600, 3600, end_ms) : r;
    return r == 0 ? chart(db, "a month by hours", UINT64_C(30) * 24 * 3600, 3600, end_ms) : r;
}

int main(int argc, char **argv)
{
    uint64_t rows;
    char path[512];
    char why[STORE_WHY_MAX];
    struct store_db *db;
    struct stat st;
    if (argc != 3 || strnum_u64(span_str(argv[2]), 1000000000, &rows) != 0 || rows < 1000) {
        (void)fprintf(stderr, "bench_audit FOLDER ROWS (from 1000)\n");
        return 2;
    }
    (void)snprintf(path, sizeof(path), "%s/audit.db", argv[1]);
    if (store_db_open(path, &db, why, sizeof(why)) != 0) {
        (void)fprintf(stderr, "%s\n", why);
        return 1;
    }
    uint64_t end_ms = BEGIN_MS + MONTH_MS / rows * (rows - 1);
    uint64_t start = clock_mono_us();
    int r = fill(db, rows);
    uint64_t took = clock_mono_us() - start;
    if (r == 0 && stat(path, &st) == 0) {
        (void)printf(
            "%llu records, written in %.0f s (%.1f us each, with sums and summaries), %.0f bytes each.\n\n",
            (unsigned long long)rows, (double)took / 1e6, (double)took / (double)rows,
            (double)st.st_size / (double)rows);
        r = searches(db, end_ms);
    }
    r = r == 0 ? charts(db, end_ms) : r;
    if (r != 0) {
        (void)fprintf(stderr, "%d: %s\n", r, store_db_why(db));
    }
    store_db_free(db);
    return r == 0 ? 0 : 1;
}
