/*
 * test_wpt.c - the hosts of the web platform tests, where that data is there.
 *
 * Browsers repair much that clawbox refuses, so being refused proves nothing here. What must hold: whatever is accepted as a
 * name consists of the grammar; what a browser accepts as well is the same host to both; and what a browser refuses is
 * refused.
 */
#include "policy/host.h"

#include <stdlib.h>

#include "support/check.h"
#include "support/json_scan.h"

struct entry {
    char *input;
    size_t input_len;
    char *output;
    size_t output_len;
    char *comment;
    bool failure;
};

static void keep(struct json_scan *s, char **out, size_t *len)
{
    free(*out);
    *out = (char *)malloc(s->len + 1);
    if (*out != NULL) {
        memcpy(*out, s->text, s->len + 1);
    }
    if (len != NULL) {
        *len = s->len;
    }
}

/* Calls `check` for each object of the array, with what is in `input` and in the member named `output`. */
static size_t each(const char *file, const char *output, void (*check)(const struct entry *))
{
    struct json_scan s;
    struct entry e = {0};
    char key[64] = "";
    size_t count = 0;
    if (!json_open(&s, file)) {
        return 0;
    }
    for (enum json_token t = json_next(&s); t != JSON_END; t = json_next(&s)) {
        bool is_output = strcmp(key, output) == 0;
        if (t == JSON_OBJECT) {
            e = (struct entry){0};
            key[0] = '\0';
        } else if (t == JSON_KEY) {
            (void)snprintf(key, sizeof(key), "%s", s.text);
        } else if (t == JSON_STRING && strcmp(key, "input") == 0) {
            keep(&s, &e.input, &e.input_len);
        } else if (t == JSON_STRING && strcmp(key, "comment") == 0) {
            keep(&s, &e.comment, NULL);
        } else if (t == JSON_STRING && is_output) {
            keep(&s, &e.output, &e.output_len);
        } else if ((t == JSON_NULL && is_output) || (t == JSON_TRUE && strcmp(key, "failure") == 0)) {
            e.failure = true;
        } else if (t == JSON_OBJECT_END) {
            if (e.input != NULL) {
                count++;
                check(&e);
            }
            free(e.input);
            free(e.output);
            free(e.comment);
            e = (struct entry){0};
            key[0] = '\0'; /* a string between objects is a remark and belongs to none */
        }
    }
    CHECK(!s.failed);
    json_close(&s);
    return count;
}

static size_t accepted;

static bool is_grammar(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.ptr[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_' && c != '.') {
            return false;
        }
    }
    return s.len > 0 && s.len <= 253;
}

static void report(const struct entry *e, const struct policy_host *host)
{
    printf("    input \"%s\", accepted as %s, wanted %s (%s)\n", e->input, host->text,
           e->failure ? "refusal" : e->output, e->comment != NULL ? e->comment : "");
}

static void check_accepted(const struct entry *e, const struct policy_host *host)
{
    struct span text = span_of(host->text, host->len);
    bool good = true;
    accepted++;
    if (host->kind == POLICY_HOST_NAME) {
        good = CHECK(is_grammar(text));
    }
    good = CHECK(!e->failure) && good;
    if (e->output != NULL && host->kind != POLICY_HOST_IPV6) {
        good = CHECK_EQ_BYTES(host->text, host->len, e->output, e->output_len) && good;
    }
    if (!good) {
        report(e, host);
    }
}

static void check_host(const struct entry *e)
{
    struct policy_host host;
    if (policy_host_parse(span_of(e->input, e->input_len), &host) == 0) {
        check_accepted(e, &host);
    }
}

TEST(to_ascii)
{
    accepted = 0;
    size_t count = each("wpt/toascii.json", "output", check_host);
    if (count == 0) {
        SKIP("no test data");
        return;
    }
    CHECK(accepted >= 5);
    printf("to_ascii: %zu entries, %zu accepted\n", count, accepted);
}

TEST(idna)
{
    accepted = 0;
    size_t count = each("wpt/IdnaTestV2.json", "output", check_host);
    if (count == 0) {
        SKIP("no test data");
        return;
    }
    CHECK(accepted >= 500);
    printf("idna: %zu entries, %zu accepted\n", count, accepted);
}

static void check_url(const struct entry *e)
{
    static const char *const schemes[] = {"http://", "https://", "ws://", "wss://", "ftp://"};
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t len = strlen(schemes[i]);
        struct policy_host host;
        uint16_t port;
        if (e->input_len < len || memcmp(e->input, schemes[i], len) != 0) {
            continue;
        }
        size_t end = len;
        while (end < e->input_len && memchr("/?#", e->input[end], 3) == NULL) {
            end++;
        }
        if (policy_authority_parse(span_of(e->input + len, end - len), 443, &host, &port) == 0) {
            check_accepted(e, &host);
        }
    }
}

TEST(urls)
{
    accepted = 0;
    size_t count = each("wpt/urltestdata.json", "hostname", check_url);
    if (count == 0) {
        SKIP("no test data");
        return;
    }
    CHECK(accepted >= 80);
    printf("urls: %zu entries, %zu accepted\n", count, accepted);
}

TEST_MAIN()
