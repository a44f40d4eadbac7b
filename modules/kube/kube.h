/*
 * kube.h - a tenant's manifests: two namespaces, as files that `kubectl apply -k` and GitOps repositories take.
 *
 * Pure: a tenant in, texts out, the same bytes for the same tenant. The objects are templates, plain YAML with their reasons beside
 * them (objects/), read with conf's strict reader and written with libyaml's emitter; what a tenant brings goes into
 * single values only and can never become structure. No value of a Secret is in any of it.
 */
#ifndef CB_KUBE_KUBE_H
#define CB_KUBE_KUBE_H

#include "base/buf.h"
#include "conf/kubernetes.h"
#include "policy/spec.h"

/* Where the parts of a tenant listen, in their pods. */
#define KUBE_PROXY_PORT   8080
#define KUBE_HEALTH_PORT  8081
#define KUBE_GATEWAY_PORT 18789

/* What the proxy's loader puts its API server's address and the digest of the cluster's CA in place of. */
#define KUBE_IN_CLUSTER "in-cluster"
#define KUBE_CA_FILE    "/var/run/clawbox/kube-ca/ca.crt"
/* Where the gateway finds the tenant's CA. */
#define KUBE_TRUST_FILE "/trust/ca.pem"

#define KUBE_GATEWAY_IMAGE "ghcr.io/openclaw/openclaw:2026.9.6"
#define KUBE_STORAGE       "10Gi"
/* What an API server takes for one object; a ConfigMap has to fit with everything around it. */
#define KUBE_OBJECT_MAX ((size_t)1024 * 1024)

/* What the agent holds in place of a credential. */
struct kube_placeholder {
    const char *credential;
    const char *value;
};

struct kube_tenant {
    const struct spec *spec; /* as conf made it: with the workspace's route when it is wanted */
    const struct conf_kubernetes *settings;      /* a zeroed one has the defaults */
    const struct kube_placeholder *placeholders; /* one for each credential of the spec */
    size_t placeholder_count;
    bool suspended;      /* no pod runs; everything else stays */
    const char *version; /* of clawbox: in the name of its image when the settings have none */
};

struct kube_file {
    char *path; /* below the folder that is written: "alice/claw/40-deployment-proxy.yaml" */
    struct buf content;
};

/* Where the value of a Secret's key comes from. */
enum kube_value {
    KUBE_VALUE_GIVEN,  /* a person has it: the credential */
    KUBE_VALUE_RANDOM, /* KUBE_RANDOM_BYTES of a good random source, as hexadecimal digits without a newline */
    KUBE_VALUE_TEXT,   /* `text`: nothing secret */
    KUBE_VALUE__COUNT
};
#define KUBE_RANDOM_BYTES    32
#define KUBE_SECRET_KEYS_MAX 2

struct kube_secret_key {
    const char *name;
    enum kube_value value;
    char *text; /* TEXT only */
};

/* A Secret that must exist before the pods start. */
struct kube_secret {
    char *space; /* its namespace */
    char *name;
    char *about; /* for people: what it is */
    struct kube_secret_key keys[KUBE_SECRET_KEYS_MAX];
    size_t key_count;
    char *command; /* `kubectl create secret generic`; reads what is GIVEN from standard input */
};

struct kube_manifests {
    struct kube_file *files; /* in the order in which they are best applied */
    size_t file_count;
    struct kube_secret *secrets;
    size_t secret_count;
    char **notes; /* for people: what the files cannot do by themselves */
    size_t note_count;
};

/*
 * Makes the manifests. 0; CB_EINVAL with a sentence for people in `why` (a name too long for a namespace, a variable that is
 * the gateway's own, a placeholder that is missing); CB_ELIMIT with one when an object would be too large for an API
 * server; CB_ENOMEM; CB_EINTERNAL. *out is empty after a failure; free with kube_manifests_deinit().
 */
CB_MUST_USE int kube_manifests_make(const struct kube_tenant *tenant, struct kube_manifests *out,
                                    struct buf *why);
/* A zeroed struct is fine. */
void kube_manifests_deinit(struct kube_manifests *manifests);

#endif
