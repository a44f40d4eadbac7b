/* cmd_audit.c - clawbox audit: the last records, records as they come, and whether their chain holds. */
#include "audit_view.h"
#include "control.h"

#include "base/clock.h"
#include "base/strnum.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define REQUESTS_DEFAULT 20
#define COUNT_MAX        1000000
/* Records asked for at once. */
#define PAGE 1000
/* A page has room for more records than this, whatever they hold: one with fewer is the whole answer. */
#define PAGE_LEAST        100
#define VERIFY_SILENCE_MS (60 * 60 * 1000)

struct audit {
    const char *state;
    const char *tenant; /* NULL: all */
    bool denied;
    uint64_t since_ms;
    struct audit_view *view; /* NULL: the lines are passed on */
    /* The last lines that came, when not all are wanted. */
    char **lines;
    size_t capacity;
    size_t next;
    /* What has come. */
    uint64_t count;    /* records of this walk */
    uint64_t page;     /* records of this page */
    uint64_t last_seq; /* the highest one seen */
};

/* ---- one page ---- */

/* The number that the server puts first; or wherever it is. */
static uint64_t line_seq(struct span line)
{
    const struct span first = SPAN_LIT("{\"seq\":");
    uint64_t seq = 0;
    if (span_starts(line, first)) {
        struct span rest = span_sub(line, first.len, line.len);
        size_t digits = 0;
        while (digits < rest.len && rest.ptr[digits] >= '0' && rest.ptr[digits] <= '9') {
            digits++;
        }
        if (strnum_u64(span_sub(rest, 0, digits), UINT64_MAX, &seq) == 0) {
            return seq;
        }
    }
    struct conf_tree tree;
    struct conf_tree_error error;
    if (conf_tree_read(line, &tree, &error) == 0) {
        seq = control_number(tree.documents, "seq");
        conf_tree_deinit(&tree);
    }
    return seq;
}

static int put_line(struct audit *a, struct span line)
{
    if (a->view != NULL) {
        return audit_view_add(a->view, line);
    }
    (void)fwrite(line.ptr, 1, line.len, stdout);
    (void)fputc('\n', stdout);
    return ferror(stdout) ? cmd_fail_r(-errno, "the output could not be written") : CMD_GO;
}

static int on_line(void *arg, struct span line)
{
    struct audit *a = arg;
    uint64_t seq = line_seq(line);
    a->count++;
    a->page++;
    a->last_seq = seq > a->last_seq ? seq : a->last_seq;
    if (a->capacity == 0) {
        return put_line(a, line);
    }
    char *copy = strndup((const char *)line.ptr, line.len);
    if (copy == NULL) {
        return cmd_fail_r(CB_ENOMEM, "the audit cannot be read");
    }
    free(a->lines[a->next]);
    a->lines[a->next] = copy;
    a->next = (a->next + 1) % a->capacity;
    return CMD_GO;
}

static int ask_page(struct audit *a, uint64_t after, size_t limit, bool newest)
{
    char target[256];
    char since[48] = "";
    a->page = 0;
    if (a->since_ms != 0) {
        (void)snprintf(since, sizeof(since), "&since=%llu", (unsigned long long)a->since_ms);
    }
    (void)snprintf(target, sizeof(target), "/v1/audit?limit=%zu&%s%llu%s%s%s%s", limit,
                   newest ? "newest=1&after=" : "after=", (unsigned long long)after,
                   a->tenant != NULL ? "&tenant=" : "", a->tenant != NULL ? a->tenant : "",
                   a->denied ? "&denied=1" : "", since);
    return control_stream(a->state, target, on_line, a);
}

/* Every record after one, page after page. */
static int ask_all(struct audit *a, uint64_t after)
{
    a->last_seq = after;
    for (uint64_t before = after;; before = a->last_seq) {
        int r = ask_page(a, before, PAGE, false);
        if (r != CMD_GO || a->last_seq <= before) {
            return r;
        }
    }
}

/* ---- the last records ---- */

