/*
 * internal.h - what is known while a tenant's manifests are made. Private to modules/kube.
 *
 *   manifests.c  the tenant checked, the list of files
 *   template.c   an object's template made into its text
 *   values.c     the names that templates use: conditions, texts, generators
 *   document.c   the tenant file of the proxy's pod
 *   network.c    who reaches whom: ports, ranges, addresses
 *   access.c     the assistant's rights in its workspace, its kubeconfig, where its token may go
 *   secrets.c    the Secrets that must exist, how they get into pods, ExternalSecrets
 *   gateway.c    the gateway's environment
 *   openclaw.c   the gateway's configuration
 *   notes.c      what people have to know
 */
#ifndef CB_KUBE_INTERNAL_H
#define CB_KUBE_INTERNAL_H

#include "conf/emit.h"
#include "kube/kube.h"

#define KUBE_NAME_SIZE (CONF_KUBE_NAMESPACE_MAX + 1)

struct kube_work {
    const struct kube_tenant *tenant;
    const struct conf_kubernetes *settings;
    const struct spec *spec;
    struct kube_manifests *out;
    struct buf *why;
    char dev[KUBE_NAME_SIZE];
    char claw[KUBE_NAME_SIZE];
    const struct spec_route *workspace; /* the assistant's route to its namespace, or NULL */
    struct buf document;                /* the tenant file of the proxy's pod */
    struct buf openclaw;                /* openclaw.json */
    char openclaw_digest[2 * 16 + 1];
    char text[2048]; /* of kube_value(), until its next call */
    int error;       /* of a generator: the first one */
};

/* ---- template.c ---- */

/* Appends the object that the template makes; nothing when its condition does not hold. 0, CB_ENOMEM, CB_ELIMIT, or
 * CB_EINTERNAL when the template is not as it should be. */
CB_MUST_USE int kube_template_write(struct kube_work *w, struct span template, struct buf *out);

/* ---- values.c ---- */

/* Each sets w->error to CB_EINTERNAL for a name that it does not know. */
bool kube_condition(struct kube_work *w, struct span name);
/* The text of "${name}", until the next call. */
const char *kube_value(struct kube_work *w, struct span name);
/* Writes what "$name" stands for: the value of a key, or members or items where they stand. */
void kube_generate(struct kube_work *w, struct emit *e, const char *name, const char *key,
                   const char *argument);

typedef void kube_generator(struct kube_work *w, struct emit *e, const char *key, const char *argument);

/* The labels of every object, and of a selector: the argument is the component, or empty. */
void kube_labels(struct emit *e, const struct kube_work *w, const char *component);

/* ---- document.c ---- */

/* Fills w->document. 0, CB_ENOMEM, CB_ELIMIT, or CB_EINTERNAL when it would not be read as what was meant. */
CB_MUST_USE int kube_document(struct kube_work *w);

/* ---- network.c ---- */

kube_generator kube_dns;
kube_generator kube_proxy_egress;
kube_generator kube_workspace_dns;
kube_generator kube_workspace_open;

/* ---- access.c ---- */

kube_generator kube_role_rules;
kube_generator kube_kubeconfig;
kube_generator kube_workspace_hosts;

/* ---- secrets.c ---- */

kube_generator kube_credential_mounts;
kube_generator kube_credential_volumes;
/* Fills the list of Secrets. */
CB_MUST_USE int kube_secrets_list(struct kube_work *w);
/* Appends an ExternalSecret for the Secret. */
CB_MUST_USE int kube_external_secret(struct kube_work *w, const struct kube_secret *secret, struct buf *out);
/* True when the credential is a file of its own in the proxy's pod: all but the workspace's token. */
bool kube_credential_is_secret(const struct kube_work *w, const struct spec_credential *credential);

/* ---- gateway.c ---- */

kube_generator kube_proxy_env;
kube_generator kube_gateway_env;
kube_generator kube_placeholder_env;
/* CB_EINVAL with a sentence in w->why when a credential's variable is one that the gateway itself has. */
CB_MUST_USE int kube_check_variables(struct kube_work *w);
/* Files for Google's SDKs, members of the gateway's ConfigMap: what a credential of theirs looks like, with a placeholder. */
void kube_google_files(struct kube_work *w, struct emit *e);
/* The placeholder of a credential. NULL when the tenant brought none. */
const char *kube_placeholder_of(const struct kube_work *w, const char *credential);

/* ---- openclaw.c ---- */

/* Appends openclaw.json. 0, CB_ENOMEM or CB_ELIMIT. */
CB_MUST_USE int kube_openclaw(struct kube_work *w, struct buf *out);
/* The model that the gateway starts with: as the settings say, or of the first provider; NULL when there is none. */
const char *kube_openclaw_model(const struct kube_work *w);

/* ---- notes.c ---- */

CB_MUST_USE int kube_notes(struct kube_work *w);

#endif
