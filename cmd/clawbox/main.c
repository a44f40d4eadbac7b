/* main.c - chooses the command, or the role when this process is one (roles.h). */
#include "cmd.h"
#include "companion.h"
#include "roles.h"

#include <errno.h>
#include <string.h>

/* What was printed may not have reached anybody: a full disk, say. */
static int finish(int status)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        int code = errno != 0 ? -errno : CB_EFULL;
        return status == CMD_DONE ? cmd_fail_r(code, "the output could not be written") : status;
    }
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        cmd_print_overview(stdout);
        return finish(CMD_DONE);
    }
    const char *name = argv[1];
    if (companion_is(name)) {
        return companion_main(argc - 1, argv + 1);
    }
    if (name[0] == '@') {
        return role_main(name, argc, argv);
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        name = "help";
    } else if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        name = "version";
    } else if (name[0] == '-') {
        cmd_say("options come after the command: clawbox COMMAND %s ...", name);
        return CMD_USAGE;
    }
    const struct command *command = cmd_find(name);
    if (command == NULL) {
        return cmd_unknown(name);
    }
    return finish(command->run(argc - 1, argv + 1));
}
