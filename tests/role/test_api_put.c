/* test_api_put.c - the role `api`: PUT and DELETE of one tenant, entity tags, pages, and the methods that every path has. */
#include "api_world.h"

#define DOCUMENT(name, routes) \
    "apiVersion: clawbox/v1\nkind: Tenant\nmetadata: {name: " name "}\nspec: {routes: [" routes "]}\n"
#define ALICE DOCUMENT("alice", "{provider: openai, credential: openai}")
#define APPLY "apply alice [" ALICE "] openai=sk-(56) ca=0\n"

/* Begins anew in what store and vault were asked. */
static bool ask(struct client *c, const char *method, const char *path, const char *fields, const char *body)
{
    c->w->seen[0] = '\0';
    return client_ask_with(c, method, path, fields, body);
}

static bool condition(struct client *c, const char *method, const char *name, const char *tag,
                      const char *body)
{
    char fields[256];
    (void)snprintf(fields, sizeof(fields), "%s: %s\r\n", name, tag);
    return ask(c, method, "/v1/tenants/alice", fields, body);
}

TEST(put_creates_updates_and_says_so)
{
    static const char *const words[] = {"unchanged", "created", "updated"};
    struct world w;
    struct client c;
    if (!begin(&w, &c)) {
        return;
    }
    CHECK(ask(&c, "GET", "/v1/tenants/alice", "", NULL));
    char tag[64];
    (void)snprintf(tag, sizeof(tag), "%s", c.tag);
    CHECK_EQ_UINT(strlen(tag), 34);
    for (w.result = 0; w.result < 3; w.result++) {
        char answer[128];
        CHECK(ask(&c, "PUT", "/v1/tenants/alice", "Content-Type: application/yaml\r\n", ALICE));
        CHECK_EQ_INT(c.status, w.result == 1 ? 201 : 200);
        CHECK_EQ_STR(c.location, w.result == 1 ? "/v1/tenants/alice" : "");
        CHECK_EQ_STR(c.tag, tag); /* of what GET answers */
        CHECK_EQ_STR(w.seen, APPLY "get alice\n");
        (void)snprintf(answer, sizeof(answer), "{\"name\":\"alice\",\"result\":\"%s\",\"generation\":9}\n",
                       words[w.result]);
        CHECK(client_body_has(&c, answer));
    }
    w.result = 2;
    CHECK(ask(&c, "PUT", "/v1/tenants/alice?dry_run=1", "", ALICE));
    CHECK_EQ_INT(c.status, 200);
    CHECK_EQ_STR(c.tag, "");
    CHECK_EQ_STR(w.seen, APPLY "expect=0 id=0 generation=0 dry=1\n");
    CHECK(client_body_has(&c, "{\"name\":\"alice\",\"result\":\"updated\",\"dry_run\":true}\n"));
    w.result = 1;
    CHECK(ask(&c, "PUT", "/v1/tenants/alice?dry_run=1", "", ALICE));
    CHECK_EQ_INT(c.status, 200);
    CHECK_EQ_STR(c.location, "");
    end(&w, &c);
}

TEST(put_takes_yaml_json_and_a_file_with_its_files)
{
    struct world w;
    struct client c;
    if (!begin(&w, &c)) {
        return;
    }
    static const char json[] =
        "{\"apiVersion\":\"clawbox/v1\",\"kind\":\"Tenant\",\"metadata\":{\"name\":\"alice\"},"
        "\"spec\":{\"routes\":[]}}";
    CHECK(ask(&c, "PUT", "/v1/tenants/alice", "Content-Type: Application/JSON; charset=utf-8\r\n", json));
    CHECK_EQ_INT(c.status, 200);
    CHECK(strstr(w.seen, "apply alice [apiVersion: clawbox/v1\nkind: Tenant\n") != NULL);
    CHECK(
        ask(&c, "PUT", "/v1/tenants/alice", "Content-Type: application/vnd.clawbox.tenant-file+json\r\n",
            "{\"file\":\"a.yaml\",\"text\":\"apiVersion: clawbox/v1\\nkind: Tenant\\nmetadata: {name: "
            "alice}\\nspec: {routes: [{name: x, host: llm.example, upstream: {caFile: ca.pem}}]}\\n\","
            "\"files\":{\"ca.pem\":\"-----BEGIN CERTIFICATE-----\\nMAEC\\n-----END CERTIFICATE-----\\n\"}}"));
    CHECK_EQ_INT(c.status, 200);
    CHECK(strstr(w.seen, "ca=59") != NULL);
    /* A file that did not come with it is not read from this machine. */
    CHECK(ask(&c, "PUT", "/v1/tenants/alice", "",
              DOCUMENT("alice", "{name: x, host: llm.example, upstream: {caFile: /etc/passwd}}")));
    CHECK_EQ_INT(c.status, 422);
    CHECK(client_body_has(&c, "\"errors\":[{\"file\":\"body\",\"line\":4,\"column\":"));
    CHECK(client_body_has(&c, "\"field\":\"spec.routes[0].upstream.caFile\",\"detail\":\""));
    CHECK_EQ_STR(w.seen, "");
    end(&w, &c);
}

