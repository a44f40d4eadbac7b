/*
 * state.h - what the files of this role share. Nothing outside of it includes this.
 *
 *   api.c          the role: listener, channels, setup, stop; who may connect
 *   conn.c         one connection: bytes to requests, answers to bytes
 *   router.c       the table of methods and paths
 *   answer.c       answers, problem documents, and calls to store and vault
 *   input.c        what a request says: query, JSON body
 *   texts.c        JSON bodies with something secret in them
 *   apply.c        tenants:apply
 *   tenants.c      the other requests about tenants
 *   ca.c           a tenant's CA
 *   review.c       documents looked at: as JSON, :explain, :diff; the providers; this API's description
 *   credentials.c  sealed credentials
 *   audit.c        pages of the audit, and its verification
 *   denials.c      what was refused, and what would allow it
 *   search.c       the audit searched
 *   follow.c       the audit as it grows, as a stream
 *   series.c       its sums
 *   grants.c       what somebody allows for a time, or once
 *   status.c       what runs, and what it is confined by
 *   tokens.c       tokens for the API over TCP
 *   remote.c       requests that came over TCP: Host, token, whose it is
 *   console.c      connections that the console hands over
 *   sessions.c     signing in at the console, and whose session a request of it shows
 *   attempts.c     how often a password may be tried (attempts.h)
 *   administrators.c  administrators, links that sign one in
 *   history.c      who changed what, and what documents were
 *   secrets.c      what is made here and shown once
 *   health.c       the health listener: /healthz, /readyz, /metrics; ready.c and metrics.c (health.h) say what is in them
 *
 * A handler runs once a request is complete. It answers (api_answer_..., api_refuse...) or calls store or vault
 * (API_CALL, then api_wait()) and answers from the continuation. An answer is written at the end of the loop's turn, so
 * that a request outlives whatever runs above it on the stack; a connection that goes away cancels its call.
 */
#ifndef CB_API_STATE_H
#define CB_API_STATE_H

#include "api/attempts.h"
#include "base/json.h"
#include "base/list.h"
#include "conf/tree.h"
#include "http/parser.h"
#include "ipc/chan.h"
#include "ipc/codec.h"
#include "link/link.h"
#include "net/listener.h"
#include "policy/spec.h"

#include <sys/types.h>

#define API_CONNS_MAX    64
#define API_BODY_MAX     ((size_t)1024 * 1024)
#define API_ANSWER_MAX   ((size_t)32 * 1024 * 1024)
#define API_IDLE_MS      60000
#define HEALTH_CONNS_MAX 16
#define API_REMOTE_MAX   32 /* connections over TCP */
#define API_CONSOLE_MAX \
    256 /* connections that the console handed over: it has half as many, and the ends of others may yet be unseen */
#define API_REMOTE_HEAD_MS  10000 /* from the connection to the end of the first head */
#define API_REMOTE_WRONG_MS 1000  /* a wrong token is told so late */
#define API_LINGERING_MAX   96    /* connections with their last answer, which have not closed */
#define API_REMOTE_GRACE_MS 250   /* so long a new connection has its place for sure */
#define HEALTH_DEADLINE_MS  10000
#define API_VERIFY_SLICE    2000
#define API_PAGE_MAX        1000
#define API_STREAM_TICK_MS  15000
#define API_FOLLOW_MS       60000 /* of a stream, but on the control socket */
#define API_STREAM_STUCK    4
#define API_TAG_SIZE        40 /* an entity tag of ours, with its quotes and a NUL */
#define API_SECRET_SIZE     50 /* what secrets.c makes, with a NUL */
#define API_SECRET_PREFIX   5  /* bytes of what is before its digits: */
#define API_TOKEN_PREFIX    "cbxt_"
#define API_SESSION_PREFIX  "cbxs_"
#define API_LINK_PREFIX     "cbxl_"

struct api_conn;
struct api_request;
struct conf_tenants;

