/* options.c - reading a command's arguments, and choosing the state directory. */
#include "cmd.h"

#include "policy/spec.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OPTIONS_MAX 32
/* getopt_long()'s values: an option's place in the table stands above all letters. */
#define VALUE_BASE  1000
#define VALUE_HELP  500
#define VALUE_STATE 501

struct tables {
    struct option longs[OPTIONS_MAX + 3];
    char letters[2 * OPTIONS_MAX + 8];
    const char *names[OPTIONS_MAX + 2];
    size_t name_count;
};

static void tables_add(struct tables *t, const char *name, bool has_value, int value)
{
    t->names[t->name_count] = name;
    t->longs[t->name_count++] =
        (struct option){.name = name, .has_arg = has_value ? required_argument : no_argument, .val = value};
}

static void tables_make(const struct cmd_usage *usage, struct tables *t)
{
    *t = (struct tables){0};
    char *letter = t->letters;
    *letter++ = ':'; /* a missing value is told apart from an unknown option */
    *letter++ = 'h';
    for (size_t i = 0; i < usage->option_count; i++) {
        const struct cmd_option *option = &usage->options[i];
        tables_add(t, option->name, option->value != NULL, VALUE_BASE + (int)i);
        if (option->letter != '\0') {
            *letter++ = option->letter;
            if (option->value != NULL) {
                *letter++ = ':';
            }
        }
    }
    if (!usage->stateless) {
        tables_add(t, "state", true, VALUE_STATE);
    }
    tables_add(t, "help", false, VALUE_HELP);
}

int cmd_wrong_usage(const char *command, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    cmd_say("%s", text);
    (void)fprintf(stderr, "see: clawbox %s --help\n", command);
    return CMD_USAGE;
}

/* What getopt_long() did not take: `word` is the argument as it was written, `letter` 0 or the letter in it. */
static int refuse_option(const struct cmd_usage *usage, const struct tables *t, const char *word, int letter)
{
    if (strncmp(word, "--", 2) != 0) {
        return cmd_wrong_usage(usage->command, "there is no option -%c here", letter);
    }
    char name[64] = "";
    (void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + 2, "="), word + 2);
    for (size_t i = 0; i < t->name_count; i++) {
        if (strcmp(name, t->names[i]) == 0) {
            return cmd_wrong_usage(usage->command, "the option --%s takes no value", name);
        }
    }
    const char *nearest = cmd_nearest(name, t->names, t->name_count);
    if (nearest != NULL) {
        return cmd_wrong_usage(usage->command, "there is no option --%s here: did you mean --%s?", name,
                               nearest);
    }
    return cmd_wrong_usage(usage->command, "there is no option --%s here", name);
}

static int take_option(const struct cmd_usage *usage, const struct cmd_option *option)
{
    if (option->flag != NULL) {
        *option->flag = true;
        return CMD_GO;
    }
    if (option->count == NULL) {
        *option->value = optarg;
        return CMD_GO;
    }
    if (*option->count == option->max) {
        return cmd_wrong_usage(usage->command, "--%s may be given %zu times at most", option->name,
                               option->max);
    }
    option->value[(*option->count)++] = optarg;
    return CMD_GO;
}

static int find_state(const char *option, struct cmd_line *out)
{
    int r = cmd_state_dir(option, out->state, sizeof(out->state));
    if (r == CB_ENOTFOUND) {
        return cmd_fail("there is no home directory to find the state directory in: say it with --state DIR");
    }
    return r != 0 ? cmd_fail("the path of the state directory is too long") : CMD_GO;
}

