/* report.c - errors with their place in the file, and the typed values of a tree. */
#include "conf/report.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/strnum.h"

#define MESSAGE_MAX 640

/* The names that people use for a node's type. */
static const char *const kind_names[CONF_KIND__COUNT] = {
    [CONF_KIND_SCALAR] = "a single value", [CONF_KIND_MAP] = "a map", [CONF_KIND_SEQUENCE] = "a list"};

/* Keys and values of the file end on a terminal. */
static void make_printable(const char *text, char *out, size_t size)
{
    (void)snprintf(out, size, "%s", text);
    for (char *p = out; *p != '\0'; p++) {
        *p = *p >= ' ' && *p <= '~' ? *p : '?';
    }
}

static void add_line(struct conf_report *report, size_t line, size_t column, const char *path,
                     const char *message)
{
    if (report->count++ >= CONF_REPORT_MAX || report->failure != 0) {
        return;
    }
    char where[CONF_PATH_MAX];
    char what[MESSAGE_MAX];
    make_printable(path, where, sizeof(where));
    make_printable(message, what, sizeof(what));
    report->failure = report->file == NULL
                          ? buf_appendf(report->out, "%zu\t%zu\t%s\t%s\n", line, column, where, what)
                          : buf_appendf(report->out, "%s:%zu:%zu: %s%s%s\n", report->file, line, column,
                                        where, where[0] != '\0' ? ": " : "", what);
}

void conf_report_place(struct conf_report *report, size_t line, size_t column, const char *path,
                       const char *message)
{
    add_line(report, line, column, path, message);
}

void conf_report_node(struct conf_report *report, const struct conf_node *node, const char *fmt, ...)
{
    char message[MESSAGE_MAX];
    char path[CONF_PATH_MAX];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    conf_node_path(node, path);
    add_line(report, node->line, node->column, path, message);
}

void conf_report_key(struct conf_report *report, const struct conf_node *node, const char *fmt, ...)
{
    char message[MESSAGE_MAX];
    char path[CONF_PATH_MAX];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    conf_node_path(node, path);
    add_line(report, node->key_line, node->key_column, path, message);
}

void conf_report_end(struct conf_report *report)
{
    if (report->count > CONF_REPORT_MAX && report->failure == 0) {
        report->failure = buf_appendf(report->out, "%s%s%zu more errors are not shown\n",
                                      report->file != NULL ? report->file : "0\t0\t",
                                      report->file != NULL ? ": " : "\t", report->count - CONF_REPORT_MAX);
    }
}

bool conf_read_kind(struct conf_report *report, const struct conf_node *node, enum conf_kind kind)
{
    if (node->kind != kind) {
        conf_report_node(report, node, "should be %s, not %s", kind_names[kind], kind_names[node->kind]);
        return false;
    }
    return true;
}

static bool text_is_one_of(const char *text, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (strcmp(text, *words) == 0) {
            return true;
        }
    }
    return false;
}

/* YAML's core schema: an optional sign, then only digits, dots and exponents, or 0x and 0o. */
static bool looks_like_number(const char *text)
{
    text += *text == '-' || *text == '+';
    if (strncmp(text, "0x", 2) == 0 || strncmp(text, "0o", 2) == 0) {
        return text[2] != '\0' && text[2 + strspn(text + 2, "0123456789abcdefABCDEF")] == '\0';
    }
    size_t digits = strspn(text, "0123456789");
    size_t dot = text[digits] == '.';
    size_t fraction = dot != 0 ? strspn(text + digits + 1, "0123456789") : 0;
    if (digits + fraction == 0) {
        return false;
    }
    text += digits + dot + fraction;
    if (*text == 'e' || *text == 'E') {
        text++;
        text += *text == '-' || *text == '+';
        return *text != '\0' && text[strspn(text, "0123456789")] == '\0';
    }
    return *text == '\0';
}

bool conf_read_text(struct conf_report *report, const struct conf_node *node, const char **out)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const booleans[] = {"true", "True", "TRUE", "false", "False", "FALSE", NULL};
    if (!conf_read_kind(report, node, CONF_KIND_SCALAR)) {
        return false;
    }
    if (node->plain && text_is_one_of(node->text, nulls)) {
        conf_report_node(report, node, "has no value: write a text, or remove the key");
        return false;
    }
    if (node->plain && (text_is_one_of(node->text, booleans) || looks_like_number(node->text))) {
        conf_report_node(report, node, "should be a text: write it in quotes, \"%.60s\"", node->text);
        return false;
    }
    *out = node->text;
    return true;
}

bool conf_read_bool(struct conf_report *report, const struct conf_node *node, bool *out)
{
    if (!conf_read_kind(report, node, CONF_KIND_SCALAR)) {
        return false;
    }
    bool yes = strcmp(node->text, "true") == 0;
    if (!node->plain || (!yes && strcmp(node->text, "false") != 0)) {
        conf_report_node(report, node, "should be true or false, without quotes");
        return false;
    }
    *out = yes;
    return true;
}

bool conf_read_number(struct conf_report *report, const struct conf_node *node, uint64_t min, uint64_t max,
                      uint64_t *out)
{
    uint64_t value = 0;
    if (!conf_read_kind(report, node, CONF_KIND_SCALAR)) {
        return false;
    }
    if (!node->plain || strnum_u64(span_of(node->text, node->len), max, &value) != 0 || value < min) {
        conf_report_node(report, node, "should be a whole number from %llu to %llu, without quotes",
                         (unsigned long long)min, (unsigned long long)max);
        return false;
    }
    *out = value;
    return true;
}

bool conf_read_size(struct conf_report *report, const struct conf_node *node, uint64_t max, uint64_t *out)
{
    static const struct {
        const char *suffix;
        unsigned shift;
    } units[] = {{"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"", 0}};
    if (!conf_read_kind(report, node, CONF_KIND_SCALAR)) {
        return false;
    }
    struct span text = span_of(node->text, node->len);
    size_t i = 0;
    while (!span_ends(text, span_str(units[i].suffix))) {
        i++;
    }
    text.len -= strlen(units[i].suffix);
    uint64_t value = 0;
    if (strnum_u64(text, max >> units[i].shift, &value) != 0 || value == 0) {
        conf_report_node(report, node,
                         "should be a size from 1 to %llu bytes such as 64MiB (KiB, MiB or GiB)",
                         (unsigned long long)max);
        return false;
    }
    *out = value << units[i].shift;
    return true;
}

bool conf_read_keys(struct conf_report *report, const struct conf_node *node, const char *const *known)
{
    if (!conf_read_kind(report, node, CONF_KIND_MAP)) {
        return false;
    }
    char list[256] = "";
    for (size_t i = 0, used = 0; known[i] != NULL && used < sizeof(list); i++) {
        int len = snprintf(list + used, sizeof(list) - used, "%s%s", i != 0 ? ", " : "", known[i]);
        used += len > 0 ? (size_t)len : 0;
    }
    bool good = true;
    for (const struct conf_node *child = node->first; child != NULL; child = child->next) {
        if (!text_is_one_of(child->key, known)) {
            conf_report_key(report, child, "unknown key; known here: %s", list);
            good = false;
        }
    }
    return good;
}
