/* test_tree.c - strict YAML: shapes, places, and everything that is refused. */
#include "conf/tree.h"

#include <stdlib.h>

#include "support/check.h"

static void check_refused(struct span text, int code, size_t line, size_t column, const char *message)
{
    struct conf_tree tree;
    struct conf_tree_error error;
    CHECK_EQ_INT(conf_tree_read(text, &tree, &error), code);
    CHECK_EQ_UINT(error.line, line);
    CHECK_EQ_UINT(error.column, column);
    CHECK_EQ_STR(error.message, message);
    CHECK(tree.documents == NULL && tree.blocks == NULL);
    conf_tree_deinit(&tree);
}

#define ANCHOR "anchors and aliases (&, *) are not accepted: write the value out, or in quotes"
#define TAG    "explicit tags (!...) are not accepted: remove the tag"

TEST(nodes_have_kinds_and_places)
{
    struct conf_tree tree;
    struct conf_tree_error error;
    if (!CHECK_EQ_INT(
            conf_tree_read(SPAN_LIT("a: 1\nb:\n  - \"x\\ty\"\n  - {c: \xc3\xa4, d: ~}\n"), &tree, &error),
            0)) {
        return;
    }
    const struct conf_node *root = tree.documents;
    CHECK(root->kind == CONF_KIND_MAP && root->count == 2 && root->next == NULL && root->parent == NULL);
    const struct conf_node *a = conf_node_get(root, "a");
    CHECK_EQ_STR(a->text, "1");
    CHECK(a->plain && a->line == 1 && a->column == 4 && a->key_line == 1 && a->key_column == 1);
    const struct conf_node *b = conf_node_get(root, "b");
    CHECK(b->kind == CONF_KIND_SEQUENCE && b->count == 2 && b->index == 1);
    CHECK_EQ_STR(b->first->text, "x\ty");
    CHECK(!b->first->plain && b->first->line == 3 && b->first->column == 5 && b->first->parent == b);
    const struct conf_node *d = conf_node_get(b->last, "d");
    CHECK(d->line == 4 && d->key_column == 12 && d->column == 15);
    CHECK(conf_node_get(b->last, "e") == NULL && conf_node_get(b, "c") == NULL &&
          conf_node_get(NULL, "c") == NULL);
    CHECK_EQ_UINT(tree.node_count, 11);
    conf_tree_deinit(&tree);
}

TEST(several_documents_and_json)
{
    struct conf_tree tree;
    struct conf_tree_error error;
    if (CHECK_EQ_INT(
            conf_tree_read(SPAN_LIT("{\"a\": [true, 1.5e3]}\n---\nb\n...\n---\n- c\n"), &tree, &error), 0)) {
        CHECK_EQ_STR(conf_node_get(tree.documents, "a")->last->text, "1.5e3");
        CHECK_EQ_STR(tree.documents->next->text, "b");
        CHECK_EQ_UINT(tree.documents->next->next->line, 6);
        CHECK(tree.documents->next->next->next == NULL);
    }
    conf_tree_deinit(&tree);
    CHECK_EQ_INT(conf_tree_read(SPAN_EMPTY, &tree, &error), 0);
    CHECK(tree.documents == NULL);
    conf_tree_deinit(&tree);
}

/* What programs write as JSON: no blanks, tabs, "\/", escapes, long lines. */
TEST(json_of_programs)
{
    struct conf_tree tree;
    struct conf_tree_error error;
    static const char text[] =
        "{\n\t\"text\":\"a: b\\n\\t\\u00e4\\\\ \\\"\\/\",\r\n\t\"list\":[{\"a\":1,\"b\":null},[],{}],\n\t\"e\":\"\"\n}\n";
    if (CHECK_EQ_INT(conf_tree_read(span_str(text), &tree, &error), 0)) {
        CHECK_EQ_STR(conf_node_get(tree.documents, "text")->text, "a: b\n\t\xc3\xa4\\ \"/");
        const struct conf_node *list = conf_node_get(tree.documents, "list");
        CHECK(list->count == 3 && list->first->count == 2 && list->last->count == 0);
        CHECK_EQ_STR(conf_node_get(list->first, "b")->text, "null");
        CHECK_EQ_STR(conf_node_get(tree.documents, "e")->text, "");
        CHECK(!conf_node_get(tree.documents, "e")->plain);
    } else {
        printf("%zu:%zu: %s\n", error.line, error.column, error.message);
    }
    conf_tree_deinit(&tree);
    check_refused(
        SPAN_LIT("{\"a\": \"\\ud83d\\ude00\"}"), CB_EMALFORMED, 1, 10,
        "not valid YAML: found invalid Unicode character escape code while parsing a quoted scalar");
}

static void check_path(const char *text, const char *path)
{
    struct conf_tree tree;
    struct conf_tree_error error;
    CHECK(conf_tree_read(span_str(text), &tree, &error) != 0);
    CHECK_EQ_STR(error.path, path);
    conf_tree_deinit(&tree);
}

