/*
 * test_vectors.c - replays the byte strings of the attack catalogue and of llhttp's own tests.
 *
 * What must be refused is refused here, or stands in a table with the layer that has to refuse it; what llhttp means to
 * accept is accepted, or stands in a table with our reason. The tables are exact in both directions: a row that is no
 * longer true fails too.
 */
#include "support/check.h"
#include "unit/http/replay.h"
#include "unit/http/vectors.h"

/* Attacks that are well-formed messages. `ids` is a list with blanks around each. */
static const struct {
    const char *layer;
    const char *ids;
} other_layers[] = {
    {"policy/host: a name or port that is no canonical authority, or a scheme that is not http",
     " A3.1 A3.2 A3.3 A3.7 A3.8 A3.9 A3.10 A11.1 A11.5 A11.6 A11.7 A11.10 A11.11 A11.14 A11.15 A11.17 "
     " A11.18 A11.19 A11.20 A11.21 A11.22 A11.23 A11.24 A11.25 A11.26 A11.27 A28.1 A28.2 A28.3 A28.4 "
     " A28.5 A28.6 A28.7 A28.8 A28.9 A28.10 A28.11 A28.12 A28.13 A28.14 A28.15 A28.16 A28.17 A28.18 "
     " A28.19 A28.20 A28.21 A28.22 A28.26 A28.27 A28.28 A32.1 A32.2 A32.3 A32.4 A32.6 A32.8 A32.9 "
     " A32.10 A32.11 A32.12 A32.13 A32.14 A32.15 A32.16 A32.17 A32.18 A32.19 A32.20 A32.22 A32.23 "
     " A36.1 A36.2 A36.3 A36.4 A36.5 A36.6 A36.7 A37.1 A37.2 A37.3 A40.1 A40.2 A40.3 A40.4 A40.6 "
     " A40.7 A40.8 A40.9 A40.11 A40.13 A40.14 A40.15 A40.16 A40.17 A40.22 A40.23 A40.26 A40.27 A40.28 "
     " A40.29 A40.30 "},
    {"policy/address and policy/host: numbers and special-purpose addresses",
     " C1.1 C1.2 C1.3 C1.4 C1.5 C1.6 C1.7 C1.8 C1.9 C1.10 C1.11 C1.12 C1.13 C1.14 C1.15 C1.16 C1.17 "
     " C1.18 C1.19 C1.20 C1.21 C1.22 C1.23 C1.24 C1.25 C1.26 C1.27 C1.28 C1.29 C1.30 C1.31 C1.32 "
     " C1.33 C1.34 C1.35 C1.36 C1.37 C1.38 C1.39 C1.40 C1.41 C1.42 C1.43 C1.44 C1.45 C1.46 C1.47 "
     " C1.48 C1.49 C1.50 C1.51 C1.52 C1.53 "},
    {"policy/table: a well-formed authority that no route has",
     " A3.4 A3.5 A3.6 A32.24 A32.25 A32.26 A32.27 A32.28 A32.29 A40.5 A40.10 A40.12 "},
    {"gate: Host, target and tunnel must name the same canonical authority",
     " B10.4 B10.5 B10.6 B10.10 B10.11 B10.12 B10.13 B10.14 B10.16 B10.17 B10.18 B10.19 B10.20 B10.21 "
     " B10.22 B10.24 B10.26 B10.27 B14.1 "},
    {"policy/path: longer than a route allows", " F8.1 "},
    {"policy/table: a method that the route does not allow", " F13.1 F13.4 F13.11 F13.16 F13.17 "},
    {"gate: the body is over the limit, or never comes", " G5.19 "},
};

/* Vectors whose outcome is left to us ("rule") and that this module refuses. */
static const char rules_refused[] =
    " F1.19 F1.27 F1.28 F1.29 F1.33 F1.34 F1.35 F1.53 F1.54 F1.58 " /* targets with bad bytes or of no form */
    " G5.30 G5.31 G5.32 " /* leading zeros; a tab behind the number */
    " G7.20 G7.21 "       /* Content_Length */
    " G27.2 ";            /* 1,000 empty lines */

static bool list_has(const char *list, struct span id)
{
    char word[32];
    (void)snprintf(word, sizeof(word), " %.*s ", SPAN_ARG(id));
    return strstr(list, word) != NULL;
}

