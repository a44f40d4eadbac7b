/*
 * api.h - the role `api`: what an administrator asks for over the control socket, as HTTP/1.1 and JSON.
 *
 * Holds      the control socket and its connections; nothing between two requests.
 * Answers    processes of root and of the user who runs clawbox.
 * Makes      manifests for Kubernetes of what the store says of a tenant (modules/kube, which is pure).
 * Asks       the store (tenants, sealed credentials, audit) and the vault (public keys and certificates).
 * May never  see the value of a credential (it passes sealed boxes on), open the database, a file or a connection.
 * Calls      what every role may (priv/calls.h), and accept on the control socket. No socket of its own, no network.
 */
#ifndef CB_API_API_H
#define CB_API_API_H

#include "priv/confine.h"

/* Runs the role; descriptor 3 is the channel to the monitor (ipc/role.h). The process's exit status. */
int api_main(void);

/* How it is confined: api.c. */
extern const struct priv_profile api_profile;

#endif
