/*
 * token_answer.c - the agent asks a token endpoint itself, as Google's SDKs do.
 *
 * Whatever it writes there, with whatever it has: nothing of it is sent, and what it gets is the placeholder. So an answer of
 * the endpoint, which has a real token in it, never comes near the agent.
 */
#include "egress/state.h"
#include "http/write.h"

#include "base/log.h"

#define BODY_MAX 1024

static bool is_endpoint(const struct spec_token *token, struct span host, uint16_t port, struct span path)
{
    return token->grant != SPEC_GRANT_NONE && token->port == port && span_eq_str(host, token->host) &&
           span_eq_str(path, token->path);
}

const struct spec_route *token_answer_find(const struct egress_config *config, const struct ipc_request *q)
{
    const struct spec_route *found = NULL;
    for (size_t i = 0; q->scheme == SPEC_SCHEME_HTTPS && i < config->spec->route_count; i++) {
        const struct spec_route *route = &config->spec->routes[i];
        if (!is_endpoint(&route->token, q->host, q->port, q->path)) {
            continue;
        }
        if (route->token.answers) {
            return route;
        }
        found = found == NULL ? route : found;
    }
    return found;
}

static int send_answer(struct stream *s, struct span body)
{
    const struct http_field list[] = {
        {SPAN_LIT("Content-Type"), SPAN_LIT("application/json")},
        {SPAN_LIT("Cache-Control"), SPAN_LIT("no-store")},
    };
    struct buf fields;
    buf_init(&fields, BODY_MAX);
    int r = http_fields_encode(list, sizeof(list) / sizeof(list[0]), &fields);
    struct ipc_response head = {.status = 200,
                                .fields = buf_span(&fields),
                                .framing = HTTP_FRAMING_LENGTH,
                                .content_length = body.len};
    if (r == 0 && (r = ipc_send_response(s->chan, 0, &head)) == 0 &&
        (r = ipc_send_response_body(s->chan, 0, &(struct ipc_response_body){.data = body})) == 0) {
        r = ipc_send_response_end(s->chan, 0, &(struct ipc_response_end){.total = body.len});
    }
    buf_deinit(&fields);
    return r;
}

void token_answer(struct stream *s)
{
    const struct egress_credential *c = config_credential(s->config, s->answering->credential);
    struct buf body;
    if (c == NULL || !span_eq_str(s->request.method, "POST")) {
        stream_refuse(s, POLICY_REASON_NO_ROUTE_METHOD);
        return;
    }
    buf_init(&body, BODY_MAX);
    int r = inject_token_answer_write(span_str(c->placeholder), &body);
    if (r == 0) {
        s->record.status = 200;
        s->record.response_bytes = buf_len(&body);
        s->answered = true;
        r = send_answer(s, buf_span(&body));
    }
    buf_deinit(&body);
    if (r != 0) {
        log_warn_r(r, "the answer to request %s could not be given", s->record.id_text);
        stream_close(s);
        return;
    }
    stream_finish(s, POLICY_REASON_ROUTE);
}
