/*
 * credential_seal.h - setting a credential: what its routes want of it, and sealing its value together with where it may go.
 *
 * For `clawbox credential set`, where a person decides, and for the loader of `clawbox proxy`, where a Secret does.
 */
#ifndef CB_CLAWBOX_CREDENTIAL_SEAL_H
#define CB_CLAWBOX_CREDENTIAL_SEAL_H

#include "control.h"

#include "base/secret.h"
#include "policy/spec.h"
#include "tls/seal.h"

struct credential_target {
    char path[192]; /* of the credential, or of all of the tenant's when it has no name */
    const char *tenant;
    const char *name;
    const char *state;
};

/* Borrows the texts; `name` "" is none. */
void credential_target_make(const char *state, const char *tenant, const char *name,
                            struct credential_target *out);

/* What has to be inside the box: the answer of :prepare. */
struct credential_prepared {
    struct control_answer answer;
    uint8_t public_key[SEAL_PUBLIC_LEN];
    uint64_t tenant_id;
    enum spec_grant grant;   /* what the routes use it for */
    bool client_certificate; /* or this */
    /* What it will be bound to: lines as spec_credential_binding() writes them, at first those that the routes need. */
    struct buf binding;
};

/* Asks the server. CMD_GO and *p, which credential_prepared_deinit() frees; or CMD_FAILED, which has been said. */
CB_MUST_USE int credential_prepare(const struct credential_target *target, struct credential_prepared *p);
void credential_prepared_deinit(struct credential_prepared *p);
/* Looks whether the value is what the routes can use, seals it with p->binding, and hands the box over. CMD_GO and the
 * server's *answer; or CMD_FAILED, which has been said. tls_init() has been called. */
CB_MUST_USE int credential_seal(const struct credential_target *target, const struct credential_prepared *p,
                                const struct secret *value, struct control_answer *answer);
/* Takes the first line off. False at the end. */
bool credential_next_line(struct span *lines, struct span *line);

#endif