static bool is_other_layers(struct span id)
{
    bool found = false;
    for (size_t i = 0; i < sizeof(other_layers) / sizeof(other_layers[0]); i++) {
        found = found || list_has(other_layers[i].ids, id);
    }
    return found;
}

static size_t count_words(const char *list)
{
    size_t count = 0;
    for (; *list != '\0'; list++) {
        count += list[0] == ' ' && list[1] != ' ' && list[1] != '\0' ? 1 : 0;
    }
    return count;
}

TEST(wire_vectors)
{
    struct vectors v;
    size_t denied = 0;
    size_t accepted_deny = 0;
    size_t refused_rule = 0;
    if (!vectors_open(&v, "wire/wire-vectors.json")) {
        SKIP("no test data");
        return;
    }
    while (vectors_next(&v)) {
        struct span id = vectors_get(&v, "id");
        struct span expect = vectors_get(&v, "expect");
        size_t len;
        uint8_t *bytes = vectors_hex(&v, "hex", 0, &len);
        struct replay t;
        replay_run(&t, REPLAY_REQUEST, span_of(bytes, len), 0, len, false);
        bool refused = replay_refused(&t);
        bool fine = refused || t.heads > 0; /* none of them ends inside a head */
        if (span_eq_str(expect, "deny")) {
            fine = fine && refused == !is_other_layers(id);
            denied += refused ? 1 : 0;
            accepted_deny += refused ? 0 : 1;
        } else if (span_eq_str(expect, "rule")) {
            fine = fine && refused == list_has(rules_refused, id);
            refused_rule += refused ? 1 : 0;
        } else {
            fine = fine && span_eq_str(expect, "same") && !refused;
        }
        if (!CHECK(fine) || !CHECK(replay_split_invariant(&t, REPLAY_REQUEST, span_of(bytes, len), false))) {
            printf("  %.*s (%.*s): %s %s\n", SPAN_ARG(id), SPAN_ARG(expect),
                   refused ? "refused:" : "accepted", t.why);
        }
        replay_free(&t);
        free(bytes);
    }
    size_t listed = 0;
    for (size_t i = 0; i < sizeof(other_layers) / sizeof(other_layers[0]); i++) {
        listed += count_words(other_layers[i].ids);
    }
    CHECK_EQ_UINT(accepted_deny, listed);
    CHECK_EQ_UINT(refused_rule, count_words(rules_refused));
    CHECK(denied > 180);
    vectors_close(&v);
}

/* ---- llhttp's corpus ---- */

/* Cases that llhttp accepts and we refuse. The number is the position in the file. */
static const struct {
    int number;
    const char *why; /* ours */
} ours[] = {
    {1, "no Host"},                      /* its second request has no Host */
    {7, "bytes after the last message"}, /* the corpus' own reading error: Connection: close, then more */
    {9, "Invalid method encountered"},   /* an upgrade is not switched to, so its bytes are a next request */
    {14, "Invalid method encountered"},  /* the same */
    {15, "Invalid method encountered"},  /* the same */
    {16, "Invalid method encountered"},  /* the same */
    {17, "a Content-Length that is not plain digits or too large"}, /* leading zeros */
    {18, "a Content-Length that is not plain digits or too large"}, /* leading zeros */
    {27, "Invalid character in Content-Length"}, /* llhttp 9.2 takes blanks behind the number, not tabs */
    {73, "bytes after the last message"},        /* HTTP/1.0 closes; the tunnel's bytes are the caller's */
    {75, "CONNECT with a body"},
    {83, "a protocol other than HTTP"},
    {84, "a protocol other than HTTP"},
    {85, "a protocol other than HTTP"},
    {101, "no Host"},                                                   /* its second request has no Host */
    {111, "a request line that is not three words with single spaces"}, /* HTTP/0.9 */
    {139, "a Transfer-Encoding other than chunked"},
    {140, "more than one Transfer-Encoding"},
    {171, "101 although no upgrade was asked for"}, /* never forwarded, RFC 9110, 7.8 */
    {172, "101 although no upgrade was asked for"}, /* the same */
    {176, "empty lines before the message"},      /* empty lines are for servers to ignore, not for clients */
    {178, "empty lines before the message"},      /* the same */
    {183, "Invalid character in Content-Length"}, /* as 27 */
    {216, "empty lines before the message"},      /* as 176 */
    {218, "Expected HTTP/"},
    {219, "Expected HTTP/"},
    {222, "a line feed before the message"}, /* the corpus' own reading error: text behind the body */
    {233, "a version other than 1.0 and 1.1"},
    {235, "empty lines before the message"}, /* as 176 */
    {237, "a Transfer-Encoding other than chunked"},
    {238, "more than one Transfer-Encoding"},
    {239, "a Transfer-Encoding other than chunked"},
};

