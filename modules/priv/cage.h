/*
 * cage.h - namespaces and a root directory with nothing in them, made once by the monitor and entered by its children.
 *
 * Making a network namespace takes the kernel milliseconds and 200 KiB, so all roles share one that is empty; the same
 * holds for IPC, UTS and the empty root. What shares them has nothing there to share: no interface, and no call that would
 * make a queue, a segment or a file (calls.h), nor a right to write (the root is read-only).
 *
 * An ordinary user gets all of it through a user namespace in which only that user exists. Nobody keeps the capabilities that
 * such a namespace gives: they end with the execution of the role.
 */
#ifndef CB_PRIV_CAGE_H
#define CB_PRIV_CAGE_H

#include "priv/confine.h"

enum { PRIV_CAGE_USER, PRIV_CAGE_NET, PRIV_CAGE_IPC, PRIV_CAGE_UTS, PRIV_CAGE_MOUNT, PRIV_CAGE__COUNT };

#define PRIV_CAGE_WHY 96

struct priv_cage {
    uint32_t layers;           /* of PRIV_LAYER_NAMESPACES and PRIV_LAYER_ROOT: those that it gives */
    int fds[PRIV_CAGE__COUNT]; /* namespaces, -1: none */
    bool by_chroot;            /* the layer ROOT is a chroot(2): no mount namespace is to be had, but that */
    /* Why a layer is not given: what was tried, and the error. */
    char why_namespaces[PRIV_CAGE_WHY];
    char why_root[PRIV_CAGE_WHY];
};

/* Makes those layers of `wanted` that this kernel, or what clawbox runs in, lets this process make. What cannot be made is missing
 * in cage->layers, with its reason. */
void priv_cage_make(uint32_t wanted, struct priv_cage *cage);
void priv_cage_free(struct priv_cage *cage);

/* In a child: enters what the profile does not keep. `directory` becomes its root and working directory when the profile has
 * PRIV_ROOT_DIRECTORY, or (by_chroot) an empty one otherwise; without the layer ROOT only the working directory. Names the
 * step that failed in *what. 0 or a negative errno, and then the process must end. */
CB_MUST_USE int priv_cage_enter(const struct priv_cage *cage, const struct priv_profile *profile,
                                int directory, const char **what);

#endif