struct api {
    struct net_loop *loop;
    struct net_listener *listener;
    struct net_listener *health;  /* NULL: there is none */
    struct net_timer *room_timer; /* when places over TCP are short */
    struct net_listener *remote;  /* over TCP; NULL: there is none */
    struct net_place remote_place;
    struct link_serving *serving; /* its certificate; NULL: it is in clear */
    int tls_cert_fd;              /* until the key has come */
    struct ipc_chan *store;
    struct ipc_chan *vault;
    struct ipc_chan *console; /* NULL: there is none */
    uid_t owner;              /* who made the listening socket: the user who runs clawbox */
    uint64_t idle_ms;
    uint64_t deadline_ms; /* of a connection to the health listener */
    struct buf status;    /* the monitor's last STATUS; empty before */
    uint64_t audit_seq;   /* the last record, as the store said last; 0 before */
    struct list conns;
    size_t conn_count;     /* all */
    size_t health_count;   /* of the health listener */
    size_t remote_count;   /* over TCP */
    size_t console_count;  /* from the console */
    uint64_t head_ms;      /* as API_REMOTE_HEAD_MS */
    uint64_t wrong_ms;     /* as API_REMOTE_WRONG_MS */
    uint64_t tick_ms;      /* as API_STREAM_TICK_MS */
    uint64_t follow_ms;    /* as API_FOLLOW_MS */
    uint64_t wrong_tokens; /* since that was logged */
    uint64_t wrong_said_ms;
    struct attempts attempts; /* at passwords */
    char first_link[IPC_ORIGIN_MAX + sizeof("/sign-in#") +
                    API_SECRET_SIZE]; /* while it is made at the start */
    struct net_timer *stop_timer;
    bool stopping;
};

/* ---- router.c ---- */

typedef void api_handler_fn(struct api_request *q);

enum {
    API_BODY = 1,      /* takes a body */
    API_TAGGED = 2,    /* a GET whose answer has an entity tag, so that it can depend on it */
    API_CONDITION = 4, /* heeds If-Match and If-None-Match itself, with api_condition_...() */
    API_CONSOLE = 8,   /* is there for the console alone */
    API_OPEN = 16,     /* whoever asks need not be known */
    API_LINK = 32,     /* also for who came by a sign-in link and is nobody yet */
};

struct api_route {
    const char *method; /* GET stands for HEAD too, and every path has OPTIONS */
    const char *path;   /* {tenant}, {credential}, {token} and {administrator} stand for names */
    api_handler_fn *handle;
    unsigned flags;
    unsigned scopes; /* bits of enum ipc_scope: which tokens may ask for it */
};

/* A complete request: finds its handler and runs it, or refuses. */
void api_dispatch(struct api_request *q);

/* ---- remote.c ---- */

/* Takes note of where the listener is, for Host. */
CB_MUST_USE int api_remote_listens(struct api *api, int fd);
/* A connection has come or gone: when there are as many as can be, ends one that has shown a wrong token, or none for some time; else nobody is
 * accepted for a while. */
void api_remote_make_room(struct api *api);
/* The head of a request has come: refuses it, or asks the store whose token it shows, and then api_conn_admit()s it. */
void api_remote_check(struct api_request *q);
/* The token that a request shows; false when there is nothing that could be one. */
bool api_bearer_read(const struct http_head *head, struct span *out);
/* Something wrong was shown: that is logged, now and then. */
void api_remote_wrong(struct api *api);

/* ---- console.c ---- */

/* The console is there: the channel's descriptor is taken over, or stays the caller's on failure. */
CB_MUST_USE int api_console_peer(struct api *api, int fd);

/* ---- health.c ---- */

/* The same for a request that came by the health listener. */
void api_health_dispatch(struct api_request *q);

/* ---- answer.c ---- */

/* The answer of a call, decoded by the continuation. A result other than 0 says that it was not what msgs.h promises: the peer
 * is dropped and the request answered with 503. */
typedef int api_answer_fn(struct api_request *q, struct span payload);

/* What of a list is asked for: at most `limit` of what comes after that name (empty: from the start). */
struct api_page {
    struct span after;
    uint64_t limit;
};

