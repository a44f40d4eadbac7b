/*
 * demo_agent.h - the agent of the demo: a process that is started before the real key exists, and does through the proxy
 * what it is told. Its memory can be searched afterwards.
 */
#ifndef CB_CLAWBOX_DEMO_AGENT_H
#define CB_CLAWBOX_DEMO_AGENT_H

#include "base/err.h"

#include <limits.h>
#include <stdint.h>
#include <sys/types.h>

enum demo_how {
    DEMO_TLS,             /* CONNECT host:port, TLS inside, then the request */
    DEMO_CLEAR_IN_TUNNEL, /* CONNECT host:port, then the request without TLS */
    DEMO_ABSOLUTE         /* GET http://host:port/path, no tunnel */
};

/* What the agent is to do. Plain bytes: it travels over a socketpair between two copies of one program. */
struct demo_errand {
    enum demo_how how;
    uint16_t proxy_port;
    uint16_t port;
    char proxy_user[64]; /* "alice:TOKEN" */
    char host[128];
    char path[256];
    char credential[512]; /* value of Authorization, or "" */
    char ca_path[PATH_MAX];
};

struct demo_answer {
    int code;        /* 0: there is an answer */
    unsigned status; /* of the request, or of the CONNECT when that was refused */
    char body[8192]; /* cut to fit */
};

struct demo_agent {
    pid_t pid;
    int fd;
};

CB_MUST_USE int demo_agent_start(struct demo_agent *out);
/* Has the agent run an errand. 0 when *answer came back, whatever it says. */
CB_MUST_USE int demo_agent_run(const struct demo_agent *a, const struct demo_errand *errand,
                               struct demo_answer *answer);
void demo_agent_stop(struct demo_agent *a);

#endif
