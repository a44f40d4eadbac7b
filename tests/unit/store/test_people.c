/* Administrators, their sessions, sign-in links: who is let in, until when, and what ends with what. */
#include "store/administrators.h"
#include "store/sessions.h"
#include "store/tokens.h"
#include "store_test.h"
#include "tls/passphrase.h"
#include "tls/seal.h"

#define MINUTE_MS UINT64_C(60000)
#define DAY_MS    UINT64_C(86400000)

static uint8_t hashes[64][DIGEST_LEN];

/* SHA-256 of a text; lives until 64 more were asked for. */
static struct span hash_of(const char *text)
{
    static unsigned next;
    uint8_t *hash = hashes[next++ % 64];
    digest_sha256_of(span_str(text), hash);
    return span_of(hash, DIGEST_LEN);
}

/* With this text's hash as the key. */
static int put_linked(struct store_db *db, const char *name, enum ipc_scope scope, const char *key,
                      struct span link, uint64_t now_ms)
{
    struct passphrase_kdf kdf;
    uint8_t written[PASSPHRASE_KDF_LEN];
    passphrase_kdf_new(&kdf);
    passphrase_kdf_write(&kdf, written);
    struct ipc_administrator_put m = {.name = span_str(name),
                                      .scope = (uint8_t)scope,
                                      .kdf = span_of(written, sizeof(written)),
                                      .key = hash_of(key),
                                      .link = link,
                                      .by = SPAN_LIT("socket")};
    return store_administrator_put(db, &m, now_ms);
}

static int put(struct store_db *db, const char *name, enum ipc_scope scope, const char *key)
{
    return put_linked(db, name, scope, key, SPAN_EMPTY, TEST_NOW_MS);
}

/* The new session's hash is that of `session`. */
static int sign_in(struct store_db *db, enum ipc_sign_in kind, const char *name, const char *shown,
                   const char *session, uint64_t now_ms)
{
    char who[IPC_NAME_MAX + 1];
    struct ipc_session_create m = {
        .kind = (uint8_t)kind, .name = span_str(name), .shown = hash_of(shown), .hash = hash_of(session)};
    int r = store_sign_in_check(db, &m, now_ms, who);
    return r == 0 ? store_session_add(db, &m, who, now_ms) : r;
}

static int link_make(struct store_db *db, const char *link, bool first, uint64_t now_ms)
{
    struct ipc_link_create m = {
        .hash = hash_of(link), .first = first, .ends_ms = now_ms + STORE_LINK_MS, .by = SPAN_LIT("socket")};
    return store_link_create(db, &m, now_ms);
}

static int find(struct store_db *db, const char *session, uint64_t now_ms, struct store_session *out)
{
    return store_session_find(db, hash_of(session), now_ms, out);
}

static int token_make(struct store_db *db, const char *name, const char *token, const char *tenant,
                      uint64_t expires_ms)
{
    struct ipc_token_create m = {.name = span_str(name),
                                 .hash = hash_of(token),
                                 .scope = tenant[0] != '\0' ? IPC_SCOPE_TENANT : IPC_SCOPE_VIEWER,
                                 .tenant = span_str(tenant),
                                 .expires_ms = expires_ms};
    return store_token_create(db, &m, TEST_NOW_MS);
}

static int delete_token(struct store_db *db, struct span name)
{
    return store_token_delete(db, &(struct ipc_token_delete){.name = name}, TEST_NOW_MS);
}

