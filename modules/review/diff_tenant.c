/* diff_tenant.c - where credentials go, limits, and the CA: what a change of policy does to the tenant as a whole. */
#include "review/diff.h"

#include "tls/seal.h"

#include <stdio.h>

#define NOT_YET     ": `clawbox env` gives it to agents, and `clawbox tenant rotate-ca --finish` lets it sign"
#define BINDING_MAX ((size_t)64 * 1024)

/* ---- credentials ---- */

static bool next_line(struct span *text, struct span *line)
{
    if (text->len == 0) {
        return false;
    }
    const uint8_t *end = memchr(text->ptr, '\n', text->len);
    *line = span_sub(*text, 0, end != NULL ? (size_t)(end - text->ptr) : text->len);
    *text = span_sub(*text, line->len + 1, text->len);
    return true;
}

/* What stands behind the blank of a line (spec.h). */
static const char *words_of(struct span word)
{
    static const char *const words[][2] = {
        {"clear", ", in the clear"},
        {"token", ", as a token that is fetched with it"},
        {"token-endpoint", ", which gives out tokens for it"},
        {"rotates", " and may replace it"},
    };
    if (span_starts(word, SPAN_LIT("own-ca:"))) {
        return ", checked against a CA of the route's own";
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (span_eq_str(word, words[i][0])) {
            return words[i][1];
        }
    }
    return NULL;
}

/* A line of a binding for people: what is said behind the blank, in words. */
static void tell_line(struct span line, char *out, size_t size)
{
    const uint8_t *blank = memchr(line.ptr, ' ', line.len);
    struct span host = span_sub(line, 0, blank != NULL ? (size_t)(blank - line.ptr) : line.len);
    struct span how = span_sub(line, host.len + 1, line.len);
    size_t used = 0;
    int n = snprintf(out, size, "%.*s", SPAN_ARG(host));
    used = n > 0 && (size_t)n < size ? (size_t)n : size - 1;
    while (how.len != 0) {
        blank = memchr(how.ptr, ' ', how.len);
        struct span word = span_sub(how, 0, blank != NULL ? (size_t)(blank - how.ptr) : how.len);
        how = span_sub(how, word.len + 1, how.len);
        const char *text = words_of(word);
        n = text != NULL ? snprintf(out + used, size - used, "%s", text)
                         : snprintf(out + used, size - used, " %.*s", SPAN_ARG(word));
        used += n > 0 && (size_t)n < size - used ? (size_t)n : 0;
    }
}

static int binding_of(const struct spec *spec, const char *credential, struct buf *out)
{
    buf_init(out, BINDING_MAX);
    int r = spec_credential_binding(spec, span_str(credential), digest_sha256_of, out);
    return r == CB_ENOTFOUND ? 0 : r;
}

/* Lines of `to` that no line of `from` covers. */
static void tell_lines(struct review_diff *diff, enum review_effect effect, const char *credential,
                       const char *words, struct span from, struct span to)
{
    struct span line;
    while (next_line(&to, &line)) {
        char text[512];
        if (!spec_binding_covers(from, line)) {
            tell_line(line, text, sizeof(text));
            review_diff_add(diff, effect, NULL, "credential \"%s\" %s %s", credential, words, text);
        }
    }
}

static void compare_binding(struct review_diff *diff, const struct spec *old, const struct spec *new,
                            const char *credential)
{
    struct buf before;
    struct buf after;
    int r = binding_of(old, credential, &before);
    int r2 = binding_of(new, credential, &after);
    if (r == 0 && r2 == 0) {
        tell_lines(diff, REVIEW_EFFECT_CREDENTIAL, credential, "goes to", buf_span(&before),
                   buf_span(&after));
        tell_lines(diff, REVIEW_EFFECT_STRICTER, credential, "does not go any more to", buf_span(&after),
                   buf_span(&before));
    } else {
        diff->error = r != 0 ? r : r2;
    }
    buf_deinit(&before);
    buf_deinit(&after);
}

static const char *text_or(const char *text, const char *other)
{
    return text != NULL ? text : other;
}

