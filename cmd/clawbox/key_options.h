/* key_options.h - options that serve and rekey have in common: where a master key comes from, and how roles are confined. */
#ifndef CB_CLAWBOX_KEY_OPTIONS_H
#define CB_CLAWBOX_KEY_OPTIONS_H

#include "monitor/monitor.h"

struct key_options {
    const char *file;            /* --master-key-file */
    const char *passphrase_file; /* --passphrase-file; "-": standard input */
    bool ask;                    /* --passphrase: the terminal */
};

/* Reads the options into a key. Without any it is systemd's credential, when `credential` is true and there is one, else the state
 * directory's own. `confirm`: a passphrase that is asked for is asked for twice. CMD_GO, or what has been said. */
CB_MUST_USE int key_options_read(const char *command, const struct key_options *given, bool credential,
                                 bool confirm, struct monitor_key *out);

#define CLAWBOX_WAIVED_MAX 16
/* --waive, as often as it was given. */
CB_MUST_USE int key_waive(const char *command, const char *const *layers, size_t count, uint32_t *out);
/* --uid-base, or the usual one. */
CB_MUST_USE int key_uid_base(const char *command, const char *given, uint32_t *out);

#endif
