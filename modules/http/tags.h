/*
 * tags.h - entity tags in If-Match and If-None-Match (RFC 9110, 8.8.3 and 13.1). Pure.
 */
#ifndef CB_HTTP_TAGS_H
#define CB_HTTP_TAGS_H

#include "base/err.h"
#include "base/span.h"

/*
 * Whether the value of such a field has `tag`, a strong entity tag with its quotes; of an empty one it is only said whether the value
 * is well-formed. "*" has every tag. A weak tag in the list is equal only when `weak` says that the comparison is (RFC 9110, 8.8.3.2).
 * 0 and *has; CB_EMALFORMED when the value is not "*" or a list with at least one tag.
 */
CB_MUST_USE int http_tags_have(struct span value, struct span tag, bool weak, bool *has);

#endif
