/* tls_option.c - the certificate of the API over TCP and of the console. What is in the files, the roles look at. */
#include "tls_option.h"

#include <errno.h>
#include <unistd.h>

int tls_option_read(const char *cert, const char *key, struct monitor_options *out)
{
    out->tls_cert_path = cert;
    out->tls_key_path = key;
    if ((cert == NULL) != (key == NULL)) {
        return cmd_wrong_usage("serve", "--tls-cert and --tls-key go together");
    }
    if (cert != NULL && access(cert, R_OK) != 0) {
        return cmd_fail_r(-errno, "--tls-cert %s", cert);
    }
    if (key != NULL && access(key, R_OK) != 0) {
        return cmd_fail_r(-errno, "--tls-key %s", key);
    }
    return CMD_GO;
}
