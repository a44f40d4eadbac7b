/* options.c - load's command line. load.c says what the modes are. */
#include "options.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void parse_address(struct options *o, const char *argument)
{
    char address[64];
    snprintf(address, sizeof(address), "%s", argument);
    char *colon = strrchr(address, ':');
    if (colon != NULL) {
        *colon = '\0';
        o->to.sin_family = AF_INET;
        o->to.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
        if (inet_pton(AF_INET, address, &o->to.sin_addr) == 1) {
            return;
        }
    }
    fprintf(stderr, "load: --to wants ADDRESS:PORT\n");
    exit(2);
}

void options_parse(struct options *o, int argc, char **argv)
{
    static const char *const modes[] = {"requests", "connects", "sse", "idle"};
    static const struct option known[] = {{"to", required_argument, NULL, 't'},
                                          {"ca", required_argument, NULL, 'a'},
                                          {"authority", required_argument, NULL, 'u'},
                                          {"proxy", no_argument, NULL, 'p'},
                                          {"proxy-auth", required_argument, NULL, 'P'},
                                          {"connect", required_argument, NULL, 'k'},
                                          {"path", required_argument, NULL, 'f'},
                                          {"warm", required_argument, NULL, 'w'},
                                          {"header", required_argument, NULL, 'h'},
                                          {"connections", required_argument, NULL, 'c'},
                                          {"requests", required_argument, NULL, 'n'},
                                          {"seconds", required_argument, NULL, 's'},
                                          {"rate", required_argument, NULL, 'r'},
                                          {"body", required_argument, NULL, 'b'},
                                          {"print", no_argument, NULL, 'o'},
                                          {NULL, 0, NULL, 0}};
    *o = (struct options){.path = "/small", .warm = "/small", .connections = 1, .seconds = 1};
    size_t mode = 0;
    while (argc > 1 && mode < 4 && strcmp(argv[1], modes[mode]) != 0) {
        mode++;
    }
    if (argc < 2 || mode == 4) {
        fprintf(
            stderr,
            "usage: load requests|connects|sse|idle --to ADDRESS:PORT --ca FILE --authority HOST[:PORT]\n");
        exit(2);
    }
    o->mode = (enum mode)mode;
    int choice;
    while ((choice = getopt_long(argc - 1, argv + 1, "", known, NULL)) != -1) {
        switch (choice) {
        case 't':
            parse_address(o, optarg);
            break;
        case 'a':
            o->ca = optarg;
            break;
        case 'u':
            o->authority = optarg;
            break;
        case 'p':
            o->proxy = true;
            break;
        case 'k':
            o->connect = optarg;
            break;
        case 'P':
            o->proxy_auth = optarg;
            break;
        case 'f':
            o->path = optarg;
            break;
        case 'w':
            o->warm = optarg;
            break;
        case 'h':
            o->header = optarg;
            break;
        case 'c':
            o->connections = atoi(optarg);
            break;
        case 'n':
            o->requests = strtoull(optarg, NULL, 10);
            break;
        case 's':
            o->seconds = atof(optarg);
            break;
        case 'r':
            o->rate = atof(optarg);
            break;
        case 'b':
            o->body = strtoull(optarg, NULL, 10);
            break;
        case 'o':
            o->print = true;
            break;
        default:
            exit(2);
        }
    }
    if (o->to.sin_port == 0 || o->ca == NULL || o->authority == NULL || o->connections < 1) {
        fprintf(stderr, "load: --to, --ca and --authority are needed\n");
        exit(2);
    }
}
