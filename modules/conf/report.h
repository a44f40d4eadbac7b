/*
 * report.h - the errors of one file, and reading typed values out of a tree with an error for everything else.
 *
 * A line is `FILE:LINE:COL: spec.routes[1].host: message`; without a file name it is for programs, with tabs between its parts:
 * LINE, COL, path, message, where a line 0 means that it has no place. All errors of a file are collected, CONF_REPORT_MAX at most,
 * so that a person repairs a file in one go.
 */
#ifndef CB_CONF_REPORT_H
#define CB_CONF_REPORT_H

#include "base/buf.h"
#include "conf/tree.h"

#define CONF_REPORT_MAX 20

struct conf_report {
    const char *file; /* NULL: lines for programs */
    struct buf *out;  /* receives the lines */
    size_t count;     /* errors, also those that were left out */
    int failure;      /* CB_ENOMEM or CB_ELIMIT when a line did not fit, else 0 */
};

/* An error at a place that no node has; the path may be "". */
void conf_report_place(struct conf_report *report, size_t line, size_t column, const char *path,
                       const char *message);
/* An error about a value: its place and path. Bytes that are not printable ASCII become '?'. */
void conf_report_node(struct conf_report *report, const struct conf_node *node, const char *fmt, ...)
    CB_PRINTF(3, 4);
/* An error about a key: the place of the key. */
void conf_report_key(struct conf_report *report, const struct conf_node *node, const char *fmt, ...)
    CB_PRINTF(3, 4);
/* Says how many errors were left out, if any. */
void conf_report_end(struct conf_report *report);

/* Each returns true and sets *out when the node has the type (and range); else it reports. `node` is not NULL. */
bool conf_read_kind(struct conf_report *report, const struct conf_node *node, enum conf_kind kind);
/* A scalar that YAML does not take for a number, a boolean or null. */
bool conf_read_text(struct conf_report *report, const struct conf_node *node, const char **out);
bool conf_read_bool(struct conf_report *report, const struct conf_node *node, bool *out);
bool conf_read_number(struct conf_report *report, const struct conf_node *node, uint64_t min, uint64_t max,
                      uint64_t *out);
/* A size: a whole number, alone or followed by KiB, MiB or GiB. */
bool conf_read_size(struct conf_report *report, const struct conf_node *node, uint64_t max, uint64_t *out);
/* Checks that the node is a map and has no other keys than `known` (ended by NULL). */
bool conf_read_keys(struct conf_report *report, const struct conf_node *node, const char *const *known);

#endif