TEST(a_password_signs_in_its_administrator_alone)
{
    struct store_session s;
    struct store_db *db = test_open_new("password.db");
    CHECK_EQ_INT(put(db, "ada", IPC_SCOPE_ADMIN, "secret"), 0);
    CHECK_EQ_INT(put(db, "val", IPC_SCOPE_VIEWER, "other"), 0);
    CHECK_EQ_INT(sign_in(db, IPC_SIGN_IN_PASSWORD, "ada", "other", "s", TEST_NOW_MS), CB_EAUTHENTIC);
    CHECK_EQ_INT(sign_in(db, IPC_SIGN_IN_PASSWORD, "nobody", "secret", "s", TEST_NOW_MS), CB_EAUTHENTIC);
    CHECK_EQ_INT(sign_in(db, IPC_SIGN_IN_PASSWORD, "", "secret", "s", TEST_NOW_MS), CB_EAUTHENTIC);
    CHECK_EQ_INT(sign_in(db, IPC_SIGN_IN_TOKEN, "ada", "secret", "s", TEST_NOW_MS), CB_EAUTHENTIC);
    CHECK_EQ_INT(sign_in(db, IPC_SIGN_IN_LINK, "ada", "secret", "s", TEST_NOW_MS), CB_EAUTHENTIC);
    CHECK_EQ_INT(find(db, "s", TEST_NOW_MS, &s), CB_ENOTFOUND);
    CHECK_EQ_INT(sign_in(db, IPC_SIGN_IN_PASSWORD, "ada", "secret", "s", TEST_NOW_MS), 0);
    CHECK_EQ_INT(sign_in(db, IPC_SIGN_IN_PASSWORD, "val", "other", "t", TEST_NOW_MS), 0);
    CHECK_EQ_INT(find(db, "s", TEST_NOW_MS, &s), 0);
    CHECK_EQ_INT(s.kind, IPC_SIGN_IN_PASSWORD);
    CHECK_EQ_STR(s.name, "ada");
    CHECK_EQ_INT(s.scope, IPC_SCOPE_ADMIN);
    CHECK_EQ_UINT(s.ends_ms, TEST_NOW_MS + STORE_SESSION_MS);
    CHECK_EQ_INT(find(db, "t", TEST_NOW_MS, &s), 0);
    CHECK_EQ_STR(s.name, "val");
    CHECK_EQ_INT(s.scope, IPC_SCOPE_VIEWER);
    store_db_free(db);
}

TEST(a_session_ends)
{
    struct store_session s;
    struct store_db *db = test_open_new("ends.db");
    CHECK_EQ_INT(put(db, "ada", IPC_SCOPE_ADMIN, "secret"), 0);
    CHECK_EQ_INT(sign_in(db, IPC_SIGN_IN_PASSWORD, "ada", "secret", "s", TEST_NOW_MS), 0);
    CHECK_EQ_INT(find(db, "s", TEST_NOW_MS + STORE_SESSION_IDLE_MS - 1, &s), 0);
    CHECK_EQ_INT(find(db, "s", TEST_NOW_MS + STORE_SESSION_IDLE_MS, &s), CB_ENOTFOUND);
    for (uint64_t at = TEST_NOW_MS; at < TEST_NOW_MS + STORE_SESSION_MS; at += STORE_SESSION_IDLE_MS / 2) {
        CHECK_EQ_INT(find(db, "s", at, &s), 0);
        CHECK_EQ_INT(store_session_used(db, hash_of("s"), at), 0);
    }
    CHECK_EQ_INT(find(db, "s", TEST_NOW_MS + STORE_SESSION_MS, &s), CB_ENOTFOUND);
    /* With its administrator, with another password, with a sign-out: of this one, of all. */
    CHECK_EQ_INT(sign_in(db, IPC_SIGN_IN_PASSWORD, "ada", "secret", "a", TEST_NOW_MS), 0);
    CHECK_EQ_INT(put(db, "ada", IPC_SCOPE_ADMIN, "new"), 0);
    CHECK_EQ_INT(find(db, "a", TEST_NOW_MS, &s), CB_ENOTFOUND);
    CHECK_EQ_INT(sign_in(db, IPC_SIGN_IN_PASSWORD, "ada", "secret", "a", TEST_NOW_MS), CB_EAUTHENTIC);
    CHECK_EQ_INT(put(db, "val", IPC_SCOPE_VIEWER, "other"), 0);
    CHECK_EQ_INT(sign_in(db, IPC_SIGN_IN_PASSWORD, "val", "other", "v", TEST_NOW_MS), 0);
    CHECK_EQ_INT(sign_in(db, IPC_SIGN_IN_PASSWORD, "ada", "new", "a", TEST_NOW_MS), 0);
    CHECK_EQ_INT(sign_in(db, IPC_SIGN_IN_PASSWORD, "ada", "new", "b", TEST_NOW_MS), 0);
    CHECK_EQ_INT(sign_in(db, IPC_SIGN_IN_PASSWORD, "ada", "new", "c", TEST_NOW_MS), 0);
    CHECK_EQ_INT(store_session_delete(db, hash_of("a"), false, TEST_NOW_MS), 0);
    CHECK_EQ_INT(store_session_delete(db, hash_of("a"), false, TEST_NOW_MS), CB_ENOTFOUND);
    CHECK_EQ_INT(find(db, "b", TEST_NOW_MS, &s), 0);
    CHECK_EQ_INT(store_session_delete(db, hash_of("b"), true, TEST_NOW_MS), 0);
    CHECK_EQ_INT(find(db, "b", TEST_NOW_MS, &s), CB_ENOTFOUND);
    CHECK_EQ_INT(find(db, "c", TEST_NOW_MS, &s), CB_ENOTFOUND);
    CHECK_EQ_INT(find(db, "v", TEST_NOW_MS, &s), 0);
    struct ipc_administrator_delete gone = {.name = SPAN_LIT("val")};
    CHECK_EQ_INT(store_administrator_delete(db, &gone, TEST_NOW_MS), 0);
    CHECK_EQ_INT(store_administrator_delete(db, &gone, TEST_NOW_MS), CB_ENOTFOUND);
    CHECK_EQ_INT(find(db, "v", TEST_NOW_MS, &s), CB_ENOTFOUND);
    store_db_free(db);
}

