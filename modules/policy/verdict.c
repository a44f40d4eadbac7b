/* verdict.c - the tables behind the closed lists of verdict.h. */
#include "policy/verdict.h"

#include <stddef.h>

struct reason_row {
    enum policy_verdict verdict;
    unsigned status;
    const char *name;
    const char *proxy_error;
    const char *detail;
};

static const char *const verdict_names[] = {
#define VERDICT_NAME(name, text) [POLICY_VERDICT_##name] = (text),
    POLICY_VERDICTS(VERDICT_NAME)
#undef VERDICT_NAME
};

static const struct reason_row reason_rows[] = {
#define REASON_ROW(name, verdict, status, text, proxy_error, detail) \
    [POLICY_REASON_##name] = {POLICY_VERDICT_##verdict, (status), (text), (proxy_error), (detail)},
    POLICY_REASONS(REASON_ROW)
#undef REASON_ROW
};

/* The value may come from a message of another process, so it is not taken on trust. */
static const struct reason_row *reason_row(enum policy_reason reason)
{
    size_t index = (size_t)reason;
    return &reason_rows[index < POLICY_REASON__COUNT ? index : POLICY_REASON_INTERNAL];
}

const char *policy_verdict_name(enum policy_verdict verdict)
{
    size_t index = (size_t)verdict;
    return verdict_names[index < POLICY_VERDICT__COUNT ? index : POLICY_VERDICT_FAILED];
}

const char *policy_reason_name(enum policy_reason reason)
{
    return reason_row(reason)->name;
}

enum policy_verdict policy_reason_verdict(enum policy_reason reason)
{
    return reason_row(reason)->verdict;
}

unsigned policy_reason_status(enum policy_reason reason)
{
    return reason_row(reason)->status;
}

const char *policy_reason_detail(enum policy_reason reason)
{
    return reason_row(reason)->detail;
}

const char *policy_reason_proxy_error(enum policy_reason reason)
{
    return reason_row(reason)->proxy_error;
}
