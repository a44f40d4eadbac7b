/*
 * cmd_tenant_diff.c - clawbox tenant diff: what applying a file would newly allow and newly refuse, for whoever reviews it.
 *
 * Exit codes are those of diff(1): 0 nothing would change, 1 something would, 2 it cannot be said.
 */
#include "cmd.h"
#include "policy_source.h"
#include "tenant.h"
#include "tenant_file.h"

#include "review/json.h"

#include <stdlib.h>

enum { DIFF_NONE = 0, DIFF_SOME = 1, DIFF_TROUBLE = 2 };

struct comparison {
    const char *state;
    const char *file;
    const char *from; /* a file, or NULL: the running server */
    struct conf_tenants new;
    struct conf_tenants old;
    bool changed;
    bool as_json;
    struct json json;
};

static const struct spec *find(const struct conf_tenants *tenants, const char *name)
{
    for (size_t i = 0; i < tenants->count; i++) {
        if (strcmp(tenants->specs[i]->tenant, name) == 0) {
            return tenants->specs[i];
        }
    }
    return NULL;
}

/* ---- what stands in the way ---- */

/* Credentials that are set and not bound to all that the new routes send them to: apply refuses such routes. */
static int find_unbound(const struct review_policy *live, const struct spec *spec, struct buf *out)
{
    int r = 0;
    for (size_t i = 0; r == 0 && live != NULL && i < live->credential_count; i++) {
        const struct review_credential *c = &live->credentials[i];
        bool lacks = false;
        r = c->set ? review_binding_lacks(spec, span_str(c->name), span_str(c->binding), &lacks) : 0;
        if (r == 0 && lacks) {
            r = buf_appendf(out, "%s\n", c->name);
        }
    }
    return r;
}

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

/* ---- printing ---- */

static void print_text(const char *tenant, bool is_new, const struct review_diff *diff, struct span unbound)
{
    enum review_effect last = REVIEW_EFFECT__COUNT;
    struct span name;
    (void)printf("tenant %s%s\n", tenant, is_new ? " is new" : diff->count == 0 ? ": nothing changes" : "");
    for (size_t i = 0; i < diff->count; i++) {
        const struct review_change *c = &diff->changes[i];
        if (c->effect != last) {
            (void)printf("  %s:\n", review_effect_heading(c->effect));
            last = c->effect;
        }
        (void)fputs("    ", stdout);
        if (c->route != NULL) {
            (void)printf("%s: ", c->route);
        }
        cmd_print_text(stdout, span_str(c->text));
        (void)fputc('\n', stdout);
    }
    while (next_line(&unbound, &name)) {
        (void)printf(
            "  note: the credential \"%.*s\" is not bound to all of these: apply refuses this until it is "
            "taken away (clawbox credential rm) and set anew\n",
            SPAN_ARG(name));
    }
}

static void print_json(struct json *j, const char *tenant, bool is_new, const struct review_diff *diff,
                       struct span unbound)
{
    struct span name;
    json_object(j, NULL);
    json_text(j, "tenant", span_str(tenant));
    json_bool(j, "new", is_new);
    review_diff_write(j, diff);
    json_array(j, "not_bound");
    while (next_line(&unbound, &name)) {
        json_text(j, NULL, name);
    }
    json_array_end(j);
    json_object_end(j);
}

/* ---- comparing ---- */

static int compare(struct comparison *c, const struct spec *old, const struct review_policy *live,
                   const struct spec *new)
{
    struct review_diff diff;
    struct buf unbound;
    buf_init(&unbound, (size_t)64 * 1024);
    int r = find_unbound(live, new, &unbound);
    if (r == 0 && (r = review_diff(old, new, &diff)) == 0) {
        c->changed = c->changed || diff.count != 0 || old == NULL;
        if (c->as_json) {
            print_json(&c->json, new->tenant, old == NULL, &diff, buf_span(&unbound));
        } else {
            print_text(new->tenant, old == NULL, &diff, buf_span(&unbound));
        }
        review_diff_deinit(&diff);
    }
    buf_deinit(&unbound);
    return r == 0 ? CMD_GO : cmd_fail_r(r, "tenant %s cannot be compared", new->tenant);
}

static int compare_tenant(struct comparison *c, const struct spec *new)
{
    struct review_policy *live = NULL;
    if (c->from != NULL) {
        return compare(c, find(&c->old, new->tenant), NULL, new);
    }
    int status = policy_from_server_if_any(c->state, new->tenant, &live);
    if (status == CMD_GO) {
        status = compare(c, live != NULL ? live->spec : NULL, live, new);
    }
    review_policy_free(live);
    return status;
}

static int compare_all(struct comparison *c, const char *tenant)
{
    int status = tenant_file_load(c->file, &c->new);
    if (status == CMD_GO && c->from != NULL) {
        status = tenant_file_load(c->from, &c->old);
    }
    if (status == CMD_GO && tenant != NULL && find(&c->new, tenant) == NULL) {
        status = cmd_fail("%s has no tenant \"%s\"", c->file, tenant);
    }
    for (size_t i = 0; status == CMD_GO && i < c->new.count; i++) {
        if (tenant == NULL || strcmp(c->new.specs[i]->tenant, tenant) == 0) {
            status = compare_tenant(c, c->new.specs[i]);
        }
    }
    return status;
}

static int run(struct comparison *c, const char *tenant)
{
    struct buf out;
    buf_init(&out, (size_t)64 * 1024 * 1024);
    json_init(&c->json, &out);
    json_object(&c->json, NULL);
    json_array(&c->json, "tenants");
    int status = compare_all(c, tenant);
    json_array_end(&c->json);
    json_object_end(&c->json);
    int r = json_finish(&c->json);
    if (status == CMD_GO && r != 0) {
        status = cmd_fail_r(r, "the comparison cannot be printed");
    }
    if (status == CMD_GO && c->as_json) {
        (void)fwrite(buf_span(&out).ptr, 1, buf_len(&out), stdout);
        (void)fputc('\n', stdout);
    }
    buf_deinit(&out);
    return status;
}

int tenant_diff(int argc, char **argv)
{
    struct comparison c = {.file = NULL};
    const struct cmd_option options[] = {
        {.name = "file", .letter = 'f', .value = &c.file},
        {.name = "from", .value = &c.from},
        {.name = "json", .flag = &c.as_json},
    };
    const struct cmd_usage usage = {.command = "tenant",
                                    .line = "tenant diff -f FILE [TENANT] [--from OLD] [--json]",
                                    .max = 1,
                                    .options = options,
                                    .option_count = 3};
    struct cmd_line line;
    int r = cmd_line_parse(&usage, argc, argv, &line);
    if (r != CMD_GO) {
        return r == CMD_FAILED ? DIFF_TROUBLE : r;
    }
    const char *tenant = line.arg_count != 0 ? line.args[0] : NULL;
    if (c.file == NULL) {
        return cmd_wrong_usage("tenant", "which file? It is: clawbox %s", usage.line);
    }
    if (tenant != NULL && (r = cmd_check_name("tenant", tenant)) != CMD_GO) {
        return r;
    }
    c.state = line.state;
    r = run(&c, tenant);
    conf_tenants_deinit(&c.new);
    conf_tenants_deinit(&c.old);
    return r != CMD_GO ? DIFF_TROUBLE : c.changed ? DIFF_SOME : DIFF_NONE;
}
