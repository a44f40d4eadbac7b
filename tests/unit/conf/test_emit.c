/* test_emit.c - what is written is read back as the same values, whatever is in them, and never as structure. */
#include "conf/emit.h"

#include <stdlib.h>

#include "conf/tree.h"
#include "support/check.h"

/* Writes {KEY: VALUE, after: x}, reads it, and gives the value's node back; the tree is the caller's. */
static const struct conf_node *there_and_back(struct span value, const char *key, struct conf_tree *tree)
{
    struct conf_tree_error error;
    struct buf out;
    buf_init(&out, 65536);
    struct emit *e = emit_new(&out);
    emit_map(e, NULL);
    emit_span(e, key, value);
    emit_text(e, "after", "x");
    emit_map_end(e);
    CHECK_EQ_INT(emit_finish(e), 0);
    const struct conf_node *node = NULL;
    if (CHECK_EQ_INT(conf_tree_read(buf_span(&out), tree, &error), 0)) {
        CHECK_EQ_UINT(tree->documents->count, 2);
        CHECK_EQ_STR(conf_node_get(tree->documents, "after")->text, "x");
        node = conf_node_get(tree->documents, key);
    } else {
        printf("%s in\n%.*s\n", error.message, (int)buf_len(&out), (const char *)buf_span(&out).ptr);
    }
    buf_deinit(&out);
    return node;
}

static void check_value(const char *value, bool plain)
{
    struct conf_tree tree;
    const struct conf_node *node = there_and_back(span_str(value), "key", &tree);
    if (CHECK(node != NULL)) {
        CHECK_EQ_STR(node->text, value);
        if (!CHECK_EQ_INT(node->plain, plain)) {
            printf("\"%s\"\n", value);
        }
    }
    conf_tree_deinit(&tree);
}

TEST(what_looks_like_something_else_is_quoted)
{
    static const char *const quoted[] = {
        "",
        "true",
        "True",
        "FALSE",
        "yes",
        "No",
        "on",
        "OFF",
        "y",
        "N",
        "null",
        "Null",
        "~",
        "0x10",
        "1e3",
        "12",
        "-1",
        "+1",
        "0o17",
        "1_000",
        ".inf",
        "-.INF",
        ".nan",
        "12:30:45",
        "1.5",
        "=",
        "<<",
        "*",
        "&a",
        "!t",
        "- a",
        "a: b",
        "a #b",
        "#",
        "{a}",
        "[a]",
        "'",
        "\"",
        "a\tb",
        " a",
        "a ",
        "%x",
        "@a",
        "`",
        "?",
        "? a",
        ":",
        "2026-01-01",
        "--",
        "---",
        "...",
        "a;b",
        "|",
        ">",
        "${x}",
        "\xc3\xa9",
        "\xe2\x80\xa8",
        "\xef\xbb\xbf",
        "\x7f",
        "a\r\nb",
    };
    static const char *const plain[] = {"a",       "alice-dev", "/trust/ca.pem", "v1",
                                        "apps/v1", "e3",        "nulls",         "Z_9"};
    for (size_t i = 0; i < sizeof(quoted) / sizeof(quoted[0]); i++) {
        check_value(quoted[i], false);
    }
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        check_value(plain[i], true);
    }
}

TEST(lines_become_blocks_and_come_back)
{
    static const char *const texts[] = {"a\n",         "a\nb",        "\na",   "\n",        "\n\n\n",
                                        "  a\n b\n",   "a \nb\n",     "a\n\n", "a\n\n\n\n", "a\n  \nb",
                                        "#a\n#b\n",    "---\na: b\n", "a\t\n", "a\n...\n",  " \n",
                                        "a\xc3\xa9\n", "a\r\nb\r\n",  "%TAG\n"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        check_value(texts[i], false);
    }
}

