/*
 * msgs.h - every message that roles send each other. This is the only definition: the enumeration, the structs, the
 * codec, the permissions and the limits are derived from it, and the tests and fuzzers walk the same table.
 *
 * Reading it as a security review: search for the role in the FROM column to see everything that it can ever ask for.
 *
 *   CHANNEL  LIFE    between the monitor and a role: START, descriptors, READY, STOP
 *            PEER    between two roles; for gate, egress: of one tenant, so the channel says whose message it is
 *            STREAM  one per agent connection, made by the gate and handed to its egress
 *   KIND     EVENT   nobody answers; REQUEST is answered by exactly one ANSWER with the same call number
 *   FD       whether a descriptor travels with it
 *   LIMIT    bytes of payload; checked before a byte of it is read
 *
 * No message carries a pointer, a struct image or a size that the receiver allocates unchecked.
 */
#ifndef CB_IPC_MSGS_H
#define CB_IPC_MSGS_H

#include "base/span.h"

enum ipc_role {
    IPC_ROLE_MONITOR,
    IPC_ROLE_STORE,
    IPC_ROLE_VAULT,
    IPC_ROLE_GATE,
    IPC_ROLE_EGRESS,
    IPC_ROLE_API,
    IPC_ROLE_CONSOLE,
    IPC_ROLE__COUNT
};

enum {
    IPC_MONITOR = 1 << IPC_ROLE_MONITOR,
    IPC_STORE = 1 << IPC_ROLE_STORE,
    IPC_VAULT = 1 << IPC_ROLE_VAULT,
    IPC_GATE = 1 << IPC_ROLE_GATE,
    IPC_EGRESS = 1 << IPC_ROLE_EGRESS,
    IPC_API = 1 << IPC_ROLE_API,
    IPC_CONSOLE = 1 << IPC_ROLE_CONSOLE,
    IPC_ANY = IPC_STORE | IPC_VAULT | IPC_GATE | IPC_EGRESS | IPC_API | IPC_CONSOLE
};

enum ipc_channel { IPC_CHANNEL_LIFE, IPC_CHANNEL_PEER, IPC_CHANNEL_STREAM };
enum ipc_kind { IPC_KIND_EVENT, IPC_KIND_REQUEST, IPC_KIND_ANSWER };
enum { IPC_NO_FD = 0, IPC_FD = 1 };

/* What a descriptor of FILE is, and what a listening socket of LISTENER is for. */
enum ipc_file_kind {
    IPC_FILE_MASTER_KEY,
    IPC_FILE_MASTER_KEY_NEXT,
    IPC_FILE_PASSPHRASE,
    IPC_FILE_PASSPHRASE_NEXT,
    IPC_FILE_ROOTS,
    IPC_FILE_RESOLV_CONF,
    IPC_FILE_PARENT_LOGIN, /* "user:password" for the parent proxy */
    IPC_FILE_TLS_CERT,     /* of the listeners for people, in PEM; then its key */
    IPC_FILE_TLS_KEY,
    IPC_FILE__COUNT
};
/* What is sealed. */
enum ipc_sealed_kind { IPC_SEALED_CREDENTIAL, IPC_SEALED_CA, IPC_SEALED_CA_NEXT, IPC_SEALED__COUNT };
/* What a tenant must be like, for a change to be made: anything, not there, or exactly in that generation. */
enum ipc_expect { IPC_EXPECT_ANY, IPC_EXPECT_ABSENT, IPC_EXPECT_GENERATION, IPC_EXPECT__COUNT };
enum ipc_listener_kind {
    IPC_LISTENER_UNIX,
    IPC_LISTENER_TCP,
    IPC_LISTENER_CONTROL,
    IPC_LISTENER_HEALTH,
    IPC_LISTENER_API,     /* TCP: nobody is known by connecting */
    IPC_LISTENER_CONSOLE, /* TCP: browsers */
    IPC_LISTENER__COUNT
};
/* What a token for the API may do: everything, look, or everything about one tenant. */
enum ipc_scope { IPC_SCOPE_ADMIN, IPC_SCOPE_VIEWER, IPC_SCOPE_TENANT, IPC_SCOPE__COUNT };

/* Who makes a change (`by` of messages) that is asked for over the control socket. */
#define IPC_BY_SOCKET "socket"
/* What somebody shows who signs in at the console: a password (what argon2id made of it), a token, a link. */
enum ipc_sign_in { IPC_SIGN_IN_PASSWORD, IPC_SIGN_IN_TOKEN, IPC_SIGN_IN_LINK, IPC_SIGN_IN__COUNT };

#define IPC_NAME_MAX         40
#define IPC_HOST_MAX         260
#define IPC_ORIGIN_MAX       96 /* "http://127.0.0.1:9180" */
#define IPC_TARGET_MAX       16384
#define IPC_FIELDS_MAX       ((size_t)72 * 1024)
#define IPC_BODY_MAX         ((size_t)64 * 1024)
#define IPC_SPEC_MAX         ((size_t)2 * 1024 * 1024)
#define IPC_BOX_MAX          ((size_t)96 * 1024)
#define IPC_BINDING_MAX      ((size_t)64 * 1024)
#define IPC_SECRET_MAX       ((size_t)16 * 1024)
#define IPC_PAGE_MAX         ((size_t)1024 * 1024)
#define IPC_APPLY_MAX        ((size_t)8 * 1024 * 1024)
#define IPC_REQUEST_ID_LEN   12
#define IPC_HASH_LEN         32
#define IPC_CERT_MAX         4096
#define IPC_CA_NAMES_MAX     3072
#define IPC_AUDIT_PATH_MAX   2048
#define IPC_AUDIT_QUERY_MAX  1024
#define IPC_AUDIT_DETAIL_MAX 240
#define IPC_MODEL_MAX        64 /* of a model's name, as a provider reports it */
#define IPC_AUDIT_TEXT_MAX   128
#define IPC_SERIES_POINTS    10000
#define IPC_TOKEN_MAX        64
#define IPC_STATUS_MAX       1024
#define IPC_TOKENS_MAX       ((size_t)32 * 1024)
#define IPC_KDF_LEN          25 /* of tls/passphrase.h */
#define IPC_DEVICE_LEN       48
#define IPC_GRANTS_MAX       ((size_t)112 * 1024)
#define IPC_BY_MAX           64

