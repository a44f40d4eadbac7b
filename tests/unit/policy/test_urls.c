/*
 * test_urls.c - what a browser accepts and clawbox does not: every case of the web platform's data has a class, and docs/urls.md
 * says how many there are in each, and why. A case without a class fails, and so does a number that is not the one in the page.
 */
#include "policy/host.h"
#include "policy/path.h"

#include <stdlib.h>

#include "support/check.h"
#include "support/json_scan.h"

#define PAGE "docs/urls.md"

/* ---- why something is refused: the first that applies ---- */

static bool has_any(struct span s, const char *bytes)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] != 0 && strchr(bytes, s.ptr[i]) != NULL) {
            return true;
        }
    }
    return false;
}

static bool has_text(struct span s, const char *text)
{
    return s.len != 0 && memmem(s.ptr, s.len, text, strlen(text)) != NULL;
}

static bool has_control(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] <= 0x20 || s.ptr[i] == 0x7f) {
            return true;
        }
    }
    return false;
}

static bool has_unicode(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] >= 0x80) {
            return true;
        }
    }
    return false;
}

static bool has_userinfo(struct span s)
{
    return has_any(s, "@");
}

static bool has_backslash(struct span s)
{
    return has_any(s, "\\");
}

static bool has_percent(struct span s)
{
    return has_any(s, "%");
}

/* The host of an authority: without the port. */
static struct span host_of(struct span s)
{
    for (size_t i = s.len; i > 0 && s.ptr[i - 1] != ']'; i--) {
        if (s.ptr[i - 1] == ':') {
            return span_sub(s, 0, i - 1);
        }
    }
    return s;
}

static bool ends_in_dot(struct span s)
{
    struct span host = host_of(s);
    return host.len != 0 && host.ptr[host.len - 1] == '.';
}

static bool has_empty_label(struct span s)
{
    struct span host = host_of(s);
    return host.len == 0 || host.ptr[0] == '.' || has_text(host, "..");
}

/* Its last label is a number: some resolver takes it for an address. */
static bool is_number(struct span s)
{
    struct span host = host_of(s);
    size_t at = host.len;
    while (at > 0 && host.ptr[at - 1] != '.') {
        at--;
    }
    struct span last = span_sub(host, at, SIZE_MAX);
    bool hex = last.len >= 2 && last.ptr[0] == '0' && ascii_lower(last.ptr[1]) == 'x';
    bool digits = last.len != 0;
    for (size_t i = 0; i < last.len; i++) {
        digits = digits && last.ptr[i] >= '0' && last.ptr[i] <= '9';
    }
    return hex || digits;
}

static bool has_long_part(struct span s)
{
    struct span host = host_of(s);
    size_t label = 0;
    for (size_t i = 0; i < host.len; i++) {
        label = host.ptr[i] == '.' ? 0 : label + 1;
        if (label > 63) {
            return true;
        }
    }
    return host.len > 253;
}

static bool has_a_label(struct span s)
{
    for (size_t i = 0; i + 4 <= s.len; i++) {
        if ((i == 0 || s.ptr[i - 1] == '.') && span_eq_nocase(span_sub(s, i, 4), SPAN_LIT("xn--"))) {
            return true;
        }
    }
    return false;
}

static bool has_edge_hyphen(struct span s)
{
    struct span host = host_of(s);
    return host.len != 0 && (host.ptr[0] == '-' || host.ptr[host.len - 1] == '-' || has_text(host, "-.") ||
                             has_text(host, ".-"));
}

static bool has_port(struct span s)
{
    return host_of(s).len != s.len;
}

static bool has_other_bytes(struct span s)
{
    return has_any(s, "!\"$&'()*+,;=_`{}~");
}

static bool has_encoded_separator(struct span s)
{
    return has_text(s, "%2f") || has_text(s, "%2F") || has_text(s, "%5c") || has_text(s, "%5C");
}

static bool has_encoded_control(struct span s)
{
    for (size_t i = 0; i + 3 <= s.len; i++) {
        if (s.ptr[i] == '%' && (s.ptr[i + 1] == '0' || s.ptr[i + 1] == '1' ||
                                (s.ptr[i + 1] == '7' && ascii_lower(s.ptr[i + 2]) == 'f'))) {
            return true;
        }
    }
    return false;
}

static bool has_broken_escape(struct span s)
{
    static const char hex[] = "0123456789abcdefABCDEF";
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '%' && (i + 2 >= s.len || !has_any(span_sub(s, i + 1, 1), hex) ||
                                !has_any(span_sub(s, i + 2, 1), hex))) {
            return true;
        }
    }
    return false;
}

static bool has_empty_segment(struct span s)
{
    return has_text(s, "//");
}

