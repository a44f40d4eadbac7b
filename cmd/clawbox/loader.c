/*
 * loader.c - brings a pod's files into the appliance, and follows them: the tenant's document, the proxy token, the credentials.
 *
 * Holds      a credential's value while it seals it; of those that are set a digest, to notice another one.
 * Reads      the tenant file, DIR/NAME/value and DIR/NAME/hosts, the token's file, and nothing outside of their directories.
 * Asks       the control socket, as `clawbox tenant apply` and `clawbox credential set` do.
 * May never  reach a network, write a file, or start a process.
 *
 * A credential is bound to what `hosts` says, and not to what the routes want: the routes come from a ConfigMap, `hosts` from the Secret
 * itself, so whoever edits the routes cannot send it elsewhere. Where the routes want more, it is taken away and not set.
 * Kubernetes replaces files by swapping a link of their directory, so they are looked at once a second.
 */
#include "companion.h"
#include "credential_seal.h"
#include "prompt.h"
#include "tenant_file.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/json.h"
#include "base/strnum.h"
#include "kube/kube.h"
#include "priv/confine.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOADER_EVERY_MS    1000
#define LOADER_AGAIN_MS    10000 /* after a failure, when nothing has changed */
#define LOADER_ANYWAY_MS   30000 /* files that the tenant file names can change without it */
#define LOADER_CREDENTIALS 512
#define LOADER_HOSTS_MAX   ((size_t)64 * 1024)
#define LOADER_TOKEN_MAX   128

/* What is known of an input: as it was when it was taken over or refused. */
struct seen {
    uint8_t digest[DIGEST_LEN];
    bool taken;
    uint64_t tried_ms; /* 0: never */
};

struct credential_seen {
    char name[SPEC_NAME_MAX + 1];
    struct seen seen;
    bool missing_said;
};

struct loader {
    const char *state;
    const char *tenant;
    const char *file;
    const char *credentials;
    const char *token_file; /* "": none */
    struct seen document;
    uint64_t looked_ms; /* at the files that the document names */
    uint8_t text[DIGEST_LEN];
    struct seen token;
    struct credential_seen known[LOADER_CREDENTIALS];
    size_t known_count;
};

/* True when something has to be done: it is another one, or the last attempt failed a while ago. */
static bool is_due(const struct seen *seen, const uint8_t digest[DIGEST_LEN], uint64_t now_ms)
{
    if (seen->tried_ms == 0 || memcmp(seen->digest, digest, DIGEST_LEN) != 0) {
        return true;
    }
    return !seen->taken && now_ms - seen->tried_ms >= LOADER_AGAIN_MS;
}

static void note(struct seen *seen, const uint8_t digest[DIGEST_LEN], bool taken, uint64_t now_ms)
{
    memcpy(seen->digest, digest, DIGEST_LEN);
    seen->taken = taken;
    seen->tried_ms = now_ms;
}

/* ---- the tenant's document ---- */

/* Whether the file could be read now without waiting, and has another text than the last time. */
static bool text_changed(struct loader *l)
{
    uint8_t digest[DIGEST_LEN];
    struct buf text;
    struct stat st;
    buf_init(&text, CONF_TREE_BYTES_MAX);
    int r = stat(l->file, &st) != 0 ? -errno
            : S_ISREG(st.st_mode)   ? tenant_file_slurp(l->file, &text)
                                    : CB_EINVAL;
    struct span parts[] = {buf_span(&text), span_of(&r, sizeof(r))};
    digest_sha256(parts, 2, digest);
    bool changed = memcmp(digest, l->text, DIGEST_LEN) != 0;
    memcpy(l->text, digest, DIGEST_LEN);
    if (changed && r != 0) {
        (void)cmd_fail_r(r, "the tenant file %s", l->file);
    }
    buf_deinit(&text);
    return changed;
}

