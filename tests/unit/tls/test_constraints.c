/* test_constraints.c - name constraints: each form of names, permitted and excluded, and what is malformed. */
#include "support/check.h"
#include "tls/constraints.h"
#include "tls/der.h"

/* ---- DER of short things ---- */

struct der {
    uint8_t bytes[512];
    size_t len;
};

static void put(struct der *out, const void *bytes, size_t len)
{
    if (CHECK(len <= sizeof(out->bytes) - out->len) && len != 0) {
        memcpy(out->bytes + out->len, bytes, len);
        out->len += len;
    }
}

static struct der wrap(uint8_t tag, struct span value)
{
    struct der out = {.len = 0};
    uint8_t head[] = {tag, 0x81, (uint8_t)value.len};
    if (value.len < 0x80) {
        head[1] = (uint8_t)value.len;
    }
    CHECK(value.len < 256);
    put(&out, head, value.len < 0x80 ? 2 : 3);
    put(&out, value.ptr, value.len);
    return out;
}

static struct span of(const struct der *d)
{
    return span_of(d->bytes, d->len);
}

/* A Name of common names, one after the other: "a/b". An empty text is the empty Name. */
static struct der common_names(uint8_t string, const char *text)
{
    struct der rdns = {.len = 0};
    for (struct span rest = span_str(text); rest.len != 0;) {
        static const uint8_t oid[] = {DER_OID, 3, 0x55, 0x04, 0x03};
        const uint8_t *slash = memchr(rest.ptr, '/', rest.len);
        struct span one = span_sub(rest, 0, slash != NULL ? (size_t)(slash - rest.ptr) : rest.len);
        struct der pair = {.len = 0};
        struct der value = wrap(string, one);
        put(&pair, oid, sizeof(oid));
        put(&pair, value.bytes, value.len);
        struct der sequence = wrap(DER_SEQUENCE, of(&pair));
        struct der set = wrap(DER_SET, of(&sequence));
        put(&rdns, set.bytes, set.len);
        rest = span_sub(rest, one.len + 1, rest.len);
    }
    return wrap(DER_SEQUENCE, of(&rdns));
}

/* A GeneralName: its tag with the text, or for 0xa4 the Name of it. */
static struct der general_name(uint8_t tag, struct span value)
{
    struct der name = {.len = 0};
    if (tag == 0xa4) {
        char text[64];
        (void)snprintf(text, sizeof(text), "%.*s", SPAN_ARG(value));
        name = common_names(DER_UTF8, text);
        value = of(&name);
    }
    return wrap(tag, value);
}

#define DNS  0x82
#define IP   0x87
#define DIR  0xa4
#define MAIL 0x81
#define URI  0x86

struct base {
    uint8_t tag;
    struct span value;
};

#define TREE(tag_, text_) ((struct base){(tag_), SPAN_LIT(text_)})
#define NONE              ((struct base){0, {NULL, 0}})

/* NameConstraints with at most one permitted and one excluded subtree. */
static struct der constraints_of(struct base permitted, struct base excluded)
{
    struct der all = {.len = 0};
    const struct base *bases[] = {&permitted, &excluded};
    for (size_t i = 0; i < 2; i++) {
        if (bases[i]->tag != 0) {
            struct der name = general_name(bases[i]->tag, bases[i]->value);
            struct der subtree = wrap(DER_SEQUENCE, of(&name));
            struct der list = wrap((uint8_t)(0xa0 + i), of(&subtree));
            put(&all, list.bytes, list.len);
        }
    }
    return wrap(DER_SEQUENCE, of(&all));
}

static const char *check_bytes(struct span constraints, const char *subject, struct base name)
{
    struct der general = general_name(name.tag, name.value);
    struct der alt = wrap(DER_SEQUENCE, of(&general));
    struct der dn = common_names(DER_UTF8, subject);
    struct tls_names names = {.subject = of(&dn), .alt_names = name.tag != 0 ? of(&alt) : SPAN_EMPTY};
    unsigned budget = TLS_CONSTRAINTS_BUDGET;
    const char *why = tls_constraints_check(constraints, &names, &budget);
    return why != NULL ? why : "ok";
}

static const char *check(struct base permitted, struct base excluded, struct base name)
{
    struct der constraints = constraints_of(permitted, excluded);
    return check_bytes(of(&constraints), "", name);
}

#define OK        "ok"
#define OUTSIDE   "a name is outside the issuer's name constraints"
#define EXCLUDED  "a name is excluded by the issuer's name constraints"
#define MALFORMED "name constraints are malformed"
#define BAD_NAME  "a name in the certificate is malformed"
#define UNKNOWN \
    "name constraints restrict a form of names that is not understood, and the certificate has one"

