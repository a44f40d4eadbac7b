/* roles.c - the table of processes, the table of edges, and the entry of each role. */
#include "roles.h"

#include "api/api.h"
#include "console/console.h"
#include "egress/egress.h"
#include "gate/gate.h"
#include "ipc/codec.h"
#include "ipc/role.h"
#include "priv/confine.h"
#include "store/store.h"
#include "vault/vault.h"

#include <stdio.h>
#include <sys/socket.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

const struct monitor_role clawbox_roles[] = {
    /* The store comes first: the others ask it while they start. */
    {.role = IPC_ROLE_STORE, .profile = &store_profile, .uid_offset = 1},
    {.role = IPC_ROLE_VAULT, .profile = &vault_profile, .uid_offset = 2, .gets_master_key = true},
    {.role = IPC_ROLE_API, .profile = &api_profile, .uid_offset = 3, .gets_control_socket = true},
    {.role = IPC_ROLE_CONSOLE, .profile = &console_profile, .uid_offset = 4, .gets_console_listener = true},
    {.role = IPC_ROLE_GATE,
     .profile = &gate_profile,
     .per_tenant = true,
     .uid_offset = 0,
     .gets_tenant_listeners = true},
    {.role = IPC_ROLE_EGRESS,
     .profile = &egress_profile,
     .per_tenant = true,
     .uid_offset = 1,
     .gets_roots = true,
     .gets_resolv_conf = true},
};
const size_t clawbox_role_count = COUNT(clawbox_roles);

/* What is not here cannot happen: no edge between gate and store, nor between the processes of two tenants. */
const struct monitor_edge clawbox_edges[] = {
    {IPC_ROLE_STORE, IPC_ROLE_VAULT},  /* sealed rows, hosts */
    {IPC_ROLE_STORE, IPC_ROLE_EGRESS}, /* routes, audit */
    {IPC_ROLE_VAULT, IPC_ROLE_EGRESS}, /* this tenant's credentials */
    {IPC_ROLE_VAULT, IPC_ROLE_GATE},   /* leaves for this tenant's hosts */
    {IPC_ROLE_GATE, IPC_ROLE_EGRESS},  /* requests as fields */
    {IPC_ROLE_API, IPC_ROLE_STORE},    /* what an administrator does */
    {IPC_ROLE_API, IPC_ROLE_VAULT},    /* public keys and CA certificates */
    {IPC_ROLE_CONSOLE, IPC_ROLE_API},  /* what a browser asks, as HTTP */
};
const size_t clawbox_edge_count = COUNT(clawbox_edges);

static const struct {
    enum ipc_role role;
    int (*main)(void);
} role_entries[] = {
    {IPC_ROLE_STORE, store_main},   {IPC_ROLE_VAULT, vault_main}, {IPC_ROLE_GATE, gate_main},
    {IPC_ROLE_EGRESS, egress_main}, {IPC_ROLE_API, api_main},     {IPC_ROLE_CONSOLE, console_main},
};

size_t clawbox_rekey_roles(struct monitor_role out[2])
{
    size_t count = 0;
    for (size_t i = 0; i < clawbox_role_count && count < 2; i++) {
        if (clawbox_roles[i].role == IPC_ROLE_STORE || clawbox_roles[i].role == IPC_ROLE_VAULT) {
            out[count++] = clawbox_roles[i];
        }
    }
    return count;
}

int role_main(const char *name, int argc, char **argv)
{
    (void)argc;
    (void)argv; /* the tenant's name is there for people who look at a list of processes */
    int type = 0;
    socklen_t len = sizeof(type);
    if (getsockopt(IPC_ROLE_LIFE_FD, SOL_SOCKET, SO_TYPE, &type, &len) != 0 || type != SOCK_STREAM) {
        (void)fprintf(stderr, "clawbox: %s is started by `clawbox serve` only\n", name);
        return 2;
    }
    priv_close_memory();
    for (size_t i = 0; i < COUNT(role_entries); i++) {
        if (strcmp(name + 1, ipc_role_name(role_entries[i].role)) == 0) {
            return role_entries[i].main();
        }
    }
    (void)fprintf(stderr, "clawbox: there is no role %s\n", name);
    return 2;
}
