/*
 * credential_seal.c - a credential's value, looked at and sealed to the vault: what leaves this process is a box.
 */
#include "credential_seal.h"

#include "prompt.h"

#include "base/encode.h"
#include "base/json.h"
#include "inject/token.h"
#include "inject/value.h"
#include "tls/sign.h"

#include <stdlib.h>

#define BOX_MAX ((size_t)128 * 1024)

void credential_target_make(const char *state, const char *tenant, const char *name,
                            struct credential_target *out)
{
    *out = (struct credential_target){.state = state, .tenant = tenant, .name = name};
    (void)snprintf(out->path, sizeof(out->path), "/v1/tenants/%s/credentials%s%s", tenant,
                   name[0] != '\0' ? "/" : "", name);
}

bool credential_next_line(struct span *lines, struct span *line)
{
    const uint8_t *end = lines->len != 0 ? memchr(lines->ptr, '\n', lines->len) : NULL;
    if (lines->len == 0) {
        return false;
    }
    *line = span_sub(*lines, 0, end != NULL ? (size_t)(end - lines->ptr) : lines->len);
    *lines = end != NULL ? span_sub(*lines, line->len + 1, SIZE_MAX) : SPAN_EMPTY;
    return true;
}

void credential_prepared_deinit(struct credential_prepared *p)
{
    buf_deinit(&p->binding);
    control_answer_deinit(&p->answer);
}

/* What is shown before the value is typed is what is sealed, so it may not hold anything that shows as something else. */
static bool binding_valid(const struct conf_node *binding)
{
    for (const struct conf_node *line = binding->first; line != NULL; line = line->next) {
        if (line->kind != CONF_KIND_SCALAR || line->len == 0) {
            return false;
        }
        for (size_t i = 0; i < line->len; i++) {
            if (line->text[i] < 0x20 || line->text[i] > 0x7e) {
                return false;
            }
        }
    }
    return binding->first != NULL;
}

int credential_prepare(const struct credential_target *target, struct credential_prepared *p)
{
    char path[256];
    *p = (struct credential_prepared){0};
    buf_init(&p->binding, (size_t)64 * 1024);
    (void)snprintf(path, sizeof(path), "%s:prepare", target->path);
    int r = control_read(target->state, path, &p->answer);
    if (r != CMD_GO) {
        return r;
    }
    const struct conf_node *root = control_answer_root(&p->answer);
    p->tenant_id = control_number(root, "tenant_id");
    const struct conf_node *binding = conf_node_get(root, "binding");
    p->client_certificate = strcmp(control_text(root, "client_certificate"), "true") == 0;
    p->grant = spec_grant_of_name(span_str(control_text(root, "grant")));
    if (p->tenant_id == 0 || p->grant == SPEC_GRANT__COUNT || binding == NULL || !binding_valid(binding) ||
        control_join(binding, "\n", &p->binding) != 0 ||
        decode_hex(span_str(control_text(root, "public_key")), p->public_key, SEAL_PUBLIC_LEN) != 0) {
        credential_prepared_deinit(p);
        return cmd_fail(
            "clawbox serve on %s did not say how to seal the credential: is it of another version?",
            target->state);
    }
    return CMD_GO;
}

static int write_body(const struct credential_target *target, const struct credential_prepared *p,
                      const struct secret *value, struct buf *body)
{
    struct buf box;
    buf_init(&box, BOX_MAX);
    struct seal_credential credential = {.tenant_id = p->tenant_id,
                                         .tenant = span_str(target->tenant),
                                         .name = span_str(target->name),
                                         .binding = buf_span(&p->binding),
                                         .value = secret_span(value)};
    int r = seal_credential(p->public_key, &credential, &box);
    char *text = r == 0 ? malloc(ENCODE_BASE64_SIZE(buf_len(&box))) : NULL;
    if (r == 0 && text == NULL) {
        r = CB_ENOMEM;
    }
    if (r == 0) {
        struct json j;
        size_t len = encode_base64(buf_span(&box).ptr, buf_len(&box), text);
        json_init(&j, body);
        json_object(&j, NULL);
        json_number(&j, "tenant_id", p->tenant_id);
        json_array(&j, "binding");
        struct span lines = buf_span(&p->binding);
        for (struct span line; credential_next_line(&lines, &line);) {
            json_text(&j, NULL, line);
        }
        json_array_end(&j);
        json_text(&j, "box", span_of(text, len));
        json_object_end(&j);
        r = json_finish(&j);
    }
    free(text);
    buf_deinit(&box);
    return r;
}

/* What the routes ask of the value: in words now, instead of at each request later. */
static int check_value(const struct credential_target *target, const struct credential_prepared *p,
                       const struct secret *value)
{
    for (const struct conf_node *form = control_first(control_answer_root(&p->answer), "forms"); form != NULL;
         form = form->next) {
        const char *wrong = form->kind == CONF_KIND_SCALAR
                                ? inject_value_wrong(span_of(form->text, form->len), secret_span(value))
                                : NULL;
        if (wrong != NULL) {
            return cmd_fail("%s %s", target->name, wrong);
        }
    }
    return CMD_GO;
}

/* A private key is tried, because whether it can sign shows no other way. */
static int check_key(const struct credential_target *target, struct span pem)
{
    struct tls_signer *signer = NULL;
    int r = tls_signer_new(pem, &signer);
    tls_signer_free(signer);
    return r == 0 ? CMD_GO
                  : cmd_fail_r(
                        r,
                        "%s is no private key that can sign: RSA from 2048 bits on or P-256, in PEM and not "
                        "encrypted",
                        target->name);
}

/* What the routes need is said by clawbox serve; whether it is that is looked at here, since nobody else ever sees it. */
static int check_form(const struct credential_target *target, const struct credential_prepared *p,
                      const struct secret *value)
{
    struct inject_grant grant;
    const char *why = "";
    if (p->client_certificate) {
        return CMD_GO; /* prompt_identity() has looked, and egress will say what is wrong with one from a file */
    }
    if (p->grant == SPEC_GRANT_NONE) {
        return !prompt_is_document(secret_span(value))
                   ? CMD_GO
                   : cmd_fail(
                         "%s goes into a request as it is, and this is a JSON or PEM file: is it the right one?",
                         target->name);
    }
    int r = inject_grant_read(p->grant, secret_span(value), &grant, &why);
    if (r == CB_EINVAL) {
        r = cmd_fail("%s fetches tokens (%s), and this value does not fit: %s", target->name,
                     spec_grant_name(p->grant), why);
    } else if (r != 0) {
        r = cmd_fail_r(r, "%s could not be read", target->name);
    } else {
        r = grant.kind == SPEC_GRANT_JWT ? check_key(target, grant.private_key) : CMD_GO;
    }
    inject_grant_deinit(&grant);
    return r;
}

int credential_seal(const struct credential_target *target, const struct credential_prepared *p,
                    const struct secret *value, struct control_answer *answer)
{
    struct buf body;
    int r = check_form(target, p, value);
    r = r == CMD_GO ? check_value(target, p, value) : r;
    if (r != CMD_GO) {
        return r;
    }
    buf_init(&body, 2 * BOX_MAX + (size_t)128 * 1024);
    r = write_body(target, p, value, &body);
    if (r != 0) {
        r = cmd_fail_r(r, "%s could not be sealed", target->name);
    } else {
        struct control_request request = {.method = "PUT", .target = target->path, .body = buf_span(&body)};
        r = control_ask(target->state, &request, answer);
    }
    buf_deinit(&body);
    return r;
}
