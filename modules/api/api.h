/*
 * api.h - the role `api`: what an administrator asks for over the control socket, or with a token over TCP, as HTTP/1.1 and JSON.
 *
 * Holds      the control socket, the listeners that it was given (API and health), and their connections; of a request over TCP its
 *            token; nothing between two requests.
 * Answers    on the control socket processes of root and of the user who runs clawbox; over TCP who has a token, as far as its
 *            scope goes (remote.c, router.c); about health everybody.
 * Makes      manifests for Kubernetes of what the store says of a tenant (modules/kube, which is pure).
 * Asks       the store (tenants, sealed credentials, audit, whose token it is) and the vault (public keys and certificates).
 * May never  see the value of a credential (it passes sealed boxes on), open the database, a file or a connection.
 * Calls      what every role may (priv/calls.h), and accept on what it was given. No socket of its own; it connects to nothing.
 */
#ifndef CB_API_API_H
#define CB_API_API_H

#include "priv/confine.h"

/* Runs the role; descriptor 3 is the channel to the monitor (ipc/role.h). The process's exit status. */
int api_main(void);

/* How it is confined: api.c. */
extern const struct priv_profile api_profile;

#endif
