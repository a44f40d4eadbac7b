/*
 * attack.h - `clawbox attack`: the published ways to break such a proxy, driven against a tenant's policy, with a witness.
 *
 *   cmd_attack.c      the command: stage, families, report, clean up
 *   attack_stage.c    two throw-away tenants on the same server: a mirror of the tenant's routes, and one with an echo
 *   attack_origin.c   the witness: a process on loopback that says who connected and what it was asked
 *   attack_forms.c    how the origin says a credential back
 *   attack_agent.c    one connection of an attacker: raw bytes to a listener, and what came back
 *   attack_judge.c    what held and what did not; the report
 *   attack_policy.c, attack_host.c, attack_ssrf.c, attack_frame.c, attack_tenant.c, attack_echo.c, attack_audit.c
 *                     the families of cases, each a table
 *
 * No real provider is ever asked. What could reach one if it succeeded goes to the mirror: the tenant's routes as they are, but
 * every one of them with the origin as its upstream and a made-up credential. At the tenant's own listener only such
 * destinations are tried as no provider has: loopback, metadata services, reserved names. A refusal counts only when it was
 * said and the origin saw no connection.
 */
#ifndef CB_CLAWBOX_ATTACK_H
#define CB_CLAWBOX_ATTACK_H

#include "cmd.h"
#include "review/explain.h"
#include "tls/cert.h"
#include "tls/session.h"

#include <sys/types.h>

#define ATTACK_ROUTES_MAX 16
#define ATTACK_ANSWER_MAX ((size_t)256 * 1024)
#define ATTACK_TEXT_MAX   ((size_t)128 * 1024)
#define ATTACK_WAIT_MS    10000
#define ATTACK_ECHO_HOST  "echo.attack.invalid"
/* What the origin says in each answer, so that an empty one cannot pass for a clean one. */
#define ATTACK_MARK "attack-origin:"

/* ---- attack_origin.c ---- */

/* Ports of the origin; those of the mirrored routes follow. */
enum { ORIGIN_BARRIER, ORIGIN_INSIDE, ORIGIN_ECHO, ORIGIN_ROUTES };

struct attack_origin {
    pid_t pid;
    int events_fd;
    uint16_t ports[ORIGIN_ROUTES + ATTACK_ROUTES_MAX];
    struct buf ca_pem;
    size_t connections; /* since attack_origin_settle() */
    size_t completed;   /* requests that came to their end, since then */
    size_t ended;       /* the same, as attack_origin_settle() found it last */
    struct buf head;    /* of the last request: lines, without CR */
};

struct attack_route {
    const struct spec_route *route; /* of the live policy */
    char host[256];                 /* one that it covers */
    char method[33];
    char path[600]; /* that it allows */
    bool works;     /* a plain request has reached the origin */
};

/* Starts it: clear text at ORIGIN_BARRIER and ORIGIN_INSIDE and for http routes, else TLS with a certificate for the host. It
 * knows `credential`, to say it back. */
CB_MUST_USE int attack_origin_start(const struct attack_route *routes, size_t count, struct span credential,
                                    struct attack_origin *out);
void attack_origin_stop(struct attack_origin *o);
/* Waits until everything that connected before has been reported, forgets it, and gives how many they were. */
CB_MUST_USE int attack_origin_settle(struct attack_origin *o, size_t *connections);
/* Forgets what has been reported so far. */
CB_MUST_USE int attack_origin_drain(struct attack_origin *o);
/* Waits for a request; its head is in o->head. CB_ETIMEOUT. */
CB_MUST_USE int attack_origin_wait(struct attack_origin *o);

/* ---- attack_forms.c ---- */

/* How the origin says the credential back, by the number in /attack/echo/N. */
struct attack_echo {
    const char *title;
    const char *reference;
    const char *form;  /* raw, b64-0, b64-1, b64-2, b64url, hex, HEX, percent, json, basic */
    const char *place; /* body, chunked, cut, header, location, cookie, trailer */
};
extern const struct attack_echo attack_echoes[];
extern const size_t attack_echo_count;
/* Appends the credential in that form. */
CB_MUST_USE int attack_echo_write(const char *form, struct span credential, struct buf *out);
/* Tells whether the text has the credential in the form of this echo, or as it is. */
CB_MUST_USE int attack_echo_find(const struct attack_echo *echo, struct span credential, struct span text,
                                 bool *found);

