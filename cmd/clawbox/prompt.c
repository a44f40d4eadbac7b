/*
 * prompt.c - reading a secret.
 *
 * No stdio on the way: its buffers would keep a copy. On a terminal the line is read byte by byte with the terminal's own
 * line editing off, because that one cuts lines at 4095 bytes without a word. Whatever ends the reading, also a signal,
 * sets the terminal back and throws away what was typed or pasted behind the line, so that a shell does not run it.
 */
#include "prompt.h"

#include "cmd.h"
#include "tls/cert.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

/* Room for a line break behind the longest value, and one byte more to notice a longer one. */
#define INPUT_MAX (PROMPT_VALUE_MAX + 3)

static volatile sig_atomic_t got_signal;

static void on_signal(int signum)
{
    got_signal = signum;
}

/* Everything up to the end of the input, or INPUT_MAX bytes. 0 or a negative errno. */
static int read_input(int fd, uint8_t *bytes, size_t *len)
{
    while (*len < INPUT_MAX) {
        ssize_t n = read(fd, bytes + *len, INPUT_MAX - *len);
        if (n == 0) {
            break;
        }
        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        *len += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* One byte of the line. 0 to go on, 1 at the end of the line, or -ECANCELED. */
static int take_key(uint8_t key, uint8_t *bytes, size_t *len)
{
    switch (key) {
    case '\r':
    case '\n':
        return 1;
    case 0x03: /* ^C */
        return -ECANCELED;
    case 0x04: /* ^D */
        return *len > 0 ? 1 : -ECANCELED;
    case 0x08:
    case 0x7f:
        if (*len > 0) {
            bytes[--*len] = 0;
        }
        return 0;
    case 0x15: /* ^U */
        secret_wipe(bytes, *len);
        *len = 0;
        return 0;
    default:
        if (*len < INPUT_MAX) {
            bytes[(*len)++] = key;
        }
        return 0;
    }
}

/* Reads keys until the line ends. `unblocked` is the signal mask while waiting: only there can a signal come. */
static int read_keys(const sigset_t *unblocked, uint8_t *bytes, size_t *len)
{
    for (;;) {
        struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
        int n = ppoll(&p, 1, NULL, unblocked);
        if (got_signal != 0) {
            return -ECANCELED;
        }
        uint8_t key = 0;
        ssize_t got = n > 0 ? read(STDIN_FILENO, &key, 1) : 0;
        if (got < 0 && errno != EINTR) {
            return -errno;
        }
        if (n > 0 && got == 0) {
            return -ECANCELED; /* the terminal is gone */
        }
        int r = got == 1 ? take_key(key, bytes, len) : 0;
        secret_wipe(&key, 1);
        if (r != 0) {
            return r == 1 ? 0 : r;
        }
    }
}

static int read_line(const char *question, uint8_t *bytes, size_t *len)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
    enum { COUNT = sizeof(signals) / sizeof(signals[0]) };
    struct termios before;
    if (tcgetattr(STDIN_FILENO, &before) != 0) {
        return -errno;
    }
    struct termios quiet = before;
    quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
    quiet.c_cc[VMIN] = 1;
    quiet.c_cc[VTIME] = 0;

    sigset_t blocked;
    sigset_t unblocked;
    struct sigaction old[COUNT];
    struct sigaction action = {.sa_handler = on_signal};
    (void)sigemptyset(&blocked);
    for (size_t i = 0; i < COUNT; i++) {
        (void)sigaddset(&blocked, signals[i]);
    }
    (void)sigprocmask(SIG_BLOCK, &blocked, &unblocked);
    for (size_t i = 0; i < COUNT; i++) {
        (void)sigaction(signals[i], &action, &old[i]);
    }
    got_signal = 0;
    int r = tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0 ? 0 : -errno;
    if (r == 0) {
        (void)fputs(question, stderr);
        (void)fflush(stderr);
        r = read_keys(&unblocked, bytes, len);
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        (void)fputc('\n', stderr);
    }
    for (size_t i = 0; i < COUNT; i++) {
        (void)sigaction(signals[i], &old[i], NULL);
    }
    (void)sigprocmask(SIG_SETMASK, &unblocked, NULL);
    if (got_signal != 0) {
        (void)raise(got_signal); /* now it does what it would have done */
    }
    return r;
}

/* One line break at the end is the editor's or echo's, not the value's. */
static bool trim(struct secret *s, size_t *len)
{
    const uint8_t *bytes = secret_ptr(s);
    size_t cut = *len > 0 && bytes[*len - 1] == '\n' ? 1 : 0;
    if (cut == 1 && *len > 1 && bytes[*len - 2] == '\r') {
        cut = 2;
    }
    *len -= cut;
    return cut > 0;
}

bool prompt_is_document(struct span value)
{
    const struct span pem = SPAN_LIT("-----BEGIN ");
    return (value.len != 0 && value.ptr[0] == '{') || span_eq(span_sub(value, 0, pem.len), pem);
}

/* Says what is wrong without showing any of it. */
static int check(const uint8_t *bytes, size_t len)
{
    if (len == 0) {
        return cmd_fail("the value is empty: give it on standard input, for example with < FILE");
    }
    if (len > PROMPT_VALUE_MAX) {
        return cmd_fail("the value is longer than %zu bytes, which no header carries", PROMPT_VALUE_MAX);
    }
    if (prompt_is_document(span_of(bytes, len))) {
        return CMD_GO;
    }
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == '\n' || bytes[i] == '\r') {
            return cmd_fail("the value has a line break at byte %zu: a credential is one line", i + 1);
        }
        if (bytes[i] < 0x20 || bytes[i] >= 0x7f) {
            return cmd_fail("the value has a byte at %zu that is not printable ASCII: is it the right file?",
                            i + 1);
        }
    }
    if (bytes[0] == ' ' || bytes[len - 1] == ' ') {
        return cmd_fail("the value begins or ends with a blank, which a header would lose");
    }
    return CMD_GO;
}

