/*
 * scan.h - looks for credentials in what a provider answers, as a stream, and puts the placeholder in their place.
 *
 * Found, across any cut of the stream:
 *   text     the credential itself, where any byte may be percent-encoded (either case; a blank also as '+') or JSON-escaped
 *            (\uXXXX, \", \\, \/, \t)
 *   base64   standard and URL alphabet, in all three alignments: the characters that do not depend on the neighbours, so also
 *            the rendered form of Basic; '+', '/', '-' and '_' may be percent-encoded or JSON-escaped
 *   hex      either case
 * A replacement has exactly the length of what it replaces, so a Content-Length stays right: the placeholder, cut or padded with
 * '*', in the same encoding.
 *
 * Not found: other transformations (compression, encryption, reversal, a base of 32 or 85, a part of the credential).
 * Credentials under SCAN_ENCODED_MIN bytes are looked for as text only, and under SCAN_MIN not at all: they would be found
 * everywhere.
 */
#ifndef CB_INJECT_SCAN_H
#define CB_INJECT_SCAN_H

#include "base/buf.h"

#define SCAN_MIN         4
#define SCAN_ENCODED_MIN 8
#define SCAN_MAX         ((size_t)16 * 1024) /* bytes of a credential */
#define SCAN_NEEDLES_MAX 4                   /* looked for at once */

struct inject_scan;

/* What is to be looked for, in locked memory. Reference counted: starts at 1. CB_ELIMIT for a credential that is too long or too
 * short, CB_ENOMEM. */
CB_MUST_USE int inject_scan_new(struct span credential, struct inject_scan **out);
/* The same for several at once, SCAN_NEEDLES_MAX at most: those that are too short, and a second one of the same, are left
 * out. CB_ELIMIT when none is left, or one is too long. */
CB_MUST_USE int inject_scan_new_of(const struct span *credentials, size_t count, struct inject_scan **out);
struct inject_scan *inject_scan_ref(struct inject_scan *scan);
/* NULL is fine. */
void inject_scan_unref(struct inject_scan *scan);

/* One answer. */
struct inject_scanner {
    const struct inject_scan *scan;
    struct span placeholder; /* borrowed */
    struct buf held;         /* the start of what may become a match */
    uint64_t found;
};

/* Takes bytes that may go on to the agent; a result other than 0 ends the feed with it. */
typedef int inject_scan_fn(void *arg, struct span clean);

void inject_scanner_init(struct inject_scanner *s, const struct inject_scan *scan, struct span placeholder);
/* Wipes and frees what is held. A zeroed struct is fine. */
void inject_scanner_deinit(struct inject_scanner *s);
/* Passes on what can no longer be part of a match, in pieces; keeps the rest. 0, CB_ENOMEM, or what `pass` returned. */
CB_MUST_USE int inject_scanner_feed(struct inject_scanner *s, struct span in, inject_scan_fn *pass,
                                    void *arg);
/* The end: passes on what was kept. */
CB_MUST_USE int inject_scanner_end(struct inject_scanner *s, inject_scan_fn *pass, void *arg);
/* A whole text at once (a header's value): appends the clean text. CB_ELIMIT or CB_ENOMEM. */
CB_MUST_USE int inject_scan_text(const struct inject_scan *scan, struct span placeholder, struct span in,
                                 struct buf *out, uint64_t *found);

#endif
