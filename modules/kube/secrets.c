/* secrets.c - the Secrets that must exist, how their files get into the proxy's pod, and ExternalSecrets that make them. */
#include "kube/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tls/seal.h"

#define CREDENTIALS_DIR "/etc/clawbox/credentials"
#define HOSTS_MAX       ((size_t)64 * 1024)
/* A random key as text, without a newline, from whatever machine the command runs on. */
#define RANDOM_COMMAND "head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \\n' | "

bool kube_credential_is_secret(const struct kube_work *w, const struct spec_credential *credential)
{
    return w->workspace == NULL || strcmp(w->workspace->credential, credential->name) != 0;
}

/* ---- files in the proxy's pod ---- */

void kube_credential_mounts(struct kube_work *w, struct emit *e, const char *key, const char *argument)
{
    (void)key;
    (void)argument;
    for (size_t i = 0; i < w->spec->credential_count; i++) {
        const char *name = w->spec->credentials[i].name;
        emit_map(e, NULL);
        emit_textf(e, "name", "credential-%s", name);
        emit_textf(e, "mountPath", CREDENTIALS_DIR "/%s", name);
        emit_bool(e, "readOnly", true);
        emit_map_end(e);
    }
}

/* Optional: a Secret that is missing shows in /readyz, with what to do about it, and takes no other route down. */
void kube_credential_volumes(struct kube_work *w, struct emit *e, const char *key, const char *argument)
{
    (void)key;
    (void)argument;
    for (size_t i = 0; i < w->spec->credential_count; i++) {
        const struct spec_credential *credential = &w->spec->credentials[i];
        if (!kube_credential_is_secret(w, credential)) {
            continue;
        }
        emit_map(e, NULL);
        emit_textf(e, "name", "credential-%s", credential->name);
        emit_map(e, "secret");
        emit_textf(e, "secretName", "credential-%s", credential->name);
        emit_bool(e, "optional", true);
        emit_number(e, "defaultMode", 0440);
        emit_map_end(e);
        emit_map_end(e);
    }
}

/* ---- the list ---- */

static int format(char **out, const char *fmt, ...) CB_PRINTF(2, 3);
static int format(char **out, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int len = vasprintf(out, fmt, args);
    va_end(args);
    if (len < 0) {
        *out = NULL;
        return CB_ENOMEM;
    }
    return 0;
}

static int add(struct kube_work *w, const char *about, struct kube_secret **out)
{
    struct kube_manifests *m = w->out;
    struct kube_secret *grown = reallocarray(m->secrets, m->secret_count + 1, sizeof(*grown));
    if (grown == NULL) {
        return CB_ENOMEM;
    }
    m->secrets = grown;
    *out = &grown[m->secret_count++];
    **out = (struct kube_secret){.space = strdup(w->claw), .about = strdup(about)};
    return (*out)->space != NULL && (*out)->about != NULL ? 0 : CB_ENOMEM;
}

static int add_random(struct kube_work *w, const char *name, const char *key, const char *about)
{
    struct kube_secret *secret = NULL;
    int r = add(w, about, &secret);
    if (r != 0) {
        return r;
    }
    secret->keys[secret->key_count++] = (struct kube_secret_key){.name = key, .value = KUBE_VALUE_RANDOM};
    r = format(&secret->name, "%s", name);
    return r != 0 ? r
                  : format(&secret->command,
                           RANDOM_COMMAND
                           "kubectl --namespace %s create secret generic %s --from-file=%s=/dev/stdin",
                           w->claw, name, key);
}

/* The lines that the credential is to be bound to. They consist of what host names, ports and addresses consist of, and
 * so need no more than the shell's quotes. */
