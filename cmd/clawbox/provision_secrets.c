/*
 * provision_secrets.c - DIR/NAME/secrets.yaml: the Secrets that no manifest holds, made on this machine.
 *
 * The server never sees any of it: random values come from the kernel here, credentials from files that are named. What is in the file
 * stays as it is, so that a second run gives nobody another key; what is missing is added. The file is for its owner alone, and a
 * .gitignore beside it keeps it out of a repository. Every buffer that holds a value is wiped.
 */
#include "provision.h"

#include "control.h"
#include "tenant_file.h"

#include "base/encode.h"
#include "base/secret.h"
#include "policy/spec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX     ((size_t)4 * 1024 * 1024)
#define VALUE_MAX    ((size_t)16 * 1024)
#define RANDOM_BYTES 32
#define HEAD                                                                                                                         \
    "# Written by clawbox provision --secrets file. Keys and credentials: never into Git. What is here is kept; to have a key made " \
    "anew,\n# remove its document. The loss of proxy-master-key is the loss of what the proxy's volume holds.\n"
#define IGNORE "# Written by clawbox provision.\n/" PROVISION_SECRETS "\n"

/* ---- what is asked for ---- */

/* The Secret's credential, "openai" of "credential-openai", or NULL. */
static const char *credential_of(const char *secret)
{
    static const char prefix[] = "credential-";
    return strncmp(secret, prefix, sizeof(prefix) - 1) == 0 ? secret + sizeof(prefix) - 1 : NULL;
}

/* The file that was given for a credential, or NULL. */
static const char *file_of(const struct provision_secrets *given, const char *credential)
{
    size_t len = strlen(credential);
    for (size_t i = 0; i < given->count; i++) {
        if (strncmp(given->files[i], credential, len) == 0 && given->files[i][len] == '=') {
            return given->files[i] + len + 1;
        }
    }
    return NULL;
}

int provision_secrets_check(const struct conf_node *answer, const struct provision_secrets *given)
{
    for (size_t i = 0; i < given->count; i++) {
        size_t len = strcspn(given->files[i], "=");
        bool found = false;
        if (given->files[i][len] == '\0' || given->files[i][len + 1] == '\0') {
            return cmd_wrong_usage("provision", "--credential-file is followed by CREDENTIAL=FILE");
        }
        for (const struct conf_node *secret = control_first(answer, "secrets"); secret != NULL;
             secret = secret->next) {
            const char *credential = credential_of(control_text(secret, "name"));
            found = found || (credential != NULL && strlen(credential) == len &&
                              strncmp(credential, given->files[i], len) == 0);
        }
        if (!found) {
            return cmd_fail("--credential-file: no route of the tenant uses a credential \"%.*s\"",
                            (int)(len < 60 ? len : 60), given->files[i]);
        }
        if (access(given->files[i] + len + 1, R_OK) != 0) {
            return cmd_fail_r(-errno, "cannot read %s", given->files[i] + len + 1);
        }
    }
    return CMD_GO;
}

/* ---- documents ---- */

static int append_base64(struct buf *out, struct span bytes)
{
    char *text = malloc(ENCODE_BASE64_SIZE(bytes.len));
    if (text == NULL) {
        return CB_ENOMEM;
    }
    size_t len = encode_base64(bytes.ptr, bytes.len, text);
    int r = buf_append(out, text, len);
    secret_wipe(text, len);
    free(text);
    return r;
}

static int append_random(struct buf *out)
{
    uint8_t bytes[RANDOM_BYTES];
    char hex[2 * RANDOM_BYTES + 1];
    secret_random(bytes, sizeof(bytes));
    encode_hex(bytes, sizeof(bytes), hex);
    int r = append_base64(out, span_str(hex));
    secret_wipe(bytes, sizeof(bytes));
    secret_wipe(hex, sizeof(hex));
    return r;
}

