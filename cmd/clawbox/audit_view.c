/* audit_view.c - the table of requests. */
#include "audit_view.h"

#include "control.h"
#include "table.h"

#include <stdlib.h>

/* How far back an outcome looks for its decision, and how long a printed request is remembered for its outcome. */
#define LOOK_BACK 4096
/* A longer path or detail is cut in the table; --json has it whole. */
#define REQUEST_SHOWN 100
#define DETAIL_SHOWN  100

struct entry {
    char *cells[7]; /* time, verdict, method, request, route, credential, tenant */
    char *status;   /* NULL until the outcome has come */
    char id[64];    /* of the request, in hexadecimal */
    bool printed;   /* as it is now */
};

enum {
    CELL_TIME,
    CELL_VERDICT,
    CELL_METHOD,
    CELL_REQUEST,
    CELL_ROUTE,
    CELL_CREDENTIAL,
    CELL_TENANT,
    CELL__COUNT
};
_Static_assert(CELL__COUNT == sizeof(((struct entry *)0)->cells) / sizeof(char *), "cells");

struct audit_view {
    struct entry *entries;
    size_t first; /* those before it are free */
    size_t count;
    size_t capacity;
    size_t keep;
    bool with_tenant;
    struct table table;
};

struct audit_view *audit_view_new(bool with_tenant, size_t keep)
{
    static const char *const titles[] = {"TIME",  "VERDICT",    "METHOD", "REQUEST",
                                         "ROUTE", "CREDENTIAL", "STATUS", "TENANT"};
    struct audit_view *view = calloc(1, sizeof(*view));
    if (view != NULL) {
        view->keep = keep;
        view->with_tenant = with_tenant;
        table_init(&view->table, titles, with_tenant ? 8 : 7);
    }
    return view;
}

void audit_view_keep(struct audit_view *view, size_t keep)
{
    view->keep = keep;
}

static void entry_clear(struct entry *e)
{
    for (size_t i = 0; i < CELL__COUNT; i++) {
        free(e->cells[i]);
    }
    free(e->status);
    *e = (struct entry){0};
}

void audit_view_free(struct audit_view *view)
{
    if (view == NULL) {
        return;
    }
    for (size_t i = view->first; i < view->first + view->count; i++) {
        entry_clear(&view->entries[i]);
    }
    free(view->entries);
    table_deinit(&view->table);
    free(view);
}

static void drop_first(struct audit_view *view)
{
    entry_clear(&view->entries[view->first++]);
    view->count--;
}

/* Room for one more entry behind the last. NULL when out of memory. */
static struct entry *entry_add(struct audit_view *view)
{
    if (view->keep != 0 && view->count >= view->keep) {
        drop_first(view);
    }
    if (view->first + view->count == view->capacity) {
        if (view->first > view->capacity / 2) {
            memmove(view->entries, view->entries + view->first, view->count * sizeof(*view->entries));
            view->first = 0;
        } else {
            size_t capacity = view->capacity == 0 ? 64 : 2 * view->capacity;
            struct entry *entries = reallocarray(view->entries, capacity, sizeof(*entries));
            if (entries == NULL) {
                return NULL;
            }
            view->entries = entries;
            view->capacity = capacity;
        }
    }
    struct entry *e = &view->entries[view->first + view->count++];
    *e = (struct entry){0};
    return e;
}

/* "api.openai.com/v1/models": with what is not the usual way said in front and behind. */
static char *request_text(const struct conf_node *row)
{
    const char *scheme = control_text(row, "scheme");
    uint64_t port = control_number(row, "port");
    bool clear = strcmp(scheme, "http") == 0;
    char port_text[24] = "";
    char *text = NULL;
    if (port != 0 && port != (clear ? 80 : 443)) {
        (void)snprintf(port_text, sizeof(port_text), ":%llu", (unsigned long long)port);
    }
    if (asprintf(&text, "%s%s%s%s", clear ? "http://" : "", control_text(row, "host"), port_text,
                 control_text(row, "path")) < 0) {
        return NULL;
    }
    if (strlen(text) > REQUEST_SHOWN) {
        memcpy(text + REQUEST_SHOWN - 3, "...", 4);
    }
    return text;
}

/* "allowed", or "denied: no_route". */
static char *verdict_text(const struct conf_node *row)
{
    const char *verdict = control_text(row, "verdict");
    char *text = NULL;
    bool allowed = strcmp(verdict, "allowed") == 0;
    int len =
        asprintf(&text, "%s%s%s", verdict, allowed ? "" : ": ", allowed ? "" : control_text(row, "reason"));
    return len < 0 ? NULL : text;
}

static int add_decision(struct audit_view *view, const struct conf_node *row)
{
    struct entry *e = entry_add(view);
    if (e == NULL) {
        return CB_ENOMEM;
    }
    (void)snprintf(e->id, sizeof(e->id), "%s", control_text(row, "request_id"));
    e->cells[CELL_TIME] = strdup(control_text(row, "time"));
    e->cells[CELL_VERDICT] = verdict_text(row);
    e->cells[CELL_METHOD] = strdup(control_text(row, "method"));
    e->cells[CELL_REQUEST] = request_text(row);
    e->cells[CELL_ROUTE] = strdup(control_text(row, "route"));
    e->cells[CELL_CREDENTIAL] = strdup(control_text(row, "credential"));
    e->cells[CELL_TENANT] = strdup(control_text(row, "tenant"));
    for (size_t i = 0; i < CELL__COUNT; i++) {
        if (e->cells[i] == NULL) {
            return CB_ENOMEM;
        }
    }
    return 0;
}