TEST(dns)
{
    static const struct {
        const char *base;
        const char *name;
        const char *permitted;
        const char *excluded;
    } cases[] = {
        {"example.com", "example.com", OK, EXCLUDED},
        {"example.com", "EXAMPLE.com", OK, EXCLUDED},
        {"example.com", "a.b.example.com", OK, EXCLUDED},
        {"example.com", "notexample.com", OUTSIDE, OK},
        {"example.com", "com", OUTSIDE, OK},
        {"example.com", "example.com.evil", OUTSIDE, OK},
        {"example.com", "*.example.com", OK, EXCLUDED},
        {"example.com", "*.com", OUTSIDE, EXCLUDED}, /* it stands for example.com */
        {"a.example.com", "*.example.com", OUTSIDE, EXCLUDED},
        {"b.a.example.com", "*.example.com", OUTSIDE, EXCLUDED},
        {"a.example.org", "*.example.com", OUTSIDE, OK},
        {"", "anything.example", OK, EXCLUDED},
        {"example.com", ".example.com", BAD_NAME, BAD_NAME},
        {"example.com", "a..example.com", BAD_NAME, BAD_NAME},
        {"example.com", "*", BAD_NAME, BAD_NAME},
        {"example.com", "a.*.example.com", BAD_NAME, BAD_NAME},
        {"example.com", "", BAD_NAME, BAD_NAME},
        {"example.com", "example.com.", BAD_NAME, BAD_NAME},
        {".example.com", "a.example.com", MALFORMED, MALFORMED},
        {"*.example.com", "a.example.com", MALFORMED, MALFORMED},
        {"exa mple.com", "a.example.com", MALFORMED, MALFORMED},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct base base = {DNS, span_str(cases[i].base)};
        struct base name = {DNS, span_str(cases[i].name)};
        if (!CHECK_EQ_STR(check(base, NONE, name), cases[i].permitted) ||
            !CHECK_EQ_STR(check(NONE, base, name), cases[i].excluded)) {
            printf("    %s in %s\n", cases[i].name, cases[i].base);
        }
    }
    CHECK_EQ_STR(check(TREE(DNS, "example.com"), TREE(DNS, "a.example.com"), TREE(DNS, "b.example.com")), OK);
    CHECK_EQ_STR(check(TREE(DNS, "example.com"), TREE(DNS, "a.example.com"), TREE(DNS, "a.example.com")),
                 EXCLUDED);
}

#define TEN      "\x0a\0\0\0\xff\0\0\0"
#define ALL_IPV4 "\0\0\0\0\0\0\0\0"
#define DOC_IPV6 "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\0\xff\xff\xff\xff\0\0\0\0\0\0\0\0\0\0\0\0"