static bool put_document(const struct loader *l, struct span body)
{
    char target[128];
    struct control_answer answer;
    (void)snprintf(target, sizeof(target), "/v1/tenants/%s", l->tenant);
    struct control_request request = {
        .method = "PUT", .target = target, .body = body, .type = "application/vnd.clawbox.tenant-file+json"};
    if (control_ask(l->state, &request, &answer) != CMD_GO) {
        cmd_say("the routes of %s stay as they are", l->tenant);
        return false;
    }
    control_answer_deinit(&answer);
    return true;
}

static void load_document(struct loader *l, uint64_t now_ms)
{
    uint8_t digest[DIGEST_LEN];
    struct buf body;
    bool changed = text_changed(l);
    bool failed = !l->document.taken && now_ms - l->document.tried_ms >= LOADER_AGAIN_MS;
    if (!changed && !failed && now_ms - l->looked_ms < LOADER_ANYWAY_MS) {
        return;
    }
    l->looked_ms = now_ms;
    if (tenant_file_read(l->file, &body) == CMD_GO) {
        digest_sha256_of(buf_span(&body), digest);
        if (is_due(&l->document, digest, now_ms)) {
            bool taken = put_document(l, buf_span(&body));
            note(&l->document, digest, taken, now_ms);
            if (taken) {
                cmd_say("the routes of %s are those of %s now", l->tenant, l->file);
            }
        }
    } else {
        l->document.taken = false;
        l->document.tried_ms = now_ms;
    }
    buf_deinit(&body);
}

/* ---- the proxy token ---- */

static bool put_token(const struct loader *l, struct span token)
{
    char target[128];
    struct control_answer answer;
    struct json j;
    struct buf body;
    buf_init(&body, 1024);
    buf_set_sensitive(&body);
    json_init(&j, &body);
    json_object(&j, NULL);
    json_text(&j, "token", token);
    json_object_end(&j);
    int r = json_finish(&j);
    (void)snprintf(target, sizeof(target), "/v1/tenants/%s/proxy-token", l->tenant);
    struct control_request request = {.method = "PUT", .target = target, .body = buf_span(&body)};
    bool taken = r == 0 && control_ask(l->state, &request, &answer) == CMD_GO;
    if (taken) {
        control_answer_deinit(&answer);
    }
    buf_deinit(&body);
    return taken;
}

static void load_token(struct loader *l, uint64_t now_ms)
{
    uint8_t digest[DIGEST_LEN] = {0};
    struct secret *raw = NULL;
    size_t len = 0;
    if (l->token_file[0] == '\0') {
        return;
    }
    int r = prompt_raw(l->token_file, &raw, &len);
    if (r == 0) {
        digest_sha256_of(span_of(secret_ptr(raw), len), digest);
    }
    if (is_due(&l->token, digest, now_ms)) {
        bool taken = false;
        if (r != 0) {
            (void)cmd_fail_r(r, "the proxy token in %s", l->token_file);
        } else if (prompt_take(raw, len, false) == CMD_GO) {
            taken = put_token(l, secret_span(raw));
        }
        if (!taken) {
            cmd_say("without it the gateway finds the proxy closed");
        }
        note(&l->token, digest, taken, now_ms);
    }
    secret_free(raw);
}

/* ---- where a credential may go ---- */

/* The first half of the digest of the cluster's CA, as a binding has it (spec_credential_binding()). */
static int append_cluster_ca(struct buf *out)
{
    uint8_t digest[DIGEST_LEN];
    char text[DIGEST_LEN + 1];
    struct buf pem;
    buf_init(&pem, SPEC_CA_MAX);
    int r = tenant_file_slurp(KUBE_CA_FILE, &pem);
    if (r == 0) {
        digest_sha256_of(buf_span(&pem), digest);
        encode_hex(digest, DIGEST_LEN / 2, text);
        r = buf_append_str(out, text);
    }
    buf_deinit(&pem);
    return r == 0 || r == CB_ENOMEM || r == CB_ELIMIT ? r : CB_ENOTFOUND;
}

