/* secret.c - guarded, locked, wiped pages; constant-time comparison; randomness. */
#include "base/secret.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#define SECRET_MAX_LEN ((size_t)64 * 1024)

struct secret {
    uint8_t *map; /* whole mapping: guard, content pages, guard */
    size_t map_len;
    uint8_t *ptr; /* content, placed so that it ends at the upper guard */
    size_t len;
};

struct secret *secret_new(size_t len)
{
    if (len == 0 || len > SECRET_MAX_LEN) {
        return NULL;
    }
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t pages = (len + page - 1) / page * page;
    struct secret *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        return NULL;
    }
    s->map_len = pages + 2 * page;
    s->map = mmap(NULL, s->map_len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (s->map == MAP_FAILED) {
        free(s);
        return NULL;
    }
    uint8_t *content = s->map + page;
    if (mprotect(content, pages, PROT_READ | PROT_WRITE) != 0 || mlock(content, pages) != 0 ||
        madvise(content, pages, MADV_DONTDUMP) != 0 || madvise(content, pages, MADV_WIPEONFORK) != 0) {
        (void)munmap(s->map, s->map_len);
        free(s);
        return NULL;
    }
    s->ptr = content + (pages - len);
    s->len = len;
    return s;
}

struct secret *secret_from(struct span bytes)
{
    struct secret *s = secret_new(bytes.len);
    if (s != NULL) {
        memcpy(s->ptr, bytes.ptr, bytes.len);
    }
    return s;
}

void secret_free(struct secret *s)
{
    if (s == NULL) {
        return;
    }
    secret_wipe(s->ptr, s->len);
    (void)munmap(s->map, s->map_len);
    free(s);
}

uint8_t *secret_ptr(struct secret *s)
{
    return s->ptr;
}

size_t secret_len(const struct secret *s)
{
    return s->len;
}

struct span secret_span(const struct secret *s)
{
    return span_of(s->ptr, s->len);
}

void secret_shrink(struct secret *s, size_t len)
{
    if (len < s->len) {
        secret_wipe(s->ptr + len, s->len - len);
        s->len = len;
    }
}

void secret_wipe(void *ptr, size_t len)
{
    if (len != 0) {
        explicit_bzero(ptr, len);
    }
}

bool secret_eq(struct span a, struct span b)
{
    if (a.len != b.len) {
        return false;
    }
    uint8_t difference = 0;
    for (size_t i = 0; i < a.len; i++) {
        difference |= (uint8_t)(((const volatile uint8_t *)a.ptr)[i] ^ ((const volatile uint8_t *)b.ptr)[i]);
    }
    return difference == 0;
}

void secret_random(void *ptr, size_t len)
{
    uint8_t *to = ptr;
    while (len != 0) {
        ssize_t got = getrandom(to, len, 0);
        if (got > 0) {
            to += got;
            len -= (size_t)got;
        } else if (errno != EINTR) {
            /* Going on without randomness would make every key guessable. */
            abort();
        }
    }
}