/* What somebody did to the tenant: "suspended", and by whom. */
static int add_change(struct audit_view *view, const struct conf_node *row)
{
    struct entry *e = entry_add(view);
    if (e == NULL) {
        return CB_ENOMEM;
    }
    (void)snprintf(e->id, sizeof(e->id), "change");
    for (size_t i = 0; i < CELL__COUNT; i++) {
        const char *text = i == CELL_TIME      ? control_text(row, "time")
                           : i == CELL_VERDICT ? control_text(row, "change")
                           : i == CELL_REQUEST ? control_text(row, "by")
                           : i == CELL_TENANT  ? control_text(row, "tenant")
                                               : "";
        e->cells[i] = strdup(text);
        if (e->cells[i] == NULL) {
            return CB_ENOMEM;
        }
    }
    return 0;
}

/* " (gpt-5.5: 19 in, 10 out)": what the provider reported, if it did. */
static void use_text(const struct conf_node *row, char *out, size_t size)
{
    uint64_t input = control_number(row, "input_tokens");
    uint64_t output = control_number(row, "output_tokens");
    const char *model = control_text(row, "model");
    if (input != 0 || output != 0) {
        (void)snprintf(out, size, " (%s%s%llu in, %llu out)", model, model[0] != '\0' ? ": " : "",
                       (unsigned long long)input, (unsigned long long)output);
    }
}

/* "200", or "502 upstream_tls (closed during the TLS handshake)" when it did not go as decided. */
static int add_outcome(struct audit_view *view, const struct conf_node *row)
{
    const char *id = control_text(row, "request_id");
    for (size_t i = 0; i < view->count && i < LOOK_BACK; i++) {
        struct entry *e = &view->entries[view->first + view->count - 1 - i];
        if (e->status != NULL || strcmp(e->id, id) != 0) {
            continue;
        }
        bool allowed = strcmp(control_text(row, "verdict"), "allowed") == 0;
        char number[24] = "";
        uint64_t status = control_number(row, "status");
        if (status != 0) {
            (void)snprintf(number, sizeof(number), "%llu", (unsigned long long)status);
        }
        char detail[DETAIL_SHOWN + 8] = "";
        const char *told = control_text(row, "detail");
        if (!allowed && told[0] != '\0') {
            (void)snprintf(detail, sizeof(detail), " (%.*s%s)", DETAIL_SHOWN, told,
                           strlen(told) > DETAIL_SHOWN ? "..." : "");
        }
        if (allowed) {
            use_text(row, detail, sizeof(detail));
        }
        int len = asprintf(&e->status, "%s%s%s%s", number, allowed || status == 0 ? "" : " ",
                           allowed ? "" : control_text(row, "reason"), detail);
        if (len < 0) {
            e->status = NULL;
            return CB_ENOMEM;
        }
        e->printed = false;
        return 0;
    }
    return 0; /* its decision was before the first record that was asked for */
}

int audit_view_add(struct audit_view *view, struct span line)
{
    struct conf_tree tree;
    struct conf_tree_error error;
    int r = conf_tree_read(line, &tree, &error);
    if (r == CB_EMALFORMED || r == CB_ELIMIT) {
        return cmd_fail("a record of the audit is not the JSON that was expected: %s", error.message);
    }
    if (r == 0) {
        const char *kind = control_text(tree.documents, "kind");
        r = strcmp(kind, "outcome") == 0  ? add_outcome(view, tree.documents)
            : strcmp(kind, "change") == 0 ? add_change(view, tree.documents)
                                          : add_decision(view, tree.documents);
        conf_tree_deinit(&tree);
    }
    return r == 0 ? CMD_GO : cmd_fail_r(r, "the audit cannot be shown");
}

int audit_view_print(struct audit_view *view)
{
    static const unsigned order[] = {CELL_TIME,    CELL_VERDICT, CELL_METHOD,
                                     CELL_REQUEST, CELL_ROUTE,   CELL_CREDENTIAL};
    for (size_t i = view->first; i < view->first + view->count; i++) {
        struct entry *e = &view->entries[i];
        if (e->printed) {
            continue;
        }
        for (size_t c = 0; c < sizeof(order) / sizeof(order[0]); c++) {
            table_cell(&view->table, span_str(e->cells[order[c]]));
        }
        table_cell(&view->table, span_str(e->status));
        if (view->with_tenant) {
            table_cell(&view->table, span_str(e->cells[CELL_TENANT]));
        }
        e->printed = true;
    }
    /* What has been printed waits for its outcome, but not for ever. */
    while (view->count > LOOK_BACK) {
        drop_first(view);
    }
    return table_empty(&view->table) ? CMD_GO : table_print(&view->table, stdout);
}
