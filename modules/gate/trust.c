/*
 * trust.c - GET /ca.pem: the tenant's CA, and its successor while there are two, for agents that bring nothing with them but the
 * proxy's URL. `clawbox trust` asks for it.
 *
 * Certificates are public; the token is asked for all the same, so that a listener says nothing to strangers. Nothing is kept here:
 * the vault is asked each time, so that a successor is told of from the moment in which it exists. The answer goes to nobody else and
 * uses no credential, so it has no record in the audit; a refusal has one.
 */
#include "base/log.h"
#include "gate/state.h"
#include "http/fields.h"

#define TRUST_PEM_MAX ((size_t)4 * IPC_CERT_MAX)

bool trust_is_asked(const struct agent *a, const struct http_head *head)
{
    return a->mode == AGENT_PROXY && span_eq(head->target, SPAN_LIT("/ca.pem"));
}

/* A browser says with every request that a page made it send where that page comes from; "none" is one that a person typed. */
static bool comes_from_a_page(const struct http_head *head)
{
    const struct http_field *site = http_field_find(head->fields, head->field_count, "Sec-Fetch-Site");
    return http_field_find(head->fields, head->field_count, "Origin") != NULL ||
           (site != NULL && !span_eq(site->value, SPAN_LIT("none")));
}

static void trust_refuse(struct agent *a, enum policy_reason reason, const struct http_head *head)
{
    answer_refuse(a, reason, head, SPAN_EMPTY, 0, SPEC_SCHEME_HTTP);
}

static void trust_answer(struct agent *a, const struct ipc_trust *m)
{
    struct buf pem;
    buf_init(&pem, TRUST_PEM_MAX);
    int r = tls_cert_to_pem(m->cert, &pem);
    if (r == 0 && m->next.len != 0) {
        r = tls_cert_to_pem(m->next, &pem);
    }
    if (r == 0) {
        answer_content(a, SPAN_LIT("application/x-pem-file"), buf_span(&pem));
    } else {
        log_error_r(r, "the CA's certificates cannot be written");
        trust_refuse(a, POLICY_REASON_INTERNAL, NULL);
    }
    buf_deinit(&pem);
}

static int on_trust(void *arg, int code, const struct ipc_in *in)
{
    struct agent *a = arg;
    struct ipc_trust m;
    a->trust = NULL;
    int bad = code == 0 ? in->msg == IPC_MSG_TRUST ? ipc_get_trust(in->payload, &m) : CB_EMALFORMED : 0;
    int r = code != 0 ? code : bad != 0 ? bad : ipc_result(m.code);
    agent_enter(a);
    bool waits = !a->closing && a->in_answer; /* it was not answered otherwise meanwhile */
    if (waits && r == 0) {
        trust_answer(a, &m);
    } else if (waits) {
        log_warn_r(r, "no certificates for /ca.pem");
        trust_refuse(a, r == CB_EBUSY ? POLICY_REASON_RATE : POLICY_REASON_NOT_READY, NULL);
    }
    agent_leave(a);
    return bad;
}

static int trust_ask(struct agent *a)
{
    struct ipc_trust_get m = {.version = 1};
    struct ipc_chan *vault = a->gate->vault;
    int r = vault != NULL ? ipc_call_trust_get(vault, &m, on_trust, a, &a->trust_call) : CB_ECLOSED;
    a->trust = r == 0 ? vault : NULL;
    return r;
}

void trust_head(struct agent *a, const struct http_head *head)
{
    a->keep_alive = head->keep_alive;
    a->minor = head->minor;
    a->is_head = span_eq_str(head->method, "HEAD");
    a->asks_websocket = false;
    a->request_failed = true; /* there is nothing to pass on */
    a->answer_begun = false;
    enum policy_reason reason = POLICY_REASON_ROUTE;
    if (comes_from_a_page(head)) {
        reason = POLICY_REASON_TRUST_FOREIGN;
    } else if (!a->is_head && !span_eq_str(head->method, "GET")) {
        reason = POLICY_REASON_METHOD_NEVER;
    } else if (head->framing != HTTP_FRAMING_NONE) {
        reason = POLICY_REASON_BAD_REQUEST;
    } else if (trust_ask(a) != 0) {
        reason = POLICY_REASON_NOT_READY;
    }
    if (reason != POLICY_REASON_ROUTE) {
        trust_refuse(a, reason, head);
    }
}

void trust_ask_again(struct agent *a)
{
    if (a->trust != NULL && trust_ask(a) != 0) {
        agent_enter(a);
        trust_refuse(a, POLICY_REASON_NOT_READY, NULL);
        agent_leave(a);
    }
}

void trust_cancel(struct agent *a)
{
    if (a->trust != NULL) {
        ipc_call_cancel(a->trust, a->trust_call);
        a->trust = NULL;
    }
}
