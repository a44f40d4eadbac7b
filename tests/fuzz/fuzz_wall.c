/* fuzz_wall.c - Kubernetes objects: whatever they are, each finding names one and has a text, and the answers fit the findings. */
#include <stdlib.h>

#include "wall/wall.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void check_answers(const struct wall *wall)
{
    size_t count;
    bool spoken[WALL_QUESTION__COUNT][WALL_WEIGHT__COUNT] = {{false}};
    const struct wall_finding *f = wall_findings(wall, &count);
    for (size_t i = 0; i < count; i++) {
        require(f[i].text[0] != '\0' && f[i].question < WALL_QUESTION__COUNT &&
                f[i].weight < WALL_WEIGHT__COUNT);
        require(i == 0 || f[i - 1].weight <= f[i].weight);
        spoken[f[i].question][f[i].weight] = true;
    }
    for (int q = 0; q < WALL_QUESTION__COUNT; q++) {
        const char *text = wall_answer_text(wall_answer(wall, (enum wall_question)q));
        require((strcmp(text, "yes") == 0) == spoken[q][WALL_HOLE]);
        require(strcmp(text, "no") != 0 || !spoken[q][WALL_UNSURE]);
    }
}

static void judge(const struct conf_tree *tree, enum wall_source source)
{
    char why[256] = "";
    struct wall *wall = wall_new("alice", source);
    require(wall != NULL);
    for (const struct conf_node *d = tree->documents; d != NULL; d = d->next) {
        int r = wall_add(wall, d, why, sizeof(why));
        require(r == 0 || (r == CB_EMALFORMED && why[0] != '\0'));
    }
    wall_expect_policy(wall, tree->documents);
    require(wall_judge(wall) == 0);
    check_answers(wall);
    wall_free(wall);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct conf_tree tree;
    struct conf_tree_error error;
    if (conf_tree_read(span_of(data, size), &tree, &error) != 0) {
        return 0;
    }
    judge(&tree, WALL_FILES);
    judge(&tree, WALL_CLUSTER);
    conf_tree_deinit(&tree);
    return 0;
}