static void lines_clear(struct audit *a)
{
    for (size_t i = 0; i < a->capacity; i++) {
        free(a->lines[i]);
        a->lines[i] = NULL;
    }
    a->next = 0;
}

static int lines_put(struct audit *a)
{
    size_t capacity = a->capacity;
    int r = CMD_GO;
    for (size_t i = 0; r == CMD_GO && i < capacity; i++) {
        const char *line = a->lines[(a->next + i) % capacity];
        r = line != NULL ? put_line(a, span_str(line)) : CMD_GO;
    }
    return r;
}

/*
 * The last `count` records that match. One page may not have room for them, and pages go forward only: then the walk starts
 * further and further back until it meets enough of them.
 */
static int ask_last(struct audit *a, size_t count)
{
    a->lines = calloc(count, sizeof(*a->lines));
    if (a->lines == NULL) {
        return cmd_fail_r(CB_ENOMEM, "the audit cannot be read");
    }
    a->capacity = count;
    int r = ask_page(a, 0, count < PAGE ? count : PAGE, true);
    uint64_t last = a->last_seq;
    bool enough = a->count >= count || a->count < PAGE_LEAST;
    for (uint64_t window = count; r == CMD_GO && !enough; window *= 4) {
        uint64_t start = window < last ? last - window : 0;
        lines_clear(a);
        a->count = 0;
        r = ask_all(a, start);
        enough = a->count >= count || start == 0;
    }
    r = r == CMD_GO ? lines_put(a) : r;
    lines_clear(a);
    free(a->lines);
    a->lines = NULL;
    a->capacity = 0;
    return r;
}

/* ---- as they come ---- */

static int print_view(struct audit *a)
{
    int r = a->view != NULL ? audit_view_print(a->view) : CMD_GO;
    return fflush(stdout) == 0 ? r : cmd_fail_r(-errno, "the output could not be written");
}

static int follow(struct audit *a)
{
    if (a->view != NULL) {
        audit_view_keep(a->view, 0);
    }
    for (;;) {
        struct timespec second = {.tv_sec = 1};
        (void)nanosleep(&second, NULL);
        int r = ask_all(a, a->last_seq);
        r = r == CMD_GO ? print_view(a) : r;
        if (r != CMD_GO) {
            return r;
        }
    }
}

/* ---- the command ---- */

/* "90s", "30m", "1h", "2d" as milliseconds; 0 when it is none of these. */
static uint64_t read_duration(const char *text)
{
    static const struct {
        char unit;
        uint64_t ms;
    } units[] = {{'s', 1000}, {'m', 60 * 1000}, {'h', 60 * 60 * 1000}, {'d', 24 * 60 * 60 * 1000}};
    size_t len = strlen(text);
    uint64_t number = 0;
    if (len < 2 || strnum_u64(span_of(text, len - 1), 1000000, &number) != 0) {
        return 0;
    }
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (text[len - 1] == units[i].unit) {
            return number * units[i].ms;
        }
    }
    return 0;
}

static int show(struct audit *a, bool all, size_t count, bool following)
{
    int r = CMD_GO;
    if (all) {
        r = ask_all(a, 0);
    } else if (count > 0) {
        /* A request has two records; the rest is for outcomes whose decision is further back. */
        r = ask_last(a, a->view != NULL ? 2 * count + 64 : count);
    } else if (following) {
        /* Only where the audit ends: what is printed comes after it. */
        struct audit end = *a;
        char *line = NULL;
        end.lines = &line;
        end.capacity = 1;
        r = ask_page(&end, 0, 1, true);
        a->last_seq = end.last_seq;
        free(line);
    }
    r = r == CMD_GO ? print_view(a) : r;
    if (r == CMD_GO && a->count == 0 && !following && (all || count > 0)) {
        cmd_say("there are no such records");
    }
    return r == CMD_GO && following ? follow(a) : r;
}

