/* attack_echo.c - what comes back: an origin that says the credential back in every form, and one that sends elsewhere. */
#include "attack.h"

#include "http/fields.h"

static int ask_echo(struct attack *a, const char *path, struct attack_answer *answer)
{
    struct buf request;
    buf_init(&request, 4096);
    int r = attack_request(&request, "GET", path, ATTACK_ECHO_HOST, "");
    r = r == 0 ? attack_origin_drain(&a->origin) : r;
    struct attack_shot shot = {.connect = SPAN_LIT(ATTACK_ECHO_HOST ":443"),
                               .tls = true,
                               .host = ATTACK_ECHO_HOST,
                               .request = buf_span(&request)};
    if (r == 0) {
        attack_shoot(&a->at_other, &shot, answer);
    }
    buf_deinit(&request);
    return r;
}

static void try_echo(struct attack *a, size_t i)
{
    const struct attack_echo *echo = &attack_echoes[i];
    const struct attack_case c = {echo->title, echo->reference};
    char path[64];
    struct attack_answer answer;
    bool found = false;
    (void)snprintf(path, sizeof(path), "/attack/echo/%zu", i);
    a->error = ask_echo(a, path, &answer);
    if (a->error == 0) {
        struct span text = buf_span(&answer.text);
        bool arrived = attack_holds(text, ATTACK_MARK);
        a->error = attack_echo_find(echo, span_str(a->credential), text, &found);
        attack_add(a, &c, found || !arrived ? ATTACK_LEAKED : ATTACK_HELD, "answered %u; %s", answer.status,
                   found     ? "the credential came back"
                   : arrived ? "the credential did not come back"
                             : "the origin's answer did not come, so nothing was shown");
        attack_answer_deinit(&answer);
    }
}

/* Asked without the proxy, the origin says each of them, and it is seen: else a clean answer would show nothing. */
static void control_forms(struct attack *a)
{
    static const struct attack_case c = {"every form is seen when the origin is asked without the proxy",
                                         "control"};
    struct attack_listener origin = {.address = "127.0.0.1", .port = a->origin.ports[ORIGIN_ECHO]};
    size_t seen = 0;
    a->error = tls_roots_new(buf_span(&a->origin.ca_pem), &origin.roots, NULL);
    for (size_t i = 0; i < attack_echo_count && a->error == 0; i++) {
        char path[64];
        struct buf request;
        struct attack_answer answer;
        bool found = false;
        (void)snprintf(path, sizeof(path), "/attack/echo/%zu", i);
        buf_init(&request, 4096);
        a->error = attack_request(&request, "GET", path, ATTACK_ECHO_HOST, "");
        struct attack_shot shot = {.tls = true, .host = ATTACK_ECHO_HOST, .request = buf_span(&request)};
        attack_shoot(&origin, &shot, &answer);
        int r = attack_echo_find(&attack_echoes[i], span_str(a->credential), buf_span(&answer.text), &found);
        a->error = a->error == 0 ? r : a->error;
        seen += found ? 1 : 0;
        attack_answer_deinit(&answer);
        buf_deinit(&request);
    }
    tls_roots_free(origin.roots);
    attack_add(a, &c, seen == attack_echo_count ? ATTACK_HELD : ATTACK_LEAKED, "%zu of %zu", seen,
               attack_echo_count);
}

/* The origin got the credential, or none of this shows anything. */
static bool control(struct attack *a)
{
    static const struct attack_case c = {"the credential arrives at the echo", "control"};
    struct attack_answer answer;
    char value[96];
    a->error = ask_echo(a, "/attack", &answer);
    if (a->error != 0) {
        return false;
    }
    bool asked = answer.status == 200 && attack_origin_wait(&a->origin) == 0;
    (void)snprintf(value, sizeof(value), "Bearer %s", a->credential);
    struct span head = buf_span(&a->origin.head);
    bool there = asked && attack_holds(head, value);
    attack_add(a, &c, there ? ATTACK_HELD : ATTACK_LEAKED, "answered %u %s", answer.status, answer.reason);
    attack_answer_deinit(&answer);
    return there;
}

static void try_redirect(struct attack *a)
{
    static const struct attack_case c = {"a redirect to another host is handed back, not followed",
                                         "CWE-601; CVE-2018-1000007"};
    struct attack_answer answer;
    size_t connections = 0;
    a->error = ask_echo(a, "/attack/redirect", &answer);
    a->error = a->error == 0 ? attack_origin_wait(&a->origin) : a->error;
    a->error = a->error == 0 ? attack_origin_settle(&a->origin, &connections) : a->error;
    if (a->error == 0) {
        bool followed = connections != 1 || answer.status != 307;
        attack_add(a, &c, followed ? ATTACK_LEAKED : ATTACK_HELD,
                   "answered %u; the origin saw %zu connections", answer.status, connections);
    }
    attack_answer_deinit(&answer);
}

void attack_echo(struct attack *a)
{
    control_forms(a);
    if (a->error != 0 || !control(a)) {
        return;
    }
    for (size_t i = 0; i < attack_echo_count && a->error == 0 && !attack_interrupted(); i++) {
        try_echo(a, i);
    }
    if (a->error == 0) {
        try_redirect(a);
    }
    a->error = a->error == 0 ? attack_origin_drain(&a->origin) : a->error;
}