TEST(put_refuses_what_is_not_that_tenant)
{
    static const struct {
        const char *path;
        const char *fields;
        const char *body;
        unsigned status;
        const char *detail;
    } table[] = {
        {"/v1/tenants/alice", "", DOCUMENT("bob", ""), 422, "is of tenant \\\"bob\\\" (metadata.name)"},
        {"/v1/tenants/alice", "", ALICE "---\n" DOCUMENT("bob", ""), 422, "one document, not 2"},
        {"/v1/tenants/alice", "", "", 422, "The tenant file is not valid."},
        {"/v1/tenants/alice", "", "a: [", 422, "\"errors\":[{\"file\":\"body\",\"line\":"},
        {"/v1/tenants/alice", "", "\xff", 422, "UTF-8"},
        {"/v1/tenants/alice", "Content-Type: text/plain\r\n", ALICE, 415, "urn:clawbox:problem:media_type"},
        {"/v1/tenants/alice", "Content-Type: application/vnd.clawbox.tenant-file+json\r\n", ALICE, 422,
         "\\\"apiVersion\\\" is no member"},
        {"/v1/tenants/alice",
         "Content-Type: application/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n",
         ALICE, 415, "The body should be"},
        {"/v1/tenants/alice?dry_run=2", "", ALICE, 400, "dry_run should be a number from 0 to 1"},
        {"/v1/tenants/Alice", "", ALICE, 404, "cannot be the name of a tenant"},
        {"/v1/tenants/null?", "", DOCUMENT("null", ""), 422, "has no value: write a text"},
        {"/v1/tenants/alice", "If-Match: 9\r\n", ALICE, 400, "each in double quotes"},
        {"/v1/tenants/alice", "If-Match: \"a\"\r\nIf-Match: \"b\"\r\n", ALICE, 400, "is there twice"},
        {"/v1/tenants/alice", "If-None-Match: *, \"a\"\r\n", ALICE, 400, "each in double quotes"},
    };
    struct world w;
    struct client c;
    if (!begin(&w, &c)) {
        return;
    }
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        CHECK(ask(&c, "PUT", table[i].path, table[i].fields, table[i].body));
        bool fine = CHECK_EQ_INT(c.status, table[i].status) &&
                    CHECK_EQ_STR(c.type, "application/problem+json") &&
                    CHECK(client_body_has(&c, table[i].detail)) && CHECK_EQ_STR(w.seen, "");
        if (!fine) {
            printf("that was PUT %s %s%s\n", table[i].path, table[i].fields, table[i].body);
        }
    }
    CHECK(ask(&c, "POST", "/v1/tenants/alice:suspend", "If-Match: \"a\"\r\n", NULL));
    CHECK_EQ_INT(c.status, 400);
    CHECK(client_body_has(&c, "means nothing here"));
    CHECK_EQ_STR(w.seen, "");
    end(&w, &c);
}