/* Who asks. */
struct api_who {
    enum ipc_scope scope;          /* IPC_SCOPE__COUNT: nobody, who may nothing */
    char name[IPC_NAME_MAX + 1];   /* of the token; empty: over the control socket */
    char tenant[IPC_NAME_MAX + 1]; /* of IPC_SCOPE_TENANT */
    uint64_t tenant_id;            /* the same; a later tenant of that name has another */
    uint64_t since_ms;             /* since when that tenant is there */
    char by[IPC_BY_MAX +
            1];     /* as the record of a change has it: "socket", "token:NAME", "admin:NAME", "link" */
    bool signed_in; /* at the console, and then: */
    enum ipc_sign_in kind;
    uint8_t session[IPC_HASH_LEN];
    uint64_t made_ms;
    uint64_t ends_ms;
};

/* Somebody who signs in. */
struct api_sign_in {
    enum ipc_sign_in kind;
    char name[IPC_NAME_MAX + 1];
    uint8_t shown[IPC_HASH_LEN]; /* a password's key, or the hash of a token or link */
    bool asks_device;            /* there is one, which the store has to know */
    uint8_t device[IPC_DEVICE_LEN];
    bool known;                    /* and it does */
    char session[API_SECRET_SIZE]; /* the new one */
};

/* One request. Spans point into the connection's parser and body and live until it is answered. */
struct api_request {
    struct api *api;
    struct api_conn *conn;
    struct api_who who;
    const struct http_head *head;
    struct span query; /* behind the '?' */
    struct span tenant;
    struct span credential;
    struct span token; /* a token's name */
    struct span administrator;
    struct span generation; /* of a document, as it is written */
    struct span grant;      /* a grant's number */
    struct span if_match;   /* the values of these fields; empty: not there */
    struct span if_none_match;
    struct span body;

    struct api_page page;

    /* the call under way */
    struct ipc_chan *chan; /* NULL: none */
    uint32_t call;
    enum ipc_msg answer; /* that it must have */
    api_answer_fn *next;

    /* the answer */
    bool answered;
    unsigned status;
    const char *content_type; /* NULL: no body */
    char allow[64];           /* of a 405, and for OPTIONS */
    bool has_tag;             /* the JSON that answers it is a representation with a tag */
    char tag[API_TAG_SIZE];   /* ETag; empty: none */
    char location[96];        /* of what was created; empty: nothing was */
    const char *challenge;    /* of a 401 */
    uint32_t retry_s;         /* of a 429 */
    struct buf out;
    struct json json; /* writes to `out` */

    /* of PUT on a tenant */
    bool dry_run;
    uint8_t applied; /* what became of it: enum of TENANTS_APPLIED */
    enum ipc_expect expect;
    struct buf list; /* of TENANTS_APPLY; or of grants, beside a tenant */

    api_answer_fn *tenant_next; /* of api_tenant_get_with_grants(), while it asks for the grants */

    /* of manifests: what the query says; empty: as the document has it */
    struct api_manifests {
        struct span flavor;
        struct span image;
        struct span gateway_image;
        struct span secrets;
    } manifests;

    uint64_t revision; /* the generation */
    struct api_sign_in sign_in;
    uint8_t hash[IPC_HASH_LEN]; /* of a session or link, while the store is asked about it */
    /* of audit:search: what is still looked for, and what its spans point to */
    struct api_search {
        struct ipc_audit_search m;
        char text[IPC_AUDIT_TEXT_MAX];
        uint8_t request_id[IPC_REQUEST_ID_LEN];
        uint64_t began_ms;
    } search;

    uint64_t step_s; /* of series */

    /* of audit:follow */
    struct api_follow {
        struct span tenant;
        bool denied;
        bool begun; /* it is known after which record it goes on */
        uint64_t after;
        uint64_t upto; /* what the store had told when it was asked */
        uint64_t since_ms;
        uint64_t began_ms;
    } follow;

    /* of audit:verify */
    uint64_t verified; /* rows so far */
    uint64_t verified_seq;
};

