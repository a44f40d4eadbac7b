/* prompt.h - a credential's value from standard input or a file, into locked memory and nowhere else. */
#ifndef CB_CLAWBOX_PROMPT_H
#define CB_CLAWBOX_PROMPT_H

#include "base/secret.h"

#define PROMPT_VALUE_MAX ((size_t)16384)

/*
 * Reads a value of 1 to PROMPT_VALUE_MAX bytes. On a terminal it prints `question` and reads a line without showing it; else
 * it reads to the end of the input and leaves out one line break there, and says so. What a header cannot carry is
 * refused, unless it looks like JSON or PEM: whether that is wanted is the caller's to know (prompt_is_document()). CMD_GO and *out, which the caller frees; or CMD_FAILED, and standard error has said why.
 */
CB_MUST_USE int prompt_secret(const char *question, struct secret **out);
/* The same from a file, without its last line break and without a word about that. CMD_GO, or CMD_FAILED and standard
 * error has said why. */
CB_MUST_USE int prompt_file(const char *path, struct secret **out);
/* The same for a client certificate with its key in PEM, which a terminal is not asked for: a file has it. */
CB_MUST_USE int prompt_identity(struct secret **out);

/* The two halves of prompt_file(), for whoever looks first whether the file has changed. The bytes of a regular file, without a word
 * when that fails: 0, and *out with room for more, of which *len bytes are used; CB_EINVAL for what is no regular file; or a negative errno. */
CB_MUST_USE int prompt_raw(const char *path, struct secret **out, size_t *len);
/* Makes a value of them, without their last line break; `identity`: of a client certificate with its key. CMD_GO, or CMD_FAILED and it has been
 * said why. */
CB_MUST_USE int prompt_take(struct secret *raw, size_t len, bool identity);

/* True for a value that begins like JSON or PEM: it may have several lines. */
bool prompt_is_document(struct span value);

#endif
