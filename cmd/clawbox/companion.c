/* companion.c - the entry of what is executed beside the appliance. */
#include "companion.h"

#include "priv/confine.h"

#include <string.h>

static const struct {
    const char *name;
    int (*main)(int argc, char **argv);
} companions[] = {{COMPANION_LOADER, loader_main}, {COMPANION_AUDIT, audit_stream_main}};

bool companion_is(const char *name)
{
    for (size_t i = 0; i < sizeof(companions) / sizeof(companions[0]); i++) {
        if (strcmp(companions[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

int companion_main(int argc, char **argv)
{
    priv_close_memory();
    for (size_t i = 0; i < sizeof(companions) / sizeof(companions[0]); i++) {
        if (strcmp(companions[i].name, argv[0]) == 0) {
            return companions[i].main(argc, argv);
        }
    }
    return CMD_USAGE;
}
