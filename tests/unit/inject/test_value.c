/* test_value.c - what is said about a value before it is set. */
#include "inject/value.h"

#include "support/check.h"

TEST(forms)
{
    static const struct {
        const char *form, *value;
        bool good;
    } cases[] = {
        {SPEC_FORM_USER, "user:password", true},
        {SPEC_FORM_USER, ":", true},
        {SPEC_FORM_USER, "password", false},
        {SPEC_FORM_USER, "", false},
        {SPEC_FORM_SEGMENT, "123:AAx", true},
        {SPEC_FORM_SEGMENT, "a/b", false},
        {SPEC_FORM_SEGMENT, "a\\b", false},
        {SPEC_FORM_SEGMENT, "..", false},
        {SPEC_FORM_SEGMENT, ".", false},
        {SPEC_FORM_AWS, "AKIAIOSFODNN7EXAMPLE:secret", true},
        {SPEC_FORM_AWS, "AKIAIOSFODNN7EXAMPLE", false},
        {SPEC_FORM_AWS, "{\"AccessKeyId\": \"x\"}", false},
        {"", "anything", true},
        {"later", "anything", true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *wrong = inject_value_wrong(span_str(cases[i].form), span_str(cases[i].value));
        if (!CHECK((wrong == NULL) == cases[i].good)) {
            printf("    %s: %s\n", cases[i].form, cases[i].value);
        }
    }
}

TEST_MAIN()