/* clang-format off */
/*    NAME                 lower              from                    to                      channel  kind     fd         limit */
#define IPC_MESSAGES(M) \
    /* ---- life: the monitor sets a role up; the role says when it serves ---- */ \
    M(START,               start,             IPC_MONITOR,            IPC_ANY,                LIFE,    EVENT,   IPC_NO_FD, 1024) \
    M(FILE,                file,              IPC_MONITOR,            IPC_VAULT | IPC_EGRESS | IPC_API | IPC_CONSOLE, LIFE, EVENT, IPC_FD, 16) \
    M(LISTENER,            listener,          IPC_MONITOR,            IPC_GATE | IPC_API | IPC_CONSOLE, LIFE,    EVENT,   IPC_FD,    16) \
    M(PEER,                peer,              IPC_MONITOR,            IPC_ANY,                LIFE,    EVENT,   IPC_FD,    128) \
    M(GO,                  go,                IPC_MONITOR,            IPC_ANY,                LIFE,    EVENT,   IPC_NO_FD, 16) \
    M(READY,               ready,             IPC_ANY,                IPC_MONITOR,            LIFE,    EVENT,   IPC_NO_FD, 16) \
    M(STOP,                stop,              IPC_MONITOR,            IPC_ANY,                LIFE,    EVENT,   IPC_NO_FD, 16) \
    M(KEY_IN_USE,          key_in_use,        IPC_VAULT,              IPC_MONITOR,            LIFE,    EVENT,   IPC_NO_FD, 32) \
    /* ---- which tenants have a listener ---- */ \
    M(TENANT_UP,           tenant_up,         IPC_STORE,              IPC_MONITOR,            LIFE,    EVENT,   IPC_NO_FD, 128) \
    M(TENANT_DOWN,         tenant_down,       IPC_STORE,              IPC_MONITOR,            LIFE,    EVENT,   IPC_NO_FD, 16) \
    M(TENANT_RESTART,      tenant_restart,    IPC_STORE,              IPC_MONITOR,            LIFE,    EVENT,   IPC_NO_FD, 16) \
    M(TENANTS_LOADED,      tenants_loaded,    IPC_STORE,              IPC_MONITOR,            LIFE,    EVENT,   IPC_NO_FD, 16) \
    M(LISTENING,           listening,         IPC_MONITOR,            IPC_STORE,              LIFE,    EVENT,   IPC_NO_FD, 16) \
    /* ---- what `clawbox status` shows; the monitor tells it unasked, so that nobody has to ask it anything ---- */ \
    M(STATUS,              status,            IPC_MONITOR,            IPC_API,                LIFE,    EVENT,   IPC_NO_FD, IPC_STATUS_MAX) \
    /* ---- the answer to requests that change something ---- */ \
    M(DONE,                done,              IPC_STORE,              IPC_VAULT | IPC_API,    PEER,    ANSWER,  IPC_NO_FD, 4096) \
    /* ---- vault and store: sealed rows ---- */ \
    M(VAULT_KEY_GET,       vault_key_get,     IPC_VAULT,              IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, 16) \
    M(VAULT_KEY,           vault_key,         IPC_STORE,              IPC_VAULT,              PEER,    ANSWER,  IPC_NO_FD, 128) \
    M(VAULT_KEY_PUT,       vault_key_put,     IPC_VAULT,              IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, 128) \
    M(SEALED_GET,          sealed_get,        IPC_VAULT,              IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, 128) \
    M(SEALED,              sealed,            IPC_STORE,              IPC_VAULT,              PEER,    ANSWER,  IPC_NO_FD, IPC_BOX_MAX + 64) \
    M(CA_GET,              ca_get,            IPC_VAULT,              IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, 16) \
    M(CA_ROW,              ca_row,            IPC_STORE,              IPC_VAULT,              PEER,    ANSWER,  IPC_NO_FD, 16384) \
    M(CA_PUT,              ca_put,            IPC_VAULT,              IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, 16384) \
    M(CA_FINISH,           ca_finish,         IPC_VAULT,              IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, 128) \
    M(HOSTS_GET,           hosts_get,         IPC_VAULT,              IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, 16) \
    M(HOSTS,               hosts,             IPC_STORE,              IPC_VAULT,              PEER,    ANSWER,  IPC_NO_FD, IPC_PAGE_MAX) \
    M(SEALED_REPLACE,      sealed_replace,    IPC_VAULT,              IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, IPC_BOX_MAX + 256) \
    M(FORGET,              forget,            IPC_STORE,              IPC_VAULT,              PEER,    EVENT,   IPC_NO_FD, 16) \
    /* ---- vault and store of `clawbox rekey`, and of no other start ---- */ \
    M(REKEY_NEXT,          rekey_next,        IPC_VAULT,              IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, 128) \
    M(REKEY_BOX,           rekey_box,         IPC_STORE,              IPC_VAULT,              PEER,    ANSWER,  IPC_NO_FD, IPC_BOX_MAX + 128) \
    M(REKEY_PUT,           rekey_put,         IPC_VAULT,              IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, IPC_BOX_MAX + 128) \
    M(REKEY_COMMIT,        rekey_commit,      IPC_VAULT,              IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, 128) \
    /* ---- what a tenant's pair asks the vault: only its own, because the channel is its own ---- */ \
    M(UNSEAL,              unseal,            IPC_EGRESS,             IPC_VAULT,              PEER,    REQUEST, IPC_NO_FD, 64) \
    M(CREDENTIAL,          credential,        IPC_VAULT,              IPC_EGRESS,             PEER,    ANSWER,  IPC_NO_FD, IPC_BOX_MAX) \
    M(CREDENTIAL_ROTATE,   credential_rotate, IPC_EGRESS,             IPC_VAULT,              PEER,    REQUEST, IPC_NO_FD, IPC_SECRET_MAX + 256) \
    M(CREDENTIAL_ROTATED,  credential_rotated, IPC_VAULT,             IPC_EGRESS,             PEER,    ANSWER,  IPC_NO_FD, 16) \
    M(LEAF_SIGN,           leaf_sign,         IPC_GATE,               IPC_VAULT,              PEER,    REQUEST, IPC_NO_FD, 1024) \
    M(LEAF,                leaf,              IPC_VAULT,              IPC_GATE,               PEER,    ANSWER,  IPC_NO_FD, 16384) \
    M(TRUST_GET,           trust_get,         IPC_GATE,               IPC_VAULT,              PEER,    REQUEST, IPC_NO_FD, 16) \
    M(TRUST,               trust,             IPC_VAULT,              IPC_GATE,               PEER,    ANSWER,  IPC_NO_FD, 12288) \
    /* ---- api and vault: public things only ---- */ \
    M(SEAL_KEY_GET,        seal_key_get,      IPC_API,                IPC_VAULT,              PEER,    REQUEST, IPC_NO_FD, 16) \
    M(SEAL_KEY,            seal_key,          IPC_VAULT,              IPC_API,                PEER,    ANSWER,  IPC_NO_FD, 64) \
    M(CA_CERT_GET,         ca_cert_get,       IPC_API,                IPC_VAULT,              PEER,    REQUEST, IPC_NO_FD, 16) \
    M(CA_CERT,             ca_cert,           IPC_VAULT,              IPC_API,                PEER,    ANSWER,  IPC_NO_FD, 12288) \
    M(CA_ROTATE,           ca_rotate,         IPC_API,                IPC_VAULT,              PEER,    REQUEST, IPC_NO_FD, 128) \
    /* ---- egress and store: routes and audit ---- */ \
    M(SPEC_GET,            spec_get,          IPC_EGRESS,             IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, 16) \
    M(SPEC,                spec,              IPC_STORE,              IPC_EGRESS,             PEER,    ANSWER,  IPC_NO_FD, IPC_SPEC_MAX + IPC_PAGE_MAX) \
    M(SPEC_CHANGED,        spec_changed,      IPC_STORE,              IPC_EGRESS,             PEER,    EVENT,   IPC_NO_FD, 16) \
    M(TRIPWIRE,            tripwire,          IPC_EGRESS,             IPC_STORE,              PEER,    EVENT,   IPC_NO_FD, 32) \
    M(AUDIT_DECISION,      audit_decision,    IPC_EGRESS,             IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, 8192) \
    M(AUDIT_STORED,        audit_stored,      IPC_STORE,              IPC_EGRESS,             PEER,    ANSWER,  IPC_NO_FD, 16) \
    M(AUDIT_OUTCOME,       audit_outcome,     IPC_EGRESS,             IPC_STORE,              PEER,    EVENT,   IPC_NO_FD, 768) \
    /* ---- api and store: what an administrator does ---- */ \
    M(TENANTS_APPLY,       tenants_apply,     IPC_API,                IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, IPC_APPLY_MAX) \
    M(TENANTS_APPLIED,     tenants_applied,   IPC_STORE,              IPC_API,                PEER,    ANSWER,  IPC_NO_FD, IPC_PAGE_MAX) \
    M(TENANT_LIST,         tenant_list,       IPC_API,                IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, 128) \
    M(TENANT_PAGE,         tenant_page,       IPC_STORE,              IPC_API,                PEER,    ANSWER,  IPC_NO_FD, IPC_PAGE_MAX + 64) \
    M(TENANT_GET,          tenant_get,        IPC_API,                IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, 128) \
    M(TENANT,              tenant,            IPC_STORE,              IPC_API,                PEER,    ANSWER,  IPC_NO_FD, IPC_SPEC_MAX + 2 * IPC_PAGE_MAX) \
    M(TENANT_DELETE,       tenant_delete,     IPC_API,                IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, 192) \
    M(TENANT_SUSPEND,      tenant_suspend,    IPC_API,                IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, 128) \
    M(TENANT_TOKEN,        tenant_token,      IPC_API,                IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, 192) \
    M(CREDENTIAL_PUT,      credential_put,    IPC_API,                IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, IPC_BOX_MAX + IPC_BINDING_MAX + 256) \
    M(CREDENTIAL_DELETE,   credential_delete, IPC_API,                IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, 192) \
    M(AUDIT_PAGE,          audit_page,        IPC_API,                IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, 128) \
    M(AUDIT_ROWS,          audit_rows,        IPC_STORE,              IPC_API,                PEER,    ANSWER,  IPC_NO_FD, IPC_PAGE_MAX + 64) \
    M(AUDIT_SEARCH,        audit_search,      IPC_API,                IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, 768) \
    M(AUDIT_FOUND,         audit_found,       IPC_STORE,              IPC_API,                PEER,    ANSWER,  IPC_NO_FD, IPC_PAGE_MAX + 64) \
    M(AUDIT_GREW,          audit_grew,        IPC_STORE,              IPC_API,                PEER,    EVENT,   IPC_NO_FD, 16) \
    M(SERIES_GET,          series_get,        IPC_API,                IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, 128) \
    M(SERIES,              series,            IPC_STORE,              IPC_API,                PEER,    ANSWER,  IPC_NO_FD, IPC_PAGE_MAX + 64) \
    M(AUDIT_VERIFY,        audit_verify,      IPC_API,                IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, 128) \
    M(AUDIT_VERIFIED,      audit_verified,    IPC_STORE,              IPC_API,                PEER,    ANSWER,  IPC_NO_FD, 1024) \
    /* ---- api and store: what the health listener shows ---- */ \
    M(HEALTH_GET,          health_get,        IPC_API,                IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, 16) \
    M(HEALTH,              health,            IPC_STORE,              IPC_API,                PEER,    ANSWER,  IPC_NO_FD, IPC_PAGE_MAX + 64) \
    M(COUNTERS_GET,        counters_get,      IPC_API,                IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, 16) \
    M(COUNTERS,            counters,          IPC_STORE,              IPC_API,                PEER,    ANSWER,  IPC_NO_FD, IPC_PAGE_MAX + 64) \
    /* ---- api and store: tokens for the API over TCP, as hashes only ---- */ \
    M(TOKEN_CREATE,        token_create,      IPC_API,                IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, 256) \
    M(TOKEN_LIST,          token_list,        IPC_API,                IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, 16) \
    M(TOKENS,              tokens,            IPC_STORE,              IPC_API,                PEER,    ANSWER,  IPC_NO_FD, IPC_TOKENS_MAX) \
    M(TOKEN_DELETE,        token_delete,      IPC_API,                IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, 128) \
    M(TOKEN_CHECK,         token_check,       IPC_API,                IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, 64) \
    M(TOKEN,               token,             IPC_STORE,              IPC_API,                PEER,    ANSWER,  IPC_NO_FD, 256) \
    /* ---- api and store: who changed what, and what documents were ---- */ \
    M(CHANGES_GET,         changes_get,       IPC_API,                IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, 128) \
    M(CHANGES,             changes,           IPC_STORE,              IPC_API,                PEER,    ANSWER,  IPC_NO_FD, IPC_PAGE_MAX + 64) \
    M(REVISION_GET,        revision_get,      IPC_API,                IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, 128) \
    M(REVISION,            revision,          IPC_STORE,              IPC_API,                PEER,    ANSWER,  IPC_NO_FD, 2 * IPC_SPEC_MAX + IPC_PAGE_MAX + 256) \
    /* ---- api and store: administrators, and who is signed in at the console ---- */ \
    M(ADMINISTRATOR_LIST,  administrator_list, IPC_API,               IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, 16) \
    M(ADMINISTRATORS,      administrators,    IPC_STORE,              IPC_API,                PEER,    ANSWER,  IPC_NO_FD, IPC_TOKENS_MAX) \
    M(ADMINISTRATOR_PUT,   administrator_put, IPC_API,                IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, 256) \
    M(ADMINISTRATOR_DELETE, administrator_delete, IPC_API,            IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, 128) \
    M(SIGN_IN_GET,         sign_in_get,       IPC_API,                IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, 128) \
    M(SIGN_IN_HOW,         sign_in_how,       IPC_STORE,              IPC_API,                PEER,    ANSWER,  IPC_NO_FD, 64) \
    M(SESSION_CREATE,      session_create,    IPC_API,                IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, 128) \
    M(SESSION_CHECK,       session_check,     IPC_API,                IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, 64) \
    M(SESSION,             session,           IPC_STORE,              IPC_API,                PEER,    ANSWER,  IPC_NO_FD, 256) \
    M(SESSION_ROTATE,      session_rotate,    IPC_API,                IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, 128) \
    M(SESSION_DELETE,      session_delete,    IPC_API,                IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, 64) \
    M(SESSION_KEY,         session_key,       IPC_API,                IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, 256) \
    M(LINK_CREATE,         link_create,       IPC_API,                IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, 192) \
    /* ---- api and store: what was refused ---- */ \
    M(DENIALS_GET,         denials_get,       IPC_API,                IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, 128) \
    M(DENIALS,             denials,           IPC_STORE,              IPC_API,                PEER,    ANSWER,  IPC_NO_FD, IPC_PAGE_MAX + 64) \
    M(DENIAL_MUTE,         denial_mute,       IPC_API,                IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, 3072) \
    /* ---- console and api: a connection on which the console speaks HTTP, as a client of the API ---- */ \
    M(CONSOLE_STREAM,      console_stream,    IPC_CONSOLE,            IPC_API,                PEER,    EVENT,   IPC_FD,    16) \
    /* ---- api and store: what somebody allows for a time, or once ---- */ \
    M(GRANT_CREATE,        grant_create,      IPC_API,                IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, 3072) \
    M(GRANT_CREATED,       grant_created,     IPC_STORE,              IPC_API,                PEER,    ANSWER,  IPC_NO_FD, 1024) \
    M(GRANTS_GET,          grants_get,        IPC_API,                IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, 128) \
    M(GRANTS,              grants,            IPC_STORE,              IPC_API,                PEER,    ANSWER,  IPC_NO_FD, IPC_GRANTS_MAX + 64) \
    M(GRANT_DELETE,        grant_delete,      IPC_API,                IPC_STORE,              PEER,    REQUEST, IPC_NO_FD, 256) \
    /* ---- gate and egress of one tenant ---- */ \
    M(GATE_CONFIG,         gate_config,       IPC_EGRESS,             IPC_GATE,               PEER,    EVENT,   IPC_NO_FD, IPC_PAGE_MAX) \
    M(CONNECTION,          connection,        IPC_GATE,               IPC_EGRESS,             PEER,    EVENT,   IPC_FD,    16) \
    M(REFUSED,             refused,           IPC_GATE,               IPC_EGRESS,             PEER,    EVENT,   IPC_NO_FD, 8192) \
    /* ---- one agent connection ---- */ \
    M(REQUEST,             request,           IPC_GATE,               IPC_EGRESS,             STREAM,  EVENT,   IPC_NO_FD, IPC_FIELDS_MAX + 2 * IPC_TARGET_MAX + 1024) \
    M(REQUEST_BODY,        request_body,      IPC_GATE,               IPC_EGRESS,             STREAM,  EVENT,   IPC_NO_FD, IPC_BODY_MAX + 16) \
    M(REQUEST_END,         request_end,       IPC_GATE,               IPC_EGRESS,             STREAM,  EVENT,   IPC_NO_FD, 16) \
    M(RESPONSE_INTERIM,    response_interim,  IPC_EGRESS,             IPC_GATE,               STREAM,  EVENT,   IPC_NO_FD, IPC_FIELDS_MAX + 64) \
    M(RESPONSE,            response,          IPC_EGRESS,             IPC_GATE,               STREAM,  EVENT,   IPC_NO_FD, IPC_FIELDS_MAX + 64) \
    M(RESPONSE_BODY,       response_body,     IPC_EGRESS,             IPC_GATE,               STREAM,  EVENT,   IPC_NO_FD, IPC_BODY_MAX + 16) \
    M(RESPONSE_END,        response_end,      IPC_EGRESS,             IPC_GATE,               STREAM,  EVENT,   IPC_NO_FD, 16) \
    M(RESPONSE_ABORT,      response_abort,    IPC_EGRESS,             IPC_GATE,               STREAM,  EVENT,   IPC_NO_FD, 16)