TEST(a_tokens_session_ends_with_the_token_and_its_tenant)
{
    struct store_session s;
    uint64_t id = 0;
    struct store_db *db = test_open_new("token.db");
    CHECK_EQ_INT(test_apply_one(db, "alice", "a", "https://a.example:443", "key", TEST_NOW_MS, NULL), 0);
    CHECK_EQ_INT(token_make(db, "short", "one", "", TEST_NOW_MS + DAY_MS), 0);
    CHECK_EQ_INT(token_make(db, "gone", "two", "", 0), 0);
    CHECK_EQ_INT(token_make(db, "hers", "three", "alice", 0), 0);
    CHECK_EQ_INT(sign_in(db, IPC_SIGN_IN_TOKEN, "", "one", "a", TEST_NOW_MS + DAY_MS - MINUTE_MS), 0);
    CHECK_EQ_INT(sign_in(db, IPC_SIGN_IN_TOKEN, "", "two", "b", TEST_NOW_MS), 0);
    CHECK_EQ_INT(sign_in(db, IPC_SIGN_IN_TOKEN, "", "three", "c", TEST_NOW_MS), 0);
    CHECK_EQ_INT(find(db, "a", TEST_NOW_MS + DAY_MS - 1, &s), 0);
    CHECK_EQ_STR(s.name, "short");
    CHECK_EQ_INT(s.scope, IPC_SCOPE_VIEWER);
    CHECK_EQ_INT(find(db, "a", TEST_NOW_MS + DAY_MS, &s), CB_ENOTFOUND);
    CHECK_EQ_INT(find(db, "c", TEST_NOW_MS, &s), 0);
    CHECK_EQ_INT(s.scope, IPC_SCOPE_TENANT);
    CHECK_EQ_STR(s.tenant, "alice");
    CHECK_EQ_UINT(s.tenant_id, 1);
    CHECK_EQ_UINT(s.tenant_created_ms, TEST_NOW_MS);
    CHECK_EQ_INT(delete_token(db, SPAN_LIT("gone")), 0);
    CHECK_EQ_INT(find(db, "b", TEST_NOW_MS, &s), CB_ENOTFOUND);
    CHECK_EQ_INT(test_delete(db, "alice", &id), 0);
    CHECK_EQ_INT(find(db, "c", TEST_NOW_MS, &s), CB_ENOTFOUND);
    store_db_free(db);
}