/* The value of a credential, without the newline that an editor puts behind it. CMD_GO or CMD_FAILED. */
static int append_file(struct buf *out, const char *path)
{
    struct buf value;
    buf_init(&value, VALUE_MAX);
    buf_set_sensitive(&value);
    int r = tenant_file_slurp(path, &value);
    struct span text = buf_span(&value);
    if (r == 0 && span_ends(text, SPAN_LIT("\n"))) {
        text.len -= span_ends(text, SPAN_LIT("\r\n")) ? 2 : 1;
    }
    int status = CMD_GO;
    if (r == 0 && text.len == 0) {
        status = cmd_fail("%s is empty: it should have the value of the credential", path);
    } else if (r == CB_ELIMIT) {
        status = cmd_fail("%s is larger than 16 KiB, which no credential is", path);
    } else if (r != 0 || (r = append_base64(out, text)) != 0) {
        status = cmd_fail_r(r, "the credential in %s cannot be taken", path);
    }
    buf_deinit(&value);
    return status;
}

static int append_key(struct buf *out, const struct conf_node *key, const char *file)
{
    const char *source = control_text(key, "value");
    int r = buf_appendf(out, "  %s: ", control_text(key, "name"));
    int status = r == 0 ? CMD_GO : CMD_FAILED;
    if (r == 0 && strcmp(source, "random") == 0) {
        r = append_random(out);
    } else if (r == 0 && strcmp(source, "text") == 0) {
        r = append_base64(out, span_str(control_text(key, "text")));
    } else if (r == 0) {
        status = append_file(out, file);
    }
    r = r == 0 ? buf_append_byte(out, '\n') : r;
    return r == 0 ? status : cmd_fail_r(r, "the Secrets cannot be put together");
}