/* clang-format on */

/*
 * Fields. Kinds: BOOL, U8, U16, U32, U64; ENUM (a byte below the given count); TEXT (at most so many bytes, all
 * printable ASCII); BYTES (at most so many); SECRET (as BYTES, and both ends wipe their buffers). Spans of a message that was read
 * point into the channel's buffer and live until its handler returns.
 *
 * A `code` is 0 for success or the positive value of an error of base/err.h.
 */

/* The first message to every role. Tenant fields are for gate and egress (0 and "" otherwise). */
#define IPC_FIELDS_start(F)                                                                             \
    F(U64, tenant_id, 0)                                                                                \
    F(TEXT, tenant, IPC_NAME_MAX)                                                                       \
    F(U8, log_level, 0)                                                                                 \
    F(BOOL, rekey, 0)                                                                                   \
    F(U32, idle_ms, 0)                /* gate: how long without a connection until it ends; 0: never */ \
    F(TEXT, dns_servers, 512)         /* egress */                                                      \
    F(TEXT, parent, IPC_HOST_MAX + 8) /* egress: "host:port" of the parent proxy, or empty */           \
    F(TEXT, console, IPC_ORIGIN_MAX)  /* api and console: where browsers find it, or empty */

#define IPC_FIELDS_file(F)     F(ENUM, what, IPC_FILE__COUNT)
#define IPC_FIELDS_listener(F) F(ENUM, kind, IPC_LISTENER__COUNT)
/* The descriptor is one end of a channel to that role. It replaces an older channel to the same role and tenant. */
#define IPC_FIELDS_peer(F)         \
    F(ENUM, role, IPC_ROLE__COUNT) \
    F(U64, tenant_id, 0)           \
    F(TEXT, tenant, IPC_NAME_MAX)
