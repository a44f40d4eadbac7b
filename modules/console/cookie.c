/* cookie.c - cookies out: for this origin and no part of it, never for a script, never from another site. */
#include "console/session.h"

#include <stdio.h>

int cookie_set(char (*out)[COOKIE_SIZE], const char *name, struct span value, unsigned max_age_s)
{
    char age[32] = "";
    if (value.len == 0 || max_age_s != 0) {
        (void)snprintf(age, sizeof(age), "; Max-Age=%u", value.len == 0 ? 0 : max_age_s);
    }
    int len = snprintf(*out, sizeof(*out), "%s=%.*s; Path=/; Secure; HttpOnly; SameSite=Strict%s", name,
                       SPAN_ARG(value), age);
    return len > 0 && (size_t)len < sizeof(*out) ? 0 : CB_ELIMIT;
}
