/*
 * image.h - an OCI image (image-spec 1.1) of one layer, as the tar of an image layout that skopeo, podman and containerd read
 * ("oci-archive"). Entries in, bytes out: no files, no clock.
 */
#ifndef CB_IMAGE_IMAGE_H
#define CB_IMAGE_IMAGE_H

#include "image/tar.h"

#define IMAGE_REFERENCE_MAX 255
#define IMAGE_MAX           ((size_t)512 * 1024 * 1024)

struct image_label {
    const char *key;
    const char *value;
};

struct image_plan {
    const struct tar_entry *entries; /* of the layer, each folder before what is in it */
    size_t entry_count;
    const char *architecture; /* as Go names it: "amd64" */
    const char *user;         /* "UID:GID" */
    const char *entrypoint;   /* a path */
    const struct image_label *labels;
    size_t label_count;
    const char *reference; /* "name:tag"; image_reference_valid() */
    uint64_t created_s;    /* of the image and everything in it */
};

/* "[HOST[:PORT]/]NAME:TAG" in the bytes that registries take (distribution-spec). */
bool image_reference_valid(const char *reference);
/* Appends the archive. The same plan gives the same bytes. CB_EINVAL for a plan that is none, CB_ELIMIT, CB_ENOMEM. */
CB_MUST_USE int image_write(const struct image_plan *plan, struct buf *out);

#endif
