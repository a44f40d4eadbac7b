/*
 * frames.h - looks for a credential in what a provider sends on a WebSocket, message by message.
 *
 * The payload of a message is searched as one stream (scan.h), also where it is split into frames; the heads of frames and
 * control frames go on between its bytes, where they were. A replacement has the length of what it replaces, so no head changes.
 * Nothing is held back at the end of a message: an agent that waits for it gets all of it.
 *
 * Refused, because it could not be looked into, or is no server's frame: a reserved bit (an extension compressed it; none was
 * asked for), a mask, a message inside a message, a continuation of nothing.
 */
#ifndef CB_INJECT_FRAMES_H
#define CB_INJECT_FRAMES_H

#include "http/websocket.h"
#include "inject/scan.h"

struct inject_frames;

/* `scanner` is borrowed, initialised, and counts what is found. NULL when out of memory. */
struct inject_frames *inject_frames_new(struct inject_scanner *scanner);
/* NULL is fine. */
void inject_frames_free(struct inject_frames *f);
/* Takes bytes as they come and appends what may go on. CB_EMALFORMED: see above; CB_ELIMIT: too much stands between the bytes
 * of what may be the credential; CB_ENOMEM. */
CB_MUST_USE int inject_frames_feed(struct inject_frames *f, struct span in, struct buf *out);

#endif