TEST(changes_that_depend_on_what_is_there)
{
    static const char other[] = "\"00000000000000000000000000000000\"";
    char weak[80];
    struct world w;
    struct client c;
    if (!begin(&w, &c)) {
        return;
    }
    CHECK(ask(&c, "GET", "/v1/tenants/alice", "", NULL));
    char tag[64];
    (void)snprintf(tag, sizeof(tag), "%s", c.tag);
    (void)snprintf(weak, sizeof(weak), "W/%s", tag);

    CHECK(condition(&c, "PUT", "If-Match", tag, ALICE));
    CHECK_EQ_INT(c.status, 200);
    CHECK_EQ_STR(w.seen, "get alice\n" APPLY "expect=2 id=7 generation=9 dry=0\nget alice\n");
    CHECK(condition(&c, "PUT", "If-Match", "*", ALICE));
    CHECK_EQ_STR(w.seen, "get alice\n" APPLY "expect=2 id=7 generation=9 dry=0\nget alice\n");
    CHECK(condition(&c, "PUT", "If-None-Match", "*", ALICE));
    CHECK_EQ_STR(w.seen, APPLY "expect=1 id=0 generation=0 dry=0\nget alice\n");
    CHECK(condition(&c, "PUT", "If-None-Match", other, ALICE));
    CHECK_EQ_STR(w.seen, "get alice\n" APPLY "expect=2 id=7 generation=9 dry=0\nget alice\n");
    CHECK_EQ_INT(c.status, 200);

    static const struct {
        const char *field;
        bool other;
        bool weak;
    } failing[] = {{"If-Match", true, false},
                   {"If-Match", false, true},
                   {"If-None-Match", false, false},
                   {"If-None-Match", false, true}};
    for (size_t i = 0; i < sizeof(failing) / sizeof(failing[0]); i++) {
        const char *value = failing[i].other ? other : failing[i].weak ? weak : tag;
        CHECK(condition(&c, "PUT", failing[i].field, value, ALICE));
        CHECK_EQ_INT(c.status, 412);
        CHECK_EQ_STR(w.seen, "get alice\n");
        CHECK_EQ_STR(c.tag, "");
        CHECK(client_body_has(&c, "urn:clawbox:problem:precondition_failed"));
        CHECK(condition(&c, "DELETE", failing[i].field, value, NULL));
        CHECK_EQ_INT(c.status, 412);
        CHECK_EQ_STR(w.seen, "get alice\n");
    }
    CHECK(condition(&c, "DELETE", "If-Match", tag, NULL));
    CHECK_EQ_INT(c.status, 204);
    CHECK_EQ_STR(w.seen, "get alice\ndelete alice\nid=7 generation=9\n");

    /* Every change of what GET answers is another tag. */
    w.generation = 10;
    CHECK(condition(&c, "PUT", "If-Match", tag, ALICE));
    CHECK_EQ_INT(c.status, 412);

    w.absent = true;
    CHECK(condition(&c, "PUT", "If-Match", "*", ALICE));
    CHECK_EQ_INT(c.status, 412);
    CHECK(client_body_has(&c, "there is no such tenant"));
    CHECK_EQ_STR(w.seen, "get alice\n");
    CHECK(condition(&c, "DELETE", "If-Match", tag, NULL));
    CHECK_EQ_INT(c.status, 412);
    end(&w, &c);
}

TEST(what_the_store_finds_changed_is_a_failed_precondition)
{
    struct world w;
    struct client c;
    if (!begin(&w, &c)) {
        return;
    }
    CHECK(ask(&c, "GET", "/v1/tenants/alice", "", NULL));
    char tag[64];
    (void)snprintf(tag, sizeof(tag), "%s", c.tag);
    w.apply_code = -CB_ECONFLICT;
    CHECK(condition(&c, "PUT", "If-Match", tag, ALICE));
    CHECK_EQ_INT(c.status, 412);
    CHECK(client_body_has(&c, "changed meanwhile"));
    CHECK(ask(&c, "PUT", "/v1/tenants/alice", "", ALICE)); /* which did not depend on anything */
    CHECK_EQ_INT(c.status, 409);
    w.apply_code = -CB_EEXIST;
    CHECK(condition(&c, "PUT", "If-None-Match", "*", ALICE));
    CHECK_EQ_INT(c.status, 412);
    CHECK(client_body_has(&c, "there is one of that name"));
    w.apply_code = -CB_EPERM;
    w.why = "not bound to all the hosts";
    CHECK(condition(&c, "PUT", "If-Match", tag, ALICE));
    CHECK_EQ_INT(c.status, 409);
    CHECK(client_body_has(&c, "not bound to all the hosts"));
    end(&w, &c);
}