TEST(errors_have_a_path)
{
    check_path("a: {b: [c, &x d]}\n", "a.b[1]");
    check_path("a: {b: [c, {d: *x}]}\n", "a.b[1].d");
    check_path("a:\n  - b\n  - c: 1\n    c: 2\n", "a[1].c");
    check_path("a: [!!str b]\n", "a[0]");
    check_path("a: {? [b] : c}\n", "a");
    check_path("a: \"\\0\"\n", "a");
    check_path("a: {\"\\0\": b}\n", "a");
    check_path("&x a: b\n", "");
    check_path("a: [b\n", "");
    check_path("a\n--- &x\n", "");
}

TEST(anchors_aliases_and_tags_are_refused)
{
    check_refused(SPAN_LIT("a: &x [b]\n"), CB_EMALFORMED, 1, 4, ANCHOR);
    check_refused(SPAN_LIT("a: &x {b: c}\n"), CB_EMALFORMED, 1, 4, ANCHOR);
    check_refused(SPAN_LIT("a: 1\nb: &x c\n"), CB_EMALFORMED, 2, 4, ANCHOR);
    check_refused(SPAN_LIT("a: *x\n"), CB_EMALFORMED, 1, 4, ANCHOR);
    check_refused(SPAN_LIT("*x : a\n"), CB_EMALFORMED, 1, 1, ANCHOR);
    check_refused(SPAN_LIT("a: !!str b\n"), CB_EMALFORMED, 1, 4, TAG);
    check_refused(SPAN_LIT("a: ! b\n"), CB_EMALFORMED, 1, 4, TAG);
    check_refused(SPAN_LIT("!!map {a: b}\n"), CB_EMALFORMED, 1, 1, TAG);
    check_refused(SPAN_LIT("- !x [a]\n"), CB_EMALFORMED, 1, 3, TAG);
    check_refused(SPAN_LIT("%TAG ! tag:x,1:\n---\na\n"), CB_EMALFORMED, 1, 1,
                  "%TAG is not accepted: remove the line");
}

TEST(an_alias_bomb_ends_at_its_first_anchor)
{
    check_refused(
        SPAN_LIT("a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b]\n"),
        CB_EMALFORMED, 1, 4, ANCHOR);
}

TEST(keys_are_texts_and_unique)
{
    check_refused(SPAN_LIT("a: 1\nb: 2\n\"a\": 3\nb: 4\n"), CB_EMALFORMED, 3, 1,
                  "this key stands twice in one map (first in line 1)");
    check_refused(SPAN_LIT("? [a]\n: b\n"), CB_EMALFORMED, 1, 3, "a key has to be a text");
    check_refused(SPAN_LIT("{? {a: b} : c}\n"), CB_EMALFORMED, 1, 4, "a key has to be a text");
}

TEST(bytes_are_checked)
{
    check_refused(SPAN_LIT("a: 1\nb: \0\n"), CB_EMALFORMED, 2, 4, "a NUL byte has no place in a text file");
    check_refused(SPAN_LIT("a: \"x\\0\"\n"), CB_EMALFORMED, 1, 4,
                  "a text with a NUL (\"\\0\") in it is not accepted");
    static const char *const bad[] = {"\x80", "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                      "\xc3", "\xff\xfe"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        check_refused(span_str(bad[i]), CB_EMALFORMED, 1, 1, "not valid UTF-8: save the file as UTF-8");
    }
    check_refused(SPAN_LIT("a: [b\nc: d\n"), CB_EMALFORMED, 2, 2,
                  "not valid YAML: did not find expected ',' or ']' while parsing a flow sequence");
}

/* `count` times a text. */
static struct span repeat(const char *text, size_t count)
{
    size_t len = strlen(text);
    char *out = malloc(len * count + 1);
    for (size_t i = 0; out != NULL && i < count; i++) {
        memcpy(out + i * len, text, len);
    }
    return span_of(out, out != NULL ? len * count : 0);
}

static int read_code(struct span text)
{
    struct conf_tree tree;
    struct conf_tree_error error;
    int r = conf_tree_read(text, &tree, &error);
    conf_tree_deinit(&tree);
    return r;
}

TEST(bounds_hold)
{
    char deep[80];
    memset(deep, '[', 32);
    memset(deep + 32, ']', 32);
    CHECK_EQ_INT(read_code(span_of(deep, 64)), 0);
    memset(deep, '[', 33);
    memset(deep + 33, ']', 33);
    check_refused(span_of(deep, 66), CB_ELIMIT, 1, 33,
                  "maps and lists are nested too deeply (at most 32 levels)");

    struct span many = repeat("- x\n", CONF_TREE_NODES_MAX);
    CHECK_EQ_INT(read_code(span_sub(many, 4, many.len)), 0);
    check_refused(many, CB_ELIMIT, CONF_TREE_NODES_MAX, 3,
                  "more than 20000 values in one file: split the file");
    free((void *)(uintptr_t)many.ptr);

    struct span large = repeat("#", CONF_TREE_BYTES_MAX + 1);
    CHECK_EQ_INT(read_code(span_sub(large, 1, large.len)), 0);
    check_refused(large, CB_ELIMIT, 1, 1, "the file is larger than 1 MiB: split it");
    free((void *)(uintptr_t)large.ptr);
}

TEST_MAIN()