/* A line, with what the pod knows in place of "in-cluster". */
static int append_line(struct buf *out, struct span line)
{
    static const struct span via = {(const uint8_t *)" via " KUBE_IN_CLUSTER,
                                    sizeof(" via " KUBE_IN_CLUSTER) - 1};
    static const struct span ca = {(const uint8_t *)" own-ca:" KUBE_IN_CLUSTER,
                                   sizeof(" own-ca:" KUBE_IN_CLUSTER) - 1};
    int r = buf_len(out) != 0 ? buf_append_byte(out, '\n') : 0;
    while (r == 0 && line.len != 0) {
        if (span_starts(line, via)) {
            r = buf_append_str(out, " via ");
            r = r == 0 ? tenant_file_in_cluster(out) : r;
            line = span_sub(line, via.len, SIZE_MAX);
        } else if (span_starts(line, ca)) {
            r = buf_append_str(out, " own-ca:");
            r = r == 0 ? append_cluster_ca(out) : r;
            line = span_sub(line, ca.len, SIZE_MAX);
        } else {
            r = buf_append_byte(out, line.ptr[0]);
            line = span_sub(line, 1, SIZE_MAX);
        }
    }
    return r;
}

/* The lines of a hosts file without blank ones. CB_EINVAL for one that is not printable. */
static int append_hosts(struct buf *out, struct span text)
{
    int r = 0;
    for (struct span line; r == 0 && credential_next_line(&text, &line);) {
        while (line.len != 0 && strchr(" \t\r", line.ptr[line.len - 1]) != NULL) {
            line.len--;
        }
        for (size_t i = 0; r == 0 && i < line.len; i++) {
            r = line.ptr[i] < 0x20 || line.ptr[i] > 0x7e ? CB_EINVAL : 0;
        }
        r = r == 0 && line.len != 0 ? append_line(out, line) : r;
    }
    return r;
}

/* ---- credentials ---- */

static struct credential_seen *find_known(struct loader *l, const char *name)
{
    for (size_t i = 0; i < l->known_count; i++) {
        if (strcmp(l->known[i].name, name) == 0) {
            return &l->known[i];
        }
    }
    if (l->known_count == LOADER_CREDENTIALS || strlen(name) > SPEC_NAME_MAX) {
        return NULL;
    }
    struct credential_seen *known = &l->known[l->known_count++];
    (void)snprintf(known->name, sizeof(known->name), "%s", name);
    return known;
}

static void take_away(const struct credential_target *target)
{
    struct control_answer answer;
    struct control_request request = {.method = "DELETE", .target = target->path, .absent_is_fine = true};
    if (control_ask(target->state, &request, &answer) == CMD_GO) {
        cmd_say("credential %s is not set any more", target->name);
        control_answer_deinit(&answer);
    }
}

/* Shows lines as they are in a message. */
static void say_lines(const char *before, struct span lines)
{
    (void)fprintf(stderr, "clawbox:   %s:", before);
    for (struct span line; credential_next_line(&lines, &line);) {
        (void)fputs(" \"", stderr);
        cmd_print_text(stderr, line);
        (void)fputc('"', stderr);
    }
    (void)fputc('\n', stderr);
}

/* Sets it when the hosts that its Secret allows are enough for the routes. */
static bool set_credential(const struct credential_target *target, struct secret *raw, size_t len,
                           struct span hosts, const char *folder, bool is_set)
{
    struct credential_prepared p;
    struct control_answer answer;
    if (credential_prepare(target, &p) != CMD_GO) {
        return false;
    }
    bool taken = false;
    bool covered = spec_binding_covers(hosts, buf_span(&p.binding));
    if (!covered) {
        cmd_say(
            "credential %s is not set, because its routes send it where %s/hosts does not let it go; who has the Secret "
            "decides about that",
            target->name, folder);
        say_lines("the routes want", buf_span(&p.binding));
        say_lines("allowed is", hosts);
        if (is_set) {
            take_away(target);
        }
    }
    if (covered && prompt_take(raw, len, p.client_certificate) == CMD_GO) {
        buf_reset(&p.binding);
        taken =
            buf_append_span(&p.binding, hosts) == 0 && credential_seal(target, &p, raw, &answer) == CMD_GO;
        if (taken) {
            control_answer_deinit(&answer);
            cmd_say("credential %s is set", target->name);
        }
    }
    credential_prepared_deinit(&p);
    return taken;
}

