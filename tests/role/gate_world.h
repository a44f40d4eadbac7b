/* gate_world.h - the CA of the tests around a gate, and who trusts it. Made by the first stage_new(). */
#ifndef TESTS_ROLE_GATE_WORLD_H
#define TESTS_ROLE_GATE_WORLD_H

#include "tls/session.h"

struct gate_world {
    struct tls_key *ca_key;
    struct buf ca_der;
    struct buf next_der; /* its successor */
    struct tls_roots *roots;
    struct tls_client *client;
};

extern struct gate_world gate_world;

#endif
