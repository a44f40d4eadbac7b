/*
 * aws.h - requests to AWS are signed (Signature Version 4) instead of being given a secret.
 *
 * The agent's SDK signs too, with its placeholder as key id and anything as secret. That signature is recognised by the key id,
 * taken out, and one with the credential is written over the request as it is sent: path and query in their canonical form, Host,
 * Content-Type and every X-Amz-* field.
 *
 * A credential is ACCESS_KEY_ID:SECRET_ACCESS_KEY, or ACCESS_KEY_ID:SECRET_ACCESS_KEY:SESSION_TOKEN.
 *
 * What is signed of the body, by what the agent says in X-Amz-Content-Sha256:
 *   its SHA-256                     the same: the provider compares it with the body
 *   UNSIGNED-PAYLOAD                the same: the provider decides whether it takes that
 *   STREAMING-UNSIGNED-PAYLOAD-TRAILER           the same, and the body as it is: nothing in it depends on a key
 *   STREAMING-AWS4-HMAC-SHA256-PAYLOAD[-TRAILER] the same, and each chunk gets a new signature (aws_chunks.c)
 *   nothing, to S3                  UNSIGNED-PAYLOAD, over https; else as below
 *   nothing, to any other service   the SHA-256 of the body, which has to be held for that
 * Anything else (STREAMING-AWS4-ECDSA-..., ...-EVENTS) is refused with POLICY_REASON_BODY_FORMAT, and presigned URLs are foreign
 * credentials: somebody else's signature is somebody else's key.
 */
#ifndef CB_INJECT_AWS_H
#define CB_INJECT_AWS_H

#include "inject/inject.h"
#include "tls/digest.h"

#define INJECT_AWS_SCOPE_MAX 128
#define INJECT_AWS_HEX       (2 * DIGEST_LEN)

struct inject_aws_credential {
    struct span key_id;
    struct span secret;
    struct span token; /* empty when there is none */
};

/* Takes a credential apart; the spans point into it. False when it has another form. */
bool inject_aws_credential(struct span credential, struct inject_aws_credential *out);

enum inject_aws_payload {
    INJECT_AWS_SAID,   /* sent as the agent says it is */
    INJECT_AWS_HASH,   /* has to be hashed */
    INJECT_AWS_CHUNKS, /* has to be signed chunk by chunk */
    INJECT_AWS_REFUSED
};

/* How the body is signed, and in *value what the signature covers (a literal, or of the request; empty for HASH). */
enum inject_aws_payload inject_aws_payload(const struct spec_route *route,
                                           const struct inject_request *request, bool has_body,
                                           struct span *value);

/* A signature that was made, and what the next ones of the same request need. Wiped by inject_aws_forget(). */
struct inject_aws {
    uint8_t key[DIGEST_LEN]; /* for this day, region and service */
    char time[17];           /* 20150830T123600Z */
    char scope[INJECT_AWS_SCOPE_MAX];
    char signature[INJECT_AWS_HEX + 1];
};

struct inject_aws_call {
    struct span method;
    struct span host; /* as the Host field has it */
    uint64_t time_ms; /* since 1970 */
    struct span payload;
};

/*
 * Appends X-Amz-Date, X-Amz-Security-Token where the credential has one, X-Amz-Content-Sha256 where the agent sent one or the
 * service is S3, Authorization, and then the route's own extra fields. `out` is sensitive. CB_EINVAL when the credential is none
 * of AWS.
 */
CB_MUST_USE int inject_aws_write(const struct spec_route *route, const struct inject_request *request,
                                 const struct inject_aws_call *call, struct span credential,
                                 struct inject_aws *signing, struct buf *out);
void inject_aws_forget(struct inject_aws *signing);

/* ---- aws_chunks.c ---- */

#define INJECT_AWS_CHUNK_MAX ((size_t)1024 * 1024)

struct inject_aws_chunks; /* one body of Content-Encoding aws-chunked; opaque */

/* Begins after the head was signed, which is copied. NULL when out of memory. */
struct inject_aws_chunks *inject_aws_chunks_new(const struct inject_aws *signing, bool trailer);
/* NULL is fine. */
void inject_aws_chunks_free(struct inject_aws_chunks *c);
/*
 * Takes a piece of the body and appends the same bytes with the right signatures to `out`; at most a chunk is held back, which
 * has to be of INJECT_AWS_CHUNK_MAX at most. POLICY_REASON_ROUTE; BODY_FORMAT when it is not what it should be, BODY_BUFFER
 * when a chunk is too large, INTERNAL (memory).
 */
enum policy_reason inject_aws_chunks_feed(struct inject_aws_chunks *c, struct span in, struct buf *out);
/* The end of the body. */
enum policy_reason inject_aws_chunks_end(const struct inject_aws_chunks *c);

#endif