/* Keys are texts too. */
TEST(hostile_keys)
{
    static const char *const keys[] = {"true", "a: b", "- a", "0x10", "? a",     "a\nb: c",
                                       "{",    "*",    "#",   "",     "\xc3\xa9"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        struct conf_tree tree;
        const struct conf_node *node = there_and_back(SPAN_LIT("v"), keys[i], &tree);
        if (!CHECK(node != NULL) || !CHECK_EQ_STR(node->text, "v")) {
            printf("\"%s\"\n", keys[i]);
        }
        conf_tree_deinit(&tree);
    }
}

/* Bytes that YAML gives a meaning to, in every order. */
TEST(any_text)
{
    static const char bytes[] = "ab:-#?,[]{}&*!|>'\"%@`\n\n \t\\$~.0=<";
    uint32_t state = 1;
    for (int i = 0; i < 20000; i++) {
        char text[24];
        size_t len = 0;
        for (; len < sizeof(text) - 1; len++) {
            state = state * 1664525U + 1013904223U;
            if (len != 0 && (state >> 28) == 0) {
                break;
            }
            text[len] = bytes[(state >> 16) % (sizeof(bytes) - 1)];
        }
        text[len] = '\0';
        struct conf_tree tree;
        const struct conf_node *node = there_and_back(span_of(text, len), "key", &tree);
        bool same = node != NULL && node->len == len && memcmp(node->text, text, len) == 0;
        conf_tree_deinit(&tree);
        if (!CHECK(same)) {
            printf("\"%s\"\n", text);
            break;
        }
    }
}

TEST(numbers_and_structure)
{
    struct buf out;
    buf_init(&out, 4096);
    struct emit *e = emit_new(&out);
    emit_map(e, NULL);
    emit_number(e, "k", UINT64_MAX);
    emit_bool(e, "b", true);
    emit_textf(e, "t", "%d", 1);
    emit_list(e, "l");
    emit_map(e, NULL);
    emit_text(e, "a", NULL);
    emit_map_end(e);
    emit_plain(e, NULL, SPAN_LIT("4Gi"));
    emit_list_end(e);
    emit_map(e, "m");
    emit_map_end(e);
    emit_list(e, "e");
    emit_list_end(e);
    emit_map_end(e);
    emit_map(e, NULL);
    emit_text(e, "second", "document");
    emit_map_end(e);
    CHECK_EQ_INT(emit_error(e), 0);
    CHECK_EQ_INT(emit_finish(e), 0);
    static const char want[] = "k: 18446744073709551615\n"
                               "b: true\n"
                               "t: \"1\"\n"
                               "l:\n"
                               "- a: \"\"\n"
                               "- 4Gi\n"
                               "m: {}\n"
                               "e: []\n"
                               "---\n"
                               "second: document\n";
    CHECK_EQ_BYTES(buf_span(&out).ptr, buf_len(&out), want, sizeof(want) - 1);
    buf_deinit(&out);
}

TEST(what_cannot_be_written)
{
    struct buf out;
    buf_init(&out, 16);
    struct emit *e = emit_new(&out);
    emit_map(e, NULL);
    for (int i = 0; i < 2000; i++) {
        emit_text(e, "key", "value");
    }
    emit_map_end(e);
    CHECK_EQ_INT(emit_finish(e), CB_ELIMIT);
    buf_deinit(&out);

    buf_init(&out, 4096);
    e = emit_new(&out);
    emit_map(e, NULL);
    emit_span(e, "key", SPAN_LIT("\xff"));
    emit_text(e, "after", "x");
    emit_map_end(e);
    CHECK_EQ_INT(emit_finish(e), CB_EINVAL);

    e = emit_new(&out);
    emit_map(e, NULL);
    CHECK_EQ_INT(emit_finish(e), CB_EINVAL); /* not ended */
    e = emit_new(&out);
    emit_map_end(e);
    CHECK_EQ_INT(emit_finish(e), CB_EINVAL); /* not begun */
    CHECK_EQ_INT(emit_finish(NULL), CB_ENOMEM);
    buf_deinit(&out);
}

TEST_MAIN()