/* Confine yourself, then serve. `waived` are the confinement layers that may be missing (priv/confine.h). */
#define IPC_FIELDS_go(F)    F(U32, waived, 0)
#define IPC_FIELDS_ready(F) F(U32, layers, 0)
/* Finish what is under way within that time, then exit with status 0. */
#define IPC_FIELDS_stop(F) F(U32, grace_ms, 0)

/* This tenant is to have a listener; `port` is the TCP port that it had before, 0 for none yet. */
#define IPC_FIELDS_tenant_up(F)   \
    F(U64, tenant_id, 0)          \
    F(TEXT, tenant, IPC_NAME_MAX) \
    F(U16, port, 0)
#define IPC_FIELDS_tenant_down(F) F(U64, tenant_id, 0)
/* Its processes are to end now; the next connection starts new ones, which see what has changed. */
#define IPC_FIELDS_tenant_restart(F) F(U64, tenant_id, 0)
#define IPC_FIELDS_tenants_loaded(F) F(U32, count, 0)
#define IPC_FIELDS_listening(F) \
    F(U64, tenant_id, 0)        \
    F(U16, port, 0)

/* Layers are bits of priv/confine.h: `waived` are not put on, `lacking` are not to be had here. `landlock` is the kernel's version,
 * 0 without. `roles` is a list of: u8 role, u32 how many of it run, u32 pid (0 for tenants' roles), u32 layers that hold in every one, u64
 * how many ended that should not have. `loaded`: the store has named its tenants, of whom there have to be `wanted`. */
#define IPC_FIELDS_status(F) \
    F(TEXT, version, 32)     \
    F(U64, started_ms, 0)    \
    F(U32, waived, 0)        \
    F(U32, lacking, 0)       \
    F(U8, landlock, 0)       \
    F(U32, tenants, 0)       \
    F(U32, active, 0)        \
    F(U32, wanted, 0)        \
    F(BOOL, loaded, 0)       \
    F(BOOL, draining, 0)     \
    F(TEXT, listens_on, 64)  \
    F(BYTES, roles, 512)

/* `why` is a message for people when code is not 0. */
#define IPC_FIELDS_done(F) \
    F(U32, code, 0)        \
    F(BYTES, why, 2048)

#define IPC_FIELDS_vault_key_get(F) F(U8, version, 0)
/* `public_key` is empty when the database has no key yet, `kdf` when its key does not come from a passphrase. */
#define IPC_FIELDS_vault_key(F) \
    F(BYTES, public_key, 32)    \
    F(BYTES, database_id, 32)   \
    F(BYTES, kdf, 32)
/* Stored once; a different key later is refused. Answered by DONE. */
#define IPC_FIELDS_vault_key_put(F) \
    F(BYTES, public_key, 32)        \
    F(BYTES, kdf, 32)
/* Which of the two master keys the database is sealed for; after a rekey, how many boxes that were. */
#define IPC_FIELDS_key_in_use(F) \
    F(BOOL, next, 0)             \
    F(U64, rows, 0)
/* The box that comes after this one; the first is after 0, "". Answered by REKEY_BOX, with code ENOTFOUND after the last. */
#define IPC_FIELDS_rekey_next(F)     \
    F(ENUM, kind, IPC_SEALED__COUNT) \
    F(U64, tenant_id, 0)             \
    F(TEXT, name, IPC_NAME_MAX)
#define IPC_FIELDS_rekey_box(F)      \
    F(U32, code, 0)                  \
    F(ENUM, kind, IPC_SEALED__COUNT) \
    F(U64, tenant_id, 0)             \
    F(TEXT, name, IPC_NAME_MAX)      \
    F(BYTES, box, IPC_BOX_MAX)
/* The box that was handed out last, sealed anew. Answered by DONE. */
#define IPC_FIELDS_rekey_put(F)      \
    F(ENUM, kind, IPC_SEALED__COUNT) \
    F(U64, tenant_id, 0)             \
    F(TEXT, name, IPC_NAME_MAX)      \
    F(BYTES, box, IPC_BOX_MAX)
/* All of them, `rows`, and the key that they are sealed for: durable together. Answered by DONE. */
#define IPC_FIELDS_rekey_commit(F) \
    F(BYTES, public_key, 32)       \
    F(BYTES, kdf, 32)              \
    F(U64, rows, 0)
#define IPC_FIELDS_sealed_get(F) \
    F(U64, tenant_id, 0)         \
    F(TEXT, credential, IPC_NAME_MAX)
#define IPC_FIELDS_sealed(F) \
    F(U32, code, 0)          \
    F(BYTES, box, IPC_BOX_MAX)
/* A box in the place of another one, whose SHA-256 is given: for the same credential in the same version. Answered by DONE;
 * CB_ECONFLICT when another box is there by now. */
