/*
 * cmd_run.c - clawbox run: a program whose only way out is a tenant's listener.
 *
 *   clawbox run ─┬─ relay: the listener in the program's network ──▶ the tenant's listener
 *                └─ pen (priv/pen.h) ── the program
 *
 * What makes the program's own secrets unreadable to it is decided here: what it gets of the environment, which files are hidden.
 */
#include "agent_env.h"
#include "relay.h"

#include "priv/pen.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATHS_MAX     32
#define VARIABLES_MAX 1024

/* Of the caller's environment only what says how to show things and where programs are: a key in a variable would be given away. */
static const char *const kept_names[] = {"PATH", "HOME",     "USER",     "LOGNAME", "SHELL", "TERM",
                                         "LANG", "LANGUAGE", "TZ",       "EDITOR",  "PAGER", "COLORTERM",
                                         "PWD",  "NO_COLOR", "HOSTNAME", "COLUMNS", "LINES"};

/* Below the home directory: where programs keep credentials. */
static const char *const secret_places[] = {
    ".ssh",
    ".gnupg",
    ".aws",
    ".azure",
    ".kube",
    ".docker",
    ".netrc",
    ".pgpass",
    ".my.cnf",
    ".npmrc",
    ".pypirc",
    ".git-credentials",
    ".config/gh",
    ".config/gcloud",
    ".config/glab-cli",
    ".config/hub",
    ".config/rclone",
    ".config/op",
    ".cargo/credentials.toml",
    ".gem/credentials",
    ".m2/settings.xml",
    ".terraform.d",
    ".vault-token",
    ".password-store",
    ".local/share/keyrings",
    ".local/share/kwalletd",
    ".mozilla",
    ".thunderbird",
    ".config/google-chrome",
    ".config/chromium",
    ".config/BraveSoftware",
    ".claude/.credentials.json",
    ".codex/auth.json",
    ".openclaw",
    ".bash_history",
    ".zsh_history",
    ".python_history",
};

struct paths {
    char *items[PATHS_MAX + sizeof(secret_places) / sizeof(secret_places[0])];
    size_t count;
};

struct run {
    struct paths hidden;
    struct paths writable;
    char *environment[VARIABLES_MAX + 1];
    size_t variable_count;
    int error;
};

struct run_options {
    const char *writable[PATHS_MAX];
    size_t writable_count;
    const char *hidden[PATHS_MAX];
    size_t hidden_count;
    const char *variables[PATHS_MAX];
    size_t variable_count;
    bool quiet;
};

static void run_deinit(struct run *run)
{
    for (size_t i = 0; i < run->hidden.count; i++) {
        free(run->hidden.items[i]);
    }
    for (size_t i = 0; i < run->writable.count; i++) {
        free(run->writable.items[i]);
    }
    for (size_t i = 0; i < run->variable_count; i++) {
        free(run->environment[i]);
    }
}

/* ---- the environment ---- */

static void set_variable(void *arg, const char *name, struct span value)
{
    struct run *run = arg;
    size_t len = strlen(name);
    char *text = malloc(len + value.len + 2);
    if (text == NULL) {
        run->error = CB_ENOMEM;
        return;
    }
    memcpy(text, name, len);
    text[len] = '=';
    memcpy(text + len + 1, value.ptr, value.len);
    text[len + 1 + value.len] = '\0';
    for (size_t i = 0; i < run->variable_count; i++) {
        if (strncmp(run->environment[i], text, len + 1) == 0) {
            free(run->environment[i]);
            run->environment[i] = text;
            return;
        }
    }
    if (run->variable_count == VARIABLES_MAX) {
        free(text);
        run->error = CB_ELIMIT;
        return;
    }
    run->environment[run->variable_count++] = text;
}

static void keep_variable(struct run *run, const char *name)
{
    const char *value = getenv(name);
    if (value != NULL) {
        set_variable(run, name, span_str(value));
    }
}

