/*
 * punycode.h - A-labels (RFC 3492): the suggestion for a name written in Unicode, and the check of "xn--" labels.
 *
 * Only the encoding, not IDNA: no mapping, no tables of allowed characters.
 */
#ifndef CB_POLICY_PUNYCODE_H
#define CB_POLICY_PUNYCODE_H

#include "base/err.h"
#include "base/span.h"

/* Writes "xn--..." for a label in UTF-8, its ASCII letters in lower case, NUL-terminated. CB_EINVAL when the label is not
 * UTF-8, is plain ASCII, has a character that IDNA would map to another one, or is longer than 63 bytes afterwards. */
CB_MUST_USE int punycode_encode_label(struct span label, char out[64]);
/* True when the label (with its "xn--") is exactly what encoding some label with non-ASCII characters gives, and none of
 * them is a control. */
bool punycode_label_valid(struct span label);

#endif