TEST(a_link_signs_in_once_and_makes_one_administrator)
{
    struct store_session s;
    struct store_db *db = test_open_new("link.db");
    CHECK_EQ_INT(link_make(db, "old", true, TEST_NOW_MS), 0);
    CHECK_EQ_INT(sign_in(db, IPC_SIGN_IN_LINK, "", "old", "s", TEST_NOW_MS + STORE_LINK_MS), CB_EAUTHENTIC);
    CHECK_EQ_INT(link_make(db, "one", true, TEST_NOW_MS), 0);
    CHECK_EQ_INT(sign_in(db, IPC_SIGN_IN_LINK, "", "one", "s", TEST_NOW_MS + 1), 0);
    CHECK_EQ_INT(sign_in(db, IPC_SIGN_IN_LINK, "", "one", "t", TEST_NOW_MS + 1), CB_EAUTHENTIC);
    CHECK_EQ_INT(find(db, "s", TEST_NOW_MS + 2, &s), 0);
    CHECK_EQ_INT(s.kind, IPC_SIGN_IN_LINK);
    CHECK_EQ_STR(s.name, "");
    CHECK_EQ_INT(find(db, "s", TEST_NOW_MS + 1 + STORE_LINK_MS, &s), CB_ENOTFOUND);
    CHECK_EQ_INT(put_linked(db, "ada", IPC_SCOPE_ADMIN, "secret", hash_of("t"), TEST_NOW_MS + 2),
                 CB_ENOTFOUND);
    CHECK_EQ_INT(put_linked(db, "ada", IPC_SCOPE_ADMIN, "secret", hash_of("s"), TEST_NOW_MS + 2), 0);
    CHECK_EQ_INT(put_linked(db, "eve", IPC_SCOPE_ADMIN, "secret", hash_of("s"), TEST_NOW_MS + 2),
                 CB_ENOTFOUND);
    CHECK_EQ_INT(sign_in(db, IPC_SIGN_IN_PASSWORD, "eve", "secret", "x", TEST_NOW_MS), CB_EAUTHENTIC);
    CHECK_EQ_INT(sign_in(db, IPC_SIGN_IN_PASSWORD, "ada", "secret", "x", TEST_NOW_MS), 0);
    /* An administrator's session is no link's. */
    CHECK_EQ_INT(put_linked(db, "eve", IPC_SCOPE_ADMIN, "secret", hash_of("x"), TEST_NOW_MS), CB_ENOTFOUND);
    CHECK_EQ_INT(link_make(db, "two", true, TEST_NOW_MS), CB_EEXIST);
    CHECK_EQ_INT(link_make(db, "two", false, TEST_NOW_MS), 0);
    struct ipc_link_create eternal = {.hash = hash_of("three"), .ends_ms = TEST_NOW_MS + STORE_LINK_MS + 1};
    CHECK_EQ_INT(store_link_create(db, &eternal, TEST_NOW_MS), CB_EINVAL);
    /* Of many the oldest go. */
    for (unsigned i = 1; i <= STORE_LINKS_MAX; i++) {
        char text[16];
        (void)snprintf(text, sizeof(text), "link %u", i);
        CHECK_EQ_INT(link_make(db, text, false, TEST_NOW_MS + i), 0);
    }
    CHECK_EQ_INT(sign_in(db, IPC_SIGN_IN_LINK, "", "two", "y", TEST_NOW_MS + 20), CB_EAUTHENTIC);
    CHECK_EQ_INT(sign_in(db, IPC_SIGN_IN_LINK, "", "link 1", "y", TEST_NOW_MS + 20), 0);
    store_db_free(db);
}