static bool has_dots(struct span s)
{
    return has_text(s, "/..") || has_text(s, "/%2e") || has_text(s, "/%2E") || has_text(s, "/.%2e") ||
           has_text(s, "/.%2E");
}

struct class
{
    const char *name; /* as in the page */
    bool (*applies)(struct span text);
    size_t count;
};

static struct class of_hosts[] = {
    {"host-userinfo", has_userinfo, 0},
    {"host-backslash", has_backslash, 0},
    {"host-percent", has_percent, 0},
    {"host-control", has_control, 0},
    {"host-unicode", has_unicode, 0},
    {"host-trailing-dot", ends_in_dot, 0},
    {"host-empty-label", has_empty_label, 0},
    {"host-number", is_number, 0},
    {"host-long", has_long_part, 0},
    {"host-a-label", has_a_label, 0},
    {"host-bytes", has_other_bytes, 0},
    {"host-hyphen", has_edge_hyphen, 0},
    {"host-port", has_port, 0},
};

static struct class of_paths[] = {
    {"path-backslash", has_backslash, 0},
    {"path-control", has_control, 0},
    {"path-unicode", has_unicode, 0},
    {"path-encoded-separator", has_encoded_separator, 0},
    {"path-encoded-control", has_encoded_control, 0},
    {"path-broken-escape", has_broken_escape, 0},
    {"path-empty-segment", has_empty_segment, 0},
    {"path-dots", has_dots, 0},
};

static size_t cases;      /* that a browser accepts */
static size_t same;       /* that are the same to both */
static size_t other_path; /* accepted by both, with another path */
static size_t no_form;    /* not "scheme://authority": repaired by a browser */

static void count_in(struct class *classes, size_t count, struct span text, const char *input)
{
    bool has_class = false;
    for (size_t i = 0; i < count && !has_class; i++) {
        has_class = classes[i].applies(text);
        classes[i].count += has_class ? 1 : 0;
    }
    if (!CHECK(has_class)) {
        printf("    %s: %.*s\n", input, SPAN_ARG(text));
    }
}

/* ---- the data ---- */

struct entry {
    char input[4096];
    size_t input_len;
    char output[4096]; /* the host that a browser makes of it */
    char path[4096];
    char protocol[16];
    bool has_base; /* relative to something: an agent sends no such thing */
    bool refused;
};

static void keep(const struct json_scan *s, char *out, size_t size, size_t *len)
{
    size_t n = s->len < size - 1 ? s->len : size - 1;
    memcpy(out, s->text, n);
    out[n] = '\0';
    if (len != NULL) {
        *len = n;
    }
}

static void check_host(const struct entry *e)
{
    struct policy_host host;
    struct span in = span_of(e->input, e->input_len);
    if (e->refused || e->input_len == 0) {
        return;
    }
    cases++;
    if (policy_host_parse(in, &host) == 0) {
        same++;
    } else {
        count_in(of_hosts, sizeof(of_hosts) / sizeof(of_hosts[0]), in, e->input);
    }
}

/* True for "http://" and its like in any case, as an absolute-form target begins; *rest is what follows. */
static bool is_absolute(const struct entry *e, struct span *rest)
{
    size_t len = strlen(e->protocol);
    struct span in = span_of(e->input, e->input_len);
    if (!span_eq_nocase(span_sub(in, 0, len), span_str(e->protocol)) ||
        !span_eq_str(span_sub(in, len, 2), "//")) {
        return false;
    }
    *rest = span_sub(in, len + 2, SIZE_MAX);
    return true;
}

static void check_path(const struct entry *e, struct span target)
{
    struct buf path;
    struct span query;
    bool has_query;
    buf_init(&path, 4096);
    if (policy_path_parse(target, &path, &query, &has_query) != 0) {
        count_in(of_paths, sizeof(of_paths) / sizeof(of_paths[0]), target, e->input);
    } else if (span_eq_str(buf_span(&path), e->path)) {
        same++;
    } else {
        other_path++;
        if (!CHECK(strchr(e->path, '%') != NULL)) {
            printf("    %s: %.*s, to a browser %s\n", e->input, SPAN_ARG(buf_span(&path)), e->path);
        }
    }
    buf_deinit(&path);
}

