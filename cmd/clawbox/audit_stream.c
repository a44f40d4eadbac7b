/*
 * audit_stream.c - the audit's records on standard output, a JSON object a line, as they are written.
 *
 * How far it has come stands in a file that it finds open: so after a restart it goes on there. A record is printed once, or
 * twice when the process ended between the record and the note. The whole is in the database in any case.
 */
#include "companion.h"
#include "control.h"

#include "base/strnum.h"
#include "priv/confine.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define STREAM_PAGE 1000
#define DIGITS      20 /* of the largest number of a record */

struct stream {
    uint64_t seq; /* of the last record that was printed */
    uint64_t lines;
    bool failed; /* standard output takes no more */
};

static uint64_t read_position(void)
{
    char text[DIGITS + 1] = "";
    uint64_t seq = 0;
    ssize_t n = read(COMPANION_POSITION_FD, text, DIGITS);
    size_t len = n > 0 ? strcspn(text, " ") : 0;
    return strnum_u64(span_of(text, len), UINT64_MAX, &seq) == 0 ? seq : 0;
}

static int write_position(uint64_t seq)
{
    char text[DIGITS + 1];
    (void)snprintf(text, sizeof(text), "%-*" PRIu64, DIGITS,
                   seq); /* always as long, so that nothing of an earlier one stays */
    return pwrite(COMPANION_POSITION_FD, text, DIGITS, 0) == DIGITS ? 0 : -1;
}

static int on_line(void *arg, struct span line)
{
    static const struct span first = {(const uint8_t *)"{\"seq\":", 7};
    struct stream *s = arg;
    size_t digits = 0;
    uint64_t seq = 0;
    struct span rest = span_starts(line, first) ? span_sub(line, first.len, SIZE_MAX) : SPAN_EMPTY;
    while (digits < rest.len && rest.ptr[digits] >= '0' && rest.ptr[digits] <= '9') {
        digits++;
    }
    if (strnum_u64(span_sub(rest, 0, digits), UINT64_MAX, &seq) != 0) {
        return cmd_fail("a record of the audit has no number: is clawbox of another version?");
    }
    s->seq = seq;
    s->lines++;
    if (fwrite(line.ptr, 1, line.len, stdout) != line.len || fputc('\n', stdout) == EOF) {
        s->failed = true;
        return cmd_fail_r(-errno, "the audit cannot be written to standard output");
    }
    return CMD_GO;
}

/* Every record that there is, page after page. */
static void print_new(struct stream *s, const char *state)
{
    do {
        char target[96];
        s->lines = 0;
        (void)snprintf(target, sizeof(target), "/v1/audit?limit=%d&after=%" PRIu64, STREAM_PAGE, s->seq);
        /* A server that goes away in between is asked again later. */
        bool whole = control_stream(state, target, on_line, s) == CMD_GO;
        if (fflush(stdout) != 0) {
            s->failed = true;
        }
        if (!s->failed && s->lines != 0 && write_position(s->seq) != 0) {
            cmd_say(
                "how far the audit was printed cannot be written down: after a restart records may come again");
        }
        if (!whole) {
            return;
        }
    } while (!s->failed && s->lines != 0);
}

int audit_stream_main(int argc, char **argv)
{
    static const struct priv_profile profile = {.needs = PRIV_NEED_CONTROL | PRIV_NEED_POSITION,
                                                .root = PRIV_ROOT_EMPTY,
                                                .max_descriptors = 64,
                                                .max_file_bytes = RLIM_INFINITY,
                                                .max_memory = (uint64_t)1 << 30,
                                                .max_locked = 65536};
    struct stream s = {.seq = read_position()};
    uint64_t waived = 0;
    uint32_t held;
    if (argc < 3 || strnum_u64(span_str(argv[2]), PRIV_LAYERS_ALL, &waived) != 0) {
        return cmd_fail("the audit's stream is started by clawbox proxy only");
    }
    if (priv_confine(&profile, (uint32_t)waived & PRIV_LAYERS_OWN, &held) != 0) {
        return 1;
    }
    while (!s.failed) {
        const struct timespec pause = {.tv_nsec = 500L * 1000 * 1000};
        if (control_is_reachable(argv[1])) {
            print_new(&s, argv[1]);
        }
        (void)nanosleep(&pause, NULL);
    }
    return 1;
}
