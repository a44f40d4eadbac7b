/* serving.c - a certificate of somebody's own, with its key, that a server presents. */
#include "tls/internal.h"

#include <stdlib.h>

int tls_leaf_serving(struct span pem, struct tls_leaf **out, const char **why)
{
    struct tls_leaf *leaf = calloc(1, sizeof(*leaf));
    if (leaf == NULL) {
        return CB_ENOMEM;
    }
    leaf->refs = 1;
    mbedtls_x509_crt_init(&leaf->chain);
    int r = tls_identity_new(pem, &leaf->identity, why);
    if (r != 0) {
        tls_leaf_unref(leaf);
        return r;
    }
    *out = leaf;
    return 0;
}

mbedtls_x509_crt *tls_leaf_chain(struct tls_leaf *leaf)
{
    return leaf->identity != NULL ? &leaf->identity->chain : &leaf->chain;
}

mbedtls_pk_context *tls_leaf_key(struct tls_leaf *leaf)
{
    return leaf->identity != NULL ? &leaf->identity->key : &leaf->key->pk;
}

bool tls_leaf_is_for(struct tls_leaf *leaf, const char *host)
{
    return tls_name_matches(tls_leaf_chain(leaf), host);
}
