/*
 * assets.h - the pages, scripts and styles that are embedded in the program. The table is made from web/ when the program is built.
 */
#ifndef CB_CONSOLE_ASSETS_H
#define CB_CONSOLE_ASSETS_H

#include "base/span.h"

struct console_asset {
    const char
        *path; /* "/assets/app-1a2b3c4d.js"; "/index.html" is what every page's path is answered with */
    const char *type; /* its media type */
    const char *tag;  /* its entity tag, with quotes */
    bool immutable;   /* its path has a digest of its content in it, so that a browser may keep it */
    const unsigned char *gzip;
    size_t len;
};

/* The program's own, or a test's. */
extern const struct console_asset console_assets[];
extern const size_t console_asset_count;

/* What is at a path, without a query; NULL: nothing. Paths are compared byte by byte: none is decoded, and no file is opened. */
const struct console_asset *console_asset_find(struct span path);
/* The page, or NULL. */
const struct console_asset *console_asset_page(void);

#endif