TEST(a_session_is_replaced_once)
{
    struct store_session s;
    struct store_db *db = test_open_new("rotate.db");
    CHECK_EQ_INT(put(db, "ada", IPC_SCOPE_ADMIN, "secret"), 0);
    CHECK_EQ_INT(sign_in(db, IPC_SIGN_IN_PASSWORD, "ada", "secret", "a", TEST_NOW_MS), 0);
    uint64_t now_ms = TEST_NOW_MS + DAY_MS / 4;
    CHECK_EQ_INT(store_session_rotate(db, hash_of("none"), hash_of("b"), now_ms), CB_ENOTFOUND);
    CHECK_EQ_INT(store_session_rotate(db, hash_of("a"), SPAN_LIT("short"), now_ms), CB_EINVAL);
    CHECK_EQ_INT(store_session_rotate(db, hash_of("a"), hash_of("b"), now_ms), 0);
    CHECK_EQ_INT(store_session_rotate(db, hash_of("a"), hash_of("c"), now_ms), CB_ECONFLICT);
    CHECK_EQ_INT(find(db, "a", now_ms + STORE_SESSION_OVER_MS - 1, &s), 0);
    CHECK_EQ_INT(find(db, "a", now_ms + STORE_SESSION_OVER_MS, &s), CB_ENOTFOUND);
    CHECK_EQ_INT(find(db, "b", now_ms, &s), 0);
    CHECK_EQ_STR(s.name, "ada");
    CHECK_EQ_UINT(s.made_ms, now_ms);
    CHECK_EQ_UINT(s.ends_ms, TEST_NOW_MS + STORE_SESSION_MS); /* rotating makes none longer */
    /* Of many the one goes that was not used for longest. */
    for (unsigned i = 0; i < STORE_SESSIONS_MAX; i++) {
        char text[16];
        (void)snprintf(text, sizeof(text), "many %u", i);
        CHECK_EQ_INT(sign_in(db, IPC_SIGN_IN_PASSWORD, "ada", "secret", text, now_ms + 1 + i), 0);
    }
    CHECK_EQ_INT(find(db, "b", now_ms + 1, &s), CB_ENOTFOUND);
    CHECK_EQ_INT(find(db, "many 0", now_ms + 1, &s), 0);
    store_db_free(db);
}

TEST(a_password_is_changed_by_who_knows_it)
{
    struct store_session s;
    struct passphrase_kdf kdf;
    uint8_t written[PASSPHRASE_KDF_LEN];
    uint8_t told[IPC_KDF_LEN];
    struct store_db *db = test_open_new("rekey.db");
    passphrase_kdf_new(&kdf);
    passphrase_kdf_write(&kdf, written);
    CHECK_EQ_INT(put(db, "ada", IPC_SCOPE_VIEWER, "secret"), 0);
    CHECK_EQ_INT(sign_in(db, IPC_SIGN_IN_PASSWORD, "ada", "secret", "a", TEST_NOW_MS), 0);
    CHECK_EQ_INT(sign_in(db, IPC_SIGN_IN_PASSWORD, "ada", "secret", "b", TEST_NOW_MS), 0);
    struct ipc_session_key m = {.hash = hash_of("a"),
                                .current = hash_of("wrong"),
                                .kdf = span_of(written, sizeof(written)),
                                .key = hash_of("new")};
    CHECK_EQ_INT(store_administrator_rekey(db, &m, TEST_NOW_MS), CB_EAUTHENTIC);
    CHECK_EQ_INT(find(db, "b", TEST_NOW_MS, &s), 0);
    m.current = hash_of("secret");
    m.kdf = SPAN_LIT("short");
    CHECK_EQ_INT(store_administrator_rekey(db, &m, TEST_NOW_MS), CB_EINVAL);
    m.kdf = span_of(written, sizeof(written));
    CHECK_EQ_INT(store_administrator_rekey(db, &m, TEST_NOW_MS), 0);
    CHECK_EQ_INT(find(db, "a", TEST_NOW_MS, &s), 0);
    CHECK_EQ_INT(s.scope, IPC_SCOPE_VIEWER);
    CHECK_EQ_INT(find(db, "b", TEST_NOW_MS, &s), CB_ENOTFOUND);
    CHECK_EQ_INT(sign_in(db, IPC_SIGN_IN_PASSWORD, "ada", "secret", "c", TEST_NOW_MS), CB_EAUTHENTIC);
    CHECK_EQ_INT(sign_in(db, IPC_SIGN_IN_PASSWORD, "ada", "new", "c", TEST_NOW_MS), 0);
    CHECK_EQ_INT(store_sign_in_kdf(db, SPAN_LIT("ada"), told), 0);
    CHECK_EQ_MEM(told, written, sizeof(written));
    CHECK_EQ_INT(token_make(db, "gone", "two", "", 0), 0);
    CHECK_EQ_INT(sign_in(db, IPC_SIGN_IN_TOKEN, "", "two", "t", TEST_NOW_MS), 0);
    m.hash = hash_of("t");
    CHECK_EQ_INT(store_administrator_rekey(db, &m, TEST_NOW_MS), CB_ENOTFOUND);
    store_db_free(db);
}

