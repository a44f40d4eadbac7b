/*
 * emit.h - writing YAML in one pass, through libyaml's emitter: a value can never become structure, whatever is in it.
 *
 * What a reader of YAML 1.1 or 1.2 could take for something else than a text (true, 0x10, null, 1e3, 12:30, ~) is written
 * in quotes, a text of several lines as a block. The first error latches, and emit_finish() says it. Keys are NULL inside lists and at the
 * top. Never for secrets: libyaml does not wipe what it copies; JSON is YAML too, and json.h writes into buffers that do.
 */
#ifndef CB_CONF_EMIT_H
#define CB_CONF_EMIT_H

#include "base/buf.h"

struct emit;

/* Begins a stream at the end of `out`, which is borrowed until emit_finish(). NULL when out of memory. */
struct emit *emit_new(struct buf *out);
/* Ends the stream and frees the writer, also after an error. The first error that latched: CB_ENOMEM, CB_ELIMIT (`out` is
 * full), or CB_EINVAL (a text is not UTF-8, or maps and lists were not ended). NULL gives CB_ENOMEM. */
CB_MUST_USE int emit_finish(struct emit *e);
/* The first error so far, or 0. */
int emit_error(const struct emit *e);

/* Each document is a map or a list at the top; "---" stands in front of each but the first. Without members they are {} and []. */
void emit_map(struct emit *e, const char *key);
void emit_map_end(struct emit *e);
void emit_list(struct emit *e, const char *key);
void emit_list_end(struct emit *e);
/* A text; NULL is written as an empty one. */
void emit_text(struct emit *e, const char *key, const char *value);
void emit_span(struct emit *e, const char *key, struct span value);
void emit_textf(struct emit *e, const char *key, const char *fmt, ...) CB_PRINTF(3, 4);
void emit_number(struct emit *e, const char *key, uint64_t value);
void emit_bool(struct emit *e, const char *key, bool value);
/* A scalar as it stands, without quotes: for what conf_tree_read() has read as plain. */
void emit_plain(struct emit *e, const char *key, struct span value);

#endif
