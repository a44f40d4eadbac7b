/* cmd_status.c - clawbox status: what the running server is made of, and which layers of confinement hold. */
#include "control.h"
#include "table.h"

#include "priv/confine.h"

static bool has_text(const struct conf_node *array, const char *text)
{
    for (const struct conf_node *node = array != NULL ? array->first : NULL; node != NULL;
         node = node->next) {
        if (node->kind == CONF_KIND_SCALAR && strcmp(node->text, text) == 0) {
            return true;
        }
    }
    return false;
}

/* "all", or "all but uid, root". */
static void cell_layers(struct table *t, const struct conf_node *role)
{
    char text[256] = "all";
    const struct conf_node *holds = conf_node_get(role, "layers");
    const char *before = " but ";
    if (control_number(role, "running") == 0) {
        table_cell(t, SPAN_EMPTY);
        return;
    }
    for (unsigned bit = 1; bit <= PRIV_LAYERS_ALL; bit <<= 1) {
        const char *name = priv_layer_name((enum priv_layer)bit);
        if (!has_text(holds, name)) {
            size_t len = strlen(text);
            (void)snprintf(text + len, sizeof(text) - len, "%s%s", before, name);
            before = ", ";
        }
    }
    table_cell(t, span_str(text));
}

static int print_roles(const struct conf_node *root)
{
    static const char *const titles[] = {"ROLE", "RUNNING", "PID", "LAYERS THAT HOLD"};
    struct table t;
    table_init(&t, titles, 4);
    for (const struct conf_node *role = control_first(root, "roles"); role != NULL; role = role->next) {
        table_cell(&t, span_str(control_text(role, "role")));
        table_cell_number(&t, control_number(role, "running"));
        if (control_number(role, "pid") != 0) {
            table_cell_number(&t, control_number(role, "pid"));
        } else {
            table_cell(&t, SPAN_EMPTY);
        }
        cell_layers(&t, role);
    }
    int r = table_print(&t, stdout);
    table_deinit(&t);
    return r;
}

static void print_waived(const struct conf_node *root)
{
    const struct conf_node *lacking = conf_node_get(root, "lacking");
    const struct conf_node *layer = control_first(root, "waived");
    (void)printf("\nWaived: %s", layer == NULL ? "nothing" : "");
    for (const char *before = ""; layer != NULL; layer = layer->next, before = ", ") {
        const char *name = layer->kind == CONF_KIND_SCALAR ? layer->text : "";
        (void)printf("%s", before);
        cmd_print_text(stdout, span_str(name));
        (void)printf("%s", has_text(lacking, name) ? " (not to be had here)" : "");
    }
    (void)printf("\n");
}

static int print_status(const struct conf_node *root)
{
    (void)printf("clawbox ");
    cmd_print_text(stdout, span_str(control_text(root, "version")));
    (void)printf(", running since ");
    cmd_print_text(stdout, span_str(control_text(root, "started")));
    (void)printf(
        "; tenants: %llu, active: %llu; Landlock: ", (unsigned long long)control_number(root, "tenants"),
        (unsigned long long)control_number(root, "active"));
    if (control_number(root, "landlock") != 0) {
        (void)printf("version %llu\n\n", (unsigned long long)control_number(root, "landlock"));
    } else {
        (void)printf("none\n\n");
    }
    int r = print_roles(root);
    if (r == CMD_GO) {
        print_waived(root);
    }
    return r == CMD_GO ? CMD_DONE : r;
}

int cmd_status(int argc, char **argv)
{
    bool json = false;
    const struct cmd_option options[] = {{.name = "json", .flag = &json}};
    const struct cmd_usage usage = {
        .command = "status", .line = "status [--json]", .options = options, .option_count = 1};
    struct cmd_line line;
    int r = cmd_line_parse(&usage, argc, argv, &line);
    if (r != CMD_GO) {
        return r;
    }
    struct control_answer answer = {.status = 0};
    r = control_read(line.state, "/v1/status", &answer);
    if (r == CMD_GO && json) {
        control_print_body(&answer);
        r = CMD_DONE;
    } else if (r == CMD_GO) {
        r = print_status(control_answer_root(&answer));
    }
    control_answer_deinit(&answer);
    return r;
}
