/* test_convert.c - a tree as JSON and as YAML: each value keeps its type, and YAML that is read again is the same tree. */
#include "conf/convert.h"

#include "support/check.h"

TEST_MAIN()

#define CHECK_EQ_SPAN(got_, want_) CHECK_EQ_BYTES((got_).ptr, (got_).len, want_, strlen(want_))

static bool to_json(const struct conf_node *node, struct buf *out)
{
    struct json j;
    json_init(&j, out);
    conf_node_to_json(&j, node);
    return CHECK_EQ_INT(json_finish(&j), 0);
}

static bool to_yaml(const struct conf_node *node, struct buf *out)
{
    struct emit *e = emit_new(out);
    conf_node_to_yaml(e, node);
    return CHECK_EQ_INT(emit_finish(e), 0);
}

/* The text as JSON; and the same again by way of the YAML that it becomes. */
static void check(const char *text, const char *json)
{
    struct conf_tree tree;
    struct conf_tree again;
    struct conf_tree_error error;
    struct buf yaml;
    struct buf out;
    buf_init(&yaml, 65536);
    buf_init(&out, 65536);
    if (CHECK_EQ_INT(conf_tree_read(span_str(text), &tree, &error), 0) && to_json(tree.documents, &out)) {
        CHECK_EQ_SPAN(buf_span(&out), json);
        buf_reset(&out);
        CHECK(to_yaml(tree.documents, &yaml));
        if (CHECK_EQ_INT(conf_tree_read(buf_span(&yaml), &again, &error), 0) &&
            to_json(again.documents, &out)) {
            CHECK_EQ_SPAN(buf_span(&out), json);
        }
        conf_tree_deinit(&again);
    }
    conf_tree_deinit(&tree);
    buf_deinit(&yaml);
    buf_deinit(&out);
}

TEST(each_value_keeps_its_type)
{
    check(
        "a: 1\nb: \"1\"\nc: true\nd: \"true\"\ne: null\nf: ~\ng:\nh: \"\"\ni: text # a comment\nj: 64MiB\n",
        "{\"a\":1,\"b\":\"1\",\"c\":true,\"d\":\"true\",\"e\":null,\"f\":null,\"g\":null,\"h\":\"\",\"i\":\"text\","
        "\"j\":\"64MiB\"}");
    check("[18446744073709551615, 18446744073709551616, -1, 0x10, 007]",
          "[18446744073709551615,\"18446744073709551616\",\"-1\",\"0x10\",\"007\"]");
}

TEST(structure_stays_and_texts_make_none)
{
    check("{\"a\":{},\"b\":[],\"c\":[[1],{\"d\":[]}],\"e: f\":\"- x\\n- y\\n\",\"g\":\"# no comment\"}",
          "{\"a\":{},\"b\":[],\"c\":[[1],{\"d\":[]}],\"e: f\":\"- x\\n- y\\n\",\"g\":\"# no comment\"}");
    check("{\"a\":\"line\\n\\ttab\\u00e4 \\\"quoted\\\" \\\\ {x} &a *b !c %d @e\"}",
          "{\"a\":\"line\\n\\ttab\xc3\xa4 \\\"quoted\\\" \\\\ {x} &a *b !c %d @e\"}");
    check("\"---\"", "\"---\"");
}
