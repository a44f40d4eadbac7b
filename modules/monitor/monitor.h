/*
 * monitor.h - the parent of all roles: forks them, wires exactly the edges that it was given, waits, restarts.
 *
 * It knows roles only as rows of a table and includes none of them.
 */
#ifndef CB_MONITOR_MONITOR_H
#define CB_MONITOR_MONITOR_H

#include "base/log.h"
#include "ipc/msgs.h"
#include "priv/confine.h"

/* A kind of process. */
struct monitor_role {
    enum ipc_role role;
    bool per_tenant;
    unsigned uid_offset; /* fixed roles: base + offset; tenants' roles: their slot's base + offset */
    const struct priv_profile
        *profile; /* as its own file declares it; PRIV_ROOT_DIRECTORY is the state directory's `store` */
    bool gets_master_key;
    bool gets_roots;
    bool gets_resolv_conf; /* the system's name servers, where dns_servers names none */
    bool gets_control_socket;
    bool gets_tenant_listeners;
    bool gets_console_listener; /* it is only started when there is one */
};

/* Two roles that may talk. */
struct monitor_edge {
    enum ipc_role a;
    enum ipc_role b;
};

/* Where a master key comes from: a file; a descriptor (never read here, duplicated for the vault); or, with neither, the file
 * master.key in the state directory, which is made when there is no database yet. */
struct monitor_key {
    const char *path;
    int fd;          /* -1: none */
    bool passphrase; /* what is there is a passphrase, and the key is derived from it */
};

struct monitor_options {
    const char *state_dir;
    struct monitor_key key;
    bool rekey; /* everything is sealed for `next_key`, and then it ends; needs the roles store and vault */
    struct monitor_key next_key;
    const char *roots_path;        /* PEM of the system's roots, or NULL */
    const char *dns_servers;       /* or "" */
    const char *parent;            /* "host:port" of a proxy behind which the providers are, or NULL */
    const char *parent_login_path; /* a file with "user:password" for it, or NULL */
    const char *listen_address;    /* of the tenants' TCP listeners */
    uint16_t
        tenant_port; /* of the TCP listener of the only tenant there may be; 0: each has one of its own */
    const char *health_address; /* of the health listener, an IPv4 or IPv6 literal; NULL: there is none */
    uint16_t health_port;       /* 0: a free one, which is said */
    unsigned health_tenants; /* so many have to be there, and to lack nothing, before this server is ready */
    const char
        *api_address;  /* of the API over TCP, a literal, on loopback or with TLS; NULL: there is none */
    uint16_t api_port; /* 0: a free one, which is said */
    const char *console_address; /* of the console, the same; NULL: there is none */
    uint16_t console_port;       /* 0: a free one, which is said */
    bool console_optional;       /* where its port is taken, the server goes on without */
    const char *
        tls_cert_path; /* of the API over TCP and the console, with its issuers, in PEM; NULL: they are in clear */
    const char *tls_key_path;
    uint32_t drain_ms; /* what is under way may take so long when it stops; 0: MONITOR_DRAIN_MS */
    uint32_t waived;   /* confinement layers that are not put on */
    uint32_t idle_ms;  /* without a connection for so long, a tenant's processes end; 0: never */
    uint32_t uid_base; /* first uid of roles, when started as root */
    enum log_level log_level;
    const char *version; /* the program's, for `clawbox status` */
    const struct monitor_role *roles;
    size_t role_count;
    const struct monitor_edge *edges;
    size_t edge_count;
};

#define MONITOR_DRAIN_MS 3000

/* Runs until SIGTERM or SIGINT, or until the start fails. From then on nobody connects, and no request is taken; what is under way
 * has its time, or until a second signal. Returns the exit status: 0 or 1. */
int monitor_run(const struct monitor_options *options);

#endif
