/*
 * websocket.h - the opening handshake of a WebSocket (RFC 6455, 4), and the heads of its frames (5.2).
 *
 * This is the only upgrade there is: whatever else a message says about Upgrade is a field about one connection, and stays there.
 */
#ifndef CB_HTTP_WEBSOCKET_H
#define CB_HTTP_WEBSOCKET_H

#include "http/parser.h"

#define WEBSOCKET_KEY_LEN     24 /* 16 bytes in base64 */
#define WEBSOCKET_HEAD_MAX    14
#define WEBSOCKET_CONTROL_MAX 125
#define WEBSOCKET_GUID        "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* 1.3: hashed behind the key for the answer */

/* True when the request asks for a WebSocket in every respect: GET, HTTP/1.1, no body, Connection: upgrade, exactly one
 * Upgrade, which is "websocket", and what http_websocket_key() looks at. */
bool http_websocket_is_asked(const struct http_head *head);
/* True when the fields have exactly one Sec-WebSocket-Version, which is 13, and one Sec-WebSocket-Key of 16 bytes; *key is then
 * its text. */
bool http_websocket_key(const struct http_field *fields, size_t count, struct span *key);
/* True when the head is that of a 101 which switches to a WebSocket, with this Sec-WebSocket-Accept. */
bool http_websocket_is_given(const struct http_head *head, struct span accept);

enum websocket_opcode {
    WEBSOCKET_CONTINUATION = 0,
    WEBSOCKET_TEXT = 1,
    WEBSOCKET_BINARY = 2,
    WEBSOCKET_CLOSE = 8,
    WEBSOCKET_PING = 9,
    WEBSOCKET_PONG = 10
};

struct websocket_frame {
    bool fin;
    unsigned rsv; /* three bits: what an extension defines */
    enum websocket_opcode opcode;
    bool masked;
    uint8_t mask[4];
    uint64_t len;
};

/* A frame's head, collected as its bytes come. Zeroed before the first. */
struct websocket_head {
    uint8_t bytes[WEBSOCKET_HEAD_MAX];
    size_t have;
};

static inline bool websocket_is_control(enum websocket_opcode opcode)
{
    return opcode >= WEBSOCKET_CLOSE;
}

/* Takes bytes from *input. 0: *frame is a whole head, whose bytes stand in `head` until it is zeroed for the next; CB_EAGAIN: all
 * of the input is used; CB_EMALFORMED: an unknown opcode, a length longer than it has to be, a control frame that is long or in
 * parts. */
CB_MUST_USE int websocket_head_read(struct websocket_head *head, struct span *input,
                                    struct websocket_frame *frame);

#endif