TEST(representations_have_tags)
{
    static const char *const tagged[] = {"/v1/tenants", "/v1/tenants/alice", "/v1/tenants/alice/routes",
                                         "/v1/tenants/alice/credentials", "/v1/tenants/alice/policy"};
    static const char *const untagged[] = {"/v1/tenants/alice/env", "/v1/audit", "/v1/audit:verify"};
    char fields[128];
    struct world w;
    struct client c;
    if (!begin(&w, &c)) {
        return;
    }
    for (size_t i = 0; i < sizeof(tagged) / sizeof(tagged[0]); i++) {
        CHECK(ask(&c, "GET", tagged[i], "", NULL));
        CHECK_EQ_INT(c.status, 200);
        CHECK_EQ_UINT(strlen(c.tag), 34);
        (void)snprintf(fields, sizeof(fields), "If-None-Match: \"x\", W/%s\r\n", c.tag);
        CHECK(ask(&c, "GET", tagged[i], fields, NULL));
        CHECK_EQ_INT(c.status, 304);
        CHECK_EQ_STR(c.type, "");
        CHECK_EQ_UINT(buf_len(&c.body), 0);
        CHECK_EQ_UINT(strlen(c.tag), 34);
        CHECK(ask(&c, "HEAD", tagged[i], fields, NULL));
        CHECK_EQ_INT(c.status, 304);
        CHECK(ask(&c, "GET", tagged[i], "If-None-Match: \"x\"\r\n", NULL));
        CHECK_EQ_INT(c.status, 200);
        CHECK(ask(&c, "GET", tagged[i], "If-Match: \"x\"\r\n", NULL));
        CHECK_EQ_INT(c.status, 412);
        w.code = -CB_ENOTFOUND;
        if (strcmp(tagged[i], "/v1/tenants") != 0) {
            CHECK(ask(&c, "GET", tagged[i], "If-None-Match: *\r\n", NULL));
            CHECK_EQ_INT(c.status, 404);
            CHECK_EQ_STR(c.tag, "");
        }
        w.code = 0;
    }
    for (size_t i = 0; i < sizeof(untagged) / sizeof(untagged[0]); i++) {
        CHECK(ask(&c, "GET", untagged[i], "", NULL));
        CHECK_EQ_STR(c.tag, "");
        CHECK(ask(&c, "GET", untagged[i], "If-None-Match: *\r\n", NULL));
        CHECK_EQ_INT(c.status, 400);
    }
    end(&w, &c);
}

TEST(lists_go_on_where_they_were_left)
{
    static const struct {
        const char *path;
        const char *first; /* element, and no other */
        const char *absent;
        const char *next;
    } pages[] = {
        {"/v1/tenants/alice/routes?limit=1", "\"name\":\"openai\"", "\"name\":\"inside\"",
         "\"next\":\"/v1/tenants/alice/routes?limit=1&after=openai\"}"},
        {"/v1/tenants/alice/routes?limit=1&after=openai", "\"name\":\"inside\"", "\"name\":\"no-admin\"",
         "\"next\":\"/v1/tenants/alice/routes?limit=1&after=inside\"}"},
        {"/v1/tenants/alice/routes?after=inside&limit=1", "\"name\":\"no-admin\"", "\"name\":\"inside\"",
         "\"next\":null}"},
        {"/v1/tenants/alice/routes?after=no-admin", "{\"routes\":[],\"next\":null}", "\"name\"", "null"},
        {"/v1/tenants/alice/routes", "\"name\":\"inside\"", "\"credentials\"", "\"next\":null}"},
        {"/v1/tenants/alice/credentials?limit=2", "\"name\":\"docs\"", "\"name\":\"old\"",
         "\"next\":\"/v1/tenants/alice/credentials?limit=2&after=docs\"}"},
        {"/v1/tenants/alice/credentials?limit=2&after=docs", "\"name\":\"old\"", "\"name\":\"docs\"",
         "\"next\":null}"},
        {"/v1/tenants/alice/credentials?after=old", "{\"credentials\":[],\"next\":null}", "\"name\"", "null"},
    };
    struct world w;
    struct client c;
    if (!begin(&w, &c)) {
        return;
    }
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        CHECK(ask(&c, "GET", pages[i].path, "", NULL));
        CHECK_EQ_INT(c.status, 200);
        struct span body = buf_span(&c.body);
        CHECK(client_body_has(&c, pages[i].first) && client_body_has(&c, pages[i].next));
        CHECK(memmem(body.ptr, body.len, pages[i].absent, strlen(pages[i].absent)) == NULL);
    }
    CHECK(ask(&c, "GET", "/v1/tenants/alice/routes?after=gone", "", NULL));
    CHECK_EQ_INT(c.status, 400);
    CHECK(client_body_has(&c, "There is no route \\\"gone\\\""));
    CHECK(ask(&c, "GET", "/v1/tenants/alice/credentials?after=gone", "", NULL));
    CHECK_EQ_INT(c.status, 400);
    end(&w, &c);
}

