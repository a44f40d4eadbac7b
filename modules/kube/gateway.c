/* gateway.c - the environment of the gateway's pod: the way through the proxy, whom to trust, and placeholders. */
#include "kube/internal.h"

#include <stdio.h>
#include <string.h>

#include "inject/token.h"
#include "policy/placeholder.h"

#define STATE      "/home/node/.openclaw"
#define CONFIG_DIR "/etc/openclaw"
#define STUB_MAX   4096

struct variable {
    const char *name;
    const char *value;
};

/* Every switch of what must not be otherwise stands here: what is missing in the environment, the assistant could set in a
 * file of its own (.env in its state). */
static const struct variable fixed[] = {
    {"HOME", "/home/node"},
    {"NODE_ENV", "production"},
    {"OPENCLAW_HOME", "/home/node"},
    {"OPENCLAW_STATE_DIR", STATE},
    {"OPENCLAW_WORKSPACE_DIR", STATE "/workspace"},
    {"OPENCLAW_CONFIG_PATH", CONFIG_DIR "/openclaw.json"},
    {"OPENCLAW_CONFIG_READONLY", "1"},
    {"OPENCLAW_NO_AUTO_UPDATE", "1"},
    {"OPENCLAW_DISABLE_BONJOUR", "1"},
    {"OPENCLAW_OFFLINE", "1"},
    {"XDG_CACHE_HOME", STATE "/cache"},
    {"NPM_CONFIG_CACHE", STATE "/cache/npm"},
    {"NPM_CONFIG_UPDATE_NOTIFIER", "false"},
    /* All TLS that is seen here ends in the proxy: its certificate is all the trust there is. */
    {"NODE_EXTRA_CA_CERTS", KUBE_TRUST_FILE},
    {"SSL_CERT_FILE", KUBE_TRUST_FILE},
    {"CURL_CA_BUNDLE", KUBE_TRUST_FILE},
    {"REQUESTS_CA_BUNDLE", KUBE_TRUST_FILE},
    {"AWS_CA_BUNDLE", KUBE_TRUST_FILE},
    {"PIP_CERT", KUBE_TRUST_FILE},
    {"NPM_CONFIG_CAFILE", KUBE_TRUST_FILE},
    /* GIT_SSL_CAINFO is taken out of what the agent starts; these are not. */
    {"GIT_CONFIG_COUNT", "1"},
    {"GIT_CONFIG_KEY_0", "http.sslCAInfo"},
    {"GIT_CONFIG_VALUE_0", KUBE_TRUST_FILE},
    {"HTTP_PROXY", "$(CLAWBOX_PROXY_URL)"},
    {"HTTPS_PROXY", "$(CLAWBOX_PROXY_URL)"},
    {"http_proxy", "$(CLAWBOX_PROXY_URL)"},
    {"https_proxy", "$(CLAWBOX_PROXY_URL)"},
    {"OPENCLAW_PROXY_URL", "$(CLAWBOX_PROXY_URL)"},
    {"NO_PROXY", "localhost,127.0.0.1,::1"},
    {"no_proxy", "localhost,127.0.0.1,::1"},
    {"NODE_USE_ENV_PROXY", "1"},
};

/* These too are not a credential's: written below, or read by what loads programs. */
static const char *const own[] = {
    "PROXY_TOKEN", "CLAWBOX_PROXY_URL", "OPENCLAW_GATEWAY_TOKEN", "KUBECONFIG", "PATH", "NODE_OPTIONS",
    "NODE_PATH",   "LD_PRELOAD",        "LD_LIBRARY_PATH"};
/* Written by Kubernetes from Services, or read by OpenClaw. */
static const char *const own_prefixes[] = {"OPENCLAW_", "KUBERNETES_", "PROXY_SERVICE_", "PROXY_PORT"};

static void put(struct emit *e, const char *name, const char *value)
{
    emit_map(e, NULL);
    emit_text(e, "name", name);
    emit_text(e, "value", value);
    emit_map_end(e);
}

static void put_secret(struct emit *e, const char *name, const char *secret)
{
    emit_map(e, NULL);
    emit_text(e, "name", name);
    emit_map(e, "valueFrom");
    emit_map(e, "secretKeyRef");
    emit_text(e, "name", secret);
    emit_text(e, "key", secret);
    emit_map_end(e);
    emit_map_end(e);
    emit_map_end(e);
}

