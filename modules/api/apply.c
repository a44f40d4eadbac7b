/* apply.c - tenants:apply: a tenant file checked in full, and handed to the store document by document. */
#include "api/state.h"

#include "conf/tenant.h"
#include "policy/placeholder.h"

#include <stdlib.h>

#define ERRORS_MAX    ((size_t)64 * 1024)
#define FILE_NAME_MAX 4096

/* ---- the files that the tenant file names ---- */

static int read_named_file(void *arg, const char *path, struct buf *out)
{
    const struct conf_node *node = conf_node_get(arg, path);
    return node != NULL ? buf_append(out, node->text, node->len) : CB_ENOTFOUND;
}

/* ---- the text of each document, as it was written ---- */

/* Where the next line begins. */
static size_t line_end(struct span text, size_t at)
{
    const uint8_t *end = memchr(text.ptr + at, '\n', text.len - at);
    return end != NULL ? (size_t)(end - text.ptr) + 1 : text.len;
}

/* A line that separates documents (YAML 1.2, 9.1.2), whatever stands around it: "---" or "..." at its start, then a blank or
 * its end. */
static bool is_marker(struct span line, const char *marker)
{
    return span_starts(line, span_str(marker)) &&
           (line.len == 3 || memchr(" \t\r\n", line.ptr[3], 4) != NULL);
}

/*
 * Cuts the next document off *text: up to the first separator behind the line in which its content begins (`first_line`,
 * counted from 1; *line is where *text begins, and is moved on with it). "---" belongs to what follows, "..." to what ends.
 */
static struct span cut_document(struct span *text, size_t *line, size_t first_line, bool last)
{
    size_t at = 0;
    while (at < text->len) {
        size_t next = line_end(*text, at);
        struct span here = span_sub(*text, at, next - at);
        bool behind = *line > first_line && !last;
        if (behind && is_marker(here, "---")) {
            break;
        }
        at = next;
        (*line)++;
        if (behind && is_marker(here, "...")) {
            break;
        }
    }
    struct span out = span_sub(*text, 0, at);
    *text = span_sub(*text, at, SIZE_MAX);
    return out;
}

/* What was cut has to mean one document when it is read alone. */
static int check_piece(struct span piece)
{
    struct conf_tree tree;
    struct conf_tree_error error;
    int r = conf_tree_read(piece, &tree, &error);
    if (r == 0 && (tree.documents == NULL || tree.documents->next != NULL)) {
        r = CB_EMALFORMED;
    }
    conf_tree_deinit(&tree);
    return r;
}

/* ---- the message ---- */

/* What the file says, or NULL. */
static const char *given_placeholder(const struct conf_placeholders *given, const char *credential)
{
    for (size_t i = 0; i < given->count; i++) {
        if (strcmp(given->items[i].name, credential) == 0) {
            return given->items[i].value;
        }
    }
    return NULL;
}

static int write_tenant(struct writer *w, const struct spec *spec, const struct conf_placeholders *given,
                        struct span yaml)
{
    struct buf encoded;
    buf_init(&encoded, IPC_SPEC_MAX);
    int r = spec_encode(spec, &encoded);
    if (r == 0) {
        ipc_write_text(w, span_str(spec->tenant), IPC_NAME_MAX);
        writer_bytes(w, yaml, IPC_PAGE_MAX);
        writer_bytes(w, buf_span(&encoded), IPC_SPEC_MAX);
    }
    buf_deinit(&encoded);
    size_t at = ipc_list_begin(w);
    for (size_t i = 0; r == 0 && i < spec->credential_count; i++) {
        char made[PLACEHOLDER_MAX];
        const char *fixed = given_placeholder(given, spec->credentials[i].name);
        r = fixed == NULL ? placeholder_make(span_str(spec->credentials[i].shape), made) : 0;
        if (r == 0) {
            ipc_write_text(w, span_str(spec->credentials[i].name), IPC_NAME_MAX);
            ipc_write_text(w, span_str(fixed != NULL ? fixed : made), PLACEHOLDER_MAX - 1);
            writer_u8(w, fixed != NULL);
        }
    }
    ipc_list_end(w, at, (uint32_t)spec->credential_count);
    return r;
}

/* The list of TENANTS_APPLY. CB_EMALFORMED when the text cannot be cut at its documents. */
static int write_tenants(const struct conf_tenants *tenants, struct span text, struct buf *out)
{
    struct conf_tree tree;
    struct conf_tree_error error;
    struct writer w = writer_to(out);
    size_t line = 1;
    int r = conf_tree_read(text, &tree, &error);
    const struct conf_node *document = tree.documents;
    size_t at = ipc_list_begin(&w);
    for (size_t i = 0; r == 0 && i < tenants->count; i++) {
        if (document == NULL) {
            r = CB_EMALFORMED;
            break;
        }
        bool last = i + 1 == tenants->count;
        struct span yaml = cut_document(&text, &line, document->line, last);
        r = tenants->count > 1 ? check_piece(yaml) : 0;
        if (r == 0) {
            r = write_tenant(&w, tenants->specs[i], &tenants->placeholders[i], yaml);
        }
        document = document->next;
    }
    ipc_list_end(&w, at, (uint32_t)tenants->count);
    conf_tree_deinit(&tree);
    return r == 0 ? writer_finish(&w) : r;
}

/* ---- the answer ---- */

const char *api_applied_word(uint8_t what)
{
    static const char *const results[] = {"unchanged", "created", "updated"};
    return what < sizeof(results) / sizeof(results[0]) ? results[what] : NULL;
}

