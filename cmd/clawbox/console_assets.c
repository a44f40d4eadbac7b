/* console_assets.c - no pages: the console answers requests of the API and of sessions alone. */
#include "console/assets.h"

const struct console_asset console_assets[] = {{.path = ""}};
const size_t console_asset_count = 0;
