/*
 * websocket.c - an exchange that has become a WebSocket (RFC 6455): the handshake, and the bytes of both directions.
 *
 * The handshake is ours, made from the fields, and the provider's 101 is believed only when it answers that handshake. After it the
 * agent's bytes go on as they come; what comes back is searched for the credential, message by message (inject/frames.h).
 */
#include "base/encode.h"
#include "base/log.h"
#include "egress/state.h"
#include "http/fields.h"
#include "http/write.h"
#include "tls/seal.h"

int websocket_write_wish(const struct stream *s, struct buf *out)
{
    (void)s;
    int r = http_write_field(out, SPAN_LIT("Connection"), SPAN_LIT("Upgrade"));
    return r != 0 ? r : http_write_field(out, SPAN_LIT("Upgrade"), SPAN_LIT("websocket"));
}

/* Compressed messages could not be searched. */
bool websocket_field_passes(const struct stream *s, const struct http_field *field)
{
    return !s->asks_websocket || s->scan == NULL ||
           !span_eq_nocase(field->name, SPAN_LIT("Sec-WebSocket-Extensions"));
}

static int accept_of(const struct stream *s, char out[ENCODE_BASE64_SIZE(DIGEST_SHA1_LEN)])
{
    struct span key;
    uint8_t text[WEBSOCKET_KEY_LEN + sizeof(WEBSOCKET_GUID) - 1];
    uint8_t hash[DIGEST_SHA1_LEN];
    if (!http_websocket_key(s->fields, s->field_count, &key)) {
        return CB_EINTERNAL; /* checked when the request came */
    }
    memcpy(text, key.ptr, WEBSOCKET_KEY_LEN);
    memcpy(text + WEBSOCKET_KEY_LEN, WEBSOCKET_GUID, sizeof(WEBSOCKET_GUID) - 1);
    int r = digest_sha1(span_of(text, sizeof(text)), hash);
    if (r == 0) {
        (void)encode_base64(hash, sizeof(hash), out);
    }
    return r;
}

int websocket_begin(struct stream *s, const struct http_head *head)
{
    char accept[ENCODE_BASE64_SIZE(DIGEST_SHA1_LEN)];
    int r = accept_of(s, accept);
    if (r != 0) {
        return r;
    }
    bool extended = http_field_find(head->fields, head->field_count, "Sec-WebSocket-Extensions") != NULL;
    if (!s->request_complete || !http_websocket_is_given(head, span_str(accept)) ||
        (s->scan != NULL && extended)) {
        log_warn("request %s: the provider switches to something that was not asked for", s->record.id_text);
        return CB_EMALFORMED;
    }
    if (s->scan != NULL && (s->frames = inject_frames_new(&s->scanner)) == NULL) {
        return CB_ENOMEM;
    }
    s->is_websocket = true;
    s->request_complete = false; /* it is open again */
    upstream_become_raw(s->upstream);
    return 0;
}

int websocket_down(struct stream *s, struct span data)
{
    if (s->frames == NULL) {
        return exchange_pass(s, data);
    }
    struct buf out;
    buf_init(&out, SIZE_MAX);
    int r = inject_frames_feed(s->frames, data, &out);
    if (r == CB_EMALFORMED || r == CB_ELIMIT) {
        log_warn("request %s: the provider sends frames that cannot be searched", s->record.id_text);
    }
    if (r == 0) {
        r = exchange_pass(s, buf_span(&out));
    }
    buf_deinit(&out);
    return r;
}

int websocket_up(struct stream *s, struct span data)
{
    if (upstream_write(s->upstream, data) != 0) {
        return 0; /* its end is on its way to be read */
    }
    if (upstream_is_full(s->upstream)) {
        ipc_chan_read(s->chan, false);
    }
    return 0;
}

void websocket_forget(struct stream *s)
{
    inject_frames_free(s->frames);
    s->frames = NULL;
    s->asks_websocket = s->is_websocket = false;
}
