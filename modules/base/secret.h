/*
 * secret.h - memory for secrets: locked, left out of core dumps, not inherited by fork, between guard pages, wiped.
 *
 * Every secret has pages of its own (three of them for up to a page of content), so a linear overrun of some other
 * object faults before it reaches one. Where RLIMIT_MEMLOCK does not allow locking, secret_new() fails: a caller that
 * cannot lock must not hold the secret.
 */
#ifndef CB_BASE_SECRET_H
#define CB_BASE_SECRET_H

#include "base/err.h"
#include "base/span.h"

struct secret; /* opaque */

/* Room for `len` bytes (1 to 64 KiB), zeroed. NULL when memory cannot be had or locked. Free with secret_free(). */
struct secret *secret_new(size_t len);
/* A secret holding a copy of the bytes; the caller still has to wipe its own. */
struct secret *secret_from(struct span bytes);
/* Wipes and unmaps. NULL is fine. */
void secret_free(struct secret *s);
/* The bytes, writable by the owner. */
uint8_t *secret_ptr(struct secret *s);
size_t secret_len(const struct secret *s);
struct span secret_span(const struct secret *s);
/* Makes the secret shorter (a trimmed newline, say) and wipes the cut part. `len` must not be larger than it is. */
void secret_shrink(struct secret *s, size_t len);

/* Wipes memory in a way that the compiler may not remove. */
void secret_wipe(void *ptr, size_t len);
/* Equality whose time depends on the lengths only, not on the content. */
bool secret_eq(struct span a, struct span b);
/* `len` bytes from the kernel's generator. Never fails: it ends the process when the kernel has no randomness. */
void secret_random(void *ptr, size_t len);

#endif
