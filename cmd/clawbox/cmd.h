/*
 * cmd.h - what the commands of the command line share: their table, their options, how they speak to people.
 *
 * Where to start: commands.c has all commands with their help on one page; main.c chooses one; cmd_NAME.c does it. Data
 * goes to standard output, everything else to standard error as `clawbox: MESSAGE`. Secrets are never printed.
 */
#ifndef CB_CLAWBOX_CMD_H
#define CB_CLAWBOX_CMD_H

#include "base/buf.h"

#include <limits.h>
#include <stdio.h>

/* Exit codes. CMD_GO is none: it says that the command goes on, and is neither 0 nor an error code. */
enum { CMD_DONE = 0, CMD_FAILED = 1, CMD_USAGE = 2, CMD_GO = 1000 };

struct command {
    const char *name;
    const char *summary; /* half a line, for `clawbox help` */
    const char *help;    /* usage, options and an example, for `clawbox NAME --help` */
    /* argv[0] is the command's name. Returns an exit code. */
    int (*run)(int argc, char **argv);
};

int cmd_proxy(int argc, char **argv);
int cmd_rekey(int argc, char **argv);
int cmd_serve(int argc, char **argv);
int cmd_demo(int argc, char **argv);
int cmd_tenant(int argc, char **argv);
int cmd_credential(int argc, char **argv);
int cmd_token(int argc, char **argv);
int cmd_admin(int argc, char **argv);
int cmd_console(int argc, char **argv);
int cmd_env(int argc, char **argv);
int cmd_image(int argc, char **argv);
int cmd_trust(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_attack(int argc, char **argv);
int cmd_provision(int argc, char **argv);
int cmd_deprovision(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_audit(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_version(int argc, char **argv);
int cmd_help(int argc, char **argv);

/* All commands, in the order of `clawbox help`. */
extern const struct command cmd_table[];
extern const size_t cmd_table_count;

/* The command of that name, or NULL. */
const struct command *cmd_find(const char *name);
/* Says on standard error that there is no such command and which one is nearest. Returns CMD_USAGE. */
int cmd_unknown(const char *name);
/* Prints `clawbox help`. */
void cmd_print_overview(FILE *out);

/* ---- options ---- */

/* One option of a command. Exactly one of `flag` and `value` is set. Every command has --help and --state besides. */
struct cmd_option {
    const char *name; /* without the hyphens */
    char letter;      /* of the short form, or 0 */
    bool *flag;       /* becomes true */
    /* Receives the text, borrowed from argv. With `count` it is an array of `max` that is filled; else the last one wins. */
    const char **value;
    size_t *count;
    size_t max;
};

/* What a command, or one verb of it, takes. */
struct cmd_usage {
    const char *command; /* its help is what --help prints */
    const char *line;    /* "tenant show NAME [--yaml|--json]": said when the arguments are wrong */
    int min;             /* arguments that are no options */
    int max;
    const struct cmd_option *options;
    size_t option_count;
    bool stateless; /* has nothing to do with a state directory: there is no --state */
};

struct cmd_line {
    char state[PATH_MAX]; /* the state directory, as cmd_state_dir() chose it */
    char **args;          /* arguments that are no options; borrowed from argv */
    int arg_count;
};

/* Reads argv (argv[0] is skipped). CMD_GO; or the exit code when there is nothing left to do: help was asked for, or the
 * usage is wrong, which has been said. */
CB_MUST_USE int cmd_line_parse(const struct cmd_usage *usage, int argc, char **argv, struct cmd_line *out);

/* A verb of a command, such as `apply` of `tenant`. */
struct cmd_verb {
    const char *name;
    int (*run)(int argc, char **argv);
};

/* Runs the verb that argv[1] names; argv[0] is the command's name. Without a verb, or with an unknown one, it says which
 * there are. */
int cmd_verb_run(const struct cmd_verb *verbs, size_t count, int argc, char **argv);

/*
 * The state directory: `option` (may be NULL), else $CLAWBOX_STATE, else /var/lib/clawbox for root, else
 * $XDG_STATE_HOME/clawbox, else ~/.local/state/clawbox. 0; CB_ENOTFOUND when none of them says one; CB_ELIMIT when it
 * is too long.
 */
CB_MUST_USE int cmd_state_dir(const char *option, char *out, size_t size);

/* Checks a name of a tenant or a credential (`what` says which). CMD_GO or CMD_USAGE, and then it has been said. */
CB_MUST_USE int cmd_check_name(const char *what, const char *name);
/* A wrong usage: says the message and where help is. Returns CMD_USAGE. */
int cmd_wrong_usage(const char *command, const char *fmt, ...) CB_PRINTF(2, 3);
/* The name that is most like `word`, or NULL when none is alike. */
const char *cmd_nearest(const char *word, const char *const *names, size_t count);

/* ---- speaking ---- */

/* `clawbox: MESSAGE` on standard error. */
void cmd_say(const char *fmt, ...) CB_PRINTF(1, 2);
/* Says it and returns CMD_FAILED. */
int cmd_fail(const char *fmt, ...) CB_PRINTF(1, 2);
/* The same with the text of an error code at the end. */
int cmd_fail_r(int code, const char *fmt, ...) CB_PRINTF(2, 3);
/* Writes text that somebody else chose: bytes that are not printable ASCII become \xNN, so that none can steer a terminal. */
void cmd_print_text(FILE *out, struct span text);
/* Appends a text so that a POSIX shell reads it as one word: bare when it is plain, else in single quotes. */
CB_MUST_USE int cmd_shell_word(struct buf *out, struct span text);
/* True when colour is wanted on this stream: a terminal, and NO_COLOR is not set. */
bool cmd_colour(FILE *out);
/* Asks a question on the terminal; anything but yes is no. */
bool cmd_confirm(const char *question);

#endif