TEST(an_unknown_name_looks_like_a_known_one)
{
    uint8_t one[IPC_KDF_LEN];
    uint8_t two[IPC_KDF_LEN];
    struct passphrase_kdf kdf;
    bool known = true;
    uint8_t device[IPC_DEVICE_LEN];
    struct store_db *db = test_open_new("unknown.db");
    CHECK_EQ_INT(store_sign_in_kdf(db, SPAN_LIT("nobody"), one), 0);
    CHECK_EQ_INT(passphrase_kdf_read(span_of(one, sizeof(one)), &kdf), 0);
    store_db_free(db);
    db = test_open(test_path("unknown.db"));
    CHECK_EQ_INT(store_sign_in_kdf(db, SPAN_LIT("nobody"), two), 0);
    CHECK_EQ_MEM(one, two, sizeof(one));
    CHECK_EQ_INT(store_sign_in_kdf(db, SPAN_LIT("another"), two), 0);
    CHECK(memcmp(one, two, sizeof(one)) != 0);
    /* A device is one administrator's. */
    CHECK_EQ_INT(store_device_make(db, SPAN_LIT("ada"), device), 0);
    CHECK_EQ_INT(store_device_check(db, SPAN_LIT("ada"), span_of(device, sizeof(device)), &known), 0);
    CHECK(known);
    CHECK_EQ_INT(store_device_check(db, SPAN_LIT("adb"), span_of(device, sizeof(device)), &known), 0);
    CHECK(!known);
    CHECK_EQ_INT(store_device_check(db, SPAN_LIT("ada"), span_of(device, sizeof(device) - 1), &known), 0);
    CHECK(!known);
    CHECK_EQ_INT(store_device_check(db, SPAN_LIT("ada"), SPAN_EMPTY, &known), 0);
    CHECK(!known);
    for (size_t i = 0; i < sizeof(device); i++) {
        device[i] ^= 1;
        CHECK_EQ_INT(store_device_check(db, SPAN_LIT("ada"), span_of(device, sizeof(device)), &known), 0);
        CHECK(!known);
        device[i] ^= 1;
    }
    store_db_free(db);
}

static int removed_by(struct store_db *db, const char *name, const char *by)
{
    struct ipc_administrator_delete m = {.name = span_str(name), .by = span_str(by)};
    return store_administrator_delete(db, &m, TEST_NOW_MS);
}

