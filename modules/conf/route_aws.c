/* route_aws.c - requests that are signed for AWS: {aws: {service: NAME, region: NAME}}. */
#include "conf/entry.h"
#include "policy/spec_check.h"

/* "eu-central-1", "us-gov-west-1": two letters, words and a number. "s3" and "s3-us-west-2" are none: below such a name
 * everybody's buckets have theirs. */
bool conf_aws_region_is_valid(struct span text)
{
    size_t words = 0;
    size_t len = 0; /* of the present word */
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c == '-') {
            if (len == 0 || (words == 0 && len != 2)) {
                return false;
            }
            words++;
            len = 0;
        } else if (c >= 'a' && c <= 'z') {
            len++;
        } else {
            /* The number, which is all of the last word. */
            size_t digits = text.len - i;
            return words >= 2 && len == 0 && digits <= 2 && c >= '1' && c <= '9' &&
                   (digits == 1 || (text.ptr[i + 1] >= '0' && text.ptr[i + 1] <= '9'));
        }
    }
    return false;
}

/* The label before the suffix of AWS: "bedrock-runtime.eu-central-1.amazonaws.com". Empty when that is no region. */
static struct span region_of_host(const char *host)
{
    static const char *const suffixes[] = {".amazonaws.com", ".amazonaws.com.cn"};
    struct span text = span_str(host);
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        struct span suffix = span_str(suffixes[i]);
        if (!span_ends(text, suffix)) {
            continue;
        }
        struct span rest = span_sub(text, 0, text.len - suffix.len);
        size_t start = rest.len;
        while (start > 0 && rest.ptr[start - 1] != '.') {
            start--;
        }
        struct span label = span_sub(rest, start, SIZE_MAX);
        return start > 0 && conf_aws_region_is_valid(label) ? label : SPAN_EMPTY;
    }
    return SPAN_EMPTY;
}

/* Reads the text at the key; false when it is not there or wrong, which is then said. */
static bool read_name(struct conf_entry *entry, const struct conf_node *node, const char **out)
{
    struct conf_report *report = entry->draft->report;
    if (node == NULL || !conf_read_text(report, node, out)) {
        return false;
    }
    if (!spec_aws_name_is_valid(span_str(*out))) {
        conf_report_node(report, node,
                         "should be 1 to %d of a-z, 0-9 and \"-\", such as bedrock or eu-central-1",
                         SPEC_AWS_NAME_MAX);
        return false;
    }
    return true;
}

static int read_region(struct conf_entry *entry, const struct conf_node *map)
{
    const struct conf_node *node = conf_node_get(map, "region");
    const char *text = NULL;
    char copy[SPEC_AWS_NAME_MAX + 1] = "";
    struct span region = entry->host != NULL ? region_of_host(entry->host) : SPAN_EMPTY;
    if (node == NULL && region.len != 0 && region.len <= SPEC_AWS_NAME_MAX) {
        memcpy(copy, region.ptr, region.len);
        text = copy;
    } else if (node == NULL) {
        /* A host that is wrong has been said to be. */
        if (entry->host != NULL) {
            conf_report_node(entry->draft->report, map, "the host names no region: write region: NAME");
        }
        return 0;
    } else if (!read_name(entry, node, &text)) {
        return 0;
    }
    return conf_copy_text(&entry->route->region, text);
}

int conf_entry_read_aws(struct conf_entry *entry, const struct conf_node *map)
{
    static const char *const outer_keys[] = {"aws", NULL};
    static const char *const keys[] = {"service", "region", NULL};
    struct conf_report *report = entry->draft->report;
    struct spec_route *route = entry->route;
    const struct conf_node *aws = conf_node_get(map, "aws");
    const char *text = NULL;
    if (!conf_read_keys(report, map, outer_keys) || !conf_read_keys(report, aws, keys)) {
        return 0;
    }
    const struct conf_node *service = conf_node_get(aws, "service");
    if (service == NULL) {
        conf_report_node(report, aws, "names no service: write {service: s3, region: eu-central-1}");
        return 0;
    }
    route->inject = SPEC_INJECT_AWS;
    int r = read_name(entry, service, &text) ? conf_copy_text(&route->service, text) : 0;
    r = r == 0 ? read_region(entry, aws) : r;
    return r != 0 ? r
                  : spec_add_field(&route->headers, &route->header_count, SPEC_HEADERS_MAX, "Authorization",
                                   "AWS4-HMAC-SHA256 ");
}
