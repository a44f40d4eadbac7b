/* document.c - the tenant file of the proxy's pod: what is enforced there is what is enforced here. */
#include "conf/write.h"
#include "kube/internal.h"

#include <stdlib.h>

int kube_document(struct kube_work *w)
{
    struct conf_write with = {.relocated = w->workspace, .address = KUBE_IN_CLUSTER, .ca_file = KUBE_CA_FILE};
    int r = conf_tenant_write_check(w->spec);
    if (r != 0) {
        return r;
    }
    struct conf_write_placeholder *placeholders =
        calloc(w->spec->credential_count + 1, sizeof(*placeholders));
    if (placeholders == NULL) {
        return CB_ENOMEM;
    }
    for (size_t i = 0; i < w->spec->credential_count; i++) {
        const char *name = w->spec->credentials[i].name;
        placeholders[i] =
            (struct conf_write_placeholder){.credential = name, .value = kube_placeholder_of(w, name)};
    }
    with.placeholders = placeholders;
    with.placeholder_count = w->spec->credential_count;
    r = conf_tenant_write(w->spec, &with, &w->document);
    free(placeholders);
    return r;
}
