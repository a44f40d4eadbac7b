/*
 * condition.c - requests that depend on what is there (RFC 9110, 13): If-Match and If-None-Match.
 *
 * A tag is strong: a digest of the representation itself, so that whatever changes in an answer changes its tag. A change that
 * depends on one is compared here with what is there, and by the store once more with the generation in which that was, in the
 * transaction that makes the change: nothing can come in between. Routes without tags refuse such fields: whoever sends one
 * relies on it.
 */
#include "api/state.h"

#include "base/encode.h"
#include "http/fields.h"
#include "http/tags.h"
#include "tls/digest.h"

#include <stdio.h>

#define TAG_BYTES 16
_Static_assert(2 * TAG_BYTES + 3 <= API_TAG_SIZE, "a tag must fit");

/* The value of the only field of that name, checked. False when it refused the request. */
static bool read_field(struct api_request *q, const struct api_route *route, const char *name,
                       struct span *out)
{
    const struct http_field *field = http_field_find(q->head->fields, q->head->field_count, name);
    bool has;
    *out = SPAN_EMPTY;
    if (field == NULL) {
        return true;
    }
    size_t behind = q->head->field_count - (size_t)(field + 1 - q->head->fields);
    if ((route->flags & (API_TAGGED | API_CONDITION)) == 0) {
        api_refuse(q, 400, "%s means nothing here: this has no entity tag.", name);
    } else if (http_field_find(field + 1, behind, name) != NULL) {
        api_refuse(q, 400, "%s is there twice: write one list.", name);
    } else if (http_tags_have(field->value, SPAN_EMPTY, false, &has) != 0) {
        api_refuse(q, 400, "%s should be * or entity tags with commas between them, each in double quotes.",
                   name);
    } else {
        *out = field->value;
        return true;
    }
    return false;
}

bool api_condition_read(struct api_request *q, const struct api_route *route)
{
    q->has_tag = (route->flags & API_TAGGED) != 0;
    return read_field(q, route, "If-Match", &q->if_match) &&
           read_field(q, route, "If-None-Match", &q->if_none_match);
}

void api_condition_tag(struct api_request *q)
{
    uint8_t digest[DIGEST_LEN];
    char hex[2 * TAG_BYTES + 1];
    digest_sha256_of(buf_span(&q->out), digest);
    encode_hex(digest, TAG_BYTES, hex);
    (void)snprintf(q->tag, sizeof(q->tag), "\"%s\"", hex);
}

/* Whether the value has the tag that was made; it was read before, so it is well-formed. */
static bool has_tag(const struct api_request *q, struct span value, bool weak)
{
    bool has = false;
    return http_tags_have(value, span_str(q->tag), weak, &has) == 0 && has;
}

static void refuse_failed(struct api_request *q, const char *detail)
{
    api_refuse(q, 412, "%s", detail);
}

static const char other_tag[] = "If-Match names none of what is there: read it again.";

bool api_condition_holds(struct api_request *q)
{
    api_condition_tag(q);
    if (q->if_match.len != 0 && !has_tag(q, q->if_match, false)) {
        refuse_failed(q, other_tag);
        return false;
    }
    if (q->if_none_match.len != 0 && has_tag(q, q->if_none_match, true)) {
        api_answer_unchanged(q);
        return false;
    }
    return true;
}

bool api_condition_needs_tag(const struct api_request *q)
{
    return q->if_match.len != 0 || (q->if_none_match.len != 0 && !span_eq_str(q->if_none_match, "*"));
}

bool api_condition_allows(struct api_request *q, bool exists)
{
    if (!exists) {
        if (q->if_match.len != 0) {
            refuse_failed(q, "If-Match asks for something that is there, and there is no such tenant.");
        }
        return q->if_match.len == 0;
    }
    api_condition_tag(q);
    bool match = q->if_match.len == 0 || has_tag(q, q->if_match, false);
    bool none = q->if_none_match.len == 0 || !has_tag(q, q->if_none_match, true);
    q->tag[0] = '\0';
    if (!match || !none) {
        refuse_failed(q, !match ? other_tag : "If-None-Match names what is there.");
    }
    return match && none;
}

void api_condition_lost(struct api_request *q)
{
    refuse_failed(q, "The tenant has been changed meanwhile: read it again.");
}
