/* internal.h - what the files of this module share. Nothing outside of it includes this. */
#ifndef CB_LINK_INTERNAL_H
#define CB_LINK_INTERNAL_H

#include "link/link.h"
#include "tls/session.h"

struct link_serving {
    struct tls_server *server;
    struct tls_leaf *leaf;
};

#endif