#define IPC_FIELDS_sealed_replace(F)     \
    F(U64, tenant_id, 0)                 \
    F(TEXT, credential, IPC_NAME_MAX)    \
    F(BYTES, old_box_hash, IPC_HASH_LEN) \
    F(BYTES, box, IPC_BOX_MAX)
#define IPC_FIELDS_ca_get(F) F(U64, tenant_id, 0)
/* code ENOTFOUND: no such tenant. An empty `cert`: the tenant has no CA yet. `names`: to which it is to be constrained. */
#define IPC_FIELDS_ca_row(F)           \
    F(U32, code, 0)                    \
    F(TEXT, tenant, IPC_NAME_MAX)      \
    F(BYTES, cert, IPC_CERT_MAX)       \
    F(BYTES, sealed_key, IPC_CERT_MAX) \
    F(BYTES, next_cert, IPC_CERT_MAX)  \
    F(BOOL, constrained, 0)            \
    F(BYTES, names, IPC_CA_NAMES_MAX)
/* Or, with `next`, its successor, of which there can be only one; `replace`: in the place of the one there is. `by`: who asked for that, or the vault
 * itself. Answered by DONE. */
#define IPC_FIELDS_ca_put(F)     \
    F(U64, tenant_id, 0)         \
    F(BOOL, next, 0)             \
    F(BOOL, replace, 0)          \
    F(TEXT, by, IPC_BY_MAX)      \
    F(BYTES, cert, IPC_CERT_MAX) \
    F(BYTES, sealed_key, IPC_CERT_MAX)
/* The successor takes its place. Answered by DONE. */
#define IPC_FIELDS_ca_finish(F) \
    F(U64, tenant_id, 0)        \
    F(TEXT, by, IPC_BY_MAX)
#define IPC_FIELDS_hosts_get(F) F(U64, tenant_id, 0)
/* Host patterns of the tenant's routes, one per line. */
#define IPC_FIELDS_hosts(F) \
    F(U32, code, 0)         \
    F(BYTES, hosts, IPC_PAGE_MAX - 64)
/* Something of this tenant changed: drop what you remember of it. */
#define IPC_FIELDS_forget(F) F(U64, tenant_id, 0)

#define IPC_FIELDS_unseal(F) F(TEXT, credential, IPC_NAME_MAX)
/* code ENOTFOUND: not set. EAUTHENTIC: the row is not this tenant's, or was changed. */
#define IPC_FIELDS_credential(F)       \
    F(U32, code, 0)                    \
    F(BYTES, binding, IPC_BINDING_MAX) \
    F(SECRET, value, IPC_SECRET_MAX)
/* The endpoint has replaced a refresh token: the credential has another value. Only for one that is bound to such an endpoint, and
 * only while its value is the one whose SHA-256 is given, which shows that whoever asks has opened it. */
#define IPC_FIELDS_credential_rotate(F) \
    F(TEXT, credential, IPC_NAME_MAX)   \
    F(BYTES, old_hash, IPC_HASH_LEN)    \
    F(SECRET, value, IPC_SECRET_MAX)
/* code 0: it is durable. EPERM: not one that rotates. ECONFLICT: it has another value by now. */
#define IPC_FIELDS_credential_rotated(F) F(U32, code, 0)
/* Sign a leaf for this canonical host and public key. A host that no route of the tenant names gets a denial leaf. */
#define IPC_FIELDS_leaf_sign(F) \
    F(TEXT, host, IPC_HOST_MAX) \
    F(BYTES, public_key, 256)
#define IPC_FIELDS_leaf(F)       \
    F(U32, code, 0)              \
    F(BOOL, denial, 0)           \
    F(U64, not_after_ms, 0)      \
    F(BYTES, cert, IPC_CERT_MAX) \
    F(BYTES, ca, IPC_CERT_MAX)

/* The certificates that this tenant's agents are to trust, for GET /ca.pem; its CA is made on the first call. */
#define IPC_FIELDS_trust_get(F) F(U8, version, 0)
/* `next`: the CA's successor, if there is one. code EBUSY: asked for too often. */
#define IPC_FIELDS_trust(F)      \
    F(U32, code, 0)              \
    F(BYTES, cert, IPC_CERT_MAX) \
    F(BYTES, next, IPC_CERT_MAX)

#define IPC_FIELDS_seal_key_get(F) F(U8, version, 0)
#define IPC_FIELDS_seal_key(F)     F(BYTES, public_key, 32)
/* The tenant's CA certificate; made on the first call. */
#define IPC_FIELDS_ca_cert_get(F) F(U64, tenant_id, 0)
/* `next`: its successor, if there is one; agents are to trust both. */
#define IPC_FIELDS_ca_cert(F)    \
    F(U32, code, 0)              \
    F(BYTES, cert, IPC_CERT_MAX) \
    F(BYTES, next, IPC_CERT_MAX)
/* Makes a successor, unless there is one; or lets it take the place. Answered by CA_CERT. */
#define IPC_FIELDS_ca_rotate(F) \
    F(U64, tenant_id, 0)        \
    F(BOOL, finish, 0)          \
    F(TEXT, by, IPC_BY_MAX)

#define IPC_FIELDS_spec_get(F) F(U64, known_generation, 0)
/* `spec` is spec_encode()'s. `credentials` is a list (ipc/list.h) of: text name, text placeholder, u64 version (0: not set).
 * `grants` is a list of those that are not over: u64 id, u8 scheme, text host, u16 port, text method, text path pattern, u64 until_ms, u8 uses left
 * (0: used up, for what it began; UINT8_MAX: as many as it likes). */
#define IPC_FIELDS_spec(F)                  \
    F(U32, code, 0)                         \
    F(U64, generation, 0)                   \
    F(BYTES, spec, IPC_SPEC_MAX)            \
    F(BYTES, credentials, IPC_PAGE_MAX / 2) \
    F(BYTES, grants, IPC_GRANTS_MAX)        \
    F(BYTES, token_hash, IPC_HASH_LEN)      \
    F(BOOL, suspended, 0)                   \
    F(U64, ca_ms, 0) /* when its CA was made; 0: it has none */
/* A placeholder where it does not belong, in the request of that decision: suspends the tenant whose channel this is. */
#define IPC_FIELDS_tripwire(F)     F(BYTES, request_id, IPC_REQUEST_ID_LEN)
#define IPC_FIELDS_spec_changed(F) F(U64, generation, 0)
/* What was decided about a request. Answered once the record is durable. `grant`: the one that allows it, whose use is counted with the record; 0:
 * a route does. code EPERM: there is no such grant any more, so nothing was recorded. */
#define IPC_FIELDS_audit_decision(F)          \
    F(BYTES, request_id, IPC_REQUEST_ID_LEN)  \
    F(U64, time_ms, 0)                        \
    F(U8, reason, 0) /* enum policy_reason */ \
    F(TEXT, route, IPC_NAME_MAX)              \
    F(TEXT, credential, IPC_NAME_MAX)         \
    F(TEXT, method, 32)                       \
    F(U8, scheme, 0) /* enum spec_scheme */   \
    F(TEXT, host, IPC_HOST_MAX)               \
    F(U16, port, 0)                           \
    F(TEXT, path, IPC_AUDIT_PATH_MAX)         \
    F(TEXT, query_keys, IPC_AUDIT_QUERY_MAX)  \
    F(U64, grant, 0)
#define IPC_FIELDS_audit_stored(F) \
    F(U32, code, 0)                \
    F(U64, seq, 0)
/* How an allowed request ended. `model` and the tokens are what the provider reported, or "" and 0. `reason` is ROUTE when it ended well; `detail` says for people what stood behind another
 * one, addresses and names in certificates included: it is for the audit, never for an answer. */
