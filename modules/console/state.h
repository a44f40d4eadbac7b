/*
 * state.h - what the files of this role share. Nothing outside of it includes this.
 *
 *   console.c   the role: listener, channel to the api, setup, stop
 *   room.c      who keeps a place when all are taken
 *   browser.c   one connection of a browser: bytes to requests, answers to bytes
 *   head.c      the head of a request: is it for us, from a page of ours, whose session, for what
 *   reply.c     heads of answers, with everything that browsers are told on each; answers of our own
 *   assets.c    the pages
 *   upstream.c  a browser's connection to the api, on which this role is a client that speaks HTTP
 *   forward.c   requests under /api, and their answers
 *   session.c   requests under /session (session.h has their other files)
 *   kdf.c       keys from passwords
 *
 * A browser is never freed under its own callbacks: browser_drop() marks it, and it is freed at the end of the loop's turn.
 */
#ifndef CB_CONSOLE_STATE_H
#define CB_CONSOLE_STATE_H

#include "base/list.h"
#include "console/assets.h"
#include "http/parser.h"
#include "http/write.h"
#include "ipc/chan.h"
#include "link/link.h"
#include "net/listener.h"
#include "tls/passphrase.h"

#define CONSOLE_BROWSERS_MAX  128
#define CONSOLE_LINGERING_MAX 128 /* that have their last answer, and have not closed */
#define CONSOLE_BODY_MAX      ((size_t)1024 * 1024)
#define SESSION_BODY_MAX      ((size_t)8 * 1024) /* of what is for this role itself, also from nobody */
#define CONSOLE_HEAD_MS \
    10000 /* from the first byte of a request to the end of its head; of a new connection from its beginning */
#define CONSOLE_BODY_MS 60000 /* from there to its end */
#define CONSOLE_IDLE_MS 60000 /* between requests, and for a browser that does not read */
#define CONSOLE_ANSWER_MS \
    120000 /* until the api begins to answer (it may have the whole audit to verify), and between pieces of an answer that has an end */
#define CONSOLE_GRACE_MS 250 /* so long a new connection has its place for sure */

/* A session is this, and 43 characters of base64url. */
#define CONSOLE_SESSION_PREFIX "cbxs_"
#define CONSOLE_SESSION_LEN    (sizeof(CONSOLE_SESSION_PREFIX) - 1 + 43)
#define CONSOLE_COOKIE         "__Host-clawbox"
#define CONSOLE_DEVICE_COOKIE  "__Host-clawbox-device"
#define CONSOLE_DEVICE_MAX     128
#define CONSOLE_CSRF_LEN       64 /* hexadecimal */

struct browser;
struct upstream;
struct session_work;
struct session_route;

struct console {
    struct net_loop *loop;
    struct net_listener *listener;
    struct ipc_chan *api;
    struct list browsers;
    size_t count;
    uint64_t next_serial;
    struct net_place place;       /* of the listener */
    struct link_serving *serving; /* its certificate; NULL: it is in clear */
    int tls_cert_fd;              /* until the key has come */
    uint64_t head_ms;             /* as CONSOLE_HEAD_MS */
    uint64_t answer_ms;           /* as CONSOLE_ANSWER_MS */
    struct net_timer *room_timer;
    struct net_timer *kdf_timer; /* while there is something to make, or it rests */
    struct kdf_queue {
        struct list jobs; /* that wait */
        size_t count;
    } kdf_known, kdf_strangers;
    bool kdf_rests;
    struct net_timer *stop_timer;
    bool stopping;
};

/* ---- head.c ---- */

enum ask_what {
    ASK_NOTHING, /* there is nothing at that path */
    ASK_PAGE,    /* a page's path, or an asset */
    ASK_API,
    ASK_SESSION,
};

/* What the head of a request comes to. Spans point into the parser. */
struct ask {
    enum ask_what what;
    bool is_head;        /* HEAD */
    bool changes;        /* a method other than GET, HEAD */
    struct span path;    /* without the query */
    struct span target;  /* of ASK_API: what api is asked for */
    struct span session; /* empty: none, or nothing that could be one */
    struct span device;  /* what the browser got when it signed in last; the same */
    struct span name;    /* of ASK_SESSION: behind the path */
    const struct session_route *session_route;
};

/* Why a request is refused: a status and a sentence; status 0: it is not. */
struct ask_refusal {
    unsigned status;
    const char *detail;
};

/* Looks at a head. What is refused here has reached nothing. */
struct ask_refusal ask_read(const struct console *console, const struct http_head *head, struct ask *out);
/* Takes session and device from its cookies. False when a session is there twice: then somebody else put one there. */
bool ask_cookies(const struct http_head *head, struct ask *out);
/* How large the body of that request may be; and what is said when it is not. */
size_t ask_body_max(const struct ask *ask);
const char *ask_body_too_large(const struct ask *ask);
/* Whether it could be a session. */
bool ask_session_formed(struct span text);
/* The value that a change has to show, beside the cookie, of a session. */
void ask_csrf(struct span session, char out[CONSOLE_CSRF_LEN + 1]);