void kube_proxy_env(struct kube_work *w, struct emit *e, const char *key, const char *argument)
{
    char url[128];
    (void)key;
    (void)argument;
    put_secret(e, "PROXY_TOKEN", "proxy-token");
    (void)snprintf(url, sizeof(url), "http://%s:$(PROXY_TOKEN)@$(PROXY_SERVICE_HOST):%u", w->spec->tenant,
                   KUBE_PROXY_PORT);
    put(e, "CLAWBOX_PROXY_URL", url);
}

void kube_gateway_env(struct kube_work *w, struct emit *e, const char *key, const char *argument)
{
    (void)key;
    (void)argument;
    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
        put(e, fixed[i].name, fixed[i].value);
    }
    put_secret(e, "OPENCLAW_GATEWAY_TOKEN", "gateway-token");
    if (w->workspace != NULL) {
        put(e, "KUBECONFIG", "/etc/kube/config");
    }
}

/* ---- placeholders ---- */

const char *kube_placeholder_of(const struct kube_work *w, const char *credential)
{
    for (size_t i = 0; i < w->tenant->placeholder_count; i++) {
        if (strcmp(w->tenant->placeholders[i].credential, credential) == 0) {
            return w->tenant->placeholders[i].value;
        }
    }
    return NULL;
}

static bool is_google(const struct kube_work *w, const struct spec_credential *credential)
{
    return spec_credential_grant(w->spec, span_str(credential->name)) == SPEC_GRANT_GCP;
}

/* Kubernetes reads "$(NAME)" in a value, and "$$" as "$". */
static void put_placeholder(struct kube_work *w, struct emit *e, struct span name, const char *value)
{
    char escaped[2 * PLACEHOLDER_MAX + 1];
    size_t used = 0;
    for (; *value != '\0' && used + 2 < sizeof(escaped); value++) {
        if (*value == '$') {
            escaped[used++] = '$';
        }
        escaped[used++] = *value;
    }
    escaped[used] = '\0';
    if (*value != '\0') {
        w->error = CB_ELIMIT;
    }
    emit_map(e, NULL);
    emit_span(e, "name", name);
    emit_text(e, "value", escaped);
    emit_map_end(e);
}

void kube_placeholder_env(struct kube_work *w, struct emit *e, const char *key, const char *argument)
{
    (void)key;
    (void)argument;
    for (size_t i = 0; i < w->spec->credential_count; i++) {
        const struct spec_credential *credential = &w->spec->credentials[i];
        struct span rest = span_str(credential->env);
        struct span name;
        char file[sizeof(CONFIG_DIR) + SPEC_NAME_MAX + 16];
        (void)snprintf(file, sizeof(file), CONFIG_DIR "/google-%s.json", credential->name);
        while (spec_env_next(&rest, &name)) {
            put_placeholder(w, e, name,
                            is_google(w, credential) ? file : kube_placeholder_of(w, credential->name));
        }
    }
}

void kube_google_files(struct kube_work *w, struct emit *e)
{
    for (size_t i = 0; i < w->spec->credential_count; i++) {
        const struct spec_credential *credential = &w->spec->credentials[i];
        char name[SPEC_NAME_MAX + 16];
        struct buf stub;
        if (!is_google(w, credential)) {
            continue;
        }
        buf_init(&stub, STUB_MAX);
        int r = inject_gcp_write_stub(span_str(kube_placeholder_of(w, credential->name)), &stub);
        if (r != 0 && w->error == 0) {
            w->error = r;
        }
        (void)snprintf(name, sizeof(name), "google-%s.json", credential->name);
        emit_span(e, name, buf_span(&stub));
        buf_deinit(&stub);
    }
}

/* ---- names ---- */

static bool is_own(struct span name)
{
    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
        if (span_eq_str(name, fixed[i].name)) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (span_eq_str(name, own[i])) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof(own_prefixes) / sizeof(own_prefixes[0]); i++) {
        if (span_starts(name, span_str(own_prefixes[i]))) {
            return true;
        }
    }
    return false;
}

int kube_check_variables(struct kube_work *w)
{
    for (size_t i = 0; i < w->spec->credential_count; i++) {
        const struct spec_credential *credential = &w->spec->credentials[i];
        struct span rest = span_str(credential->env);
        struct span name;
        while (spec_env_next(&rest, &name)) {
            if (is_own(name)) {
                int r =
                    buf_appendf(w->why,
                                "the variable %.*s of credential \"%s\" is one of the gateway itself: write "
                                "another env",
                                SPAN_ARG(name), credential->name);
                return r != 0 ? r : CB_EINVAL;
            }
        }
    }
    return 0;
}
