/* codec.c - the code that the message table stands for. */
#include "ipc/codec.h"

static bool text_is_printable(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < 0x20 || s.ptr[i] > 0x7e) {
            return false;
        }
    }
    return true;
}

struct span ipc_read_text(struct reader *r, size_t max)
{
    struct span s = reader_bytes(r, max);
    if (r->error == 0 && !text_is_printable(s)) {
        r->error = CB_EMALFORMED;
        return SPAN_EMPTY;
    }
    return s;
}

void ipc_write_text(struct writer *w, struct span text, size_t max)
{
    if (w->error == 0 && !text_is_printable(text)) {
        w->error = CB_EINVAL;
    }
    writer_bytes(w, text, max);
}

static uint8_t ipc_read_enum(struct reader *r, size_t count)
{
    uint8_t value = reader_u8(r);
    if (r->error == 0 && value >= count) {
        r->error = CB_EMALFORMED;
        return 0;
    }
    return value;
}

static void ipc_write_enum(struct writer *w, uint8_t value, size_t count)
{
    if (w->error == 0 && value >= count) {
        w->error = CB_EINVAL;
    }
    writer_u8(w, value);
}

#define IPC_PUT_BOOL(value, limit)   writer_bool(&w, value)
#define IPC_PUT_U8(value, limit)     writer_u8(&w, value)
#define IPC_PUT_U16(value, limit)    writer_u16(&w, value)
#define IPC_PUT_U32(value, limit)    writer_u32(&w, value)
#define IPC_PUT_U64(value, limit)    writer_u64(&w, value)
#define IPC_PUT_ENUM(value, limit)   ipc_write_enum(&w, value, limit)
#define IPC_PUT_TEXT(value, limit)   ipc_write_text(&w, value, limit)
#define IPC_PUT_BYTES(value, limit)  writer_bytes(&w, value, limit)
#define IPC_PUT_SECRET(value, limit) writer_bytes(&w, value, limit)

#define IPC_GET_BOOL(limit)   reader_bool(&r)
#define IPC_GET_U8(limit)     reader_u8(&r)
#define IPC_GET_U16(limit)    reader_u16(&r)
#define IPC_GET_U32(limit)    reader_u32(&r)
#define IPC_GET_U64(limit)    reader_u64(&r)
#define IPC_GET_ENUM(limit)   ipc_read_enum(&r, limit)
#define IPC_GET_TEXT(limit)   ipc_read_text(&r, limit)
#define IPC_GET_BYTES(limit)  reader_bytes(&r, limit)
#define IPC_GET_SECRET(limit) reader_bytes(&r, limit)

#define IPC_PUT_FIELD(kind, name, limit) IPC_PUT_##kind(m->name, limit);
#define IPC_GET_FIELD(kind, name, limit) m->name = IPC_GET_##kind(limit);

#define IPC_CODEC(NAME, lower, from, to, channel, kind, fd, limit)    \
    int ipc_put_##lower(struct buf *out, const struct ipc_##lower *m) \
    {                                                                 \
        struct writer w = writer_to(out);                             \
        IPC_FIELDS_##lower(IPC_PUT_FIELD) return writer_finish(&w);   \
    }                                                                 \
    int ipc_get_##lower(struct span payload, struct ipc_##lower *m)   \
    {                                                                 \
        struct reader r = reader_of(payload);                         \
        IPC_FIELDS_##lower(IPC_GET_FIELD) return reader_finish(&r);   \
    }
IPC_MESSAGES(IPC_CODEC)

static const struct ipc_msg_info ipc_msg_table[IPC_MSG__COUNT] = {
#define IPC_ROW(NAME, lower, from_, to_, channel_, kind_, fd_, limit_) \
    [IPC_MSG_##NAME] = {.name = #NAME,                                 \
                        .from = (from_),                               \
                        .to = (to_),                                   \
                        .channel = IPC_CHANNEL_##channel_,             \
                        .kind = IPC_KIND_##kind_,                      \
                        .has_fd = (fd_) == IPC_FD,                     \
                        .limit = (limit_)},
    IPC_MESSAGES(IPC_ROW)
#undef IPC_ROW
};

const struct ipc_msg_info *ipc_msg_info(unsigned msg)
{
    return msg < IPC_MSG__COUNT ? &ipc_msg_table[msg] : NULL;
}

const char *ipc_role_name(unsigned role)
{
    static const char *const names[IPC_ROLE__COUNT] = {"monitor", "store", "vault",  "gate",
                                                       "egress",  "api",   "console"};
    return role < IPC_ROLE__COUNT ? names[role] : "unknown";
}

bool ipc_msg_permitted(unsigned msg, enum ipc_channel channel, enum ipc_role from, enum ipc_role to)
{
    const struct ipc_msg_info *info = ipc_msg_info(msg);
    return info != NULL && info->channel == channel && (info->from >> from & 1) == 1 &&
           (info->to >> to & 1) == 1;
}

/* FNV-1a over the text of the table: enough to tell two tables apart, and nothing trusts it. */
uint64_t ipc_table_digest(void)
{
    static const char *const rows[IPC_MSG__COUNT] = {
#define IPC_FIELD_TEXT(kind, name, limit) #kind " " #name " " #limit ";"
#define IPC_ROW_TEXT(NAME, lower, from, to, channel, kind, fd, limit) \
#NAME " " #from " " #to " " #channel " " #kind " " #fd " " #limit \
          "{" IPC_FIELDS_##lower(IPC_FIELD_TEXT) "}",
        IPC_MESSAGES(IPC_ROW_TEXT)
#undef IPC_ROW_TEXT
#undef IPC_FIELD_TEXT
    };
    uint64_t hash = 0xcbf29ce484222325U;
    for (size_t i = 0; i < IPC_MSG__COUNT; i++) {
        for (const char *c = rows[i]; *c != '\0'; c++) {
            hash = (hash ^ (uint8_t)*c) * 0x100000001b3U;
        }
    }
    return hash;
}

size_t ipc_list_begin(struct writer *w)
{
    size_t at = buf_len(w->out);
    writer_u32(w, 0);
    return at;
}

void ipc_list_end(struct writer *w, size_t at, uint32_t count)
{
    if (w->error == 0) {
        uint8_t *to = w->out->data + w->out->start + at;
        for (size_t i = 0; i < 4; i++) {
            to[i] = (uint8_t)(count >> (24 - 8 * i));
        }
    }
}

uint32_t ipc_list_read(struct reader *r, uint32_t max)
{
    uint32_t count = reader_u32(r);
    if (r->error == 0 && count > max) {
        r->error = CB_ELIMIT;
        return 0;
    }
    return r->error == 0 ? count : 0;
}