TEST(every_path_has_options_and_every_get_has_head)
{
    struct world w;
    struct client c;
    if (!begin(&w, &c)) {
        return;
    }
    CHECK(ask(&c, "OPTIONS", "/v1/tenants/alice", "", NULL));
    CHECK_EQ_INT(c.status, 204);
    CHECK_EQ_STR(c.allow, "GET, HEAD, PUT, DELETE, OPTIONS");
    CHECK(ask(&c, "OPTIONS", "/v1/tenants:apply", "", NULL));
    CHECK_EQ_STR(c.allow, "POST, OPTIONS");
    CHECK(ask(&c, "OPTIONS", "/v1/nothing", "", NULL));
    CHECK_EQ_INT(c.status, 404);
    CHECK_EQ_STR(w.seen, "");
    CHECK(ask(&c, "HEAD", "/v1/tenants/alice", "", NULL));
    CHECK_EQ_INT(c.status, 200);
    CHECK_EQ_STR(w.seen, "get alice\n");
    CHECK_EQ_UINT(buf_len(&c.body), 0);
    CHECK_EQ_UINT(strlen(c.tag), 34);
    CHECK(ask(&c, "HEAD", "/v1/tenants/alice:suspend", "", NULL));
    CHECK_EQ_INT(c.status, 405);
    CHECK(ask(&c, "GET", "/v1/tenants/alice", "", NULL)); /* no body was left in the way */
    CHECK_EQ_INT(c.status, 200);
    end(&w, &c);
}

/* ---- manifests ---- */

/* The monitor's word, without which the role does not know which version it is of; and until the role has read it. */
static bool say_status(struct client *c)
{
    struct buf roles;
    buf_init(&roles, 64);
    struct writer w = writer_to(&roles);
    ipc_list_end(&w, ipc_list_begin(&w), 0);
    struct ipc_status m = {.version = SPAN_LIT("1.2.3"), .roles = buf_span(&roles)};
    CHECK_EQ_INT(ipc_send_status(c->w->life, 0, &m), 0);
    buf_deinit(&roles);
    for (unsigned i = 0; i < 10000 && client_ask(c, "GET", "/v1/status", NULL); i++) {
        if (c->status == 200) {
            return true;
        }
    }
    return CHECK(false);
}

