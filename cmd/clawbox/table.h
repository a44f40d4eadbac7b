/*
 * table.h - a table for people: columns as wide as their widest cell.
 *
 * Cells are added one after the other, row by row. The first error latches and is told by table_print(). What is printed
 * later goes under the same titles, in columns at least as wide: so a table can grow while somebody looks on.
 */
#ifndef CB_CLAWBOX_TABLE_H
#define CB_CLAWBOX_TABLE_H

#include "cmd.h"
#include "conf/tree.h"

#define TABLE_COLUMNS_MAX 8

struct table {
    const char *const *titles;
    size_t columns;   /* at most TABLE_COLUMNS_MAX */
    struct buf cells; /* their texts, each ended by a NUL */
    size_t widths[TABLE_COLUMNS_MAX];
    bool titled; /* the titles have been printed */
    int error;
};

/* `titles` lives as long as the table. Free with table_deinit(). */
void table_init(struct table *t, const char *const *titles, size_t columns);
void table_deinit(struct table *t);
/* The next cell. Bytes that are not printable ASCII are shown as \xNN; an empty text as "-". */
void table_cell(struct table *t, struct span text);
/* The texts of an array (NULL: none) in one cell. */
void table_cell_joined(struct table *t, const struct conf_node *array, const char *separator);
void table_cell_number(struct table *t, uint64_t number);
/* True when there is nothing to print. */
bool table_empty(const struct table *t);
/* Prints the rows that were added since the last time, the first time below the titles. CMD_GO, or CMD_FAILED when memory
 * did not suffice. */
CB_MUST_USE int table_print(struct table *t, FILE *out);

#endif
