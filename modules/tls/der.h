/*
 * der.h - takes tag, length and value off DER, within bounds: definite lengths in their shortest form, one-byte tags.
 */
#ifndef CB_TLS_DER_H
#define CB_TLS_DER_H

#include "base/span.h"

#define DER_BOOLEAN     0x01
#define DER_OCTETS      0x04
#define DER_OID         0x06
#define DER_UTF8        0x0c
#define DER_PRINTABLE   0x13
#define DER_IA5         0x16
#define DER_SEQUENCE    0x30
#define DER_SET         0x31
#define DER_CONTEXT     0x80 /* plus the number */
#define DER_CONSTRUCTED 0x20

/* Takes one element off the front of `rest`. False, and `rest` unchanged, when there is no whole one. */
bool der_take(struct span *rest, uint8_t *tag, struct span *value);
/* The same, for an element that has to have this tag. */
bool der_expect(struct span *rest, uint8_t tag, struct span *value);

#endif