/* Why there is nothing to set. */
static void refuse(const struct credential_target *target, const char *path, int r)
{
    if (r == -ENOENT || r == -ENOTDIR) {
        cmd_say("credential %s is not set: there is no %s; its Secret needs the keys value and hosts",
                target->name, path);
    } else if (r == CB_ENOTFOUND) {
        cmd_say("credential %s is not set: %s says in-cluster, which is known in a pod of a cluster that has "
                "KUBERNETES_SERVICE_HOST and " KUBE_CA_FILE " only",
                target->name, path);
    } else if (r == CB_EINVAL) {
        cmd_say("credential %s is not set: %s is not a file of text", target->name, path);
    } else {
        (void)cmd_fail_r(r, "credential %s is not set: %s", target->name, path);
    }
}

static void load_credential(struct loader *l, const char *name, bool is_set, uint64_t now_ms)
{
    struct credential_seen *known = find_known(l, name);
    struct credential_target target;
    char folder[PATH_MAX];
    char path[PATH_MAX + 16];
    uint8_t digest[DIGEST_LEN];
    struct secret *raw = NULL;
    struct buf text;
    struct buf hosts;
    size_t len = 0;
    if (known == NULL) {
        return;
    }
    credential_target_make(l->state, l->tenant, known->name, &target);
    buf_init(&text, LOADER_HOSTS_MAX);
    buf_init(&hosts, LOADER_HOSTS_MAX);
    (void)snprintf(folder, sizeof(folder), "%s/%s", l->credentials, known->name);
    (void)snprintf(path, sizeof(path), "%s/value", folder);
    int r = prompt_raw(path, &raw, &len);
    if (r == 0) {
        struct stat st;
        (void)snprintf(path, sizeof(path), "%s/hosts", folder);
        r = stat(path, &st) != 0 ? -errno : S_ISREG(st.st_mode) ? tenant_file_slurp(path, &text) : CB_EINVAL;
        r = r == 0 ? append_hosts(&hosts, buf_span(&text)) : r;
    }
    struct span parts[] = {span_of(&r, sizeof(r)), raw != NULL ? span_of(secret_ptr(raw), len) : SPAN_EMPTY,
                           SPAN_LIT("\0"), buf_span(&hosts), span_of(l->document.digest, DIGEST_LEN)};
    digest_sha256(parts, 5, digest);
    /* One that somebody else took away is set again. */
    if (known->seen.taken && !is_set) {
        known->seen.taken = false;
    }
    if (is_due(&known->seen, digest, now_ms)) {
        bool again = known->seen.tried_ms != 0 && memcmp(known->seen.digest, digest, DIGEST_LEN) == 0;
        bool taken = false;
        if (r == 0) {
            taken = set_credential(&target, raw, len, buf_span(&hosts), folder, is_set);
        } else if (!again) {
            refuse(&target, path, r);
        }
        if (r != 0 && is_set) {
            take_away(&target);
        }
        note(&known->seen, digest, taken, now_ms);
    }
    buf_deinit(&hosts);
    buf_deinit(&text);
    secret_free(raw);
}

