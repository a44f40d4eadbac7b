/* log.c - lines on standard error. */
#include "base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOG_LINE_MAX 2048

static struct {
    char role[64];
    enum log_level level;
} log_state = {.role = "", .level = LOG_LEVEL_INFO};

static const char *const log_level_names[] = {"error", "warning", "info", "debug"};

void log_init(const char *role, enum log_level level)
{
    (void)snprintf(log_state.role, sizeof(log_state.role), "%s", role);
    log_state.level = level;
}

enum log_level log_level_get(void)
{
    return log_state.level;
}

/* Copies `text` into the line with everything unprintable escaped; stops before the line is full. */
static size_t log_escape(char *line, size_t at, const char *text)
{
    static const char digits[] = "0123456789abcdef";
    for (; *text != '\0' && at < LOG_LINE_MAX - 8; text++) {
        unsigned char c = (unsigned char)*text;
        if (c >= 0x20 && c < 0x7f && c != '\\') {
            line[at++] = (char)c;
        } else if (c == '\\') {
            line[at++] = '\\';
            line[at++] = '\\';
        } else {
            line[at++] = '\\';
            line[at++] = 'x';
            line[at++] = digits[c >> 4];
            line[at++] = digits[c & 15];
        }
    }
    return at;
}

/* The format is checked where the callers are; 0: its arguments are in `ap`. */
__attribute__((format(printf, 4, 0))) static void log_write(enum log_level level, int code, bool with_code,
                                                            const char *fmt, va_list ap)
{
    if (level > log_state.level) {
        return;
    }
    char text[LOG_LINE_MAX];
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    char line[LOG_LINE_MAX];
    int head = snprintf(line, sizeof(line), "clawbox[%s]: %s: ", log_state.role, log_level_names[level]);
    size_t at = log_escape(line, (size_t)head, text);
    if (with_code) {
        at = log_escape(line, at, ": ");
        at = log_escape(line, at, cb_strerror(code));
    }
    line[at++] = '\n';
    /* A log line that cannot be written has nowhere to be reported. */
    ssize_t ignored = write(STDERR_FILENO, line, at);
    (void)ignored;
}

#define LOG_DEFINE(name, level)              \
    void name(const char *fmt, ...)          \
    {                                        \
        va_list ap;                          \
        va_start(ap, fmt);                   \
        log_write(level, 0, false, fmt, ap); \
        va_end(ap);                          \
    }
#define LOG_DEFINE_R(name, level)              \
    void name(int code, const char *fmt, ...)  \
    {                                          \
        va_list ap;                            \
        va_start(ap, fmt);                     \
        log_write(level, code, true, fmt, ap); \
        va_end(ap);                            \
    }

LOG_DEFINE(log_error, LOG_LEVEL_ERROR)
LOG_DEFINE(log_warn, LOG_LEVEL_WARN)
LOG_DEFINE(log_info, LOG_LEVEL_INFO)
LOG_DEFINE(log_debug, LOG_LEVEL_DEBUG)
LOG_DEFINE_R(log_error_r, LOG_LEVEL_ERROR)
LOG_DEFINE_R(log_warn_r, LOG_LEVEL_WARN)
LOG_DEFINE_R(log_debug_r, LOG_LEVEL_DEBUG)
