/*
 * resume.c - what a client remembers of servers that it has verified, so that the next connection needs no certificate.
 *
 * A ticket (RFC 8446, 4.6.1) proves that the server is the one that was verified when the ticket's chain of sessions began.
 * So tickets hang on the roots that the verification used, are kept per host, and end with the verification: an hour after
 * it, or when the certificate that was shown then ends. TLS 1.3 only, where a resumed session exchanges fresh keys too.
 */
#include "tls/internal.h"

#include <stdlib.h>
#include <time.h>

#define RESUME_HOSTS 32
#define RESUME_AGE_S 3600

struct ticket {
    char host[TLS_HOST_MAX]; /* empty: unused */
    uint64_t stored_s;
    struct tls_trust trust;
    mbedtls_ssl_session session;
};

struct tls_tickets {
    struct ticket tickets[RESUME_HOSTS];
};

uint64_t tls_trust_now_s(void)
{
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_BOOTTIME, &t); /* goes on while the machine sleeps, and nobody sets it */
    return (uint64_t)t.tv_sec;
}

static bool trust_holds(const struct tls_trust *trust)
{
    return tls_trust_now_s() - trust->verified_s < RESUME_AGE_S &&
           mbedtls_x509_time_is_past(&trust->valid_to) == 0;
}

static void ticket_forget(struct ticket *t)
{
    mbedtls_ssl_session_free(&t->session); /* wipes it */
    *t = (struct ticket){.host = ""};
}

static struct ticket *ticket_of(struct tls_tickets *all, const char *host)
{
    for (size_t i = 0; all != NULL && i < RESUME_HOSTS; i++) {
        if (strcmp(all->tickets[i].host, host) == 0) {
            return &all->tickets[i];
        }
    }
    return NULL;
}

/* The host's place, a free one, or that of the oldest. */
static struct ticket *ticket_place(struct tls_tickets *all, const char *host)
{
    struct ticket *place = ticket_of(all, host);
    if (place == NULL) {
        place = &all->tickets[0];
        for (size_t i = 1; i < RESUME_HOSTS && place->host[0] != '\0'; i++) {
            struct ticket *t = &all->tickets[i];
            if (t->host[0] == '\0' || t->stored_s < place->stored_s) {
                place = t;
            }
        }
    }
    return place;
}

void tls_tickets_keep(struct tls_tickets **all, const char *host, const mbedtls_ssl_context *ssl,
                      const struct tls_trust *trust)
{
    if (!trust_holds(trust) || (*all == NULL && (*all = calloc(1, sizeof(**all))) == NULL)) {
        return; /* without a ticket the next handshake is a full one */
    }
    struct ticket *t = ticket_place(*all, host);
    ticket_forget(t);
    mbedtls_ssl_session_init(&t->session);
    if (mbedtls_ssl_get_session(ssl, &t->session) != 0) {
        ticket_forget(t);
        return;
    }
    memcpy(t->host, host, strlen(host) + 1);
    t->stored_s = tls_trust_now_s();
    t->trust = *trust;
}

bool tls_tickets_offer(struct tls_tickets *all, const char *host, mbedtls_ssl_context *ssl,
                       struct tls_trust *trust)
{
    struct ticket *t = ticket_of(all, host);
    if (t == NULL) {
        return false;
    }
    if (!trust_holds(&t->trust) || mbedtls_ssl_set_session(ssl, &t->session) != 0) {
        ticket_forget(t);
        return false;
    }
    *trust = t->trust;
    return true;
}

void tls_tickets_forget(struct tls_tickets *all, const char *host)
{
    struct ticket *t = ticket_of(all, host);
    if (t != NULL) {
        ticket_forget(t);
    }
}

void tls_tickets_free(struct tls_tickets *all)
{
    for (size_t i = 0; all != NULL && i < RESUME_HOSTS; i++) {
        ticket_forget(&all->tickets[i]);
    }
    free(all);
}
