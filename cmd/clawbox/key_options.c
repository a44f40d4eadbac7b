/*
 * key_options.c - where a master key comes from, and what else serve and rekey have in common.
 *
 * A passphrase that is typed or piped in is read by a process of its own, into memory that only a descriptor names: the
 * monitor, which hands it to the vault again when the vault is started anew, never has it in its own memory.
 */
#include "key_options.h"

#include "cmd.h"
#include "prompt.h"
#include "roles.h"

#include "base/strnum.h"
#include "priv/confine.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define CREDENTIAL_NAME "clawbox-master-key"
#define UID_BASE_MIN    1000U
#define UID_BASE_MAX    2000000000U

static int ask_into(int fd, bool confirm)
{
    struct secret *first = NULL;
    struct secret *again = NULL;
    int r = prompt_secret("Passphrase: ", &first);
    if (r == CMD_GO && confirm && isatty(STDIN_FILENO) == 1) {
        r = prompt_secret("The same again: ", &again);
        if (r == CMD_GO && !secret_eq(secret_span(first), secret_span(again))) {
            r = cmd_fail("these are two different passphrases");
        }
    }
    if (r == CMD_GO) {
        struct span text = secret_span(first);
        if (write(fd, text.ptr, text.len) != (ssize_t)text.len) {
            r = cmd_fail_r(-errno, "the passphrase cannot be kept");
        }
    }
    secret_free(first);
    secret_free(again);
    return r;
}

/* A descriptor with what the child read. */
static int ask(bool confirm, int *out)
{
    int fd = memfd_create("passphrase", MFD_CLOEXEC);
    if (fd < 0) {
        return cmd_fail_r(-errno, "there is no memory for the passphrase");
    }
    pid_t pid = fork();
    if (pid == 0) {
        _exit(ask_into(fd, confirm) == CMD_GO ? 0 : 1);
    }
    int status = 1;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (pid < 0 || status != 0) {
        (void)close(fd);
        return pid < 0 ? cmd_fail_r(-errno, "the passphrase cannot be asked for") : CMD_FAILED;
    }
    *out = fd;
    return CMD_GO;
}

/* Systemd's LoadCredential=clawbox-master-key:FILE. */
static const char *credential_path(void)
{
    static char path[PATH_MAX];
    const char *directory = getenv("CREDENTIALS_DIRECTORY");
    if (directory == NULL || directory[0] != '/') {
        return NULL;
    }
    int len = snprintf(path, sizeof(path), "%s/%s", directory, CREDENTIAL_NAME);
    return len > 0 && (size_t)len < sizeof(path) && access(path, F_OK) == 0 ? path : NULL;
}

static const char *layer_names(void)
{
    static char names[256];
    size_t len = 0;
    for (unsigned bit = 1; bit <= PRIV_LAYERS_ALL && len < sizeof(names); bit <<= 1) {
        const char *before = bit == 1 ? "" : (bit << 1) <= PRIV_LAYERS_ALL ? ", " : " and ";
        int put =
            snprintf(names + len, sizeof(names) - len, "%s%s", before, priv_layer_name((enum priv_layer)bit));
        len += put > 0 ? (size_t)put : 0;
    }
    return names;
}

int key_waive(const char *command, const char *const *layers, size_t count, uint32_t *out)
{
    for (size_t i = 0; i < count; i++) {
        enum priv_layer layer = priv_layer_parse(layers[i]);
        if (layer == 0) {
            return cmd_wrong_usage(command, "--waive %s: the layers are %s", layers[i], layer_names());
        }
        *out |= (uint32_t)layer;
    }
    return CMD_GO;
}

int key_uid_base(const char *command, const char *given, uint32_t *out)
{
    uint64_t number = CLAWBOX_UID_BASE;
    if (given != NULL && (strnum_u64(span_str(given), UID_BASE_MAX, &number) != 0 || number < UID_BASE_MIN)) {
        return cmd_wrong_usage(command, "--uid-base %s: it is a number from %u to %u", given, UID_BASE_MIN,
                               UID_BASE_MAX);
    }
    *out = (uint32_t)number;
    return CMD_GO;
}

int key_options_read(const char *command, const struct key_options *given, bool credential, bool confirm,
                     struct monitor_key *out)
{
    *out = (struct monitor_key){.fd = -1};
    int sources = (given->file != NULL) + (given->passphrase_file != NULL) + given->ask;
    if (sources > 1) {
        return cmd_wrong_usage(
            command, "a key comes from one place: a key file, a passphrase's file, or --passphrase");
    }
    bool piped = given->passphrase_file != NULL && strcmp(given->passphrase_file, "-") == 0;
    if (given->ask && isatty(STDIN_FILENO) != 1) {
        return cmd_wrong_usage(
            command, "nobody is here to ask for the passphrase: name its file with --passphrase-file, "
                     "or - for standard input");
    }
    if (given->ask || piped) {
        out->passphrase = true;
        return ask(confirm && given->ask, &out->fd);
    }
    out->passphrase = given->passphrase_file != NULL;
    out->path = out->passphrase ? given->passphrase_file : given->file;
    if (sources == 0 && credential) {
        out->path = credential_path();
    }
    return CMD_GO;
}
