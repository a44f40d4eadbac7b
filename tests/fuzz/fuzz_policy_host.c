/* fuzz_policy_host.c - hosts, authorities and host patterns: what is accepted is canonical and stays so. */
#include <stdlib.h>

#include "policy/host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void check_name(const struct policy_host *host)
{
    for (size_t i = 0; i < host->len; i++) {
        char c = host->text[i];
        require((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.');
    }
    require(host->text[host->len - 1] != '.' && host->text[0] != '.');
}

static void check_host(const struct policy_host *host)
{
    struct policy_host again;
    require(host->len > 0 && host->len < sizeof(host->text) && strlen(host->text) == host->len);
    require(policy_host_parse(span_of(host->text, host->len), &again) == 0);
    require(again.kind == host->kind && strcmp(again.text, host->text) == 0);
    require(memcmp(again.address, host->address, sizeof(again.address)) == 0);
    require(policy_host_matches(span_str(again.text), span_str(host->text)));
    if (host->kind == POLICY_HOST_NAME) {
        check_name(host);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = span_of(data, size);
    struct policy_host host;
    uint16_t port = 0;
    char why[512] = "";
    bool parsed = policy_host_parse(text, &host) == 0;
    if (parsed) {
        check_host(&host);
    }
    if (policy_authority_parse(text, 443, &host, &port) == 0) {
        check_host(&host);
        require(port != 0);
    } else {
        require(!parsed);
    }
    int r = policy_host_pattern_check(text, why, sizeof(why));
    require((r == 0) == (why[0] == '\0') && strlen(why) < sizeof(why) - 1);
    for (const char *p = why; *p != '\0'; p++) {
        require(*p >= ' ' && *p <= '~');
    }
    return 0;
}