int cmd_line_parse(const struct cmd_usage *usage, int argc, char **argv, struct cmd_line *out)
{
    struct tables tables;
    if (usage->option_count > OPTIONS_MAX) {
        return cmd_fail_r(CB_ELIMIT, "%s has more options than OPTIONS_MAX", usage->command);
    }
    tables_make(usage, &tables);
    const char *state = NULL;
    opterr = 0;
    optind = 0; /* GNU: start anew, also after an earlier parse */
    for (;;) {
        int before = optind > 0 ? optind : 1;
        int c = getopt_long(argc, argv, tables.letters, tables.longs, NULL);
        int r = CMD_GO;
        if (c == -1) {
            break;
        }
        if (c == 'h' || c == VALUE_HELP) {
            (void)fputs(cmd_find(usage->command)->help, stdout);
            return CMD_DONE;
        }
        if (c == ':') {
            r = cmd_wrong_usage(usage->command, "the option %s needs a value", argv[optind - 1]);
        } else if (c == '?') {
            /* A letter inside a bundle leaves optind where it was; a long option has moved past itself. */
            const char *word =
                optind > before || optopt == 0 || optopt >= VALUE_HELP ? argv[optind - 1] : "-";
            r = refuse_option(usage, &tables, word, optopt);
        } else if (c == VALUE_STATE) {
            state = optarg;
        } else {
            for (size_t i = 0; i < usage->option_count; i++) {
                if (c == VALUE_BASE + (int)i || (c != 0 && c == usage->options[i].letter)) {
                    r = take_option(usage, &usage->options[i]);
                }
            }
        }
        if (r != CMD_GO) {
            return r;
        }
    }
    out->args = argv + optind;
    out->arg_count = argc - optind;
    if (out->arg_count < usage->min || out->arg_count > usage->max) {
        return cmd_wrong_usage(usage->command, "%s; it is: clawbox %s",
                               out->arg_count < usage->min ? "an argument is missing"
                                                           : "there are too many arguments",
                               usage->line);
    }
    out->state[0] = '\0';
    return usage->stateless ? CMD_GO : find_state(state, out);
}

int cmd_verb_run(const struct cmd_verb *verbs, size_t count, int argc, char **argv)
{
    const char *command = argv[0];
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        (void)fputs(cmd_find(command)->help, stdout);
        return CMD_DONE;
    }
    const char *names[16];
    char list[256] = "";
    for (size_t i = 0; i < count && i < sizeof(names) / sizeof(names[0]); i++) {
        if (argc >= 2 && strcmp(argv[1], verbs[i].name) == 0) {
            return verbs[i].run(argc - 1, argv + 1);
        }
        names[i] = verbs[i].name;
        size_t len = strlen(list);
        (void)snprintf(list + len, sizeof(list) - len, "%s%s",
                       i == 0          ? ""
                       : i + 1 < count ? ", "
                                       : " or ",
                       names[i]);
    }
    if (argc < 2 || argv[1][0] == '-') {
        return cmd_wrong_usage(command, "%s is followed by what to do: %s", command, list);
    }
    const char *nearest = cmd_nearest(argv[1], names, count);
    if (nearest != NULL) {
        return cmd_wrong_usage(command, "there is no \"%s %s\": did you mean \"%s %s\"?", command, argv[1],
                               command, nearest);
    }
    return cmd_wrong_usage(command, "there is no \"%s %s\", but %s", command, argv[1], list);
}

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

int cmd_state_dir(const char *option, char *out, size_t size)
{
    const char *base = option != NULL ? option : environment("CLAWBOX_STATE");
    const char *below = "";
    if (base == NULL && geteuid() == 0) {
        base = "/var/lib/clawbox";
    }
    if (base == NULL) {
        base = environment("XDG_STATE_HOME");
        below = "/clawbox";
        if (base == NULL || base[0] != '/') { /* a relative one is to be ignored, says its specification */
            base = environment("HOME");
            below = "/.local/state/clawbox";
        }
    }
    if (base == NULL) {
        return CB_ENOTFOUND;
    }
    int len = snprintf(out, size, "%s%s", base, below);
    return len < 0 || (size_t)len >= size ? CB_ELIMIT : 0;
}

int cmd_check_name(const char *what, const char *name)
{
    if (spec_name_valid(span_str(name))) {
        return CMD_GO;
    }
    /* The word is not repeated: it may be a credential's value at the wrong place. */
    cmd_say("that cannot be the name of a %s: names are 1 to %d of a-z, 0-9 and -, with no - at an end", what,
            SPEC_NAME_MAX);
    return CMD_USAGE;
}