/* Names that the server says become part of the file as they are: so they have to be names. */
static bool is_plain(const char *text)
{
    return text[0] != '\0' && text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

static bool is_well_formed(const struct conf_node *secret)
{
    bool fine = is_plain(control_text(secret, "name")) && is_plain(control_text(secret, "namespace"));
    for (const struct conf_node *key = control_first(secret, "keys"); fine && key != NULL; key = key->next) {
        fine = is_plain(control_text(key, "name"));
    }
    return fine;
}

static int append_secret(struct buf *out, const struct conf_node *secret, const char *file)
{
    const char *name = control_text(secret, "name");
    if (!is_well_formed(secret)) {
        return cmd_fail("clawbox serve answers with a Secret \"%s\", which cannot be", name);
    }
    int r = buf_appendf(out,
                        "---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: %s\n  namespace: %s\n"
                        "  labels:\n    app.kubernetes.io/managed-by: clawbox\ntype: Opaque\ndata:\n",
                        name, control_text(secret, "namespace"));
    int status = r == 0 ? CMD_GO : cmd_fail_r(r, "the Secrets cannot be put together");
    for (const struct conf_node *key = control_first(secret, "keys"); status == CMD_GO && key != NULL;
         key = key->next) {
        status = append_key(out, key, file);
    }
    return status;
}

/* ---- the file ---- */

/* Whether the file has a document of that name: a line as append_secret() writes it. */
static bool has_secret(struct span text, const char *name)
{
    char line[128];
    int len = snprintf(line, sizeof(line), "\n  name: %s\n", name);
    return text.len != 0 && len > 0 && memmem(text.ptr, text.len, line, (size_t)len) != NULL;
}

static bool is_random(const struct conf_node *secret)
{
    const struct conf_node *key = control_first(secret, "keys");
    return key != NULL && strcmp(control_text(key, "value"), "random") == 0;
}

/* Adds what is missing. *added says how many. */
static int complete(struct buf *text, const struct conf_node *answer, const struct provision_secrets *given,
                    size_t *added)
{
    int status = CMD_GO;
    for (const struct conf_node *secret = control_first(answer, "secrets");
         status == CMD_GO && secret != NULL; secret = secret->next) {
        const char *name = control_text(secret, "name");
        const char *credential = credential_of(name);
        const char *file = credential != NULL ? file_of(given, credential) : NULL;
        if (file == NULL && !is_random(secret)) {
            continue;
        }
        if (!has_secret(buf_span(text), name)) {
            status = append_secret(text, secret, file);
            (*added)++;
        } else if (file != NULL) {
            cmd_say("%s is in %s already and stays: to replace it, remove its document there", name,
                    PROVISION_SECRETS);
        }
    }
    return status;
}

static int list_missing(struct span text, const struct conf_node *answer, struct buf *out)
{
    int r = 0;
    for (const struct conf_node *secret = control_first(answer, "secrets"); r == 0 && secret != NULL;
         secret = secret->next) {
        const char *name = control_text(secret, "name");
        r = has_secret(text, name) ? 0 : buf_appendf(out, "%s\n", name);
    }
    return r;
}

/* What is there. 0 also when nothing is; -EPERM when somebody else than its owner may read it. */
static int read_present(int folder, struct buf *out)
{
    int fd = openat(folder, PROVISION_SECRETS, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat st;
    uint8_t chunk[4096];
    if (fd < 0) {
        return errno == ENOENT ? 0 : -errno;
    }
    int r = fstat(fd, &st) != 0       ? -errno
            : !S_ISREG(st.st_mode)    ? CB_EINVAL
            : (st.st_mode & 077) != 0 ? -EPERM
                                      : 0;
    while (r == 0) {
        ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n == 0) {
            break;
        }
        r = n > 0 ? buf_append(out, chunk, (size_t)n) : errno == EINTR ? 0 : -errno;
    }
    secret_wipe(chunk, sizeof(chunk));
    (void)close(fd);
    return r;
}

static int write_below(const char *dir, const char *name, int folder, const struct conf_node *answer,
                       const struct provision_secrets *given, struct buf *text, struct buf *missing)
{
    size_t added = 0;
    int r = read_present(folder, text);
    if (r == -EPERM) {
        return cmd_fail("%s/%s/" PROVISION_SECRETS
                        " may be read by others than its owner: chmod 600 it, and make "
                        "its keys anew if somebody has",
                        dir, name);
    }
    r = r == 0 && buf_len(text) == 0 ? buf_append_str(text, HEAD) : r;
    if (r != 0) {
        return cmd_fail_r(r, "%s/%s/" PROVISION_SECRETS " cannot be read", dir, name);
    }
    int status = complete(text, answer, given, &added);
    if (status == CMD_GO && list_missing(buf_span(text), answer, missing) != 0) {
        status = cmd_fail_r(CB_ENOMEM, "the Secrets cannot be listed");
    }
    if (status != CMD_GO || added == 0) {
        return status;
    }
    r = faccessat(folder, ".gitignore", F_OK, AT_SYMLINK_NOFOLLOW) == 0
            ? 0 /* somebody's own, or ours */
            : provision_file_put(folder, ".gitignore", SPAN_LIT(IGNORE), 0666);
    r = r == 0 ? provision_file_put(folder, PROVISION_SECRETS, buf_span(text), 0600) : r;
    r = r == 0 && fsync(folder) != 0 ? -errno : r;
    if (r != 0) {
        return cmd_fail_r(r, "%s/%s/" PROVISION_SECRETS " cannot be written", dir, name);
    }
    cmd_say("%s/%s/" PROVISION_SECRETS
            " has %zu more: keys, for nobody else's eyes and not for Git (a .gitignore beside it "
            "says so)",
            dir, name, added);
    return CMD_GO;
}

int provision_secrets_write(const char *dir, const char *name, const struct conf_node *answer,
                            const struct provision_secrets *given, struct buf *missing)
{
    struct buf text;
    int folder = provision_folder_open(dir, name, true);
    if (folder < 0) {
        return cmd_fail_r(folder, "%s/%s cannot be written", dir, name);
    }
    buf_init(&text, FILE_MAX);
    buf_set_sensitive(&text);
    int status = write_below(dir, name, folder, answer, given, &text, missing);
    buf_deinit(&text);
    (void)close(folder);
    return status;
}
