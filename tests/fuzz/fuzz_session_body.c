/*
 * fuzz_session_body.c - any bytes as the body of a request under /session of the console, and as what the api says of a session.
 *
 * The first byte says which members may be there. What is taken is among those, has its bounds, and is the same when it is written and read
 * again.
 */
#include "console/session.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

const struct console_asset console_assets[] = {{.path = "/index.html"}};
const size_t console_asset_count = 1;

static void must(bool good)
{
    if (!good) {
        abort();
    }
}

#define MEMBERS 7

struct members {
    const struct buf *text[MEMBERS];
};

static const char *const names[MEMBERS] = {"name", "password", "token", "link", "current", "new", "scope"};

static struct members members_of(const struct session_work *w)
{
    return (struct members){{&w->name, &w->password, &w->token, &w->link, &w->current, &w->fresh, &w->scope}};
}

static void check_again(const struct session_work *w, unsigned allowed)
{
    struct members first = members_of(w);
    struct buf out;
    struct json j;
    buf_init(&out, 16 * SESSION_BODY_MAX);
    buf_set_sensitive(&out);
    json_init(&j, &out);
    json_object(&j, NULL);
    for (size_t i = 0; i < MEMBERS; i++) {
        must(buf_len(first.text[i]) == 0 || (allowed & (1U << i)) != 0);
        must(buf_len(first.text[i]) <= PASSPHRASE_MAX || i == 2 || i == 3);
        if (buf_len(first.text[i]) != 0) {
            json_text(&j, names[i], buf_span(first.text[i]));
        }
    }
    json_object_end(&j);
    must(json_finish(&j) == 0);
    struct session_work *again = session_new();
    must(again != NULL && session_body_read(again, buf_span(&out), allowed) == 0);
    struct members second = members_of(again);
    for (size_t i = 0; i < MEMBERS; i++) {
        must(span_eq(buf_span(first.text[i]), buf_span(second.text[i])));
    }
    session_free(again);
    buf_deinit(&out);
}

static void check_said(struct span json)
{
    struct session_said said;
    struct passphrase_kdf kdf;
    bool known;
    if (session_said_read(json, &said) == 0) {
        must(buf_len(&said.session) <= 128 && buf_len(&said.device) <= 128);
    }
    session_said_free(&said);
    if (session_kdf_read(json, &kdf, &known) == 0) {
        must(kdf.passes != 0 && kdf.kib != 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > SESSION_BODY_MAX) {
        return 0;
    }
    struct span body = span_of(data + 1, size - 1);
    unsigned allowed = data[0] & ((1U << MEMBERS) - 1);
    struct session_work *w = session_new();
    must(w != NULL);
    if (session_body_read(w, body, allowed) == 0) {
        check_again(w, allowed);
    }
    session_free(w);
    check_said(body);
    return 0;
}
