/* history.c - what the api asks about changes and revisions. */
#include "base/log.h"
#include "store/change.h"
#include "store/state.h"
#include "store/tenants.h"

/* The tenant of that name, and of that id unless it is 0: a later one of the name has nothing to do with it. */
static int find_tenant(struct store_db *db, struct span name, uint64_t only, uint64_t *id)
{
    struct store_tenant t;
    int r = store_tenant_get(db, name, &t);
    if (r == 0) {
        *id = t.id;
        store_tenant_deinit(&t);
    }
    return r == 0 && only != 0 && *id != only ? CB_ENOTFOUND : r;
}

static int changes(struct store_peer *p, const struct ipc_in *in)
{
    struct store_db *db = p->store->db;
    struct ipc_changes_get m;
    struct buf list;
    uint64_t id = 0;
    int r = ipc_get_changes_get(in->payload, &m);
    if (r != 0) {
        return r;
    }
    struct ipc_changes answer = {.more = false};
    buf_init(&list, IPC_PAGE_MAX);
    int code = m.tenant.len != 0 ? find_tenant(db, m.tenant, m.tenant_id, &id) : 0;
    if (code == 0) {
        uint32_t limit = m.limit < STORE_CHANGES_LIMIT ? m.limit : STORE_CHANGES_LIMIT;
        code = store_change_list(db, id, m.before, limit, &list, &answer.more);
    }
    if (code == 0) {
        answer.changes = buf_span(&list);
    } else if (code != CB_ENOTFOUND) {
        log_error_r(code, "the changes cannot be listed (%s)", store_db_why(db));
    }
    answer.code = ipc_code(code);
    r = ipc_send_changes(p->chan, in->call, &answer);
    buf_deinit(&list);
    return r;
}

static int revision(struct store_peer *p, const struct ipc_in *in)
{
    struct store_db *db = p->store->db;
    struct ipc_revision_get m;
    struct store_revision found;
    uint64_t id = 0;
    int r = ipc_get_revision_get(in->payload, &m);
    if (r != 0) {
        return r;
    }
    int code = find_tenant(db, m.tenant, m.tenant_id, &id);
    code = code == 0 ? store_revision_get(db, id, m.generation, &found) : code;
    if (code != 0) {
        if (code != CB_ENOTFOUND) {
            log_error_r(code, "a revision cannot be read (%s)", store_db_why(db));
        }
        return ipc_send_revision(p->chan, in->call, &(struct ipc_revision){.code = ipc_code(code)});
    }
    struct ipc_revision answer = {.time_ms = found.time_ms,
                                  .by = span_str(found.by),
                                  .yaml = buf_span(&found.yaml),
                                  .spec = buf_span(&found.spec),
                                  .before = buf_span(&found.before)};
    r = ipc_send_revision(p->chan, in->call, &answer);
    store_revision_deinit(&found);
    return r;
}

int history_message(struct store_peer *p, const struct ipc_in *in)
{
    return in->msg == IPC_MSG_CHANGES_GET ? changes(p, in) : revision(p, in);
}
