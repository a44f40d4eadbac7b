/*
 * console.h - the role `console`: speaks with browsers, has the pages in it, and is a client of the API on their behalf.
 *
 * Holds      the listener, browsers' connections; of each request its cookie, from its head until it is answered; nothing about people.
 * Answers    whoever reaches the listener: pages, which are the same for everybody; and what `api` answers to the session that a request
 *            shows (head.c says which requests are a page's of its own).
 * Asks       api, over HTTP on a socketpair for each browser. Nobody else: it has no way to the store, the vault, or a tenant's processes.
 * May never  know whose a session is, make one, open a file or a connection.
 * Calls      what every role may (priv/calls.h), accept on the listener, socketpair for each browser, TCP_NODELAY.
 */
#ifndef CB_CONSOLE_CONSOLE_H
#define CB_CONSOLE_CONSOLE_H

#include "priv/confine.h"

/* Runs the role; descriptor 3 is the channel to the monitor (ipc/role.h). The process's exit status. */
int console_main(void);

/* How it is confined: console.c. */
extern const struct priv_profile console_profile;

#endif