static int audit_verify(int argc, char **argv)
{
    bool json = false;
    const struct cmd_option options[] = {{.name = "json", .flag = &json}};
    const struct cmd_usage usage = {
        .command = "audit", .line = "audit verify [--json]", .options = options, .option_count = 1};
    struct cmd_line line;
    struct control_answer answer;
    int r = cmd_line_parse(&usage, argc, argv, &line);
    if (r != CMD_GO) {
        return r;
    }
    /* The server says nothing until it has walked the whole chain. */
    struct control_request request = {
        .method = "GET", .target = "/v1/audit:verify", .timeout_ms = VERIFY_SILENCE_MS};
    r = control_ask(line.state, &request, &answer);
    if (r != CMD_GO) {
        return r;
    }
    r = control_answer_read(&answer);
    const struct conf_node *root = control_answer_root(&answer);
    bool holds = r == CMD_GO && control_flag(root, "ok");
    if (r == CMD_GO && json) {
        control_print_body(&answer);
    } else if (holds && control_number(root, "rows") == 0) {
        (void)printf("the chain holds: there are no records yet\n");
    } else if (holds) {
        (void)printf("the chain holds: %llu records, the last is %llu with the hash %s\n",
                     (unsigned long long)control_number(root, "rows"),
                     (unsigned long long)control_number(root, "last_seq"), control_text(root, "hash"));
    } else if (r == CMD_GO) {
        (void)cmd_fail("the chain of the audit is broken at record %llu, behind %llu good ones: %s",
                       (unsigned long long)control_number(root, "last_seq"),
                       (unsigned long long)control_number(root, "rows"), control_text(root, "detail"));
    }
    control_answer_deinit(&answer);
    return holds ? CMD_DONE : CMD_FAILED;
}

int cmd_audit(int argc, char **argv)
{
    bool json = false;
    bool denied = false;
    bool following = false;
    const char *number = NULL;
    const char *since = NULL;
    const struct cmd_option options[] = {
        {.name = "json", .flag = &json},
        {.name = "denied", .flag = &denied},
        {.name = "since", .value = &since},
        {.name = "follow", .letter = 'f', .flag = &following},
        {.name = "number", .letter = 'n', .value = &number},
    };
    const struct cmd_usage usage = {.command = "audit",
                                    .line =
                                        "audit [TENANT] [-n N] [--since TIME] [--denied] [--follow] [--json]",
                                    .max = 1,
                                    .options = options,
                                    .option_count = sizeof(options) / sizeof(options[0])};
    struct cmd_line line;
    if (argc >= 2 && strcmp(argv[1], "verify") == 0) {
        return audit_verify(argc - 1, argv + 1);
    }
    int r = cmd_line_parse(&usage, argc, argv, &line);
    r = r == CMD_GO && line.arg_count == 1 ? cmd_check_name("tenant", line.args[0]) : r;
    if (r != CMD_GO) {
        return r;
    }
    struct audit audit = {.state = line.state, .denied = denied};
    audit.tenant = line.arg_count == 1 ? line.args[0] : NULL;
    uint64_t count = REQUESTS_DEFAULT;
    if (number != NULL && strnum_u64(span_str(number), COUNT_MAX, &count) != 0) {
        return cmd_wrong_usage("audit", "-n takes a number from 0 to %d", COUNT_MAX);
    }
    if (since != NULL) {
        uint64_t duration = read_duration(since);
        uint64_t now = clock_wall_ms();
        if (duration == 0) {
            return cmd_wrong_usage("audit", "--since takes a time such as 90s, 30m, 1h or 2d");
        }
        audit.since_ms = duration < now ? now - duration : 1;
    }
    if (!json) {
        bool all = since != NULL && number == NULL;
        audit.view = audit_view_new(audit.tenant == NULL, all ? 0 : (size_t)count);
        if (audit.view == NULL) {
            return cmd_fail_r(CB_ENOMEM, "the audit cannot be shown");
        }
    }
    r = show(&audit, since != NULL && number == NULL, (size_t)count, following);
    audit_view_free(audit.view);
    return r == CMD_GO ? CMD_DONE : r;
}
