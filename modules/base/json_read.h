/*
 * json_read.h - reading one JSON object (RFC 8259) in one pass, strictly and without memory: for the few places that take a
 * small document from a network or from a credential. Whoever reads files of people uses conf/tree.h.
 *
 * Every byte is checked, also of what the caller skips: the grammar, valid UTF-8, no nesting deeper than JSON_DEPTH_MAX.
 * Two members of the same name are both given; to take one for the other is the caller's decision.
 */
#ifndef CB_BASE_JSON_READ_H
#define CB_BASE_JSON_READ_H

#include "base/buf.h"

#define JSON_DEPTH_MAX 16

enum json_kind { JSON_TEXT, JSON_NUMBER, JSON_BOOL, JSON_NULL, JSON_OBJECT, JSON_ARRAY };

struct json_member {
    struct span name; /* as it stands between the quotes, escapes and all */
    enum json_kind kind;
    struct span value; /* a text: what stands between the quotes; else the whole of it */
};

struct json_reader {
    struct span text;
    size_t at;
    bool begun;
};

/* `text` is borrowed as long as the reader and its members are used. */
void json_reader_init(struct json_reader *r, struct span text);
/* The next member of the object: 1; 0 at its end, behind which only white space stood; CB_EMALFORMED. Not to be called
 * again after 0 or an error. */
CB_MUST_USE int json_reader_next(struct json_reader *r, struct json_member *out);
/* Appends what a text of a member stands for, as UTF-8. CB_EMALFORMED for half of a surrogate pair and for U+0000; CB_ELIMIT,
 * CB_ENOMEM. */
CB_MUST_USE int json_decode_text(struct span value, struct buf *out);
/* True when the digits are a whole number, which goes to *out. */
bool json_decode_number(struct span value, uint64_t *out);

#endif