TEST(manifests_of_what_is_stored_and_of_what_is_not)
{
    struct world w;
    struct client c;
    if (!begin(&w, &c)) {
        return;
    }
    CHECK(ask(&c, "GET", "/v1/tenants/alice/manifests", "", NULL));
    CHECK_EQ_INT(c.status, 503);
    CHECK(client_body_has(&c, "has not said yet which version"));
    CHECK(say_status(&c));
    CHECK(ask(&c, "GET", "/v1/tenants/alice/manifests", "", NULL));
    CHECK_EQ_INT(c.status, 200);
    CHECK_EQ_STR(w.seen, "get alice\n");
    CHECK_EQ_UINT(strlen(c.tag), 34);
    CHECK(client_body_has(&c, "{\"files\":[{\"path\":\"alice/"));
    CHECK(client_body_has(&c, "clawbox:1.2.3"));
    CHECK(client_body_has(&c, "sk-proj-PLACEHOLDER")); /* the store's */
    CHECK(client_body_has(&c, "{\"namespace\":\"alice-claw\",\"name\":\"credential-openai\""));
    CHECK(client_body_has(
        &c, "{\"name\":\"value\",\"value\":\"given\"},{\"name\":\"hosts\",\"value\":\"text\",\"text\":\""));
    CHECK(ask(&c, "GET", "/v1/tenants/alice/manifests?image=registry.example:5000/claw/box@sha256:0a", "",
              NULL));
    CHECK(client_body_has(&c, "registry.example:5000/claw/box@sha256:0a"));

    CHECK(ask(
        &c, "POST", "/v1/tenants/alice/manifests:preview", "",
        DOCUMENT("alice", "{provider: openai, credential: openai}, {provider: slack, credential: slack}")));
    CHECK_EQ_INT(c.status, 200);
    CHECK_EQ_STR(w.seen, "get alice\n");
    CHECK_EQ_STR(c.tag, "");
    CHECK(client_body_has(&c, "sk-proj-PLACEHOLDER") && client_body_has(&c, "\"name\":\"credential-slack\""));
    CHECK(ask(
        &c, "POST", "/v1/tenants/alice/manifests:preview", "",
        "{\"apiVersion\":\"clawbox/v1\",\"kind\":\"Tenant\",\"metadata\":{\"name\":\"alice\"},\"spec\":{\"routes\":"
        "[{\"provider\":\"openai\",\"credential\":\"openai\"}],\"placeholders\":{\"openai\":"
        "\"sk-proj-GIVEN0123456789abcdefghij\"}}}"));
    CHECK_EQ_INT(c.status, 200);
    CHECK(client_body_has(&c, "sk-proj-GIVEN") && !client_body_has(&c, "sk-proj-PLACEHOLDER"));
    w.absent = true;
    CHECK(ask(&c, "POST", "/v1/tenants/alice/manifests:preview", "", ALICE));
    CHECK_EQ_INT(c.status, 200);
    CHECK(client_body_has(&c, "sk-proj-"));
    CHECK(ask(&c, "GET", "/v1/tenants/alice/manifests", "", NULL));
    CHECK_EQ_INT(c.status, 404);
    w.absent = false;
    w.code = -CB_EDB;
    CHECK(ask(&c, "POST", "/v1/tenants/alice/manifests:preview", "", ALICE));
    CHECK_EQ_INT(c.status, 503);
    end(&w, &c);
}

TEST(manifests_refuse_what_they_cannot_be_made_of)
{
    static const struct {
        const char *query;
        unsigned status;
        const char *detail;
    } table[] = {
        {"flavor=plain", 400, "flavor should be kubernetes or openshift"},
        {"secrets=none", 400, "secrets should be reference, external or file"},
        {"secrets=external", 422, "spec.kubernetes.secretStore"},
        {"image=-x", 400, "is no reference to an image"},
        {"gateway_image=a//b", 400, "is no reference to an image"},
        {"image=a%0ab", 400, "without percent-escapes"},
        {"image=a&image=b", 400, "stands twice"},
        {"images=a", 400, "Known are flavor, gateway_image, image, secrets."},
    };
    char path[256];
    struct world w;
    struct client c;
    if (!begin(&w, &c) || !say_status(&c)) {
        return;
    }
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        (void)snprintf(path, sizeof(path), "/v1/tenants/alice/manifests?%s", table[i].query);
        CHECK(ask(&c, "GET", path, "", NULL));
        CHECK_EQ_INT(c.status, table[i].status);
        CHECK(client_body_has(&c, table[i].detail));
    }
    CHECK(ask(&c, "POST", "/v1/tenants/alice/manifests:preview", "", DOCUMENT("bob", "")));
    CHECK_EQ_INT(c.status, 422);
    CHECK(ask(&c, "POST", "/v1/tenants/alice/manifests:preview", "Content-Type: text/plain\r\n", ALICE));
    CHECK_EQ_INT(c.status, 415);
    end(&w, &c);
}