#define IPC_FIELDS_audit_outcome(F)          \
    F(BYTES, request_id, IPC_REQUEST_ID_LEN) \
    F(U64, time_ms, 0)                       \
    F(U8, reason, 0)                         \
    F(U16, status, 0)                        \
    F(U64, request_bytes, 0)                 \
    F(U64, response_bytes, 0)                \
    F(U64, first_byte_us, 0)                 \
    F(U64, duration_us, 0)                   \
    F(U32, scrubs, 0)                        \
    F(TEXT, peer, 64)                        \
    F(TEXT, detail, IPC_AUDIT_DETAIL_MAX)    \
    F(TEXT, model, IPC_MODEL_MAX)            \
    F(U64, input_tokens, 0)                  \
    F(U64, output_tokens, 0)

/* All or none. `tenants` is a list of: text name, bytes yaml, bytes spec, list of (text credential, text placeholder,
 * u8 fixed). The placeholder is used when the credential has none yet, or when it is fixed. `expect` is for a list of one: ABSENT fails with EEXIST, GENERATION (of the tenant with that id) with
 * ECONFLICT. `dry_run`: everything is checked and told, and nothing is kept. */
#define IPC_FIELDS_tenants_apply(F)    \
    F(ENUM, expect, IPC_EXPECT__COUNT) \
    F(U64, tenant_id, 0)               \
    F(U64, generation, 0)              \
    F(BOOL, dry_run, 0)                \
    F(TEXT, by, IPC_BY_MAX)            \
    F(BYTES, tenants, IPC_APPLY_MAX - 128)
/* `results` is a list of: text name, u8 what (0 unchanged, 1 created, 2 updated). On failure `why` says what. */
#define IPC_FIELDS_tenants_applied(F)      \
    F(U32, code, 0)                        \
    F(BYTES, results, IPC_PAGE_MAX - 4096) \
    F(BYTES, why, 2048)
/* With `only` that tenant, or none. */
#define IPC_FIELDS_tenant_list(F) \
    F(TEXT, only, IPC_NAME_MAX)   \
    F(TEXT, after, IPC_NAME_MAX)  \
    F(U16, limit, 0)
/* `tenants` is a list of: text name, u64 id, u16 port, u32 routes, u32 credentials used, u32 credentials set, u64 created_ms, u64 updated_ms,
 * u64 suspended_ms (0: it is not), u64 requests and u64 of them refused in the last 24 hours, u64 when the last one was (ms; 0: none),
 * u32 grants that are not over. */
#define IPC_FIELDS_tenant_page(F) \
    F(U32, code, 0)               \
    F(BOOL, more, 0)              \
    F(BYTES, tenants, IPC_PAGE_MAX)
#define IPC_FIELDS_tenant_get(F) F(TEXT, tenant, IPC_NAME_MAX)
/* `credentials` is a list of: text name, text placeholder, bytes binding, u64 version (0: not set), u64 set_ms,
 * u64 used_ms (0: never). */
#define IPC_FIELDS_tenant(F)      \
    F(U32, code, 0)               \
    F(U64, tenant_id, 0)          \
    F(U64, generation, 0)         \
    F(U16, port, 0)               \
    F(U64, suspended_ms, 0)       \
    F(TEXT, suspended_by, 32)     \
    F(TEXT, token, IPC_TOKEN_MAX) \
    F(BYTES, yaml, IPC_PAGE_MAX)  \
    F(BYTES, spec, IPC_SPEC_MAX)  \
    F(BYTES, credentials, IPC_PAGE_MAX / 2)
/* With a tenant_id: only that tenant, and in no other generation; else ECONFLICT. */
#define IPC_FIELDS_tenant_delete(F) \
    F(TEXT, tenant, IPC_NAME_MAX)   \
    F(U64, tenant_id, 0)            \
    F(U64, generation, 0)           \
    F(TEXT, by, IPC_BY_MAX)
/* Suspends it, or lets it go on. Answered by DONE. */
#define IPC_FIELDS_tenant_suspend(F) \
    F(TEXT, tenant, IPC_NAME_MAX)    \
    F(BOOL, suspend, 0)              \
    F(TEXT, by, IPC_BY_MAX)
/* The tenant's proxy token is this one from now on. Answered by DONE. */
#define IPC_FIELDS_tenant_token(F)  \
    F(TEXT, tenant, IPC_NAME_MAX)   \
    F(SECRET, token, IPC_TOKEN_MAX) \
    F(TEXT, by, IPC_BY_MAX)
/* `binding` is what is bound inside the box as well; the store uses its copy to refuse routes early. Answered by DONE. */
#define IPC_FIELDS_credential_put(F)   \
    F(TEXT, tenant, IPC_NAME_MAX)      \
    F(U64, tenant_id, 0)               \
    F(TEXT, credential, IPC_NAME_MAX)  \
    F(BYTES, binding, IPC_BINDING_MAX) \
    F(BYTES, box, IPC_BOX_MAX)         \
    F(TEXT, by, IPC_BY_MAX)
#define IPC_FIELDS_credential_delete(F) \
    F(TEXT, tenant, IPC_NAME_MAX)       \
    F(TEXT, credential, IPC_NAME_MAX)   \
    F(TEXT, by, IPC_BY_MAX)
/* Records after `after_seq`, oldest first; or with `newest` the last `limit` of them. An empty tenant is all of them. */
#define IPC_FIELDS_audit_page(F)  \
    F(TEXT, tenant, IPC_NAME_MAX) \
    F(U64, after_seq, 0)          \
    F(U64, since_ms, 0)           \
    F(BOOL, denied_only, 0)       \
    F(BOOL, newest, 0)            \
    F(U16, limit, 0)
/* `rows` is a list as store/audit.h describes it. */
#define IPC_FIELDS_audit_rows(F) \
    F(U32, code, 0)              \
    F(U64, last_seq, 0)          \
    F(BOOL, more, 0)             \
    F(BYTES, rows, IPC_PAGE_MAX)
/* Records that fit all that is given, newest first, and older than `before_seq` (0: from the newest on). Empty texts, a `request_id` without
 * bytes and 0 give nothing; `verdict` and `reason` are the enumerations' numbers and one. `text` stands somewhere in the record, in letters of
 * either case. */
#define IPC_FIELDS_audit_search(F)           \
    F(TEXT, tenant, IPC_NAME_MAX)            \
    F(U8, kind, 0)                           \
    F(U8, verdict, 0)                        \
    F(U8, reason, 0)                         \
    F(TEXT, route, IPC_NAME_MAX)             \
    F(TEXT, host, IPC_HOST_MAX)              \
    F(BYTES, request_id, IPC_REQUEST_ID_LEN) \
    F(TEXT, text, IPC_AUDIT_TEXT_MAX)        \
    F(U64, since_ms, 0)                      \
    F(U64, until_ms, 0)                      \
    F(U64, before_seq, 0)                    \
    F(U16, limit, 0)
/* One slice: `rows` as in AUDIT_ROWS, but newest first. `next` is the `before_seq` with which it goes on, also after nothing was found; 0: that
 * was all. */
#define IPC_FIELDS_audit_found(F) \
    F(U32, code, 0)               \
    F(U64, next, 0)               \
    F(BYTES, rows, IPC_PAGE_MAX)
/* Records up to this one are durable; said once for many. */
#define IPC_FIELDS_audit_grew(F) F(U64, seq, 0)
/* Sums of a tenant's requests, or of everybody's, from the step that `from_s` is in to the one that `to_s` ends in, in steps of so many seconds: a multiple of
 * a minute, and of an hour for what is older than some days. */
#define IPC_FIELDS_series_get(F)  \
    F(TEXT, tenant, IPC_NAME_MAX) \
    F(U64, from_s, 0)             \
    F(U64, to_s, 0)               \
    F(U32, step_s, 0)
