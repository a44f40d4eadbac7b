/* input.c - what a request says: the parameters of its query, and its body as JSON. */
#include "api/state.h"

#include "base/strnum.h"
#include "http/fields.h"

#include <stdio.h>

#define WORD_MAX 512

/* ---- the query ---- */

static const struct api_param *find_param(const struct api_param *params, size_t count, struct span name)
{
    for (size_t i = 0; i < count; i++) {
        if (span_eq_str(name, params[i].name)) {
            return &params[i];
        }
    }
    return NULL;
}

static void refuse_param(struct api_request *q, const struct api_param *params, size_t count,
                         struct span name)
{
    char known[256] = "";
    size_t len = 0;
    for (size_t i = 0; i < count && len < sizeof(known); i++) {
        int put = snprintf(known + len, sizeof(known) - len, "%s%s", i != 0 ? ", " : "", params[i].name);
        len += put > 0 ? (size_t)put : 0;
    }
    if (count == 0) {
        api_refuse(q, 400, "\"%.*s\" is no parameter of this: it has none.", API_SHORT(name));
    } else {
        api_refuse(q, 400, "\"%.*s\" is no parameter of this. Known are %s.", API_SHORT(name), known);
    }
}

/* Names and numbers need no percent-escapes, so there are none but in what says so. */
static bool read_param(struct api_request *q, const struct api_param *param, struct span value)
{
    if (param->text != NULL) {
        if (value.len != 0 && !spec_name_valid(value)) {
            api_refuse(q, 400, "%s should be a name, not \"%.*s\".", param->name, API_SHORT(value));
            return false;
        }
        *param->text = value;
        return true;
    }
    if (param->word != NULL) {
        bool fine = value.len <= WORD_MAX;
        for (size_t i = 0; fine && i < value.len; i++) {
            fine = value.ptr[i] > 0x20 && value.ptr[i] < 0x7f && value.ptr[i] != '%';
        }
        if (!fine) {
            api_refuse(q, 400, "%s should be a word as it is written, without percent-escapes, not \"%.*s\".",
                       param->name, API_SHORT(value));
            return false;
        }
        *param->word = value;
        return true;
    }
    if (param->escaped != NULL) {
        *param->escaped = value; /* a target has visible ASCII only */
        return true;
    }
    uint64_t number;
    if (strnum_u64(value, param->max, &number) != 0 || number < param->min) {
        api_refuse(q, 400, "%s should be a number from %llu to %llu, not \"%.*s\".", param->name,
                   (unsigned long long)param->min, (unsigned long long)param->max, API_SHORT(value));
        return false;
    }
    *param->number = number;
    return true;
}

bool api_query_read(struct api_request *q, const struct api_param *params, size_t count)
{
    struct span rest = q->query;
    uint32_t seen = 0;
    while (rest.len != 0) {
        const uint8_t *end = memchr(rest.ptr, '&', rest.len);
        struct span pair = span_sub(rest, 0, end != NULL ? (size_t)(end - rest.ptr) : rest.len);
        rest = span_sub(rest, pair.len + 1, SIZE_MAX);
        const uint8_t *equals = pair.len != 0 ? memchr(pair.ptr, '=', pair.len) : NULL;
        struct span name = span_sub(pair, 0, equals != NULL ? (size_t)(equals - pair.ptr) : pair.len);
        const struct api_param *param = find_param(params, count, name);
        if (param == NULL) {
            refuse_param(q, params, count, name);
            return false;
        }
        uint32_t bit = 1U << (param - params);
        if ((seen & bit) != 0) {
            api_refuse(q, 400, "%s stands twice in the query.", param->name);
            return false;
        }
        seen |= bit;
        if (!read_param(q, param, span_sub(pair, name.len + 1, SIZE_MAX))) {
            return false;
        }
    }
    return true;
}

/* ---- pages ---- */

bool api_page_read(struct api_request *q, uint64_t limit_default)
{
    q->page = (struct api_page){.limit = limit_default};
    const struct api_param params[] = {
        {.name = "after", .text = &q->page.after},
        {.name = "limit", .number = &q->page.limit, .min = 1, .max = API_PAGE_MAX}};
    return api_query_read(q, params, sizeof(params) / sizeof(params[0]));
}