static void keep_variables(struct run *run, const struct run_options *given)
{
    for (size_t i = 0; i < sizeof(kept_names) / sizeof(kept_names[0]); i++) {
        keep_variable(run, kept_names[i]);
    }
    for (char **v = environ; *v != NULL; v++) {
        const char *equals = strchr(*v, '=');
        if (strncmp(*v, "LC_", 3) == 0 && equals != NULL && equals - *v < 64) {
            char name[64];
            (void)snprintf(name, sizeof(name), "%.*s", (int)(equals - *v), *v);
            set_variable(run, name, span_str(equals + 1));
        }
    }
    for (size_t i = 0; i < given->variable_count; i++) {
        const char *variable = given->variables[i];
        const char *equals = strchr(variable, '=');
        char *name = strndup(variable, equals != NULL ? (size_t)(equals - variable) : strlen(variable));
        if (name == NULL) {
            run->error = CB_ENOMEM;
        } else if (equals != NULL) {
            set_variable(run, name, span_str(equals + 1));
        } else {
            keep_variable(run, name);
        }
        free(name);
    }
}

/* ---- paths ---- */

/* Adds the real path. CMD_GO, also when it is not there and need not be. */
static int add_path(struct paths *to, const char *path, bool must_exist)
{
    char *real = realpath(path, NULL);
    if (real == NULL) {
        return !must_exist && (errno == ENOENT || errno == ENOTDIR || errno == EACCES)
                   ? CMD_GO
                   : cmd_fail_r(-errno, "%s", path);
    }
    if (to->count == sizeof(to->items) / sizeof(to->items[0])) {
        free(real);
        return cmd_fail("there are too many paths");
    }
    to->items[to->count++] = real;
    return CMD_GO;
}

static bool is_in(const char *path, const char *base)
{
    size_t len = strlen(base);
    return strcmp(base, "/") == 0 ||
           (strncmp(path, base, len) == 0 && (path[len] == '/' || path[len] == '\0'));
}

/* What can be written shall not hold what others run or read: the home directory with its shell's files, the state. */
static int check_writable(const char *path, const char *home, const char *state)
{
    if (home != NULL && is_in(home, path)) {
        return cmd_fail(
            "%s would be open to be written, and in it the files that your shell reads: change to a directory "
            "of its own for this work",
            path);
    }
    if (is_in(path, state) || is_in(state, path)) {
        return cmd_fail("%s would be open to be written, and it has to do with the state directory %s", path,
                        state);
    }
    return CMD_GO;
}

static int gather_paths(struct run *run, const struct run_options *given, const char *state)
{
    const char *home = getenv("HOME");
    char *real_home = home != NULL ? realpath(home, NULL) : NULL;
    int r = add_path(&run->hidden, state, true);
    const char *real_state = r == CMD_GO ? run->hidden.items[0] : state;
    for (size_t i = 0;
         r == CMD_GO && real_home != NULL && i < sizeof(secret_places) / sizeof(secret_places[0]); i++) {
        char path[PATH_MAX];
        int len = snprintf(path, sizeof(path), "%s/%s", real_home, secret_places[i]);
        r = len > 0 && (size_t)len < sizeof(path) ? add_path(&run->hidden, path, false) : CMD_GO;
    }
    for (size_t i = 0; r == CMD_GO && i < given->hidden_count; i++) {
        r = add_path(&run->hidden, given->hidden[i], true);
    }
    r = r == CMD_GO ? add_path(&run->writable, ".", true) : r;
    for (size_t i = 0; r == CMD_GO && i < given->writable_count; i++) {
        r = add_path(&run->writable, given->writable[i], true);
    }
    for (size_t i = 0; r == CMD_GO && i < run->writable.count; i++) {
        r = check_writable(run->writable.items[i], real_home, real_state);
    }
    free(real_home);
    return r;
}

/* ---- running ---- */

static pid_t first_process = -1; /* for the handler */

