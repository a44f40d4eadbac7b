/* speak.c - messages, questions and text for people. */
#include "cmd.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* A message in one piece. What came from an argument or from the server must not steer the terminal. */
CB_PRINTF(2, 0) static void say(int code, const char *fmt, va_list ap)
{
    char text[2048];
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    (void)fflush(stdout); /* so that the two streams keep their order where they end in one place */
    flockfile(stderr);
    (void)fputs("clawbox: ", stderr);
    cmd_print_text(stderr, span_str(text));
    if (code != 0) {
        (void)fprintf(stderr, ": %s", cb_strerror(code));
    }
    (void)fputc('\n', stderr);
    funlockfile(stderr);
}

void cmd_say(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    say(0, fmt, ap);
    va_end(ap);
}

int cmd_fail(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    say(0, fmt, ap);
    va_end(ap);
    return CMD_FAILED;
}

int cmd_fail_r(int code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    say(code, fmt, ap);
    va_end(ap);
    return CMD_FAILED;
}

void cmd_print_text(FILE *out, struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c >= 0x20 && c < 0x7f) {
            (void)fputc(c, out);
        } else {
            (void)fprintf(out, "\\x%02x", c);
        }
    }
}

int cmd_shell_word(struct buf *out, struct span text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:,=@%+";
    size_t i = 0;
    while (i < text.len && memchr(plain, text.ptr[i], sizeof(plain) - 1) != NULL) {
        i++;
    }
    if (i == text.len && text.len > 0) {
        return buf_append_span(out, text);
    }
    int r = buf_append_byte(out, '\'');
    for (i = 0; r == 0 && i < text.len; i++) {
        r = text.ptr[i] == '\'' ? buf_append_str(out, "'\\''") : buf_append_byte(out, text.ptr[i]);
    }
    return r == 0 ? buf_append_byte(out, '\'') : r;
}

bool cmd_colour(FILE *out)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    return (no_color == NULL || no_color[0] == '\0') && (term == NULL || strcmp(term, "dumb") != 0) &&
           isatty(fileno(out)) == 1;
}

bool cmd_confirm(const char *question)
{
    char line[16];
    (void)fprintf(stderr, "%s [y/N] ", question);
    (void)fflush(stderr);
    if (fgets(line, sizeof(line), stdin) == NULL) {
        (void)fputc('\n', stderr);
        return false;
    }
    line[strcspn(line, "\r\n")] = '\0';
    return strcasecmp(line, "y") == 0 || strcasecmp(line, "yes") == 0;
}

/* How many letters must be added, removed, changed or swapped with their neighbour to get from one word to the other. */
static size_t distance(const char *a, const char *b)
{
    enum { LONGEST = 24 };
    size_t rows[3][LONGEST + 1];
    size_t la = strlen(a);
    size_t lb = strlen(b);
    if (la > LONGEST || lb > LONGEST) {
        return SIZE_MAX;
    }
    for (size_t j = 0; j <= lb; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= la; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3];
        const size_t *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t best = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            best = above[j] + 1 < best ? above[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                two_above[j - 2] + 1 < best) {
                best = two_above[j - 2] + 1;
            }
            row[j] = best;
        }
    }
    return rows[la % 3][lb];
}

const char *cmd_nearest(const char *word, const char *const *names, size_t count)
{
    const char *nearest = NULL;
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        bool begins = word[0] != '\0' && strncmp(names[i], word, strlen(word)) == 0;
        size_t d = begins ? 0 : distance(word, names[i]);
        /* Alike: more letters right than wrong. */
        if (d < least && (begins || 2 * d <= strlen(names[i]))) {
            nearest = names[i];
            least = d;
        }
    }
    return nearest;
}
