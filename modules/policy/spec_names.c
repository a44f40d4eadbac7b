/* spec_names.c - the names to which a tenant's CA is constrained when its file wants that. */
#include "policy/spec.h"

#include <stdlib.h>

/* What a name may take in the certificate: more than its own length, and for an address with its mask at most this. */
#define ADDRESS_COST 48
#define NAME_COST    8

static int compare(const void *a, const void *b)
{
    const struct span *x = a;
    const struct span *y = b;
    size_t len = x->len < y->len ? x->len : y->len;
    int r = memcmp(x->ptr, y->ptr, len);
    return r != 0 ? r : (x->len > y->len) - (x->len < y->len);
}

/* As a certificate has it: of "*.example.com" what is behind the "*.", of "[2001:db8::1]" what is inside. */
static struct span name_of(const char *host)
{
    struct span name = span_str(host);
    if (name.len > 2 && name.ptr[0] == '*') {
        return span_sub(name, 2, name.len);
    }
    return name.len > 2 && name.ptr[0] == '[' ? span_sub(name, 1, name.len - 2) : name;
}

int spec_ca_names(const struct spec *spec, struct buf *out)
{
    size_t count = 0;
    size_t cost = 0;
    struct span *names = calloc(2 * spec->route_count + 1, sizeof(*names));
    if (names == NULL) {
        return CB_ENOMEM;
    }
    for (size_t i = 0; i < spec->route_count; i++) {
        const struct spec_route *route = &spec->routes[i];
        if (route->action == SPEC_ACTION_ALLOW) {
            names[count++] = name_of(route->host);
            if (route->token.answers) {
                names[count++] = name_of(route->token.host);
            }
        }
    }
    qsort(names, count, sizeof(*names), compare);
    int r = 0;
    for (size_t i = 0; r == 0 && i < count; i++) {
        if (i != 0 && compare(&names[i - 1], &names[i]) == 0) {
            continue;
        }
        cost += memchr(names[i].ptr, ':', names[i].len) != NULL ? ADDRESS_COST : names[i].len + NAME_COST;
        r = cost > SPEC_CA_NAMES_MAX ? CB_ELIMIT : buf_appendf(out, "%.*s\n", SPAN_ARG(names[i]));
    }
    free(names);
    return r;
}