static void pass_on(int signum)
{
    int error = errno;
    (void)kill(first_process, signum);
    errno = error;
}

static int wait_for(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return 126;
        }
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int start(const struct priv_pen *pen)
{
    static const int passed[] = {SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};
    struct sigaction action = {.sa_handler = pass_on};
    const char *what = "";
    pid_t relay = -1;
    int listener = -1;
    int r = priv_pen_start(pen, &first_process, &listener, &what);
    if (r != 0) {
        return cmd_fail_r(
            r,
            "the program cannot be closed in (%s): it needs namespaces of a user, which this machine or the "
            "container does not give",
            what);
    }
    for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++) {
        (void)sigaction(passed[i], &action, NULL);
    }
    /* Those of a terminal go to the program too, and what they mean is its own matter. */
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGQUIT, SIG_IGN);
    r = relay_start(listener, pen->port, &relay);
    (void)close(listener);
    if (r != 0) {
        (void)kill(first_process, SIGKILL);
        (void)wait_for(first_process);
        return cmd_fail_r(r, "the way out of the program cannot be opened");
    }
    int status = wait_for(first_process);
    (void)kill(relay, SIGKILL);
    (void)wait_for(relay);
    return status;
}

static int run_program(const struct cmd_line *line, const struct run_options *given, struct run *run)
{
    struct agent_env env;
    char *slash;
    int r = gather_paths(run, given, line->state);
    if (r != CMD_GO) {
        return r;
    }
    keep_variables(run, given);
    r = agent_env_read(run->hidden.items[0], line->args[0], set_variable, run, &env);
    if (r != CMD_GO) {
        return r;
    }
    if (run->error != 0) {
        return cmd_fail_r(run->error, "the environment of the program cannot be made");
    }
    slash = strrchr(env.bundle, '/');
    if (slash == NULL) {
        return cmd_fail("%s is no absolute path", env.bundle);
    }
    *slash = '\0';
    const struct priv_pen pen = {.hidden = (const char *const *)run->hidden.items,
                                 .hidden_count = run->hidden.count,
                                 .shown = env.bundle,
                                 .writable = (const char *const *)run->writable.items,
                                 .writable_count = run->writable.count,
                                 .port = env.port,
                                 .run = line->args + 1,
                                 .environment = run->environment};
    if (!given->quiet) {
        cmd_say(
            "%s runs for %s: it reaches what the routes allow and nothing else, and writes to %s and its own /tmp",
            line->args[1], line->args[0], run->writable.items[0]);
    }
    return start(&pen);
}

int cmd_run(int argc, char **argv)
{
    struct run_options given = {.writable_count = 0};
    const struct cmd_option options[] = {
        {.name = "write", .value = given.writable, .count = &given.writable_count, .max = PATHS_MAX - 1},
        {.name = "hide", .value = given.hidden, .count = &given.hidden_count, .max = PATHS_MAX - 1},
        {.name = "env", .value = given.variables, .count = &given.variable_count, .max = PATHS_MAX},
        {.name = "quiet", .letter = 'q', .flag = &given.quiet},
    };
    const struct cmd_usage usage = {.command = "run",
                                    .line = "run TENANT [options] -- PROGRAM [ARGUMENT]...",
                                    .min = 2,
                                    .max = INT_MAX,
                                    .options = options,
                                    .option_count = sizeof(options) / sizeof(options[0])};
    struct cmd_line line;
    int r = cmd_line_parse(&usage, argc, argv, &line);
    r = r == CMD_GO ? cmd_check_name("tenant", line.args[0]) : r;
    if (r != CMD_GO) {
        return r;
    }
    struct run *run = calloc(1, sizeof(*run));
    if (run == NULL) {
        return cmd_fail_r(CB_ENOMEM, "the program cannot be run");
    }
    r = run_program(&line, &given, run);
    run_deinit(run);
    free(run);
    return r;
}
