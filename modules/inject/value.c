/* value.c - the forms that values must have. Each is what the injector itself will ask for. */
#include "inject/value.h"

#include "inject/aws.h"
#include "inject/internal.h"

const char *inject_value_wrong(struct span form, struct span value)
{
    struct inject_aws_credential aws;
    if (span_eq_str(form, SPEC_FORM_USER) && (value.len == 0 || memchr(value.ptr, ':', value.len) == NULL)) {
        return "goes in as user and password, so it has to be USER:PASSWORD, and this has no colon";
    }
    if (span_eq_str(form, SPEC_FORM_SEGMENT) && !inject_path_fits(value)) {
        return "goes into a path, where no value may hold a slash or a backslash or begin with \"..\"";
    }
    if (span_eq_str(form, SPEC_FORM_AWS) && !inject_aws_credential(value, &aws)) {
        return "signs requests to AWS, so it has to be ACCESS_KEY_ID:SECRET_ACCESS_KEY, or "
               "ACCESS_KEY_ID:SECRET_ACCESS_KEY:SESSION_TOKEN";
    }
    return NULL;
}