TEST(the_last_administrator_goes_on_the_word_of_who_is_at_the_machine)
{
    struct store_db *db = test_open_new("last.db");
    struct ipc_administrator_put demoted = {.name = SPAN_LIT("ada"),
                                            .scope = IPC_SCOPE_VIEWER,
                                            .key = hash_of("secret"),
                                            .by = SPAN_LIT("admin:ada")};
    struct passphrase_kdf kdf;
    uint8_t written[PASSPHRASE_KDF_LEN];
    passphrase_kdf_new(&kdf);
    passphrase_kdf_write(&kdf, written);
    demoted.kdf = span_of(written, sizeof(written));
    CHECK_EQ_INT(put(db, "ada", IPC_SCOPE_ADMIN, "secret"), 0);
    CHECK_EQ_INT(put(db, "val", IPC_SCOPE_VIEWER, "secret"), 0);
    CHECK_EQ_INT(removed_by(db, "ada", "admin:ada"), CB_ECONFLICT);
    CHECK_EQ_INT(removed_by(db, "ada", "token:root"), CB_ECONFLICT);
    CHECK_EQ_INT(store_administrator_put(db, &demoted, TEST_NOW_MS), CB_ECONFLICT);
    CHECK_EQ_INT(removed_by(db, "val", "admin:ada"), 0);
    CHECK_EQ_INT(removed_by(db, "nobody", "admin:ada"), CB_ENOTFOUND);
    CHECK_EQ_INT(put(db, "bob", IPC_SCOPE_ADMIN, "secret"), 0);
    CHECK_EQ_INT(removed_by(db, "ada", "admin:ada"), 0);
    CHECK_EQ_INT(removed_by(db, "bob", "admin:bob"), CB_ECONFLICT);
    CHECK_EQ_INT(removed_by(db, "bob", "socket"), 0);
    store_db_free(db);
}

TEST(what_is_no_administrator_is_refused)
{
    char name[IPC_NAME_MAX + 1];
    uint32_t count = 0;
    struct buf list;
    struct store_db *db = test_open_new("refused.db");
    CHECK_EQ_INT(put(db, "Ada", IPC_SCOPE_ADMIN, "secret"), CB_EINVAL);
    CHECK_EQ_INT(put(db, "", IPC_SCOPE_ADMIN, "secret"), CB_EINVAL);
    CHECK_EQ_INT(put(db, "ada", IPC_SCOPE_TENANT, "secret"), CB_EINVAL);
    struct ipc_administrator_put cut = {
        .name = SPAN_LIT("ada"), .kdf = SPAN_LIT("short"), .key = hash_of("a")};
    CHECK_EQ_INT(store_administrator_put(db, &cut, TEST_NOW_MS), CB_EINVAL);
    for (unsigned i = 0; i < STORE_ADMINISTRATORS_MAX; i++) {
        (void)snprintf(name, sizeof(name), "%040u", i);
        CHECK_EQ_INT(put(db, name, IPC_SCOPE_VIEWER, "secret"), 0);
    }
    CHECK_EQ_INT(put(db, "more", IPC_SCOPE_ADMIN, "secret"), CB_ELIMIT);
    CHECK_EQ_INT(put(db, name, IPC_SCOPE_ADMIN, "other"), 0);
    buf_init(&list, IPC_TOKENS_MAX - 64);
    CHECK_EQ_INT(store_administrator_list(db, &list, &count), 0);
    CHECK_EQ_UINT(count, STORE_ADMINISTRATORS_MAX);
    struct reader r = reader_of(buf_span(&list));
    CHECK_EQ_UINT(ipc_list_read(&r, STORE_ADMINISTRATORS_MAX), count);
    for (uint32_t i = 0; i < count; i++) {
        struct span one = ipc_read_text(&r, IPC_NAME_MAX);
        uint8_t scope = reader_u8(&r);
        CHECK_EQ_INT(scope, span_eq_str(one, name) ? IPC_SCOPE_ADMIN : IPC_SCOPE_VIEWER);
        CHECK_EQ_UINT(reader_u64(&r), TEST_NOW_MS);
        CHECK_EQ_UINT(reader_u64(&r), 0);
    }
    CHECK_EQ_INT(reader_finish(&r), 0);
    buf_deinit(&list);
    store_db_free(db);
}

TEST_MAIN()