/* Both belong together, or no server will ever take them. */
static int check_identity(const uint8_t *bytes, size_t len)
{
    struct tls_identity *identity = NULL;
    const char *why = NULL;
    if (len == 0 || len > PROMPT_VALUE_MAX) {
        return cmd_fail("a client certificate and its key are 1 to %zu bytes of PEM: give them with < FILE",
                        PROMPT_VALUE_MAX);
    }
    int r = tls_identity_new(span_of(bytes, len), &identity, &why);
    tls_identity_free(identity);
    if (r == CB_EINVAL && why != NULL) {
        return cmd_fail("the value is not a client certificate with its key in PEM: %s", why);
    }
    return r == 0 ? CMD_GO : cmd_fail_r(r, "the value cannot be checked");
}

int prompt_identity(struct secret **out)
{
    if (isatty(STDIN_FILENO) == 1) {
        return cmd_fail("this is a client certificate and its key, of many lines: give them with < FILE");
    }
    struct secret *s = secret_new(INPUT_MAX);
    if (s == NULL) {
        return cmd_fail("there is no locked memory for the value: raise the limit (ulimit -l)");
    }
    size_t len = 0;
    int r = read_input(STDIN_FILENO, secret_ptr(s), &len);
    int status = r == 0 ? check_identity(secret_ptr(s), len)
                        : cmd_fail_r(r, "the value could not be read from standard input");
    if (status != CMD_GO) {
        secret_free(s);
        return status;
    }
    secret_shrink(s, len);
    *out = s;
    return CMD_GO;
}

int prompt_secret(const char *question, struct secret **out)
{
    struct secret *s = secret_new(INPUT_MAX);
    if (s == NULL) {
        return cmd_fail("there is no locked memory for the value: raise the limit (ulimit -l)");
    }
    bool terminal = isatty(STDIN_FILENO) == 1;
    size_t len = 0;
    int r =
        terminal ? read_line(question, secret_ptr(s), &len) : read_input(STDIN_FILENO, secret_ptr(s), &len);
    int status = CMD_FAILED;
    if (r == -ECANCELED) {
        (void)cmd_fail("nothing was set");
    } else if (r != 0) {
        (void)cmd_fail_r(r, "the value could not be read from standard input");
    } else {
        if (!terminal && trim(s, &len)) {
            cmd_say("the line break at the end of the input is not part of the value and was left out");
        }
        status = check(secret_ptr(s), len);
    }
    if (status != CMD_GO) {
        secret_free(s);
        return status;
    }
    secret_shrink(s, len);
    *out = s;
    return CMD_GO;
}

int prompt_file(const char *path, struct secret **out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return cmd_fail_r(-errno, "%s", path);
    }
    struct secret *s = secret_new(INPUT_MAX);
    size_t len = 0;
    int r = s != NULL ? read_input(fd, secret_ptr(s), &len) : CB_ENOMEM;
    (void)close(fd);
    int status = r != 0 ? cmd_fail_r(r, "%s could not be read", path) : CMD_GO;
    if (status == CMD_GO) {
        (void)trim(s, &len);
        status = check(secret_ptr(s), len);
    }
    if (status != CMD_GO) {
        secret_free(s);
        return status;
    }
    secret_shrink(s, len);
    *out = s;
    return CMD_GO;
}

int prompt_raw(const char *path, struct secret **out, size_t *len)
{
    /* Without O_NONBLOCK a pipe that nobody writes to would be waited for. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;
    if (fd < 0) {
        return -errno;
    }
    int r = fstat(fd, &st) != 0 ? -errno : S_ISREG(st.st_mode) ? 0 : CB_EINVAL;
    struct secret *s = r == 0 ? secret_new(INPUT_MAX) : NULL;
    *len = 0;
    if (r == 0) {
        r = s != NULL ? read_input(fd, secret_ptr(s), len) : CB_ENOMEM;
    }
    (void)close(fd);
    if (r != 0) {
        secret_free(s);
        return r;
    }
    *out = s;
    return 0;
}

int prompt_take(struct secret *raw, size_t len, bool identity)
{
    if (!identity) {
        (void)trim(raw, &len);
    }
    int status = identity ? check_identity(secret_ptr(raw), len) : check(secret_ptr(raw), len);
    if (status == CMD_GO) {
        secret_shrink(raw, len);
    }
    return status;
}