/* `points` is a list of: u64 start in seconds, u64 allowed, denied, failed, tripwires, bytes of requests and of responses, tokens in and out; steps
 * without a request are left out. code ENOTFOUND: no such tenant. */
#define IPC_FIELDS_series(F) \
    F(U32, code, 0)          \
    F(BYTES, points, IPC_PAGE_MAX)
/* Walks the chain from after `after_seq`, whose hash is given (empty: from the start). */
#define IPC_FIELDS_audit_verify(F) \
    F(U64, after_seq, 0)           \
    F(BYTES, hash, IPC_HASH_LEN)   \
    F(U32, limit, 0)
/* code ECORRUPT: the chain breaks at `last_seq`, and `why` says how. */
#define IPC_FIELDS_audit_verified(F) \
    F(U32, code, 0)                  \
    F(U64, last_seq, 0)              \
    F(U64, rows, 0)                  \
    F(BYTES, hash, IPC_HASH_LEN)     \
    F(BOOL, more, 0)                 \
    F(BYTES, why, 512)

#define IPC_FIELDS_health_get(F) F(U8, version, 0)
/* `audit_code`: 0 when a record could be written just now. `tenants` is a list of: text name, u32 credentials that its routes use, u32 how many
 * of those are set, text the first that is not, u64 when its CA ends (ms; 0: it has none), u64 suspended_ms. `more`: not all of them. */
#define IPC_FIELDS_health(F)  \
    F(U32, code, 0)           \
    F(U32, audit_code, 0)     \
    F(U64, audit_seq, 0)      \
    F(U64, audit_failures, 0) \
    F(U64, audit_lost, 0)     \
    F(BOOL, more, 0)          \
    F(BYTES, tenants, IPC_PAGE_MAX)
#define IPC_FIELDS_counters_get(F) F(U8, version, 0)
/* A list as store/count.h describes it. */
#define IPC_FIELDS_counters(F) \
    F(U32, code, 0)            \
    F(BYTES, counters, IPC_PAGE_MAX)
/* `tenant` is for a token of one tenant, which has to exist. `expires_ms` 0: never. Answered by DONE. */
#define IPC_FIELDS_token_create(F)   \
    F(TEXT, name, IPC_NAME_MAX)      \
    F(BYTES, hash, IPC_HASH_LEN)     \
    F(ENUM, scope, IPC_SCOPE__COUNT) \
    F(TEXT, tenant, IPC_NAME_MAX)    \
    F(U64, expires_ms, 0)            \
    F(TEXT, by, IPC_BY_MAX)
#define IPC_FIELDS_token_list(F) F(U8, version, 0)
/* `tokens` is a list of: text name, u8 scope, text tenant ("": not of one), u64 created_ms, u64 expires_ms (0: never), u64 used_ms (0: never). */
#define IPC_FIELDS_tokens(F) \
    F(U32, code, 0)          \
    F(BYTES, tokens, IPC_TOKENS_MAX - 64)
/* Answered by DONE. */
#define IPC_FIELDS_token_delete(F) \
    F(TEXT, name, IPC_NAME_MAX)    \
    F(TEXT, by, IPC_BY_MAX)
/* Whose token has this hash. */
#define IPC_FIELDS_token_check(F) F(BYTES, hash, IPC_HASH_LEN)
/* code ENOTFOUND: nobody's, or it has expired. A tenant's says since when the tenant is: records from before are another's. */
#define IPC_FIELDS_token(F)          \
    F(U32, code, 0)                  \
    F(TEXT, name, IPC_NAME_MAX)      \
    F(ENUM, scope, IPC_SCOPE__COUNT) \
    F(U64, tenant_id, 0)             \
    F(TEXT, tenant, IPC_NAME_MAX)    \
    F(U64, tenant_created_ms, 0)

/* Of one tenant (with a tenant_id: only if it is that), or of all and everything: those before the audit's record `before` (0: the newest). */
#define IPC_FIELDS_changes_get(F) \
    F(TEXT, tenant, IPC_NAME_MAX) \
    F(U64, tenant_id, 0)          \
    F(U64, before, 0)             \
    F(U16, limit, 0)
/* `changes` is a list, newest first, of: u64 seq, text tenant ("": of none), u64 generation of the document that it made (0: none), u64 time_ms,
 * text by, text change, text detail. */
#define IPC_FIELDS_changes(F) \
    F(U32, code, 0)           \
    F(BOOL, more, 0)          \
    F(BYTES, changes, IPC_PAGE_MAX)
#define IPC_FIELDS_revision_get(F) \
    F(TEXT, tenant, IPC_NAME_MAX)  \
    F(U64, tenant_id, 0)           \
    F(U64, generation, 0)
/* `spec` and `before`, that of the document before it (empty: that is not kept), are spec_encode()'s of their time. */
#define IPC_FIELDS_revision(F)   \
    F(U32, code, 0)              \
    F(U64, time_ms, 0)           \
    F(TEXT, by, IPC_BY_MAX)      \
    F(BYTES, yaml, IPC_PAGE_MAX) \
    F(BYTES, spec, IPC_SPEC_MAX) \
    F(BYTES, before, IPC_SPEC_MAX)
#define IPC_FIELDS_administrator_list(F) F(U8, version, 0)
/* `administrators` is a list of: text name, u8 scope, u64 created_ms, u64 used_ms (0: never). */
#define IPC_FIELDS_administrators(F) \
    F(U32, code, 0)                  \
    F(BYTES, administrators, IPC_TOKENS_MAX - 64)
/* Makes an administrator, or gives one another scope and password, which ends what that one was signed in with. `key` is what argon2id
 * makes of the password. `link`: the hash of a link's session, which ends with it; it has to be there. Answered by DONE. */
#define IPC_FIELDS_administrator_put(F) \
    F(TEXT, name, IPC_NAME_MAX)         \
    F(ENUM, scope, IPC_SCOPE__COUNT)    \
    F(BYTES, kdf, IPC_KDF_LEN)          \
    F(SECRET, key, IPC_HASH_LEN)        \
    F(BYTES, link, IPC_HASH_LEN)        \
    F(TEXT, by, IPC_BY_MAX)
/* Answered by DONE. */
#define IPC_FIELDS_administrator_delete(F) \
    F(TEXT, name, IPC_NAME_MAX)            \
    F(TEXT, by, IPC_BY_MAX)
/* How this administrator's password becomes a key. */
#define IPC_FIELDS_sign_in_get(F) \
    F(TEXT, name, IPC_NAME_MAX)   \
    F(BYTES, device, IPC_DEVICE_LEN)
/* The same kind of answer, whether there is such an administrator or not. `known`: the device is one on which that administrator has
 * signed in. */
#define IPC_FIELDS_sign_in_how(F) \
    F(U32, code, 0)               \
    F(BYTES, kdf, IPC_KDF_LEN)    \
    F(BOOL, known, 0)
/* `shown` is a password's key, or the hash of a token or link; `hash` is the new session's. Answered by SESSION. */
#define IPC_FIELDS_session_create(F)  \
    F(ENUM, kind, IPC_SIGN_IN__COUNT) \
    F(TEXT, name, IPC_NAME_MAX)       \
    F(SECRET, shown, IPC_HASH_LEN)    \
    F(BYTES, hash, IPC_HASH_LEN)
/* Whose session has this hash. */
#define IPC_FIELDS_session_check(F) F(BYTES, hash, IPC_HASH_LEN)
/* code EAUTHENTIC: what was shown is wrong; ENOTFOUND: there is no such session, or no more. `name` is the administrator's or the token's; a
 * link has none. `device`: a new one, after a password. */
