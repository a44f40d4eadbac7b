/*
 * options.h - load's command line.
 */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

enum mode { MODE_REQUESTS, MODE_CONNECTS, MODE_SSE, MODE_IDLE };

/* The texts are the command line's own. */
struct options {
    enum mode mode;
    struct sockaddr_in to;
    const char *ca;
    const char *authority;
    const char *connect;    /* NULL: the authority */
    const char *proxy_auth; /* NULL: none */
    const char *path;
    const char *warm;
    const char *header;
    bool proxy;
    bool print; /* the answers' bodies */
    int connections;
    uint64_t body;
    double seconds;
    uint64_t requests; /* 0: as many as the time allows */
    double rate;       /* 0: as fast as possible */
};

/* Fills in the defaults and what the command line says. A wrong command line ends the program, with status 2. */
void options_parse(struct options *o, int argc, char **argv);

#endif
