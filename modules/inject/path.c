/*
 * path.c - the credential as a part of the path, as in Telegram's "/botTOKEN/sendMessage".
 *
 * The route's pattern has "{credential}" there, which matches what the agent writes: its placeholder, or nothing
 * ("/bot/sendMessage"). Anything else is for screen.c to refuse.
 */
#include "policy/path.h"
#include "inject/internal.h"

/* The part of the path that the pattern's "*" at `mark` has matched. */
static bool locate(struct span pattern, size_t mark, struct span path, struct inject_place *out)
{
    size_t segment = mark; /* of the pattern: from behind its '/' */
    size_t segments = 0;
    while (segment > 0 && pattern.ptr[segment - 1] != '/') {
        segment--;
    }
    for (size_t i = 0; i < segment; i++) {
        segments += pattern.ptr[i] == '/' ? 1 : 0;
    }
    size_t tail = mark + 1;
    while (tail < pattern.len && pattern.ptr[tail] != '/') {
        tail++;
    }
    size_t start = 0;
    while (segments > 0 && start < path.len) {
        segments -= path.ptr[start++] == '/' ? 1 : 0;
    }
    size_t end = start;
    while (end < path.len && path.ptr[end] != '/') {
        end++;
    }
    size_t before = mark - segment;
    size_t after = tail - mark - 1;
    if (segments != 0 || end - start < before + after) {
        return false;
    }
    out->before = span_sub(path, 0, start + before);
    out->value = span_sub(path, start + before, end - start - before - after);
    out->after = span_sub(path, end - after, path.len);
    return true;
}

bool inject_path_find(const struct spec_route *route, struct span path, struct inject_place *out)
{
    for (size_t i = 0; route->inject == SPEC_INJECT_PATH && i < route->path_count; i++) {
        struct span pattern = span_str(route->paths[i]);
        if (policy_path_matches(pattern, path)) {
            return locate(pattern, route->path_marks[i], path, out);
        }
    }
    return false;
}

bool inject_path_fits(struct span credential)
{
    /* A slash would change what was matched, and some servers take an escaped one or a backslash for one. */
    return credential.len != 0 && http_value_valid(credential) &&
           memchr(credential.ptr, '/', credential.len) == NULL &&
           memchr(credential.ptr, '\\', credential.len) == NULL && !span_eq_str(credential, ".") &&
           !span_starts(credential, SPAN_LIT(".."));
}

int inject_path_write(const struct inject_place *place, struct span credential, struct buf *out)
{
    int r;
    if (!inject_path_fits(credential)) {
        return CB_EINVAL;
    }
    if ((r = buf_append_span(out, place->before)) != 0 ||
        (r = inject_text_escape(credential, "!$&'()*+,;=:@", out)) != 0) {
        return r;
    }
    return buf_append_span(out, place->after);
}