void api_page_next(struct api_request *q, struct span last)
{
    char next[512];
    if (last.len == 0) {
        json_null(&q->json, "next");
        return;
    }
    const uint8_t *mark = memchr(q->head->target.ptr, '?', q->head->target.len);
    size_t len = mark != NULL ? (size_t)(mark - q->head->target.ptr) : q->head->target.len;
    (void)snprintf(next, sizeof(next), "%.*s?limit=%llu&after=%.*s",
                   SPAN_ARG(span_sub(q->head->target, 0, len)), (unsigned long long)q->page.limit,
                   SPAN_ARG(last));
    json_text(&q->json, "next", span_str(next));
}

void api_page_refuse(struct api_request *q, const char *what)
{
    api_refuse(q, 400, "There is no %s \"%.*s\" that the list could go on after: read it from the start.",
               what, SPAN_ARG(q->page.after));
}

/* ---- the body ---- */

void api_body_type(const struct api_request *q, char *out, size_t size)
{
    const struct http_field *field = http_field_find(q->head->fields, q->head->field_count, "Content-Type");
    struct span type = field != NULL ? field->value : SPAN_EMPTY;
    size_t len = 0;
    while (len < type.len && type.ptr[len] != ';' && type.ptr[len] != ' ' && type.ptr[len] != '\t') {
        len++;
    }
    /* One that is too long must not pass for one that is not there. */
    (void)snprintf(out, size, "%s", len < size ? "" : "?");
    for (size_t i = 0; i < len && len < size; i++) {
        out[i] = (char)ascii_lower(type.ptr[i]);
        out[i + 1] = '\0';
    }
}

bool api_is_text(const struct conf_node *node)
{
    return node != NULL && node->kind == CONF_KIND_SCALAR && !node->plain;
}

static bool is_known(const char *const *known, const char *key)
{
    for (; *known != NULL; known++) {
        if (strcmp(*known, key) == 0) {
            return true;
        }
    }
    return false;
}

bool api_body_read(struct api_request *q, const char *const *known, struct conf_tree *out)
{
    struct conf_tree_error error;
    int r = conf_tree_read(q->body, out, &error);
    if (r != 0) {
        if (error.line == 0) {
            api_refuse_code(q, r, SPAN_EMPTY);
        } else {
            api_refuse(q, 400, "The body should be JSON; line %zu, column %zu: %s.", error.line, error.column,
                       error.message);
        }
        return false;
    }
    const struct conf_node *root = out->documents;
    if (root == NULL || root->next != NULL || root->kind != CONF_KIND_MAP) {
        api_refuse(q, 400, "The body should be one JSON object.");
        conf_tree_deinit(out);
        return false;
    }
    for (const struct conf_node *node = root->first; node != NULL; node = node->next) {
        if (!is_known(known, node->key)) {
            api_refuse(q, 422, "\"%.100s\" is no member of this body.", node->key);
            conf_tree_deinit(out);
            return false;
        }
    }
    return true;
}

bool api_member_text(struct api_request *q, const struct conf_tree *body, const char *key, struct span *out)
{
    const struct conf_node *node = conf_node_get(body->documents, key);
    if (!api_is_text(node)) {
        api_refuse(q, 422, "\"%s\" should be a string.", key);
        return false;
    }
    *out = span_of(node->text, node->len);
    return true;
}

bool api_member_bool(struct api_request *q, const struct conf_tree *body, const char *key, bool *out)
{
    const struct conf_node *node = conf_node_get(body->documents, key);
    bool plain = node != NULL && node->kind == CONF_KIND_SCALAR && node->plain;
    *out = plain && strcmp(node->text, "true") == 0;
    if (!*out && !(plain && strcmp(node->text, "false") == 0)) {
        api_refuse(q, 422, "\"%s\" should be true or false.", key);
        return false;
    }
    return true;
}

bool api_member_number(struct api_request *q, const struct conf_tree *body, const char *key, uint64_t *out)
{
    const struct conf_node *node = conf_node_get(body->documents, key);
    if (node == NULL || node->kind != CONF_KIND_SCALAR || !node->plain ||
        strnum_u64(span_of(node->text, node->len), UINT64_MAX, out) != 0) {
        api_refuse(q, 422, "\"%s\" should be a whole number.", key);
        return false;
    }
    return true;
}