static int add_credential(struct kube_work *w, const struct spec_credential *credential)
{
    struct kube_secret *secret = NULL;
    struct buf hosts;
    char about[160];
    buf_init(&hosts, HOSTS_MAX);
    (void)snprintf(about, sizeof(about), "The credential \"%s\", and the hosts that it may go to.",
                   credential->name);
    int r = add(w, about, &secret);
    if (r == 0) {
        r = spec_credential_binding(w->spec, span_str(credential->name), digest_sha256_of, &hosts);
    }
    if (r == 0) {
        r = format(&secret->name, "credential-%s", credential->name);
    }
    if (r == 0) {
        secret->keys[0] = (struct kube_secret_key){.name = "value", .value = KUBE_VALUE_GIVEN};
        secret->keys[1] = (struct kube_secret_key){.name = "hosts", .value = KUBE_VALUE_TEXT};
        secret->key_count = 2;
        r = format(&secret->keys[1].text, "%.*s", (int)buf_len(&hosts), (const char *)buf_span(&hosts).ptr);
    }
    if (r == 0) {
        r = format(&secret->command,
                   "kubectl --namespace %s create secret generic %s --from-file=value=/dev/stdin "
                   "--from-literal=hosts='%s'",
                   w->claw, secret->name, secret->keys[1].text);
    }
    buf_deinit(&hosts);
    return r;
}

int kube_secrets_list(struct kube_work *w)
{
    int r = add_random(w, "proxy-token", "proxy-token",
                       "What the gateway shows to the proxy. It opens nothing outside this namespace.");
    if (r == 0) {
        r = add_random(
            w, "proxy-master-key", "master-key",
            "What the proxy's database is sealed with. Without it the database is lost: keep a copy.");
    }
    if (r == 0) {
        r = add_random(w, "gateway-token", "gateway-token", "What people show to the gateway.");
    }
    for (size_t i = 0; r == 0 && i < w->spec->credential_count; i++) {
        if (kube_credential_is_secret(w, &w->spec->credentials[i])) {
            r = add_credential(w, &w->spec->credentials[i]);
        }
    }
    return r;
}

/* ---- ExternalSecrets ---- */

static void remote(struct emit *e, const struct kube_secret *secret, const char *key)
{
    emit_map(e, NULL);
    emit_text(e, "secretKey", key);
    emit_map(e, "remoteRef");
    emit_textf(e, "key", "%s/%s", secret->space, secret->name);
    emit_text(e, "property", key);
    emit_map_end(e);
    emit_map_end(e);
}

int kube_external_secret(struct kube_work *w, const struct kube_secret *secret, struct buf *out)
{
    int r = buf_append_str(
        out,
        "# Made a Secret by the External Secrets Operator, which reads it from the store of the platform.\n");
    struct emit *e = r == 0 ? emit_new(out) : NULL;
    if (e == NULL) {
        return r != 0 ? r : CB_ENOMEM;
    }
    emit_map(e, NULL);
    emit_text(e, "apiVersion", "external-secrets.io/v1");
    emit_text(e, "kind", "ExternalSecret");
    emit_map(e, "metadata");
    emit_text(e, "name", secret->name);
    emit_text(e, "namespace", secret->space);
    emit_map(e, "labels");
    kube_labels(e, w, "");
    emit_map_end(e);
    emit_map_end(e);
    emit_map(e, "spec");
    emit_text(e, "refreshInterval", "5m");
    emit_map(e, "secretStoreRef");
    emit_text(e, "kind", w->settings->secret_store_cluster ? "ClusterSecretStore" : "SecretStore");
    emit_text(e, "name", w->settings->secret_store);
    emit_map_end(e);
    emit_map(e, "target");
    emit_text(e, "name", secret->name);
    emit_text(e, "creationPolicy", "Owner");
    emit_text(e, "deletionPolicy", "Retain");
    emit_map_end(e);
    emit_list(e, "data");
    for (size_t i = 0; i < secret->key_count; i++) {
        remote(e, secret, secret->keys[i].name);
    }
    emit_list_end(e);
    emit_map_end(e);
    emit_map_end(e);
    return emit_finish(e);
}
