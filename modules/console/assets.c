/* assets.c - finding what is embedded. */
#include "console/assets.h"

const struct console_asset *console_asset_find(struct span path)
{
    for (size_t i = 0; i < console_asset_count; i++) {
        if (span_eq_str(path, console_assets[i].path)) {
            return &console_assets[i];
        }
    }
    return NULL;
}

const struct console_asset *console_asset_page(void)
{
    return console_asset_find(SPAN_LIT("/index.html"));
}
