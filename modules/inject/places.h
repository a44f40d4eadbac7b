/*
 * places.h - the places where a request carries credentials. The one table of them.
 *
 * On a route that injects, only the tenant's own placeholder may stand in any of these; on every route what stands in
 * such a header is taken out before the request leaves.
 */
#ifndef CB_INJECT_PLACES_H
#define CB_INJECT_PLACES_H

/* header names, in lower case; a name that ends in '*' stands for every header with that beginning */
#define INJECT_HEADER_PLACES(P) \
    P("authorization")          \
    P("proxy-authorization")    \
    P("cookie")                 \
    P("x-api-key")              \
    P("api-key")                \
    P("x-goog-api-key")         \
    P("private-token")          \
    P("x-auth-token")           \
    P("x-amz-*")                \
    P("x-subscription-token")

/* query parameters, in lower case */
#define INJECT_QUERY_PLACES(P) \
    P("key")                   \
    P("access_token")          \
    P("api_key")               \
    P("token")

#endif
