/* test_report.c - typed values: what is a text, a number, a size; and lines that a terminal survives. */
#include "conf/report.h"

#include "support/check.h"

/* Reads one scalar and gives it to a reading function. */
struct value {
    struct conf_tree tree;
    struct conf_report report;
    struct buf out;
};

static const struct conf_node *value_init(struct value *v, const char *text)
{
    struct conf_tree_error error;
    *v = (struct value){.report = {.file = "f"}};
    v->report.out = &v->out;
    buf_init(&v->out, 65536);
    CHECK_EQ_INT(conf_tree_read(span_str(text), &v->tree, &error), 0);
    return v->tree.documents;
}

static void value_deinit(struct value *v)
{
    conf_tree_deinit(&v->tree);
    buf_deinit(&v->out);
}

TEST(texts_are_not_numbers_booleans_or_nothing)
{
    static const struct {
        const char *yaml;
        bool good;
    } cases[] = {
        {"a", true},      {"\"1\"", true}, {"'true'", true}, {"1.2.3.4", true}, {"0x", true},
        {"1e", true},     {"a-", true},    {"yes", true},    {".", true},       {"1_000", true},
        {"1", false},     {"-1", false},   {"+1.5", false},  {".5", false},     {"1.", false},
        {"1e5", false},   {"1E-5", false}, {"0x1F", false},  {"0o17", false},   {"true", false},
        {"FALSE", false}, {"~", false},    {"null", false},  {"[a]", false},    {"{a: b}", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct value v;
        const char *text = NULL;
        const struct conf_node *node = value_init(&v, cases[i].yaml);
        if (node == NULL || !CHECK(conf_read_text(&v.report, node, &text) == cases[i].good) ||
            !CHECK((v.report.count == 0) == cases[i].good)) {
            printf("with %s\n", cases[i].yaml);
        }
        value_deinit(&v);
    }
}

TEST(booleans)
{
    static const char *const bad[] = {"yes", "True", "\"true\"", "1", "~", "[true]"};
    struct value v;
    bool yes = false;
    CHECK(conf_read_bool(&v.report, value_init(&v, "true"), &yes) && yes);
    value_deinit(&v);
    CHECK(conf_read_bool(&v.report, value_init(&v, "false"), &yes) && !yes);
    value_deinit(&v);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK(!conf_read_bool(&v.report, value_init(&v, bad[i]), &yes));
        CHECK_EQ_UINT(v.report.count, 1);
        value_deinit(&v);
    }
}

TEST(sizes)
{
    static const struct {
        const char *yaml;
        uint64_t want; /* 0: refused */
    } cases[] = {
        {"1", 1},
        {"1048576", 1048576},
        {"1KiB", 1024},
        {"64MiB", 64U << 20},
        {"1GiB", 1U << 30},
        {"\"2KiB\"", 2048},
        {"0", 0},
        {"0KiB", 0},
        {"01KiB", 0},
        {"1kib", 0},
        {"1 KiB", 0},
        {"KiB", 0},
        {"-1", 0},
        {"1.5MiB", 0},
        {"2GiB", 0},
        {"1073741825", 0},
        {"18446744073709551617", 0},
        {"17179869185GiB", 0},
        {"[1]", 0},
        {"1KB", 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct value v;
        uint64_t got = 0;
        const struct conf_node *node = value_init(&v, cases[i].yaml);
        if (node == NULL || !CHECK(conf_read_size(&v.report, node, 1U << 30, &got) == (cases[i].want != 0)) ||
            !CHECK_EQ_UINT(got, cases[i].want)) {
            printf("with %s\n", cases[i].yaml);
        }
        value_deinit(&v);
    }
}

TEST(lines_are_printable)
{
    static const char *const known[] = {"a", "b", NULL};
    struct value v;
    const struct conf_node *node = value_init(&v, "\"k\\e[31m\\n\\u00e4\": 1\n");
    CHECK(!conf_read_keys(&v.report, node, known));
    struct span got = buf_span(&v.out);
    static const char want[] = "f:1:1: k?[31m???: unknown key; known here: a, b\n";
    CHECK_EQ_BYTES(got.ptr, got.len, want, sizeof(want) - 1);
    value_deinit(&v);
}

TEST(a_full_buffer_is_said)
{
    struct value v;
    const struct conf_node *node = value_init(&v, "a");
    buf_deinit(&v.out);
    buf_init(&v.out, 10);
    conf_report_node(&v.report, node, "more than ten bytes");
    CHECK_EQ_INT(v.report.failure, CB_ELIMIT);
    CHECK_EQ_UINT(buf_len(&v.out), 0);
    conf_report_end(&v.report);
    CHECK_EQ_INT(v.report.failure, CB_ELIMIT);
    value_deinit(&v);
}

TEST(lines_for_programs_have_tabs_between_their_parts)
{
    struct buf out;
    buf_init(&out, 65536);
    struct conf_report report = {.out = &out};
    conf_report_place(&report, 3, 7, "spec.\tx", "should be\tthis: or\nthat");
    conf_report_place(&report, 4, 1, "", "no path");
    for (size_t i = 0; i < CONF_REPORT_MAX; i++) {
        conf_report_place(&report, 5, 1, "spec", "more");
    }
    conf_report_end(&report);
    CHECK_EQ_INT(report.failure, 0);
    struct span text = buf_span(&out);
    CHECK(span_starts(
        text, SPAN_LIT("3\t7\tspec.?x\tshould be?this: or?that\n4\t1\t\tno path\n5\t1\tspec\tmore\n")));
    CHECK(span_ends(text, SPAN_LIT("\n0\t0\t\t2 more errors are not shown\n")));
    buf_deinit(&out);
}

TEST_MAIN()
