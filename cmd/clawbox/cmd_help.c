/* cmd_help.c - clawbox help: the list of commands, or the help of one. */
#include "cmd.h"

#include <string.h>

int cmd_help(int argc, char **argv)
{
    const struct command *command = NULL;
    if (argc < 2) {
        cmd_print_overview(stdout);
        return CMD_DONE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        command = cmd_find("help");
    } else {
        /* `clawbox help tenant apply`: the help of a command has its verbs. */
        command = cmd_find(argv[1]);
    }
    if (command == NULL) {
        return cmd_unknown(argv[1]);
    }
    (void)fputs(command->help, stdout);
    return CMD_DONE;
}
