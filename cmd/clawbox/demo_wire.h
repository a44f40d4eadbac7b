/*
 * demo_wire.h - one blocking connection with TLS or without, for the two ends that `clawbox demo` plays. Not for the product:
 * roles never block.
 */
#ifndef CB_CLAWBOX_DEMO_WIRE_H
#define CB_CLAWBOX_DEMO_WIRE_H

#include "tls/session.h"

struct demo_wire {
    int fd;
    struct tls_session *tls; /* NULL: clear text */
    uint8_t bytes[16384];    /* clear text that was received last */
};

/* Performs the handshake of w->tls, which is set before. 0, CB_ECERT, CB_ETLS, CB_ECLOSED or a negative errno. */
CB_MUST_USE int demo_wire_handshake(struct demo_wire *w);
CB_MUST_USE int demo_wire_send(struct demo_wire *w, struct span data);
/* The next bytes, valid until the next call. CB_ECLOSED at the end. */
CB_MUST_USE int demo_wire_receive(struct demo_wire *w, struct span *out);
/* Says goodbye and closes; the session is freed. */
void demo_wire_close(struct demo_wire *w);

#endif
