/*
 * administrators.h - who may sign in at the console with a password, in the database.
 *
 * What is kept of a password is the SHA-256 of what argon2id makes of it, with its salt and costs: the console computes that, and nothing here
 * ever sees a password. A failure leaves everything as it was, and store_db_why() has a text for people.
 */
#ifndef CB_STORE_ADMINISTRATORS_H
#define CB_STORE_ADMINISTRATORS_H

#include "ipc/codec.h"
#include "store/db.h"

#define STORE_ADMINISTRATORS_MAX 64

/*
 * Makes an administrator, or gives one another scope and password, and ends that one's sessions. With `link` in the message the session of
 * that hash has to be a link's, and ends. CB_EINVAL; CB_ELIMIT: there are STORE_ADMINISTRATORS_MAX. CB_ENOTFOUND: no such link's session.
 */
CB_MUST_USE int store_administrator_put(struct store_db *db, const struct ipc_administrator_put *m,
                                        uint64_t now_ms);
/* Appends the list of the message ADMINISTRATORS, and counts it. */
CB_MUST_USE int store_administrator_list(struct store_db *db, struct buf *out, uint32_t *count);
/* CB_ENOTFOUND. */
CB_MUST_USE int store_administrator_delete(struct store_db *db, const struct ipc_administrator_delete *m,
                                           uint64_t now_ms);
/* Whether that is the administrator's key; an unknown name takes as long as a known one. CB_EAUTHENTIC: it is not. */
CB_MUST_USE int store_administrator_check(struct store_db *db, struct span name, struct span key);
/* The administrator whose session has this hash has another password from now on, and no other session. CB_EAUTHENTIC: `current` is wrong;
 * CB_ENOTFOUND: it is no administrator's session. */
CB_MUST_USE int store_administrator_rekey(struct store_db *db, const struct ipc_session_key *m,
                                          uint64_t now_ms);

/*
 * How a password becomes a key: the administrator's salt and costs. For a name that is nobody's some that stay the same, so that who asks does
 * not learn which names there are.
 */
CB_MUST_USE int store_sign_in_kdf(struct store_db *db, struct span name, uint8_t kdf[IPC_KDF_LEN]);
/* A device on which that administrator has signed in: a random number, and its HMAC with the name. */
CB_MUST_USE int store_device_make(struct store_db *db, struct span name, uint8_t device[IPC_DEVICE_LEN]);
CB_MUST_USE int store_device_check(struct store_db *db, struct span name, struct span device, bool *known);

#endif
