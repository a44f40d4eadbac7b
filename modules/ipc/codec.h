/*
 * codec.h - what the preprocessor makes of msgs.h: the enumeration, a struct and a put/get pair per message, and the
 * table of permissions.
 *
 * For the message leaf_sign there are: IPC_MSG_LEAF_SIGN, struct ipc_leaf_sign, ipc_put_leaf_sign(), ipc_get_leaf_sign().
 */
#ifndef CB_IPC_CODEC_H
#define CB_IPC_CODEC_H

#include "base/err.h"
#include "ipc/msgs.h"
#include "wire/reader.h"
#include "wire/writer.h"

enum ipc_msg {
#define IPC_ENUM(NAME, lower, from, to, channel, kind, fd, limit) IPC_MSG_##NAME,
    IPC_MESSAGES(IPC_ENUM)
#undef IPC_ENUM
        IPC_MSG__COUNT
};

#define IPC_CTYPE_BOOL   bool
#define IPC_CTYPE_U8     uint8_t
#define IPC_CTYPE_U16    uint16_t
#define IPC_CTYPE_U32    uint32_t
#define IPC_CTYPE_U64    uint64_t
#define IPC_CTYPE_ENUM   uint8_t
#define IPC_CTYPE_TEXT   struct span
#define IPC_CTYPE_BYTES  struct span
#define IPC_CTYPE_SECRET struct span

#define IPC_STRUCT_FIELD(kind, name, limit) IPC_CTYPE_##kind name;
#define IPC_STRUCT(NAME, lower, from, to, channel, kind, fd, limit) \
    struct ipc_##lower {                                            \
        IPC_FIELDS_##lower(IPC_STRUCT_FIELD)                        \
    };
IPC_MESSAGES(IPC_STRUCT)
#undef IPC_STRUCT
#undef IPC_STRUCT_FIELD

/* put: writes the payload; a field over its limit, or TEXT that is not printable ASCII, is CB_ELIMIT or CB_EINVAL.
 * get: reads a payload; every byte must be used. CB_ETRUNCATED, CB_ETRAILING, CB_EMALFORMED, CB_ELIMIT. */
#define IPC_PROTOTYPES(NAME, lower, from, to, channel, kind, fd, limit)            \
    CB_MUST_USE int ipc_put_##lower(struct buf *out, const struct ipc_##lower *m); \
    CB_MUST_USE int ipc_get_##lower(struct span payload, struct ipc_##lower *m);
IPC_MESSAGES(IPC_PROTOTYPES)
#undef IPC_PROTOTYPES

/* A row of the message table. */
struct ipc_msg_info {
    const char *name; /* "LEAF_SIGN" */
    unsigned from;    /* mask of roles */
    unsigned to;
    enum ipc_channel channel;
    enum ipc_kind kind;
    bool has_fd;
    size_t limit; /* payload bytes */
};

/* The row of a message, or NULL for a number that is none. */
const struct ipc_msg_info *ipc_msg_info(unsigned msg);
const char *ipc_role_name(unsigned role);
/* True when a message of this number may travel from one role to the other on such a channel. */
bool ipc_msg_permitted(unsigned msg, enum ipc_channel channel, enum ipc_role from, enum ipc_role to);
/* SHA-256-free digest of the table (names, fields, limits) that two builds can compare: printed by `clawbox version`. */
uint64_t ipc_table_digest(void);

/* The `code` field of an answer: 0 for success, else the positive value of an error of base/err.h. A peer may send any
 * number: one that is no error's becomes CB_EMALFORMED. */
static inline uint32_t ipc_code(int result)
{
    return (uint32_t)-result;
}

static inline int ipc_result(uint32_t code)
{
    return code <= INT32_MAX ? -(int)code : CB_EMALFORMED;
}

/* ---- lists inside BYTES fields: a u32 count, then the elements one after the other ---- */

/* Starts a list; returns where the count goes. */
size_t ipc_list_begin(struct writer *w);
/* Sets the count. */
void ipc_list_end(struct writer *w, size_t at, uint32_t count);
/* Reads the count, at most `max`; anything larger latches CB_ELIMIT. */
uint32_t ipc_list_read(struct reader *r, uint32_t max);
/* A text of printable ASCII, as the TEXT fields have it. */
struct span ipc_read_text(struct reader *r, size_t max);
void ipc_write_text(struct writer *w, struct span text, size_t max);

#endif