struct corpus_case {
    enum replay_kind kind;
    uint8_t *bytes;
    size_t len;
    bool completed;
};

/* The corpus leaves out the last CRLF of its inputs: a message that is cut behind a line gets it back. */
static void run_case(struct corpus_case *c, struct replay *t)
{
    replay_run(t, c->kind, span_of(c->bytes, c->len), 0, c->len + 1, true);
    if (t->result == CB_ETRUNCATED && !c->completed &&
        span_ends(span_of(c->bytes, c->len), SPAN_LIT("\r\n"))) {
        replay_free(t);
        c->completed = true;
        memcpy(c->bytes + c->len, "\r\n", 2);
        c->len += 2;
        replay_run(t, c->kind, span_of(c->bytes, c->len), 0, c->len, true);
    }
}

/* Most of its requests have no Host: they get one, so that they are tested for what they are about. */
static void add_host(struct corpus_case *c)
{
    static const char host[] = "Host: h\r\n";
    size_t at = 0;
    while (c->bytes[at] == '\r' || c->bytes[at] == '\n') {
        at++; /* an empty line in front */
    }
    while (c->bytes[at++] != '\n') {
    }
    memmove(c->bytes + at + strlen(host), c->bytes + at, c->len - at);
    memcpy(c->bytes + at, host, strlen(host));
    c->len += strlen(host);
}

TEST(llhttp_corpus)
{
    struct vectors v;
    unsigned refused = 0;
    unsigned accepted = 0;
    unsigned used = 0;
    if (!vectors_open(&v, "llhttp/llhttp-corpus.json")) {
        SKIP("no test data");
        return;
    }
    for (int number = 0; vectors_next(&v); number++) {
        if (span_eq_str(vectors_get(&v, "lenient"), "true")) {
            continue;
        }
        struct corpus_case c = {.kind = span_eq_str(vectors_get(&v, "kind"), "request") ? REPLAY_REQUEST
                                                                                        : REPLAY_RESPONSE};
        struct replay t;
        c.bytes = vectors_hex(&v, "raw_hex", 64, &c.len);
        run_case(&c, &t);
        if (strcmp(t.why, "no Host") == 0 && t.ends == 0) {
            replay_free(&t);
            add_host(&c);
            run_case(&c, &t);
        }
        bool must_fail = span_eq_str(vectors_get(&v, "error"), "true");
        /* llhttp stops there because it would switch protocols; that is no fault of the message. */
        bool switches = span_eq_str(vectors_get(&v, "reason"), "Pause on CONNECT/Upgrade");
        const char *why = NULL;
        for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
            if (ours[i].number == number) {
                why = ours[i].why;
                used++;
            }
        }
        bool fine = replay_refused(&t) ? (must_fail && !switches) || (why != NULL && strcmp(why, t.why) == 0)
                                       : !must_fail || switches;
        refused += replay_refused(&t) ? 1 : 0;
        accepted += replay_refused(&t) ? 0 : 1;
        if (!CHECK(fine) || !CHECK(why == NULL || replay_refused(&t)) ||
            !CHECK(replay_split_invariant(&t, c.kind, span_of(c.bytes, c.len), true))) {
            printf("  %d %.*s: error %.*s, %d %s\n", number, SPAN_ARG(vectors_get(&v, "title")),
                   SPAN_ARG(vectors_get(&v, "error")), t.result, t.why);
        }
        replay_free(&t);
        free(c.bytes);
    }
    CHECK_EQ_UINT(used, sizeof(ours) / sizeof(ours[0]));
    CHECK(refused > 70 && accepted > 70);
    vectors_close(&v);
}

TEST_MAIN()
