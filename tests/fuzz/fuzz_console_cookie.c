/*
 * fuzz_console_cookie.c - any bytes as values of the field Cookie, one a line.
 *
 * Read a second time as RFC 6265, 4.2.1, has it, by other means: pairs between semicolons. Both have to come to the same.
 */
#include "console/state.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

const struct console_asset console_assets[] = {{.path = "/index.html"}};
const size_t console_asset_count = 1;

#define LINES_MAX 16

static void must(bool good)
{
    if (!good) {
        abort();
    }
}

struct found {
    size_t sessions;
    struct span session;
    struct span device;
};

/* One pair, with the blanks that stand before it. */
static void take_pair(struct span pair, struct found *out)
{
    static const char session[] = CONSOLE_COOKIE;
    static const char device[] = CONSOLE_DEVICE_COOKIE "=";
    while (pair.len != 0 && pair.ptr[0] == ' ') {
        pair = span_sub(pair, 1, SIZE_MAX);
    }
    if (span_eq_str(pair, session) || span_starts(pair, SPAN_LIT(CONSOLE_COOKIE "="))) {
        struct span value = span_sub(pair, sizeof(session), SIZE_MAX);
        out->sessions++;
        out->session = ask_session_formed(value) ? value : SPAN_EMPTY;
    } else if (span_eq_str(pair, CONSOLE_DEVICE_COOKIE) || span_starts(pair, span_str(device))) {
        struct span value = span_sub(pair, sizeof(device) - 1, SIZE_MAX);
        bool fine = value.len <= CONSOLE_DEVICE_MAX;
        for (size_t i = 0; i < value.len; i++) {
            fine = fine && strchr("abcdefghijklmnopqrstuvwxyz0123456789_", value.ptr[i]) != NULL &&
                   value.ptr[i] != '\0';
        }
        out->device = fine ? value : out->device;
    }
}

static void take_line(struct span line, struct found *out)
{
    size_t begin = 0;
    for (size_t i = 0; i <= line.len; i++) {
        if (i == line.len || line.ptr[i] == ';') {
            take_pair(span_sub(line, begin, i - begin), out);
            begin = i + 1;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_field fields[LINES_MAX];
    struct http_head head = {.fields = fields};
    struct found found = {.sessions = 0};
    struct ask ask = {.what = ASK_PAGE};
    size_t begin = 0;
    for (size_t i = 0; i <= size && head.field_count < LINES_MAX; i++) {
        if (i == size || data[i] == '\n') {
            struct span line = span_of(data + begin, i - begin);
            fields[head.field_count] = (struct http_field){
                .name = head.field_count % 2 == 0 ? SPAN_LIT("Cookie") : SPAN_LIT("cookie"), .value = line};
            head.field_count++;
            take_line(line, &found);
            begin = i + 1;
        }
    }
    bool fine = ask_cookies(&head, &ask);
    must(fine == (found.sessions <= 1));
    must(span_eq(ask.session, found.session) && span_eq(ask.device, found.device));
    must(ask.session.len == 0 || ask.session.len == CONSOLE_SESSION_LEN);
    return 0;
}
