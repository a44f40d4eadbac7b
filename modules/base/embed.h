/*
 * embed.h - files that were compiled into the program.
 *
 * The build (clawbox_embed() in cmake/clawbox.cmake) turns a list of files into a table and its length, which the user
 * declares: `extern const struct embed_file embed_schema[]; extern const size_t embed_schema_count;`
 */
#ifndef CB_BASE_EMBED_H
#define CB_BASE_EMBED_H

#include <stddef.h>

/* One file. Tables are sorted by name (byte order). */
struct embed_file {
    const char *name;          /* below the folder that the build names, with slashes */
    const unsigned char *data; /* followed by a zero byte that `size` does not count */
    size_t size;
};

#endif
