/*
 * refusal.h - why a message is refused. Private to modules/http.
 */
#ifndef CB_HTTP_REFUSAL_H
#define CB_HTTP_REFUSAL_H

#include "http/parser.h"

struct http_refusal {
    int code;              /* 0, or what http_parser_next() returns */
    enum http_error error; /* which answer says it best */
    const char *why;       /* for logs; static storage */
};

/* Notes the refusal and returns its code. */
CB_MUST_USE static inline int http_refuse(struct http_refusal *out, int code, enum http_error error,
                                          const char *why)
{
    *out = (struct http_refusal){.code = code, .error = error, .why = why};
    return code;
}

CB_MUST_USE static inline int http_refuse_syntax(struct http_refusal *out, const char *why)
{
    return http_refuse(out, CB_EMALFORMED, HTTP_ERROR_SYNTAX, why);
}

#endif
