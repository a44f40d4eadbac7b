/* grant.h - what grant.c and gcp.c share. Nothing outside of this module includes it. */
#ifndef CB_INJECT_GRANT_H
#define CB_INJECT_GRANT_H

#include "base/json_read.h"
#include "inject/token.h"

/* Starts with room for all texts of the credential. */
CB_MUST_USE int inject_grant_begin(struct inject_grant *grant, struct span credential);
/* Takes a text of the JSON over. False when the member is none, or *out has one already. */
bool inject_grant_text(struct inject_grant *grant, const struct json_member *member, struct span *out);
/* Visible ASCII, and not empty. */
bool inject_grant_is_plain(struct span text);
/* What looks like a private key in PEM. */
bool inject_grant_is_key(struct span text);

#endif
