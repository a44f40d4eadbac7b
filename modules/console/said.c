/* said.c - what the api says of sessions, and with what a key is made of a password. */
#include "console/session.h"

#include "base/encode.h"
#include "base/json_read.h"

#define SAID_TEXT_MAX 128

static void init(struct buf *text)
{
    buf_init(text, SAID_TEXT_MAX);
    buf_set_sensitive(text);
}

void session_said_free(struct session_said *said)
{
    buf_deinit(&said->name);
    buf_deinit(&said->by);
    buf_deinit(&said->scope);
    buf_deinit(&said->session);
    buf_deinit(&said->device);
}

static int take(const struct json_member *m, struct session_said *out)
{
    const struct {
        const char *name;
        struct buf *to;
    } texts[] = {{"name", &out->name},
                 {"by", &out->by},
                 {"scope", &out->scope},
                 {"session", &out->session},
                 {"device", &out->device}};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (span_eq_str(m->name, texts[i].name) && m->kind == JSON_TEXT) {
            buf_reset(texts[i].to);
            return json_decode_text(m->value, texts[i].to);
        }
    }
    if (span_eq_str(m->name, "first") && m->kind == JSON_BOOL) {
        out->first = span_eq_str(m->value, "true");
    } else if (span_eq_str(m->name, "age") && m->kind == JSON_NUMBER) {
        return json_decode_number(m->value, &out->age_s) ? 0 : CB_EMALFORMED;
    }
    return 0;
}

int session_said_read(struct span json, struct session_said *out)
{
    struct json_reader r;
    struct json_member m;
    int more;
    int error = 0;
    *out = (struct session_said){.first = false};
    init(&out->name);
    init(&out->by);
    init(&out->scope);
    init(&out->session);
    init(&out->device);
    json_reader_init(&r, json);
    while (error == 0 && (more = json_reader_next(&r, &m)) != 0) {
        error = more < 0 ? more : take(&m, out);
    }
    return error;
}

int session_kdf_read(struct span json, struct passphrase_kdf *out, bool *known)
{
    struct json_reader r;
    struct json_member m;
    uint8_t bytes[PASSPHRASE_KDF_LEN];
    int more;
    int error = CB_EMALFORMED; /* until it is there */
    *known = false;
    json_reader_init(&r, json);
    while ((more = json_reader_next(&r, &m)) > 0) {
        if (span_eq_str(m.name, "kdf") && m.kind == JSON_TEXT) {
            error = decode_hex(m.value, bytes, sizeof(bytes));
            error = error == 0 ? passphrase_kdf_read(span_of(bytes, sizeof(bytes)), out) : error;
        } else if (span_eq_str(m.name, "known") && m.kind == JSON_BOOL) {
            *known = span_eq_str(m.value, "true");
        }
    }
    return more < 0 ? more : error;
}