/* A page of the tenant's credentials; *next is the target of the following one, or "". CMD_GO also without a tenant. */
static int load_page(struct loader *l, const char *target, char *next, size_t size, uint64_t now_ms)
{
    struct control_answer answer;
    struct control_request request = {.method = "GET", .target = target, .absent_is_fine = true};
    int r = control_ask(l->state, &request, &answer);
    next[0] = '\0';
    if (r != CMD_GO) {
        return r;
    }
    r = answer.status == 200 ? control_answer_read(&answer) : CMD_DONE;
    const struct conf_node *root = r == CMD_GO ? control_answer_root(&answer) : NULL;
    for (const struct conf_node *c = r == CMD_GO ? control_first(root, "credentials") : NULL; c != NULL;
         c = c->next) {
        bool is_set = control_number(c, "version") != 0;
        if (control_flag(c, "used")) {
            load_credential(l, control_text(c, "name"), is_set, now_ms);
        } else if (is_set) { /* no route uses it any more */
            struct credential_target unused;
            credential_target_make(l->state, l->tenant, control_text(c, "name"), &unused);
            take_away(&unused);
        }
    }
    if (r == CMD_GO) {
        (void)snprintf(next, size, "%s", control_text(root, "next"));
    }
    control_answer_deinit(&answer);
    return r == CMD_FAILED ? r : CMD_GO;
}

static void load_credentials(struct loader *l, uint64_t now_ms)
{
    char target[256];
    char next[256];
    (void)snprintf(target, sizeof(target), "/v1/tenants/%s/credentials", l->tenant);
    while (target[0] != '\0' && load_page(l, target, next, sizeof(next), now_ms) == CMD_GO) {
        memcpy(target, next, sizeof(target));
    }
}

/* ---- the process ---- */

/* The volume with the state may be another tenant's: then the port would be as well. */
static int check_state(const struct loader *l)
{
    struct control_answer answer;
    int r = control_read(l->state, "/v1/tenants?limit=2", &answer);
    if (r != CMD_GO) {
        return r;
    }
    for (const struct conf_node *t = control_first(control_answer_root(&answer), "tenants");
         r == CMD_GO && t != NULL; t = t->next) {
        if (strcmp(control_text(t, "name"), l->tenant) != 0) {
            r = cmd_fail(
                "the state directory %s belongs to tenant %s, and the tenant file is of %s: give each a volume of its "
                "own",
                l->state, control_text(t, "name"), l->tenant);
        }
    }
    control_answer_deinit(&answer);
    return r;
}

int loader_main(int argc, char **argv)
{
    uint64_t waived = 0;
    uint32_t held;
    if (argc < 7 || strnum_u64(span_str(argv[6]), PRIV_LAYERS_ALL, &waived) != 0) {
        return cmd_fail("the loader is started by clawbox proxy only");
    }
    struct loader *l = calloc(1, sizeof(*l));
    if (l == NULL || tls_init() != 0) {
        free(l);
        return cmd_fail("the loader cannot start");
    }
    *l = (struct loader){
        .state = argv[1], .tenant = argv[2], .file = argv[3], .credentials = argv[4], .token_file = argv[5]};
    const struct priv_profile profile = {.needs = PRIV_NEED_CONTROL | PRIV_NEED_READ,
                                         .root = PRIV_ROOT_EMPTY,
                                         .readable = (const char *const *)(argv + 7),
                                         .max_descriptors = 64,
                                         .max_memory = (uint64_t)1 << 30,
                                         .max_locked = (uint64_t)4 << 20};
    int r = priv_confine(&profile, (uint32_t)waived & PRIV_LAYERS_OWN, &held);
    bool checked = false;
    while (r == 0) {
        uint64_t now_ms = clock_mono_us() / 1000 + 1;
        if (control_is_reachable(l->state)) {
            if (!checked && check_state(l) != CMD_GO) {
                break;
            }
            checked = true;
            load_document(l, now_ms);
            if (l->document.taken || l->known_count != 0) { /* there is a tenant */
                load_token(l, now_ms);
            }
            load_credentials(l, now_ms); /* last: when they are set, the pod is ready */
        }
        const struct timespec pause = {.tv_sec = checked ? LOADER_EVERY_MS / 1000 : 0,
                                       .tv_nsec = checked ? 0 : 50L * 1000 * 1000};
        (void)nanosleep(&pause, NULL);
    }
    free(l);
    return 1;
}