/* Starts the call of msgs.h and gives what api_wait() takes. */
#define API_CALL(q, peer, lower, fields) \
    ((peer) != NULL ? ipc_call_##lower((peer), (fields), api_on_answer, (q), &(q)->call) : CB_ECLOSED)
ipc_answer_fn api_on_answer;
/* `r` is the result of API_CALL: on 0 `next` gets the answer, which must be of that kind; else the request is refused. */
void api_wait(struct api_request *q, struct ipc_chan *peer, int r, enum ipc_msg answer, api_answer_fn *next);
/* The channel is no more: whoever waits for an answer over it gets a 503. */
void api_fail_calls(struct api *api, const struct ipc_chan *chan);

/* Begins a JSON answer and returns its writer, inside the outermost object. */
struct json *api_json_begin(struct api_request *q);
/* Ends the outermost object and answers 200, 201 when there is a location, or 304; or 500 when it did not fit. */
void api_answer_json(struct api_request *q);
/* Ends the outermost object, and answers nothing: for a representation that only its tag is wanted of. */
CB_MUST_USE int api_json_finish(struct api_request *q);
/* Answers 304. */
void api_answer_unchanged(struct api_request *q);
/* Answers 200 with what is in `out`. */
void api_answer_text(struct api_request *q, const char *content_type);
/* Answers 204. */
void api_answer_nothing(struct api_request *q);
/* Answers with a problem document. What was in `out` is dropped. */
void api_refuse(struct api_request *q, unsigned status, const char *fmt, ...) CB_PRINTF(3, 4);
/* Answers 422 with what is wrong in a file, in the lines of conf/report.h for programs, as the member "errors". */
void api_refuse_errors(struct api_request *q, const char *detail, const char *file, struct span errors);
/* Refuses with the status that belongs to an error code; `why` is the detail, or the code's own text when it is empty. */
void api_refuse_code(struct api_request *q, int code, struct span why);
/* The answer has such a `code` (positive, as in msgs.h). */
void api_refuse_answer(struct api_request *q, uint32_t code, struct span why);
/* A text with at most 100 bytes of it, for messages: printf("%.*s", API_SHORT(s)). */
#define API_SHORT(s) SPAN_ARG(span_sub((s), 0, 100))
/* Writes the lines of a text as an array of strings. */
void api_json_lines(struct json *j, const char *key, struct span lines);
void api_json_text_or_null(struct json *j, const char *key, const char *text);
/* The next line of *text without its '\n', which is consumed. False at the end. */
bool api_next_line(struct span *text, struct span *line);

/* ---- condition.c: requests that depend on what is there (RFC 9110, 13) ---- */

/* Takes the fields of the head. False when it refused the request, because it cannot be read or the route heeds none. */
bool api_condition_read(struct api_request *q, const struct api_route *route);
/* Of a GET: makes the tag of what is in `out`. False when it answered: 304, or 412. */
bool api_condition_holds(struct api_request *q);
/* Of a change: whether it depends on a tag, so that what is there has to be asked for. */
bool api_condition_needs_tag(const struct api_request *q);
/* The change may be made of what is in `out`, a representation of what is there, or of nothing when there is none. False when it
 * answered with 412. */
bool api_condition_allows(struct api_request *q, bool exists);
/* Answers 412, because something came in between. */
void api_condition_lost(struct api_request *q);
/* The tag of what is in `out`, into q->tag. */
void api_condition_tag(struct api_request *q);

/* ---- input.c ---- */

/* A parameter of the query. Absent ones keep their values. */
struct api_param {
    const char *name;
    struct span *text;    /* a name, or empty; or */
    struct span *word;    /* up to 512 bytes of visible ASCII, which whoever takes them checks; or */
    struct span *escaped; /* visible ASCII with percent-escapes, which whoever takes it decodes; or */
    uint64_t *number;     /* a number in these bounds */
    uint64_t min;
    uint64_t max;
};

/* Reads the query; false when it refused the request. */
bool api_query_read(struct api_request *q, const struct api_param *params, size_t count);
/* Reads the parameters `after` and `limit` into q->page; at most API_PAGE_MAX at once. False when it refused the request. */
bool api_page_read(struct api_request *q, uint64_t limit_default);
/* Writes "next": the target that asks for what comes after that name, or null when it is empty. */
void api_page_next(struct api_request *q, struct span last);
/* Refuses the page: there is no such `what` any more. */
void api_page_refuse(struct api_request *q, const char *what);
/* The media type of the body in lower case, without parameters; "" when it is not said, "?" when it is too long to be one of ours. */
void api_body_type(const struct api_request *q, char *out, size_t size);
/* Reads the body as a JSON object with no other members than `known` (ended by NULL). False when it refused the request;
 * the tree is empty then. */
bool api_body_read(struct api_request *q, const char *const *known, struct conf_tree *out);
/* A required member of it; they refuse the request when it is not there or is something else. */
bool api_member_text(struct api_request *q, const struct conf_tree *body, const char *key, struct span *out);
bool api_member_number(struct api_request *q, const struct conf_tree *body, const char *key, uint64_t *out);
bool api_member_bool(struct api_request *q, const struct conf_tree *body, const char *key, bool *out);
/* True for a JSON string: a scalar in quotes. */
bool api_is_text(const struct conf_node *node);

/* ---- texts.c ---- */

#define API_TEXTS_MAX 6

struct api_texts {
    struct buf memory; /* all of them, one after the other */
    struct api_text {
        const char *name;
        bool there;
        size_t start;
        size_t len;
    } members[API_TEXTS_MAX];
    size_t count;
};

/* Reads the body as a JSON object of texts with no other members than `known` (at most API_TEXTS_MAX, ended by NULL), into memory that is
 * wiped: for what is secret. False when it refused the request; nothing is held then. Else api_texts_deinit() it. */
bool api_texts_read(struct api_request *q, const char *const *known, struct api_texts *out);
void api_texts_deinit(struct api_texts *t);
bool api_texts_have(const struct api_texts *t, const char *key);
/* A required member of it; they refuse the request when it is not there, or is not so many bytes in hexadecimal digits. */
bool api_text(struct api_request *q, const struct api_texts *t, const char *key, struct span *out);
bool api_text_hex(struct api_request *q, const struct api_texts *t, const char *key, uint8_t *out,
                  size_t len);

/* ---- handlers ---- */

api_handler_fn api_tenants_apply;
api_handler_fn api_tenant_put;
api_handler_fn api_tenants_list;
api_handler_fn api_tenant_show;
api_handler_fn api_tenant_token;
api_handler_fn api_tenant_suspend;
api_handler_fn api_tenant_resume;
api_handler_fn api_tenant_ca;
api_handler_fn api_tenant_rotate_ca;
api_handler_fn api_tenant_finish_ca;
api_handler_fn api_tenant_delete;
api_handler_fn api_tenant_env;
api_handler_fn api_tenant_policy;
api_handler_fn api_tenant_document;
api_handler_fn api_tenant_explain;
api_handler_fn api_tenant_diff;
api_handler_fn api_presets_list;
api_handler_fn api_description;
api_handler_fn api_routes_list;
api_handler_fn api_manifests_get;
api_handler_fn api_manifests_preview;
api_handler_fn api_credentials_list;
api_handler_fn api_credential_prepare;
api_handler_fn api_credential_put;
api_handler_fn api_credential_delete;
api_handler_fn api_audit_page;
api_handler_fn api_audit_search;
api_handler_fn api_audit_follow;
api_handler_fn api_audit_verify;
api_handler_fn api_series;
api_handler_fn api_denials_list;
api_handler_fn api_denials_mute;
api_handler_fn api_grant_create;
api_handler_fn api_grants_list;
api_handler_fn api_grant_delete;
api_handler_fn api_status;
api_handler_fn api_tokens_list;
api_handler_fn api_token_create;
api_handler_fn api_token_delete;

/* A request as it was refused, or is to be allowed. */
struct api_what {
    enum spec_scheme scheme;
    struct span host;
    uint16_t port;
    struct span method;
    struct span path;
};
/* Reads the members "scheme" and "port", which may be left out, "host", "method" and "path"; nothing is said of what is in the last three. False
 * when it refused the request. */
bool api_what_read(struct api_request *q, const struct conf_tree *body, struct api_what *out);
void api_what_write(struct json *j, const struct api_what *what);
struct store_audit_row;
/* "decision", "outcome", "change" of enum store_audit_kind. */
const char *api_audit_kind_name(unsigned kind);
/* Writes a record as an object. */
void api_audit_row_write(struct json *j, const struct store_audit_row *row);
/* Whether these records may be asked for: a tenant's token sees its own, and none from before *since_ms, which is raised. False when it
 * refused the request. */
bool api_audit_scope(struct api_request *q, struct span tenant, uint64_t *since_ms);

api_handler_fn api_sign_in_get;
api_handler_fn api_session_create;
api_handler_fn api_session_show;
api_handler_fn api_session_rotate;
api_handler_fn api_session_delete;
api_handler_fn api_sessions_delete;
api_handler_fn api_session_key;
api_handler_fn api_administrators_list;
api_handler_fn api_administrator_put;
api_handler_fn api_administrator_delete;
api_handler_fn api_link_create;
api_handler_fn api_changes_list;
api_handler_fn api_history_list;
api_handler_fn api_revision_show;

/* Who makes the change, for its record. */
static inline struct span api_by(const struct api_request *q)
{
    return span_str(q->who.by);
}

/* Writes "scope": "admin", "viewer" or "tenant:NAME". */
void api_write_scope(struct json *j, uint8_t scope, struct span tenant);
/* Writes a time, or null for 0. */
void api_write_time(struct json *j, const char *key, uint64_t ms);

/* ---- secrets.c ---- */

/* Makes a secret, and the hash that the store gets. Wipe it. */
void api_secret_make(const char *prefix, char out[API_SECRET_SIZE], uint8_t hash[IPC_HASH_LEN]);
/* Whether it could be one. */
bool api_secret_formed(const char *prefix, struct span text);

/* ---- sessions.c ---- */

/* The head of a request of the console has come: refuses it, or api_conn_admit()s it, as whose session it shows, or as nobody when it shows
 * none. */
void api_session_check(struct api_request *q);

/* ---- administrators.c ---- */

/* Prints a sign-in link for the console at its origin, if there is no administrator yet. */
void api_link_first(struct api *api);

/* Keeps the payload of STATUS. */
CB_MUST_USE int api_status_take(struct api *api, struct span payload);

/* Continuation for DONE: 204, or the refusal. */
api_answer_fn api_on_done;

/* An element of the list `credentials` of TENANT. */
struct api_credential {
    struct span name;
    struct span placeholder;
    struct span binding;
    uint64_t version; /* 0: not set */
    uint64_t set_ms;
    uint64_t used_ms; /* 0: never */
};

/* What TENANT says, with its specification decoded. Spans point into the message. */
struct api_tenant {
    struct ipc_tenant row;
    struct spec *spec;
    bool brief; /* for a viewer, who sees no placeholders, nor the document, which may have some */
};

/* Reads tenant documents and checks them in full; conf_tenants_deinit() them. `files`: contents by path, of JSON; or NULL. `only`: there has to
 * be one, of that name; empty: any. `file` stands in messages. False when it refused the request. */
bool api_tenants_load(struct api_request *q, const char *file, struct span text,
                      const struct conf_node *files, struct span only, struct conf_tenants *out);
/* Appends the list of TENANTS_APPLY: of tenants that were loaded from that text. False when it refused the request. */
bool api_tenants_encode(struct api_request *q, const struct conf_tenants *tenants, struct span text,
                        struct buf *list);
/* Reads {"file", "text", "files"}: a file's name, its text, and the files that it names. The spans and nodes are the tree's. False when it
 * refused the request; the tree is empty then. */
struct api_file {
    struct conf_tree tree;
    const char *name;
    struct span text;
    const struct conf_node *files;
};
bool api_file_read(struct api_request *q, struct api_file *out);
/* NULL, or an object of strings: contents by path. False when it refused the request. */
bool api_files_check(struct api_request *q, const struct conf_node *files);
/* Reads the body of a PUT on the request's tenant (put.c) in the same way. */
bool api_document_load(struct api_request *q, struct conf_tenants *out);
/* "unchanged", "created", "updated", or NULL: of a `what` in TENANTS_APPLIED. */
const char *api_applied_word(uint8_t what);

/* Calls for the request's tenant. */
void api_tenant_get(struct api_request *q, api_answer_fn *next);
/* The same, with what is granted beside it in q->list, as the message SPEC has it. */
void api_tenant_get_with_grants(struct api_request *q, api_answer_fn *next);
/* Reads the answer. 1: refused, because there is no such tenant or it is damaged. Free with api_tenant_deinit() after 0. */
CB_MUST_USE int api_tenant_read(struct api_request *q, struct span payload, struct api_tenant *out);
void api_tenant_deinit(struct api_tenant *tenant);
/* Writes what GET of a tenant answers, without the end of its object. */
CB_MUST_USE int api_tenant_write(struct api_request *q, const struct api_tenant *tenant);
struct api_credential api_credential_read(struct reader *r);
/* How many credentials the list has; *r is then where they begin. */
uint32_t api_credentials_begin(const struct api_tenant *tenant, struct reader *r);
/* Writes a page of the array "credentials", or of "routes". With `last` it says after which name the list goes on; empty: it ends.
 * CB_ENOTFOUND: nothing has the name that the page is after. Or the reader's error. */
CB_MUST_USE int api_credentials_write(struct json *j, const struct api_tenant *tenant,
                                      const struct api_page *page, struct span *last);
CB_MUST_USE int api_routes_write(struct json *j, const struct api_tenant *tenant, const struct api_page *page,
                                 struct span *last);

/* ---- conn.c ---- */

enum api_conn_kind {
    API_CONN_CONTROL,
    API_CONN_REFUSED, /* of a client that may not be here: it is told so */
    API_CONN_HEALTH,
    API_CONN_REMOTE,
    API_CONN_CONSOLE /* handed over by the console */
};

struct api_conn {
    struct list link;
    struct api *api;
    enum api_conn_kind kind;
    uint64_t since_ms;
    struct link *net;
    struct http_parser *parser;
    struct net_timer *timer; /* while no request is under way */
    struct net_task turn;    /* writes the answer, then goes on parsing */
    struct buf held;         /* bytes that were not parsed yet */
    struct buf body;
    struct api_request request;
    bool streaming; /* the head of its answer and some of its body are written, and more comes */
    bool broken;    /* it cannot be written to */
    unsigned stuck; /* ticks in a row at which the client had not read what is there for it */
    bool busy;      /* a request is complete or looked at, and its answer is not written */
    bool unread;    /* the end of the request has not come */
    bool admit;     /* its token is right: its body may come */
    bool admitted;  /* some request on it had a right token */
    bool delayed;   /* its token is wrong, and that is told later, by: */
    api_handler_fn *late;
    bool closing; /* the answer that is due is the last */
    bool ended;   /* the client sends no more */
};

/* Takes over a connection. On failure the descriptor stays the caller's. */
CB_MUST_USE int api_conn_open(struct api *api, int fd, enum api_conn_kind kind);
/* Ends it at once; a call under way is cancelled. */
void api_conn_close(struct api_conn *c);
/* The request has been answered: the answer is written at the end of this turn. */
void api_conn_answered(struct api_conn *c);
/* The request's token is right: it is read on at the end of this turn. */
void api_conn_admit(struct api_conn *c);
/* Something that it shows is wrong: `late` refuses it after that time. */
void api_conn_delay(struct api_conn *c, uint64_t ms, api_handler_fn *late);
/*
 * An answer that comes in pieces, as long as it lasts: begin writes its head, then any number of writes, then end, after which other requests come. A
 * refusal ends it too. The request stays; its pieces are made when there is room (api_follow_pump() hears of that, and api_follow_tick() of
 * each API_STREAM_TICK_MS). A client that reads nothing for API_STREAM_STUCK ticks is cut off.
 */
void api_stream_begin(struct api_request *q, const char *content_type);
void api_stream_write(struct api_request *q, struct span data);
void api_stream_end(struct api_request *q);
bool api_stream_has_room(const struct api_request *q);

/* The role stops: idle connections end now, others after their answer. */
void api_conns_stop(struct api *api);

/* ---- follow.c ---- */

/* There may be more to write, or room for it. */
void api_follow_pump(struct api_request *q);
/* Some time has passed. */
void api_follow_tick(struct api_request *q);
/* The store has said that there are more records. */
void api_follow_grown(struct api *api);

/* ---- api.c ---- */

/* As api_main(), with other settings: for tests. */
int api_run(struct api *api);
/* A connection has been freed. */
void api_conn_gone(struct api *api, enum api_conn_kind kind);

#endif
