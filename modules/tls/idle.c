/*
 * idle.c - gives back the memory behind a session's input while nothing is in it.
 *
 * mbedTLS holds a buffer of 16 KiB for the record that comes next, and most sessions wait for one most of the time. What
 * a buffer held is dead once its record has been read, but for the record counter at the buffer's very start. So the
 * whole pages inside of it go back to the kernel, which brings zeroed ones when the next long record arrives.
 */
#include "tls/internal.h"

#include <sys/mman.h>
#include <unistd.h>

#define IDLE_KEEP 64 /* counter and header of a record, and the alignment between them */

void tls_idle_release(mbedtls_ssl_context *ssl)
{
    const unsigned char *in = ssl->MBEDTLS_PRIVATE(in_buf);
    if (in == NULL || ssl->MBEDTLS_PRIVATE(in_left) != 0 ||
        ssl->MBEDTLS_PRIVATE(badmac_seen_or_in_hsfraglen) != 0 || mbedtls_ssl_check_pending(ssl) != 0) {
        return;
    }
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = ((uintptr_t)in + IDLE_KEEP + page - 1) / page * page;
    uintptr_t to = ((uintptr_t)in + MBEDTLS_SSL_IN_CONTENT_LEN) / page * page;
    if (from < to) {
        (void)madvise((void *)from, to - from, MADV_DONTNEED); /* refused, it only costs the memory */
    }
}
