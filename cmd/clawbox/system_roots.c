/* system_roots.c - the places of Debian and its kin, Fedora and its kin, Alpine. */
#include "system_roots.h"

#include <stddef.h>
#include <unistd.h>

const char *system_roots(void)
{
    static const char *const paths[] = {"/etc/ssl/certs/ca-certificates.crt",
                                        "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        if (access(paths[i], R_OK) == 0) {
            return paths[i];
        }
    }
    return NULL;
}
