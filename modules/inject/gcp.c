/* gcp.c - the JSON files that Google gives out: a service account's key, or a user's refresh token (gcloud auth
 * application-default login). */
#include "base/json.h"
#include "inject/grant.h"

struct gcp_file {
    struct span type;
    struct span client_email;
    struct span client_id;
};

static bool read_member(struct inject_grant *out, struct gcp_file *file, const struct json_member *member)
{
    const struct {
        const char *name;
        struct span *to;
    } known[] = {{"type", &file->type},
                 {"client_email", &file->client_email},
                 {"client_id", &file->client_id},
                 {"client_secret", &out->client_secret},
                 {"refresh_token", &out->refresh_token},
                 {"private_key", &out->private_key},
                 {"private_key_id", &out->key_id},
                 {"token_uri", &out->token_uri}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (span_eq_str(member->name, known[i].name)) {
            return inject_grant_text(out, member, known[i].to);
        }
    }
    return true; /* project_id, universe_domain and what comes after them */
}

static const char *find_fault(struct inject_grant *out, const struct gcp_file *file)
{
    out->google = true;
    if (span_eq_str(file->type, "service_account")) {
        out->kind = SPEC_GRANT_JWT;
        out->client_id = file->client_email;
        out->client_secret = out->refresh_token = SPAN_EMPTY;
        return inject_grant_is_plain(out->client_id) && inject_grant_is_key(out->private_key)
                   ? NULL
                   : "a service_account should have a client_email and a private_key";
    }
    if (span_eq_str(file->type, "authorized_user")) {
        out->kind = SPEC_GRANT_REFRESH;
        out->client_id = file->client_id;
        out->private_key = out->key_id = SPAN_EMPTY;
        return inject_grant_is_plain(out->client_id) && inject_grant_is_plain(out->client_secret) &&
                       inject_grant_is_plain(out->refresh_token)
                   ? NULL
                   : "an authorized_user should have a client_id, a client_secret and a refresh_token";
    }
    return "its type should be service_account or authorized_user";
}

int inject_gcp_read(struct span credential, struct inject_grant *out, const char **why)
{
    struct gcp_file file = {.type = SPAN_EMPTY};
    struct json_reader reader;
    struct json_member member;
    const char *fault = NULL;
    int r = inject_grant_begin(out, credential);
    if (r != 0) {
        return r;
    }
    json_reader_init(&reader, credential);
    while ((r = json_reader_next(&reader, &member)) == 1) {
        if (!read_member(out, &file, &member)) {
            fault = "a member of its JSON is there twice, or is not a text";
            break;
        }
    }
    if (r < 0) {
        fault = "it should be the JSON of a service account, or of a user";
    } else if (fault == NULL) {
        fault = find_fault(out, &file);
    }
    *why = fault != NULL ? fault : "";
    return fault != NULL ? CB_EINVAL : 0;
}

int inject_gcp_write_stub(struct span placeholder, struct buf *out)
{
    struct json j;
    json_init(&j, out);
    json_object(&j, NULL);
    json_text(&j, "type", SPAN_LIT("authorized_user"));
    json_text(&j, "client_id", SPAN_LIT("clawbox"));
    json_text(&j, "client_secret", SPAN_LIT("clawbox"));
    json_text(&j, "refresh_token", placeholder);
    json_object_end(&j);
    int r = json_finish(&j);
    return r != 0 ? r : buf_append_byte(out, '\n');
}