static void check_url(const struct entry *e)
{
    static const char *const protocols[] = {"http:", "https:", "ws:", "wss:"};
    bool ours = false;
    struct span rest;
    struct policy_host host;
    uint16_t port;
    for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
        ours = ours || strcmp(e->protocol, protocols[i]) == 0;
    }
    if (e->refused || !ours) {
        return;
    }
    if (!is_absolute(e, &rest)) {
        if (!e->has_base) {
            cases++;
            no_form++;
        }
        return;
    }
    cases++;
    size_t len = 0;
    while (len < rest.len && memchr("/?#", rest.ptr[len], 3) == NULL) {
        len++;
    }
    struct span authority = span_sub(rest, 0, len);
    if (policy_authority_parse(authority, 443, &host, &port) != 0) {
        count_in(of_hosts, sizeof(of_hosts) / sizeof(of_hosts[0]), authority, e->input);
        return;
    }
    /* Nobody sends a fragment. */
    struct span target = span_sub(rest, len, SIZE_MAX);
    const uint8_t *hash = target.len != 0 ? memchr(target.ptr, '#', target.len) : NULL;
    if (hash != NULL) {
        target.len = (size_t)(hash - target.ptr);
    }
    if (target.len == 0 || target.ptr[0] != '/') {
        same++; /* "http://host" and "http://host?query": the gate and every client make the path "/" */
        return;
    }
    check_path(e, target);
}

static bool each(const char *file, const char *output, void (*check)(const struct entry *))
{
    static struct entry e;
    struct json_scan s;
    char key[64] = "";
    if (!json_open(&s, file)) {
        return false;
    }
    e = (struct entry){.refused = false};
    for (enum json_token t = json_next(&s); t != JSON_END; t = json_next(&s)) {
        if (t == JSON_OBJECT) {
            e = (struct entry){.refused = false};
        } else if (t == JSON_KEY) {
            (void)snprintf(key, sizeof(key), "%s", s.text);
            continue;
        } else if (t == JSON_STRING && strcmp(key, "input") == 0) {
            keep(&s, e.input, sizeof(e.input), &e.input_len);
        } else if (t == JSON_STRING && strcmp(key, output) == 0) {
            keep(&s, e.output, sizeof(e.output), NULL);
        } else if (t == JSON_STRING && strcmp(key, "protocol") == 0) {
            keep(&s, e.protocol, sizeof(e.protocol), NULL);
        } else if (t == JSON_STRING && strcmp(key, "pathname") == 0) {
            keep(&s, e.path, sizeof(e.path), NULL);
        } else if (t == JSON_STRING && strcmp(key, "base") == 0) {
            e.has_base = strcmp(s.text, "about:blank") != 0;
        } else if ((t == JSON_NULL && strcmp(key, output) == 0) ||
                   (t == JSON_TRUE && strcmp(key, "failure") == 0)) {
            e.refused = true;
        } else if (t == JSON_OBJECT_END) {
            check(&e);
        }
        key[0] = '\0';
    }
    CHECK(!s.failed);
    json_close(&s);
    return true;
}

/* ---- the page ---- */

/* The number in the row "| `name` | number |"; SIZE_MAX when there is no such row, or two. */
static size_t in_page(const char *page, const char *name)
{
    char row[64];
    (void)snprintf(row, sizeof(row), "\n| `%s` | ", name);
    const char *found = strstr(page, row);
    if (found == NULL || strstr(found + 1, row) != NULL) {
        return SIZE_MAX;
    }
    return strtoul(found + strlen(row), NULL, 10);
}

static void check_row(const char *page, const char *name, size_t count)
{
    if (!CHECK_EQ_UINT(in_page(page, name), count)) {
        printf("    " PAGE ": | `%s` | %zu |\n", name, count);
    }
}

TEST(the_page_has_every_case)
{
    static char page[65536];
    if (!each("wpt/urltestdata.json", "hostname", check_url) ||
        !each("wpt/ada_extra_urltestdata.json", "hostname", check_url) ||
        !each("wpt/ada_long_urltestdata.json", "hostname", check_url) ||
        !each("wpt/toascii.json", "output", check_host) ||
        !each("wpt/IdnaTestV2.json", "output", check_host)) {
        SKIP("no test data");
        return;
    }
    FILE *file = fopen(PAGE, "rb");
    if (!CHECK(file != NULL)) {
        return;
    }
    size_t len = fread(page, 1, sizeof(page) - 1, file);
    (void)fclose(file);
    CHECK(len < sizeof(page) - 1);
    check_row(page, "cases", cases);
    check_row(page, "same", same);
    check_row(page, "other-path", other_path);
    check_row(page, "no-form", no_form);
    size_t sum = same + other_path + no_form;
    for (size_t i = 0; i < sizeof(of_hosts) / sizeof(of_hosts[0]); i++) {
        check_row(page, of_hosts[i].name, of_hosts[i].count);
        sum += of_hosts[i].count;
    }
    for (size_t i = 0; i < sizeof(of_paths) / sizeof(of_paths[0]); i++) {
        check_row(page, of_paths[i].name, of_paths[i].count);
        sum += of_paths[i].count;
    }
    CHECK_EQ_UINT(sum, cases);
}

TEST_MAIN()