#define IPC_FIELDS_session(F)         \
    F(U32, code, 0)                   \
    F(ENUM, kind, IPC_SIGN_IN__COUNT) \
    F(TEXT, name, IPC_NAME_MAX)       \
    F(ENUM, scope, IPC_SCOPE__COUNT)  \
    F(U64, tenant_id, 0)              \
    F(TEXT, tenant, IPC_NAME_MAX)     \
    F(U64, tenant_created_ms, 0)      \
    F(U64, made_ms, 0)                \
    F(U64, ends_ms, 0)                \
    F(BYTES, device, IPC_DEVICE_LEN)
/* The session goes on under another hash; under the old one for a moment. ECONFLICT: that one was replaced before. Answered by DONE. */
#define IPC_FIELDS_session_rotate(F) \
    F(BYTES, hash, IPC_HASH_LEN)     \
    F(BYTES, next, IPC_HASH_LEN)
/* Ends it; with `all` those of the same administrator or token too. Answered by DONE. */
#define IPC_FIELDS_session_delete(F) \
    F(BYTES, hash, IPC_HASH_LEN)     \
    F(BOOL, all, 0)
/* The administrator whose session that is has another password, and no other session. EAUTHENTIC: `current` is not the key. Answered by
 * DONE. */
#define IPC_FIELDS_session_key(F)    \
    F(BYTES, hash, IPC_HASH_LEN)     \
    F(SECRET, current, IPC_HASH_LEN) \
    F(BYTES, kdf, IPC_KDF_LEN)       \
    F(SECRET, key, IPC_HASH_LEN)     \
    F(TEXT, by, IPC_BY_MAX)
/* Whoever shows the link of this hash is signed in, once. `first`: only when there is no administrator (EEXIST else). Answered by DONE. */
#define IPC_FIELDS_link_create(F) \
    F(BYTES, hash, IPC_HASH_LEN)  \
    F(BOOL, first, 0)             \
    F(U64, ends_ms, 0)            \
    F(TEXT, by, IPC_BY_MAX)
/* What was refused, the last first: what comes before that one (`before_id` 0: from the start). An empty tenant is all of them. */
#define IPC_FIELDS_denials_get(F) \
    F(TEXT, tenant, IPC_NAME_MAX) \
    F(BOOL, muted, 0)             \
    F(U64, before_ms, 0)          \
    F(U64, before_id, 0)          \
    F(U16, limit, 0)
/* `denials` is a list of: text tenant, u64 id, u8 scheme, text host, u16 port, text method, text path, u8 reason (enum policy_reason), text detail
 * behind it, text route and text credential ("": none came near), u64 count, u64 first_ms, u64 last_ms, u8 muted. */
#define IPC_FIELDS_denials(F) \
    F(U32, code, 0)           \
    F(BOOL, more, 0)          \
    F(BYTES, denials, IPC_PAGE_MAX)
/* Answered by DONE. */
#define IPC_FIELDS_denial_mute(F)     \
    F(TEXT, tenant, IPC_NAME_MAX)     \
    F(U8, scheme, 0)                  \
    F(TEXT, host, IPC_HOST_MAX)       \
    F(U16, port, 0)                   \
    F(TEXT, method, 32)               \
    F(TEXT, path, IPC_AUDIT_PATH_MAX) \
    F(BOOL, muted, 0)                 \
    F(TEXT, by, IPC_BY_MAX)

/* Allows a request (policy/grant.h) for that time, or once within it. */
#define IPC_FIELDS_grant_create(F)    \
    F(TEXT, tenant, IPC_NAME_MAX)     \
    F(U8, scheme, 0)                  \
    F(TEXT, host, IPC_HOST_MAX)       \
    F(U16, port, 0)                   \
    F(TEXT, method, 32)               \
    F(TEXT, path, IPC_AUDIT_PATH_MAX) \
    F(U64, for_ms, 0)                 \
    F(BOOL, once, 0)                  \
    F(BOOL, websocket, 0)             \
    F(TEXT, by, IPC_BY_MAX)
#define IPC_FIELDS_grant_created(F) \
    F(U32, code, 0)                 \
    F(U64, grant, 0)                \
    F(U64, until_ms, 0)             \
    F(BYTES, why, 512)
#define IPC_FIELDS_grants_get(F) F(TEXT, tenant, IPC_NAME_MAX)
/* `grants` is a list of: as in SPEC, then u64 created_ms, text by. */
#define IPC_FIELDS_grants(F) \
    F(U32, code, 0)          \
    F(BYTES, grants, IPC_GRANTS_MAX)
/* What it began is cut. Answered by DONE. */
#define IPC_FIELDS_grant_delete(F) \
    F(TEXT, tenant, IPC_NAME_MAX)  \
    F(U64, grant, 0)               \
    F(TEXT, by, IPC_BY_MAX)

/* The descriptor is one end of a stream; what is asked over it is asked by whose session it names, or by nobody. */
#define IPC_FIELDS_console_stream(F) F(U64, serial, 0)

/* What the gate must know to answer a CONNECT: which host patterns, ports and schemes exist, and the hash of the proxy
 * token. `hosts` is a list of: text host pattern, u16 port, u8 scheme. */
#define IPC_FIELDS_gate_config(F)      \
    F(U64, generation, 0)              \
    F(BOOL, suspended, 0)              \
    F(U64, ca_ms, 0)                   \
    F(BYTES, token_hash, IPC_HASH_LEN) \
    F(BYTES, hosts, IPC_PAGE_MAX - 128)
#define IPC_FIELDS_connection(F) F(U64, serial, 0)
/* The gate refused something before it became a request; for the audit only. */
#define IPC_FIELDS_refused(F)                \
    F(BYTES, request_id, IPC_REQUEST_ID_LEN) \
    F(U8, reason, 0)                         \
    F(TEXT, method, 32)                      \
    F(U8, scheme, 0)                         \
    F(TEXT, host, IPC_HOST_MAX)              \
    F(U16, port, 0)                          \
    F(TEXT, path, IPC_AUDIT_PATH_MAX)

/* A request as fields. host and path are canonical; egress checks that again. `websocket`: it asks for one, wholly; a RESPONSE
 * with status 101 then opens the request again: REQUEST_BODY and RESPONSE_BODY are bytes of the WebSocket until either side's END. */
#define IPC_FIELDS_request(F)        \
    F(U8, scheme, 0)                 \
    F(TEXT, host, IPC_HOST_MAX)      \
    F(U16, port, 0)                  \
    F(TEXT, method, 32)              \
    F(TEXT, path, IPC_TARGET_MAX)    \
    F(BOOL, has_query, 0)            \
    F(TEXT, query, IPC_TARGET_MAX)   \
    F(BYTES, fields, IPC_FIELDS_MAX) \
    F(U8, framing, 0)                \
    F(U64, content_length, 0)        \
    F(BOOL, expect_continue, 0)      \
    F(BOOL, websocket, 0)
#define IPC_FIELDS_request_body(F) F(BYTES, data, IPC_BODY_MAX)
#define IPC_FIELDS_request_end(F)  F(U64, total, 0)
#define IPC_FIELDS_response_interim(F) \
    F(U16, status, 0)                  \
    F(BYTES, fields, IPC_FIELDS_MAX)
#define IPC_FIELDS_response(F)       \
    F(U16, status, 0)                \
    F(BYTES, fields, IPC_FIELDS_MAX) \
    F(U8, framing, 0)                \
    F(U64, content_length, 0)
#define IPC_FIELDS_response_body(F) F(BYTES, data, IPC_BODY_MAX)
#define IPC_FIELDS_response_end(F)  F(U64, total, 0)
/* The response was cut after its head; the agent's connection must end without a proper end of the body. */
#define IPC_FIELDS_response_abort(F) F(U8, reason, 0)

#endif
