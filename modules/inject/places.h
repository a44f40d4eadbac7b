/*
 * places.h - the places where a request carries credentials. The one table of them; a route can add to it (`places`)
 * and let named ones through (`pass`).
 *
 * On a route that injects, only the tenant's own placeholder may stand in any of these, and only where the route
 * injects it; on every route what stands in such a header is taken out before the request leaves, and a parameter that is
 * such a place is refused.
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

/* headers that are a place only when the value says so: the name, and a word that stands in such a value. A browser's
 * WebSocket can set no other header, so Kubernetes ("base64url.bearer.authorization.k8s.io.TOKEN"), OpenAI
 * ("openai-insecure-api-key.KEY") and others ("bearer, TOKEN") put credentials among the subprotocols. */
#define INJECT_VALUE_PLACES(P)                   \
    P("sec-websocket-protocol", "bearer")        \
    P("sec-websocket-protocol", "api-key")       \
    P("sec-websocket-protocol", "apikey")        \
    P("sec-websocket-protocol", "api_key")       \
    P("sec-websocket-protocol", "authorization") \
    P("sec-websocket-protocol", "token")

/* query parameters, in lower case */
#define INJECT_QUERY_PLACES(P) \
    P("key")                   \
    P("access_token")          \
    P("api_key")               \
    P("token")

/* and on routes to AWS: what makes a URL presigned, in both versions of signatures */
#define INJECT_AWS_QUERY_PLACES(P) \
    P("x-amz-credential")          \
    P("x-amz-signature")           \
    P("x-amz-security-token")      \
    P("awsaccesskeyid")            \
    P("signature")

#endif
