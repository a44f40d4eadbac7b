/* websocket.c - the opening handshake of a WebSocket, and the heads of its frames. */
#include "http/websocket.h"

#include "base/encode.h"
#include "http/fields.h"

/* The only field of that name; NULL when there is none or more than one. */
static const struct http_field *only(const struct http_field *fields, size_t count, const char *name)
{
    const struct http_field *found = http_field_find(fields, count, name);
    if (found == NULL) {
        return NULL;
    }
    size_t rest = count - (size_t)(found - fields) - 1;
    return http_field_find(found + 1, rest, name) == NULL ? found : NULL;
}

static bool only_is(const struct http_field *fields, size_t count, const char *name, struct span value)
{
    const struct http_field *field = only(fields, count, name);
    return field != NULL && span_eq_nocase(field->value, value);
}

static bool connection_upgrades(const struct http_head *head)
{
    for (size_t i = 0; i < head->field_count; i++) {
        if (span_eq_nocase(head->fields[i].name, SPAN_LIT("Connection")) &&
            http_field_has_token(head->fields[i].value, "upgrade")) {
            return true;
        }
    }
    return false;
}

bool http_websocket_key(const struct http_field *fields, size_t count, struct span *key)
{
    const struct http_field *field = only(fields, count, "Sec-WebSocket-Key");
    uint8_t bytes[WEBSOCKET_KEY_LEN];
    size_t len = sizeof(bytes);
    if (field == NULL || field->value.len != WEBSOCKET_KEY_LEN ||
        decode_base64(field->value, bytes, &len) != 0 || len != 16 ||
        !only_is(fields, count, "Sec-WebSocket-Version", SPAN_LIT("13"))) {
        return false;
    }
    *key = field->value;
    return true;
}

bool http_websocket_is_asked(const struct http_head *head)
{
    struct span key;
    return span_eq_str(head->method, "GET") && head->minor == 1 && head->framing == HTTP_FRAMING_NONE &&
           connection_upgrades(head) &&
           only_is(head->fields, head->field_count, "Upgrade", SPAN_LIT("websocket")) &&
           http_websocket_key(head->fields, head->field_count, &key);
}

bool http_websocket_is_given(const struct http_head *head, struct span accept)
{
    const struct http_field *field = only(head->fields, head->field_count, "Sec-WebSocket-Accept");
    return head->status == 101 && head->minor == 1 && connection_upgrades(head) &&
           only_is(head->fields, head->field_count, "Upgrade", SPAN_LIT("websocket")) && field != NULL &&
           span_eq(field->value, accept);
}

/* ---- frames ---- */

/* How many bytes the head has, as far as its first two say. */
static size_t head_size(const struct websocket_head *head)
{
    if (head->have < 2) {
        return 2;
    }
    unsigned len = head->bytes[1] & 0x7f;
    size_t size = len == 126 ? 4 : len == 127 ? 10 : 2;
    return size + ((head->bytes[1] & 0x80) != 0 ? 4 : 0);
}

static bool opcode_is_known(unsigned opcode)
{
    return opcode <= WEBSOCKET_BINARY || (opcode >= WEBSOCKET_CLOSE && opcode <= WEBSOCKET_PONG);
}

static int head_parse(const struct websocket_head *head, struct websocket_frame *frame)
{
    const uint8_t *b = head->bytes;
    unsigned opcode = b[0] & 0x0f;
    unsigned short_len = b[1] & 0x7f;
    size_t wide = short_len == 126 ? 2 : short_len == 127 ? 8 : 0;
    uint64_t len = wide == 0 ? short_len : 0;
    for (size_t i = 0; i < wide; i++) {
        len = len << 8 | b[2 + i];
    }
    if (!opcode_is_known(opcode) || (wide == 2 && len < 126) || (wide == 8 && len <= UINT16_MAX) ||
        len > INT64_MAX) {
        return CB_EMALFORMED;
    }
    bool fin = (b[0] & 0x80) != 0;
    if (websocket_is_control((enum websocket_opcode)opcode) && (!fin || len > WEBSOCKET_CONTROL_MAX)) {
        return CB_EMALFORMED;
    }
    *frame = (struct websocket_frame){.fin = fin,
                                      .rsv = b[0] >> 4 & 7U,
                                      .opcode = (enum websocket_opcode)opcode,
                                      .masked = (b[1] & 0x80) != 0,
                                      .len = len};
    if (frame->masked) {
        memcpy(frame->mask, b + 2 + wide, sizeof(frame->mask));
    }
    return 0;
}

int websocket_head_read(struct websocket_head *head, struct span *input, struct websocket_frame *frame)
{
    while (head->have < head_size(head)) {
        if (input->len == 0) {
            return CB_EAGAIN;
        }
        head->bytes[head->have++] = input->ptr[0];
        *input = span_sub(*input, 1, SIZE_MAX);
    }
    return head_parse(head, frame);
}