/* ---- attack_agent.c ---- */

struct attack_listener {
    char address[64];
    uint16_t port;
    char login[128]; /* "tenant:token" */
    struct tls_roots *roots;
};

struct attack_shot {
    struct span connect; /* authority of a CONNECT; empty: none */
    bool tls;            /* TLS in the tunnel */
    const char *host;    /* whose certificate is expected there */
    struct span request; /* the bytes that are sent then; empty: none */
    const char *login;   /* other than the listener's; "": none */
    unsigned want;       /* the status that the refusal must have; 0: any that is one */
    bool quiet;          /* an end of the connection without an answer is a refusal too */
};

struct attack_answer {
    unsigned connect_status; /* 0: there was none */
    unsigned status;         /* of the request */
    char reason[48];         /* of a problem document */
    struct buf text;         /* heads and bodies as they came, chunks put together */
    bool ended;              /* the connection ended before an answer */
    int code;                /* what went wrong, or 0 */
};

/* Sends and reads the answers (the last of several, when pipelined ones are answered). `out` is freed with
 * attack_answer_deinit(). */
void attack_shoot(const struct attack_listener *at, const struct attack_shot *shot,
                  struct attack_answer *out);
void attack_answer_deinit(struct attack_answer *answer);

/* ---- attack_stage.c ---- */

enum attack_outcome { ATTACK_HELD, ATTACK_LEAKED, ATTACK_SKIPPED };

struct attack_result {
    enum attack_outcome outcome;
    char family[16];
    char *title;
    char *reference;
    char *why;
};

struct attack {
    const char *state;
    const char *tenant;
    const char *listener; /* of --listener, or NULL */
    bool json;
    struct review_policy *live;
    struct review_policy *mirror;
    struct review_policy *other;
    char mirror_name[SPEC_NAME_MAX + 1];
    char other_name[SPEC_NAME_MAX + 1];
    char credential[64]; /* the made-up one */
    struct attack_listener at_live;
    struct attack_listener at_mirror;
    struct attack_listener at_other;
    struct attack_origin origin;
    struct attack_route routes[ATTACK_ROUTES_MAX];
    size_t route_count;
    struct attack_result *results;
    size_t result_count;
    const char *family; /* the one that runs */
    int error;
};

/* Asks for the tenant's policy, makes the throw-away tenants and starts the origin. CMD_GO, or CMD_FAILED after it said why. */
CB_MUST_USE int attack_stage_set(struct attack *a);
/* Removes what attack_stage_set() made, also after it failed. */
int attack_stage_clear(struct attack *a);
/* SIGINT or SIGTERM has come. */
bool attack_interrupted(void);

/* ---- attack_judge.c ---- */

struct attack_case {
    const char *title;
    const char *reference;
};

void attack_add(struct attack *a, const struct attack_case *c, enum attack_outcome outcome, const char *fmt,
                ...) CB_PRINTF(4, 5);
/* Shoots, and expects a refusal that the origin does not know of. `what` stands in the report behind the title. */
void attack_refused(struct attack *a, const struct attack_case *c, const char *what,
                    const struct attack_listener *at, const struct attack_shot *shot);
/* True for an answer that is a refusal by policy or by syntax, not a failed try. */
bool attack_is_refusal(const struct attack_shot *shot, const struct attack_answer *answer);
/* True when the part stands in the text. */
bool attack_holds(struct span text, const char *part);
/* What the mirror's policy says of a request, by clawbox explain's code: true when a route allows it. */
bool attack_is_allowed(const struct review_policy *policy, const char *method, const char *url);
/* Appends a template in which {h} is the host, {p} its parent, {o} the port of ORIGIN_INSIDE and {0} a NUL byte. */
CB_MUST_USE int attack_fill(const struct attack *a, const char *host, const char *template, struct buf *out);
/* Appends a request with a Host field and further lines, each ended by CRLF. */
CB_MUST_USE int attack_request(struct buf *out, const char *method, const char *target, const char *host,
                               const char *lines);
int attack_report(const struct attack *a);

/* ---- the families ---- */

typedef void attack_family_fn(struct attack *a);
attack_family_fn attack_policy;
attack_family_fn attack_host;
attack_family_fn attack_ssrf;
attack_family_fn attack_frame;
attack_family_fn attack_tenant;
attack_family_fn attack_echo;
attack_family_fn attack_audit;

#endif
