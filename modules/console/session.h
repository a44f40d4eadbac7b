/*
 * session.h - what the files about /session share.
 *
 *   session.c   what can be asked for there, and in which steps it is done
 *   work.c      one such request: its body, its calls to the api, its answer
 *   said.c      what the api says of sessions
 *   cookie.c    cookies out
 */
#ifndef CB_CONSOLE_SESSION_H
#define CB_CONSOLE_SESSION_H

#include "base/json.h"
#include "console/state.h"
#include "tls/seal.h"

#define COOKIE_SIZE      256
#define CONSOLE_DEVICE_S 31536000 /* a year */

/* Members that a body may have, all of them texts. */
enum {
    SESSION_NAME = 1,
    SESSION_PASSWORD = 2,
    SESSION_TOKEN = 4,
    SESSION_LINK = 8,
    SESSION_CURRENT = 16,
    SESSION_NEW = 32,
    SESSION_SCOPE = 64,
};

typedef void session_next_fn(struct browser *b);

struct session_route {
    const char *method;
    const char *path; /* with '/' at its end: a name follows */
    unsigned members;
    bool needs_session; /* else signing in, which has none yet */
    session_next_fn *run;
};

struct session_work {
    /* of the body */
    struct buf name;
    struct buf password;
    struct buf token;
    struct buf link;
    struct buf current;
    struct buf fresh; /* "new" */
    struct buf scope;

    /* the call under way, and then its answer */
    session_next_fn *next;
    session_next_fn *known; /* once the api has said that it knows the session */
    unsigned status;
    char retry[16]; /* Retry-After */
    struct buf answer;
    struct buf kept; /* an earlier one */
    char target[256];

    /* the key that is made, and what for */
    struct passphrase_kdf kdf;
    struct kdf_job job;
    session_next_fn *then;
    struct secret *current_key;

    char cookies[2][COOKIE_SIZE]; /* to set; empty: none */
};

/* ---- work.c ---- */

/* NULL: there is no memory. session_free() it (state.h). */
struct session_work *session_new(void);
/* Reads a body: a JSON object with members of those that are `allowed`, each of them once and a text. Others than 0: it is not that. */
CB_MUST_USE int session_body_read(struct session_work *w, struct span body, unsigned allowed);
/* Asks the api; `then` gets the answer, in the work. */
void session_call(struct browser *b, const char *method, struct span target, struct span session,
                  struct span body, session_next_fn *then);
/* Makes a key of a password with the work's kdf; `then` finds it in the job. `known`: the api has said that the browser has signed in before, or
 * knows its session. */
void session_derive(struct browser *b, struct span password, bool known, session_next_fn *then);
/* Answers with what the api has answered: a refusal, or nothing. */
void session_pass_on(struct browser *b);
/* Whether a new password is one; else the request is refused. `what` is its member's name. */
bool session_password_fine(struct browser *b, const struct buf *password, const char *what);
/* The answer and the one that was kept change places. */
void session_swap_answers(struct session_work *w);

/* ---- said.c ---- */

struct session_said {
    struct buf name;
    struct buf by; /* as whom their changes are recorded */
    struct buf scope;
    struct buf session;
    struct buf device; /* empty: none */
    bool first;
    uint64_t age_s;
};

/* Reads what the api says of a session; to be freed in any case. */
CB_MUST_USE int session_said_read(struct span json, struct session_said *out);
void session_said_free(struct session_said *said);
/* Reads with what a key is made of a password. */
CB_MUST_USE int session_kdf_read(struct span json, struct passphrase_kdf *out, bool *known);

/* ---- cookie.c ---- */

/* The value of Set-Cookie. An empty value takes the cookie away; else it is kept for `max_age_s`, or as long as the browser runs (0). */
CB_MUST_USE int cookie_set(char (*out)[COOKIE_SIZE], const char *name, struct span value, unsigned max_age_s);

#endif
