/* table.c - tables for people. */
#include "table.h"

#include "control.h"

#include <string.h>

#define CELLS_MAX ((size_t)64 * 1024 * 1024)

void table_init(struct table *t, const char *const *titles, size_t columns)
{
    *t = (struct table){.titles = titles, .columns = columns};
    for (size_t i = 0; i < columns; i++) {
        t->widths[i] = strlen(titles[i]);
    }
    buf_init(&t->cells, CELLS_MAX);
}

void table_deinit(struct table *t)
{
    buf_deinit(&t->cells);
}

static void put(struct table *t, const char *text, size_t len)
{
    t->error = t->error == 0 ? buf_append(&t->cells, text, len) : t->error;
}

void table_cell(struct table *t, struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        char shown[5] = {(char)c};
        if (c < 0x20 || c >= 0x7f) {
            (void)snprintf(shown, sizeof(shown), "\\x%02x", c);
        }
        put(t, shown, strlen(shown));
    }
    put(t, "-", text.len == 0 ? 1 : 0);
    put(t, "", 1);
}

void table_cell_number(struct table *t, uint64_t number)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
    table_cell(t, span_str(text));
}

void table_cell_joined(struct table *t, const struct conf_node *array, const char *separator)
{
    struct buf text;
    buf_init(&text, (size_t)256 * 1024);
    int r = control_join(array, separator, &text);
    t->error = t->error == 0 ? r : t->error;
    table_cell(t, buf_span(&text));
    buf_deinit(&text);
}

/* The last one of a line is not padded. */
static void print_cell(FILE *out, const char *text, size_t width, bool last)
{
    (void)fprintf(out, "%-*s%s", last ? 0 : (int)width, text, last ? "\n" : "  ");
}

static void print_titles(struct table *t, FILE *out)
{
    bool bold = cmd_colour(out);
    (void)fputs(bold ? "\033[1m" : "", out);
    for (size_t i = 0; i < t->columns; i++) {
        print_cell(out, t->titles[i], t->widths[i], i + 1 == t->columns);
    }
    (void)fputs(bold ? "\033[0m" : "", out);
    t->titled = true;
}

bool table_empty(const struct table *t)
{
    return buf_len(&t->cells) == 0;
}

int table_print(struct table *t, FILE *out)
{
    if (t->error != 0) {
        return cmd_fail_r(t->error, "the table cannot be printed");
    }
    struct span cells = buf_span(&t->cells);
    size_t column = 0;
    for (size_t at = 0; at < cells.len;) {
        size_t len = strlen((const char *)cells.ptr + at);
        t->widths[column] = len > t->widths[column] ? len : t->widths[column];
        column = (column + 1) % t->columns;
        at += len + 1;
    }
    if (!t->titled) {
        print_titles(t, out);
    }
    column = 0;
    for (size_t at = 0; at < cells.len;) {
        const char *text = (const char *)cells.ptr + at;
        print_cell(out, text, t->widths[column], column + 1 == t->columns);
        column = (column + 1) % t->columns;
        at += strlen(text) + 1;
    }
    buf_reset(&t->cells);
    return CMD_GO;
}