/* ---- browser.c ---- */

struct browser {
    struct list link;
    struct console *console;
    uint64_t since_ms;
    struct link *conn;
    struct http_parser *parser;
    struct net_timer *timer;
    struct net_task turn;
    struct buf held; /* bytes that were not parsed yet */
    struct buf body;
    const struct http_head *head;
    struct ask ask;
    struct ask_refusal refusal;
    struct upstream *upstream; /* NULL: none was needed yet */
    struct session_work *work; /* of a request about a session; else NULL */
    bool begun;                /* the first byte of a request has come, and its head has not */
    bool busy;                 /* a request is complete, or refused, and its answer is not */
    bool unread;               /* the end of the request has not come */
    bool answered;             /* all of the answer is written */
    bool passing;              /* the head of the answer has come from the api */
    bool chunked;              /* its body has no length */
    bool endless;              /* it goes on until somebody has had enough */
    bool admitted;             /* some request on it had a session or a device that the api knew */
    bool closing;              /* after this answer */
    bool ended;                /* it sends no more */
    bool dropped;
};

/* Takes over a connection. On failure the descriptor stays the caller's. */
CB_MUST_USE int browser_open(struct console *console, int fd);
/* Ends it, at the end of this turn. */
void browser_drop(struct browser *b);
/* Writes to it; on failure it is dropped. */
void browser_write(struct browser *b, struct span bytes);
/* The answer is complete: at the end of this turn the next request is looked for. */
void browser_answered(struct browser *b);
/* The role stops: who waits for nothing, or would wait for ever, ends now, others after their answer. */
void browsers_stop(struct console *console);

/* ---- reply.c ---- */

/* The end of every head: what browsers are told each time, and Connection: close when it is the last. */
CB_MUST_USE int reply_head_end(const struct browser *b, struct buf *out, bool may_be_kept);
/* Answers with a problem document. */
void reply_refuse(struct browser *b, unsigned status, const char *detail);
/* Answers what is about a session, with its work's cookies: JSON, or nothing (204). */
void reply_session(struct browser *b, unsigned status, struct span body);
/* Answers with an asset, or 304. */
void reply_asset(struct browser *b, const struct console_asset *asset);

/* ---- upstream.c ---- */

/* What becomes of the api's answer. */
struct upstream_handler {
    void (*on_head)(struct browser *b, const struct http_head *head);
    void (*on_body)(struct browser *b, struct span body);
    void (*on_end)(struct browser *b);
    /* There will be none, or no more of it: with what is to be told, when nothing was yet. */
    void (*on_lost)(struct browser *b, struct ask_refusal why);
};

/* A request to the api. `session` empty: nobody's. Fields whose value is empty are left out. */
struct upstream_ask {
    struct span method;
    struct span target;
    struct span session;
    const struct http_field *fields;
    size_t field_count;
    struct span body;
};

/* Sends it; the answer goes to the handler, never from inside this call. An error says that there will be none. */
CB_MUST_USE int upstream_send(struct browser *b, const struct upstream_ask *ask,
                              const struct upstream_handler *handler);
/* Stops or goes on reading the answer. */
void upstream_read(struct browser *b, bool on);
void upstream_free(struct upstream *u);
/* The api is another now: connections to the old one are of no use. */
void upstreams_drop(struct console *console);

/* ---- forward.c ---- */

/* A request under /api that is complete. */
void forward(struct browser *b);

/* ---- session.c, work.c ---- */

/* The row of the table for a method and path; NULL: none, and *there says whether the path has other methods. */
const struct session_route *session_find(struct span method, struct span path, struct span *name,
                                         bool *there);
/* Whether it is asked by somebody who is signed in; else it is signing in. */
bool session_needs_session(const struct session_route *route);
/* A request under /session that is complete. */
void session_begin(struct browser *b);
/* NULL is fine. */
void session_free(struct session_work *w);

/* ---- kdf.c ---- */

/* A key that is to be made. What it points to has to stay until `done`, or kdf_cancel(). */
struct kdf_job {
    struct list link;
    struct kdf_queue *queue; /* while it waits */
    struct browser *browser;
    struct span password;
    const struct passphrase_kdf *kdf;
    void (*done)(struct browser *b);
    int result;
    struct secret *key; /* whoever asked for it frees it */
};

CB_MUST_USE int kdf_begin(struct console *console);
/* Queues it, with those that are `known`, or with strangers, who wait until none of the others does. CB_EBUSY: too many of the same wait.
 * CB_ELIMIT: its costs are out of bounds. */
CB_MUST_USE int kdf_ask(struct console *console, struct kdf_job *job, bool known);
/* It is not wanted any more; fine when it does not wait. */
void kdf_cancel(struct kdf_job *job);

/* ---- room.c ---- */

/* A connection has come or gone: when there are as many as can be, ends one that has shown no session; else nobody is accepted for a while. */
void room_make(struct console *console);

/* ---- console.c ---- */

/* As console_main(), with other settings: for tests. */
int console_run(struct console *console);
/* A browser has been freed. */
void console_browser_gone(struct console *console);

#endif