static int on_applied(struct api_request *q, struct span payload)
{
    struct ipc_tenants_applied m;
    int error = ipc_get_tenants_applied(payload, &m);
    if (error != 0) {
        return error;
    }
    if (m.code != 0) {
        api_refuse_answer(q, m.code, m.why);
        return 0;
    }
    struct json *j = api_json_begin(q);
    struct reader r = reader_of(m.results);
    uint32_t count = ipc_list_read(&r, UINT16_MAX);
    json_array(j, "tenants");
    for (uint32_t i = 0; i < count && r.error == 0; i++) {
        struct span name = ipc_read_text(&r, IPC_NAME_MAX);
        const char *word = api_applied_word(reader_u8(&r));
        if (word == NULL) {
            return CB_EMALFORMED;
        }
        json_object(j, NULL);
        json_text(j, "name", name);
        json_text(j, "result", span_str(word));
        json_object_end(j);
    }
    json_array_end(j);
    error = reader_finish(&r);
    if (error == 0) {
        api_answer_json(q);
    }
    return error;
}

/* ---- the request ---- */

bool api_tenants_encode(struct api_request *q, const struct conf_tenants *tenants, struct span text,
                        struct buf *list)
{
    int r = write_tenants(tenants, text, list);
    if (r == CB_EMALFORMED) {
        api_refuse(q, 422,
                   "The documents of this file cannot be told apart: write a line \"---\" between them.");
    } else if (r == CB_ELIMIT) {
        api_refuse(q, 422, "These tenants are too large to be applied at once: split the file.");
    } else if (r != 0) {
        api_refuse_code(q, r, SPAN_EMPTY);
    }
    return r == 0;
}

/* The path says whose document it is; the document says so too, since it has to make sense in a repository of its own. */
static bool check_only(struct api_request *q, const struct conf_tenants *tenants, struct span only)
{
    if (tenants->count != 1) {
        api_refuse(q, 422, "The body should be one document, not %zu.", tenants->count);
        return false;
    }
    if (!span_eq_str(only, tenants->specs[0]->tenant)) {
        api_refuse(q, 422, "The document is of tenant \"%s\" (metadata.name), and the path of \"%.*s\".",
                   tenants->specs[0]->tenant, SPAN_ARG(only));
        return false;
    }
    return true;
}

bool api_tenants_load(struct api_request *q, const char *file, struct span text,
                      const struct conf_node *files, struct span only, struct conf_tenants *out)
{
    struct buf errors;
    /* The callback only reads; its argument has no const. */
    struct conf_files named = {.read = read_named_file, .arg = (void *)(uintptr_t)files};
    buf_init(&errors, ERRORS_MAX);
    int r = conf_tenants_load(text, NULL, &named, out, &errors);
    bool fine = r == 0 && (only.len == 0 || check_only(q, out, only));
    if (r == CB_ECONFIG) {
        api_refuse_errors(q, "The tenant file is not valid.", file, buf_span(&errors));
    } else if (r != 0) {
        api_refuse_code(q, r, SPAN_EMPTY);
    }
    if (!fine) {
        conf_tenants_deinit(out);
    }
    buf_deinit(&errors);
    return fine;
}

/* The name stands in front of each line of errors, so it has to be one line itself. */
static bool is_file_name(struct span name)
{
    bool fine = name.len != 0 && name.len <= FILE_NAME_MAX;
    for (size_t i = 0; fine && i < name.len; i++) {
        fine = name.ptr[i] >= 0x20 && name.ptr[i] != 0x7f;
    }
    return fine;
}

bool api_files_check(struct api_request *q, const struct conf_node *files)
{
    bool fine = files == NULL || files->kind == CONF_KIND_MAP;
    for (const struct conf_node *node = fine && files != NULL ? files->first : NULL; fine && node != NULL;
         node = node->next) {
        fine = api_is_text(node);
    }
    if (!fine) {
        api_refuse(q, 422, "\"files\" should be an object of strings: contents by path.");
    }
    return fine;
}

/* False when it refused the request. */
static bool check_file(struct api_request *q, struct api_file *out)
{
    struct span name;
    if (!api_member_text(q, &out->tree, "file", &name) ||
        !api_member_text(q, &out->tree, "text", &out->text)) {
        return false;
    }
    out->name = (const char *)name.ptr; /* a tree's texts end in NUL */
    out->files = conf_node_get(out->tree.documents, "files");
    if (!is_file_name(name)) {
        api_refuse(q, 422,
                   "\"file\" should be the file's name, for messages: one line, without control bytes.");
        return false;
    }
    return api_files_check(q, out->files);
}

bool api_file_read(struct api_request *q, struct api_file *out)
{
    static const char *const known[] = {"file", "text", "files", NULL};
    if (!api_body_read(q, known, &out->tree)) {
        return false;
    }
    bool fine = check_file(q, out);
    if (!fine) {
        conf_tree_deinit(&out->tree);
    }
    return fine;
}

void api_tenants_apply(struct api_request *q)
{
    struct api_file file;
    struct conf_tenants tenants;
    if (!api_query_read(q, NULL, 0) || !api_file_read(q, &file)) {
        return;
    }
    if (api_tenants_load(q, file.name, file.text, file.files, SPAN_EMPTY, &tenants)) {
        if (api_tenants_encode(q, &tenants, file.text, &q->list)) {
            struct ipc_chan *store = q->api->store;
            struct ipc_tenants_apply m = {.by = api_by(q), .tenants = buf_span(&q->list)};
            api_wait(q, store, API_CALL(q, store, tenants_apply, &m), IPC_MSG_TENANTS_APPLIED, on_applied);
        }
        conf_tenants_deinit(&tenants);
    }
    conf_tree_deinit(&file.tree);
}
