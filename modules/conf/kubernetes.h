/*
 * kubernetes.h - spec.kubernetes of a tenant file: how the tenant looks on a cluster. Nothing of it is in the specification that
 * egress enforces, but for the route to the workspace, which conf adds to it.
 */
#ifndef CB_CONF_KUBERNETES_H
#define CB_CONF_KUBERNETES_H

#include "policy/spec.h"

#define CONF_KUBE_LABELS_MAX     8   /* of one selector */
#define CONF_KUBE_ENDPOINTS_MAX  16  /* of one list */
#define CONF_KUBE_ORIGINS_MAX    8   /* under which people open the gateway's page */
#define CONF_KUBE_IMAGE_MAX      512 /* bytes of a reference to an image */
#define CONF_KUBE_MODEL_MAX      128
#define CONF_KUBE_REGISTRIES_MAX 16

/* The credential and the route that the assistant has in its workspace. */
#define CONF_KUBE_WORKSPACE "workspace"
/* What stands behind the tenant's name in the names of the namespaces; the longest decides how long a tenant's name may be. */
#define CONF_KUBE_SUFFIX_DEV    "-dev"
#define CONF_KUBE_SUFFIX_CLAW   "-claw"
#define CONF_KUBE_NAMESPACE_MAX 63 /* RFC 1123, 2.1: a label */

enum conf_kube_flavor { CONF_KUBE_KUBERNETES, CONF_KUBE_OPENSHIFT, CONF_KUBE_FLAVOR__COUNT };
/* Where the Secrets come from: they are there, an ExternalSecret makes them, or a file that the command line writes. */
enum conf_kube_secrets {
    CONF_KUBE_SECRETS_REFERENCE,
    CONF_KUBE_SECRETS_EXTERNAL,
    CONF_KUBE_SECRETS_FILE,
    CONF_KUBE_SECRETS__COUNT
};
/* What the assistant may do in its workspace. */
enum conf_kube_access {
    CONF_KUBE_ACCESS_EDIT,
    CONF_KUBE_ACCESS_VIEW,
    CONF_KUBE_ACCESS_NONE,
    CONF_KUBE_ACCESS__COUNT
};
/* Where the workspace's pods may send: to each other and to DNS; to each other; anywhere. */
enum conf_kube_egress {
    CONF_KUBE_EGRESS_CLOSED,
    CONF_KUBE_EGRESS_SEALED,
    CONF_KUBE_EGRESS_OPEN,
    CONF_KUBE_EGRESS__COUNT
};

/* "10.0.0.1/32:6443" */
struct conf_kube_endpoint {
    char prefix[64]; /* canonical: "10.0.0.0/24", "2001:db8::/64" */
    uint16_t port;
};

struct conf_kube_endpoints {
    struct conf_kube_endpoint items[CONF_KUBE_ENDPOINTS_MAX];
    size_t count;
};

struct conf_kube_labels {
    struct spec_field *items;
    size_t count;
};

struct conf_kubernetes {
    bool present; /* the file has it; else everything below is as it would be by default */
    enum conf_kube_flavor flavor;
    char *image;         /* clawbox's own; NULL: of this version */
    char *gateway_image; /* NULL: KUBE_GATEWAY_IMAGE */
    struct conf_kube_endpoints api_server;
    struct conf_kube_endpoints dns; /* beside the cluster's DNS pods: a cache on the node */
    char *storage_class;            /* NULL: the cluster's default */
    char *storage;                  /* of the gateway: "10Gi"; NULL: the default */
    char *model;                    /* "openai/gpt-5.5", or NULL */
    enum conf_kube_secrets secrets;
    char *secret_store; /* EXTERNAL: its name */
    bool secret_store_cluster;
    enum conf_kube_access access;
    enum conf_kube_egress egress;
    bool exec;
    struct spec_list
        registries; /* that the workspace's images come from: "registry.example/team"; none: all */
    struct conf_kube_labels ingress_from; /* of namespaces that may reach the gateway's page; none: nobody */
    struct conf_kube_labels metrics_from; /* of namespaces that may reach /metrics of the proxy */
    struct spec_list origins;             /* "https://claw.example.com" */
};

/* Frees the texts. A zeroed struct is fine: it holds the defaults. */
void conf_kubernetes_deinit(struct conf_kubernetes *kubernetes);
/* Whether a text can be a reference to an image. */
bool conf_kube_image_valid(struct span text);
/* The words of tenant files. */
const char *conf_kube_flavor_name(enum conf_kube_flavor flavor);
const char *conf_kube_secrets_name(enum conf_kube_secrets secrets);
/* The enumeration's __COUNT for a word that is none. */
enum conf_kube_flavor conf_kube_flavor_of(struct span word);
enum conf_kube_secrets conf_kube_secrets_of(struct span word);

/*
 * Reads spec.kubernetes alone out of a tenant file of one document that was good once: what the store has kept. What else
 * stands there is not looked at, and files that it names are not needed. 0, CB_ECONFIG with lines in `errors` as
 * conf_tenants_load() has them, CB_ENOMEM or CB_ELIMIT. Free with conf_kubernetes_deinit().
 */
CB_MUST_USE int conf_kubernetes_load(struct span text, const char *file_name, struct conf_kubernetes *out,
                                     struct buf *errors);

#endif
