/*
 * fuzz_token.c - what comes from a token endpoint, and what a credential for tokens is made of.
 *
 * The first byte says as what the rest is read. What is taken has to be what it is said to be: bounded, printable, once.
 */
#include "base/json_read.h"
#include "inject/token.h"

#include <stdint.h>
#include <stdlib.h>

static void must(bool good)
{
    if (!good) {
        abort();
    }
}

static void must_be_visible(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        must(text.ptr[i] > 0x20 && text.ptr[i] < 0x7f);
    }
}

static void read_answer(struct span body)
{
    struct inject_token_answer answer;
    struct buf memory;
    char error[64];
    buf_init(&memory, INJECT_TOKEN_ANSWER_MAX);
    buf_set_sensitive(&memory);
    if (inject_token_answer_read(body, &memory, &answer) == 0) {
        must(answer.access_token.len != 0 && answer.access_token.len <= INJECT_TOKEN_MAX);
        must(answer.refresh_token.len <= INJECT_TOKEN_MAX && answer.lifetime_s <= 86400);
        must_be_visible(answer.access_token);
        must_be_visible(answer.refresh_token);
    }
    inject_token_error_read(body, error);
    for (const char *c = error; *c != '\0'; c++) {
        must((*c >= 'a' && *c <= 'z') || *c == '_' || *c == '?');
    }
    buf_deinit(&memory);
}

static void use_credential(enum spec_grant kind, struct span credential)
{
    char host[] = "login.example";
    char path[] = "/token";
    struct spec_token token = {.grant = kind, .host = host, .port = 443, .path = path};
    struct inject_grant grant;
    struct inject_grant again;
    const char *why = NULL;
    struct buf out;
    int r = inject_grant_read(kind, credential, &grant, &why);
    must(why != NULL && (r == 0) == (*why == '\0'));
    buf_init(&out, (size_t)256 * 1024);
    buf_set_sensitive(&out);
    if (r == 0) {
        must_be_visible(grant.client_id);
        must_be_visible(grant.client_secret);
        must_be_visible(grant.refresh_token);
        must(inject_grant_check(&token, &grant, &why) == 0 || *why != '\0');
        must(inject_token_request(&token, &grant, SPAN_LIT("a.b.c"), &out) == 0);
        buf_reset(&out);
        if (kind == SPEC_GRANT_REFRESH) {
            /* What is written back is what is read the next time. */
            must(inject_grant_replace(&grant, SPAN_LIT("another"), &out) == 0);
            must(inject_grant_read(kind, buf_span(&out), &again, &why) == 0);
            must(span_eq_str(again.refresh_token, "another") &&
                 span_eq(again.client_secret, grant.client_secret) &&
                 span_eq(again.client_id, grant.client_id));
            inject_grant_deinit(&again);
        }
    }
    buf_deinit(&out);
    inject_grant_deinit(&grant);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > INJECT_TOKEN_ANSWER_MAX) {
        return 0;
    }
    struct span rest = span_of(data + 1, size - 1);
    unsigned kind = data[0] % SPEC_GRANT__COUNT;
    if (kind == SPEC_GRANT_NONE) {
        read_answer(rest);
    } else {
        use_credential((enum spec_grant)kind, rest);
    }
    return 0;
}
