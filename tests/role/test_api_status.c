/* test_api_status.c - `GET /v1/status`: what the monitor said last, and nothing that it did not say. */
#include "api_world.h"

static int send_status(struct world *w, struct span roles)
{
    struct ipc_status m = {.version = SPAN_LIT("1.2.3"),
                           .started_ms = UINT64_C(951782400007),
                           .waived = PRIV_LAYER_LANDLOCK | PRIV_LAYER_LIMITS,
                           .lacking = PRIV_LAYER_LANDLOCK,
                           .landlock = 0,
                           .tenants = 10000,
                           .active = 2,
                           .roles = roles};
    return ipc_send_status(w->life, 0, &m);
}

static struct span roles_of(struct buf *out, uint32_t pid)
{
    struct writer w = writer_to(out);
    size_t at = ipc_list_begin(&w);
    writer_u8(&w, IPC_ROLE_STORE);
    writer_u32(&w, 1);
    writer_u32(&w, pid);
    writer_u32(&w, PRIV_LAYER_SECCOMP | PRIV_LAYER_UID);
    writer_u64(&w, 0);
    writer_u8(&w, IPC_ROLE_GATE);
    writer_u32(&w, 2);
    writer_u32(&w, 0);
    writer_u32(&w, PRIV_LAYER_ROOT);
    writer_u64(&w, 3);
    ipc_list_end(&w, at, 2);
    CHECK_EQ_INT(writer_finish(&w), 0);
    return buf_span(out);
}

/* Asks until the answer is another one: the role may read the client's request before the monitor's message. */
static bool ask_until(struct client *c, unsigned status, const char *part)
{
    for (unsigned i = 0; i < 10000 && client_ask(c, "GET", "/v1/status", NULL); i++) {
        struct span body = buf_span(&c->body);
        if (c->status == status && memmem(body.ptr, body.len, part, strlen(part)) != NULL) {
            return true;
        }
    }
    return false;
}

TEST(the_last_status_is_shown)
{
    struct world w;
    struct client c;
    struct buf roles;
    if (!begin(&w, &c)) {
        return;
    }
    CHECK(client_ask(&c, "GET", "/v1/status", NULL));
    CHECK_EQ_INT(c.status, 503);
    buf_init(&roles, 512);
    CHECK_EQ_INT(send_status(&w, roles_of(&roles, 41)), 0);
    buf_reset(&roles);
    CHECK_EQ_INT(send_status(&w, roles_of(&roles, 42)), 0);
    CHECK(ask_until(&c, 200, "\"pid\":42"));
    CHECK(client_body_has(
        &c, "{\"version\":\"1.2.3\",\"started\":\"2000-02-29T00:00:00.007Z\",\"tenants\":10000,\"active\":2,"
            "\"landlock\":0,\"waived\":[\"limits\",\"landlock\"],\"lacking\":[\"landlock\"],\"roles\":["
            "{\"role\":\"store\",\"running\":1,\"pid\":42,\"layers\":[\"seccomp\",\"uid\"]},"
            "{\"role\":\"gate\",\"running\":2,\"pid\":null,\"layers\":[\"root\"]}]}\n"));
    CHECK(client_ask(&c, "POST", "/v1/status", "{}"));
    CHECK_EQ_INT(c.status, 405);
    CHECK_EQ_INT(send_status(&w, SPAN_LIT("\0\0\0\7cut off")), 0);
    CHECK(ask_until(&c, 500, "cannot be read"));
    buf_deinit(&roles);
    end(&w, &c);
}

TEST_MAIN()