static void compare_credentials(struct review_diff *diff, const struct spec *old, const struct spec *new)
{
    for (size_t i = 0; i < new->credential_count; i++) {
        const struct spec_credential *c = &new->credentials[i];
        const struct spec_credential *o = spec_find_credential(old, span_str(c->name));
        compare_binding(diff, old, new, c->name);
        if (o != NULL && strcmp(text_or(o->env, ""), text_or(c->env, "")) != 0) {
            review_diff_add(diff, REVIEW_EFFECT_OTHER, NULL,
                            "the placeholder of \"%s\" goes into %s instead of %s", c->name,
                            text_or(c->env, "no variable"), text_or(o->env, "no variable"));
        }
        if (o != NULL && strcmp(text_or(o->shape, ""), text_or(c->shape, "")) != 0) {
            review_diff_add(diff, REVIEW_EFFECT_OTHER, NULL, "new placeholders of \"%s\" have another shape",
                            c->name);
        }
    }
    for (size_t i = 0; i < old->credential_count; i++) {
        const struct spec_credential *c = &old->credentials[i];
        if (spec_find_credential(new, span_str(c->name)) == NULL) {
            compare_binding(diff, old, new, c->name);
        }
    }
}

/* ---- limits ---- */

static void compare_limit(struct review_diff *diff, const char *what, uint64_t old, uint64_t new)
{
    char before[32];
    char after[32];
    if (old == new) {
        return;
    }
    (void)snprintf(before, sizeof(before), "%llu", (unsigned long long)old);
    (void)snprintf(after, sizeof(after), "%llu", (unsigned long long)new);
    bool looser = new == 0 || (old != 0 && new > old);
    review_diff_add(diff, looser ? REVIEW_EFFECT_LIMIT : REVIEW_EFFECT_STRICTER, NULL, "%s: %s instead of %s",
                    what, new != 0 ? after : "no limit", old != 0 ? before : "no limit");
}

/* ---- the rest ---- */

static void compare_tripwire(struct review_diff *diff, const struct spec *old, const struct spec *new)
{
    if (old->limits.tripwire_suspends != new->limits.tripwire_suspends) {
        bool stricter = new->limits.tripwire_suspends;
        review_diff_add(diff, stricter ? REVIEW_EFFECT_STRICTER : REVIEW_EFFECT_WEAKER, NULL,
                        stricter
                            ? "a placeholder where it does not belong suspends the tenant"
                            : "a placeholder where it does not belong does not suspend the tenant any more");
    }
}

/* That a CA is to be constrained, or the names, which change with the routes. */
static void compare_ca(struct review_diff *diff, const struct spec *old, const struct spec *new)
{
    if (!old->name_constraints && !new->name_constraints) {
        return;
    }
    struct buf before;
    struct buf after;
    buf_init(&before, SPEC_CA_NAMES_MAX);
    buf_init(&after, SPEC_CA_NAMES_MAX);
    int r = spec_ca_names(old, &before);
    int r2 = spec_ca_names(new, &after);
    if (r == CB_ENOMEM || r2 != 0) {
        diff->error = r == CB_ENOMEM ? r : r2;
    } else if (!new->name_constraints) {
        review_diff_add(diff, REVIEW_EFFECT_WEAKER, NULL,
                        "the CA gets a successor that may sign for any host" NOT_YET);
    } else if (!old->name_constraints) {
        review_diff_add(
            diff, REVIEW_EFFECT_STRICTER, NULL,
            "the CA gets a successor that may sign for the hosts of the routes only; for any other the agent "
            "then sees a TLS error instead of a readable 403" NOT_YET);
    } else if (!span_eq(buf_span(&before), buf_span(&after))) {
        review_diff_add(
            diff, REVIEW_EFFECT_OTHER, NULL,
            "the CA gets a successor for the hosts as they are now; new ones fail in the agent's TLS until then" NOT_YET);
    }
    buf_deinit(&before);
    buf_deinit(&after);
}

void review_diff_tenant(struct review_diff *diff, const struct spec *old, const struct spec *new)
{
    compare_credentials(diff, old, new);
    compare_limit(diff, "requests per minute", old->limits.requests_per_minute,
                  new->limits.requests_per_minute);
    compare_limit(diff, "requests at the same time", old->limits.concurrent, new->limits.concurrent);
    compare_limit(diff, "bytes of a request's body", old->limits.request_bytes, new->limits.request_bytes);
    compare_tripwire(diff, old, new);
    compare_ca(diff, old, new);
}