TEST(addresses)
{
    CHECK_EQ_STR(check(TREE(IP, TEN), NONE, TREE(IP, "\x0a\1\2\3")), OK);
    CHECK_EQ_STR(check(TREE(IP, TEN), NONE, TREE(IP, "\x0b\1\2\3")), OUTSIDE);
    CHECK_EQ_STR(check(NONE, TREE(IP, TEN), TREE(IP, "\x0a\1\2\3")), EXCLUDED);
    CHECK_EQ_STR(check(NONE, TREE(IP, ALL_IPV4), TREE(IP, "\x0b\1\2\3")), EXCLUDED);
    CHECK_EQ_STR(check(TREE(IP, DOC_IPV6), NONE, TREE(IP, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1")), OK);
    CHECK_EQ_STR(check(TREE(IP, DOC_IPV6), NONE, TREE(IP, "\x20\x01\x0d\xb9\0\0\0\0\0\0\0\0\0\0\0\1")),
                 OUTSIDE);
    CHECK_EQ_STR(check(TREE(IP, DOC_IPV6), NONE, TREE(IP, "\x0a\1\2\3")), OUTSIDE);
    CHECK_EQ_STR(check(NONE, TREE(IP, DOC_IPV6), TREE(IP, "\x0a\1\2\3")), OK);
    CHECK_EQ_STR(check(TREE(IP, "\x0a\0\0\0"), NONE, TREE(IP, "\x0a\1\2\3")), MALFORMED);
    CHECK_EQ_STR(check(TREE(IP, "\x0a\0\0\0\xff\0\xff\0"), NONE, TREE(IP, "\x0a\1\2\3")), MALFORMED);
    CHECK_EQ_STR(check(TREE(IP, TEN), NONE, TREE(IP, "\x0a\1\2")), BAD_NAME);
    CHECK_EQ_STR(check(TREE(IP, TEN), NONE, TREE(IP, TEN)), BAD_NAME);
    /* A form that is not constrained is free. */
    CHECK_EQ_STR(check(TREE(IP, TEN), NONE, TREE(DNS, "example.com")), OK);
    CHECK_EQ_STR(check(NONE, TREE(DNS, ""), TREE(IP, "\x0a\1\2\3")), OK);
}

static const char *directory(const char *base, const char *name, bool permitted)
{
    struct base tree = {DIR, span_str(base)};
    return check(permitted ? tree : NONE, permitted ? NONE : tree, (struct base){DIR, span_str(name)});
}

TEST(directories)
{
    CHECK_EQ_STR(directory("a/b", "a/b", true), OK);
    CHECK_EQ_STR(directory("a/b", "a/b/c", true), OK);
    CHECK_EQ_STR(directory("a/b", "a", true), OUTSIDE);
    CHECK_EQ_STR(directory("a/b", "a/c", true), OUTSIDE);
    CHECK_EQ_STR(directory("a/b", "a/b/c", false), EXCLUDED);
    CHECK_EQ_STR(directory("a/b", "b/a", false), OK);
    CHECK_EQ_STR(directory("", "a", true), OK);
    CHECK_EQ_STR(directory("Acme  Corp", " acme corp ", true), OK);
    CHECK_EQ_STR(directory("Acme Corp", "AcmeCorp", true), OUTSIDE);
    CHECK_EQ_STR(directory("Acme Corp", "AcmeCorp", false), OK);
    CHECK_EQ_STR(directory("Acme Corp", "aCME  cORP", false), EXCLUDED);
    /* Other letters than ASCII's are not compared without regard to case. */
    CHECK_EQ_STR(directory("M\xc3\xbcller", "M\xc3\xbcller", true), OK);
    CHECK_EQ_STR(directory("M\xc3\xbcller", "M\xc3\x9cller", true), OUTSIDE);
    CHECK_EQ_STR(directory("M\xc3\xbcller", "M\xc3\x9cller", false), EXCLUDED);
}

TEST(subjects)
{
    struct der permitted = constraints_of(TREE(DIR, "foo"), NONE);
    struct der barred = constraints_of(NONE, TREE(DIR, "foo"));
    CHECK_EQ_STR(check_bytes(of(&permitted), "foo", NONE), OK);
    CHECK_EQ_STR(check_bytes(of(&permitted), "bar", NONE), OUTSIDE);
    CHECK_EQ_STR(check_bytes(of(&permitted), "bar", TREE(DIR, "foo")), OUTSIDE);
    CHECK_EQ_STR(check_bytes(of(&permitted), "", NONE), OK);
    CHECK_EQ_STR(check_bytes(of(&barred), "foo", TREE(DIR, "bar")), EXCLUDED);
    CHECK_EQ_STR(check_bytes(of(&barred), "bar", TREE(DIR, "foo")), EXCLUDED);

    /* The same text as another kind of string. */
    struct der printable = common_names(DER_PRINTABLE, "FOO");
    struct tls_names names = {.subject = of(&printable)};
    unsigned budget = 10;
    CHECK_EQ_STR(tls_constraints_check(of(&barred), &names, &budget), EXCLUDED);
    CHECK(tls_constraints_check(of(&permitted), &names, &budget) == NULL);
    /* A kind of string that is not understood may mean the same. */
    struct der bmp = common_names(0x1e, "foo");
    names.subject = of(&bmp);
    CHECK_EQ_STR(tls_constraints_check(of(&barred), &names, &budget), EXCLUDED);
    CHECK_EQ_STR(tls_constraints_check(of(&permitted), &names, &budget), OUTSIDE);

    /* An address of mail in the subject is a name of mail. */
    static const uint8_t mail[] = {0x30, 0x16, 0x31, 0x14, 0x30, 0x12, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                   0xf7, 0x0d, 0x01, 0x09, 0x01, 0x16, 0x05, 'a',  '@',  'b',  '.',  'c'};
    struct der mails = constraints_of(TREE(MAIL, "b.c"), NONE);
    names.subject = span_of(mail, sizeof(mail));
    CHECK_EQ_STR(tls_constraints_check(of(&mails), &names, &budget), UNKNOWN);
    CHECK(tls_constraints_check(of(&barred), &names, &budget) == NULL);
}

TEST(forms_that_are_not_understood)
{
    CHECK_EQ_STR(check(TREE(URI, "example.com"), NONE, TREE(DNS, "example.com")), OK);
    CHECK_EQ_STR(check(TREE(URI, "example.com"), NONE, TREE(URI, "https://example.com/")), UNKNOWN);
    CHECK_EQ_STR(check(NONE, TREE(MAIL, "example.com"), TREE(MAIL, "a@example.org")), UNKNOWN);
    CHECK_EQ_STR(check(NONE, TREE(DNS, "example.com"), TREE(MAIL, "a@example.org")), OK);
    CHECK_EQ_STR(check(NONE, TREE(0x88, "\x2a"), TREE(0x88, "\x2a")), UNKNOWN); /* registeredID */
}

TEST(malformed)
{
    static const struct {
        const char *bytes;
        size_t len;
    } cases[] = {
        {"", 0},
        {"\x30", 1},
        {"\x30\x00", 2},                    /* neither permitted nor excluded */
        {"\x30\x02\xa0\x00", 4},            /* an empty list */
        {"\x30\x02\x05\x00", 4},            /* something else */
        {"\x30\x04\xa0\x00\xa1\x00", 6},    /* two of them */
        {"\x30\x07\xa0\x05\x30\x03\x82\x02" /* longer than what is there */
         "a",
         9},
        {"\x30\x0a\xa0\x08\x30\x06\x82\x01"
         "a\x80\x01\x00",
         12}, /* a minimum */
        {"\x30\x0e\xa1\x05\x30\x03\x82\x01"
         "a\xa0\x05\x30\x03\x82\x01"
         "b",
         16}, /* the wrong order */
        {"\x30\x07\xa0\x05\x30\x03\xa2\x01"
         "a",
         9}, /* a constructed dNSName */
        {"\x30\x07\xa0\x05\x30\x03\x16\x01"
         "a",
         9}, /* no GeneralName */
        {"\x30\x81\x07\xa0\x05\x30\x03\x82\x01"
         "a",
         10}, /* a length that is not in its shortest form */
        {"\x30\x07\xa0\x05\x30\x03\x82\x01"
         "a\x00",
         10}, /* something behind it */
        {"\x30\x80\xa0\x05\x30\x03\x82\x01"
         "a\x00\x00",
         11}, /* no definite length */
    };
    static const uint8_t good[] = {0x30, 7, 0xa0, 5, 0x30, 3, 0x82, 1, 'a'};
    CHECK_EQ_STR(check_bytes(span_of(good, sizeof(good)), "", TREE(DNS, "a")), OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct span bytes = span_of(cases[i].bytes, cases[i].len);
        if (!CHECK_EQ_STR(check_bytes(bytes, "", NONE), MALFORMED)) {
            printf("    case %zu\n", i);
        }
    }
    for (size_t cut = 0; cut < sizeof(good); cut++) {
        CHECK_EQ_STR(check_bytes(span_of(good, cut), "", NONE), MALFORMED);
    }
}

TEST(the_work_is_bounded)
{
    struct der constraints = constraints_of(TREE(DNS, "a.example"), NONE);
    struct der one = general_name(DNS, SPAN_LIT("a.example"));
    struct der two = one;
    put(&two, one.bytes, one.len);
    struct der alt = wrap(DER_SEQUENCE, of(&two));
    struct der dn = common_names(DER_UTF8, "");
    struct tls_names names = {.subject = of(&dn), .alt_names = of(&alt)};
    unsigned budget = 2;
    CHECK(tls_constraints_check(of(&constraints), &names, &budget) == NULL);
    CHECK_EQ_UINT(budget, 0);
    CHECK_EQ_STR(tls_constraints_check(of(&constraints), &names, &budget),
                 "too many names and name constraints");
}

TEST(der_lengths)
{
    static uint8_t bytes[0x10005] = {0x04};
    struct span rest = span_of(bytes, sizeof(bytes));
    struct span value;
    uint8_t tag;
    bytes[1] = 0x83;
    bytes[2] = 0x01; /* 65536 */
    CHECK(der_take(&rest, &tag, &value));
    CHECK_EQ_UINT(tag, 4);
    CHECK_EQ_UINT(value.len, 65536);
    CHECK_EQ_UINT(rest.len, 0);
    rest = span_of(bytes, sizeof(bytes) - 1);
    CHECK(!der_take(&rest, &tag, &value));
    CHECK_EQ_UINT(rest.len, sizeof(bytes) - 1);
    bytes[1] = 0x84; /* four bytes of length are more than any certificate needs */
    CHECK(!der_take(&rest, &tag, &value));
    bytes[0] = 0x1f; /* a tag of several bytes */
    bytes[1] = 0x00;
    CHECK(!der_take(&rest, &tag, &value));
}

TEST_MAIN()
