/*
 * glob.h - path patterns taken apart: how specific one is, and whether two could match the same path. For table.c.
 */
#ifndef CB_POLICY_GLOB_H
#define CB_POLICY_GLOB_H

#include "base/span.h"

enum policy_glob_kind { POLICY_GLOB_EXACT, POLICY_GLOB_STAR, POLICY_GLOB_DEEP };

/* In the order in which they count: more literal segments, then more literal bytes, then the kind. */
struct policy_glob_rank {
    size_t literal_segments; /* without a "*" in them */
    size_t literal_bytes;    /* of segments, without the slashes */
    enum policy_glob_kind kind;
};

/* The rank of a checked pattern; the empty pattern stands for every path and ranks as "/" + "**". */
struct policy_glob_rank policy_glob_rank(struct span pattern);
/* Below 0 when `a` is more specific than `b`, 0 when they rank equal. */
int policy_glob_rank_compare(const struct policy_glob_rank *a, const struct policy_glob_rank *b);
/* True when some path is matched by both checked patterns. */
bool policy_glob_overlap(struct span a, struct span b);
/*
 * As policy_path_matches(), but an escape counts as the byte that it stands for, on both sides ("%3A" as ":"). What a
 * deny route matches by: a server may take both spellings as one, so a hole that is carved for one covers the other.
 */
bool policy_glob_matches_decoded(struct span pattern, struct span path);

#endif
