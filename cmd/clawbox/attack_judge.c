/* attack_judge.c - what held and what did not, and how that is told. */
#include "attack.h"

#include "base/json.h"

#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const outcome_names[] = {
    [ATTACK_HELD] = "held", [ATTACK_LEAKED] = "LEAKED", [ATTACK_SKIPPED] = "skipped"};

static void progress(const struct attack *a)
{
    if (isatty(STDERR_FILENO) == 1 && !a->json) {
        (void)fprintf(stderr, "\r%-10s %zu cases ", a->family, a->result_count);
        (void)fflush(stderr);
    }
}

void attack_add(struct attack *a, const struct attack_case *c, enum attack_outcome outcome, const char *fmt,
                ...)
{
    char why[512];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(why, sizeof(why), fmt, ap);
    va_end(ap);
    struct attack_result *more = realloc(a->results, (a->result_count + 1) * sizeof(*more));
    if (more == NULL) {
        a->error = CB_ENOMEM;
        return;
    }
    a->results = more;
    struct attack_result *result = &a->results[a->result_count];
    *result = (struct attack_result){
        .outcome = outcome, .title = strdup(c->title), .reference = strdup(c->reference), .why = strdup(why)};
    if (result->title == NULL || result->reference == NULL || result->why == NULL) {
        free(result->title);
        free(result->reference);
        free(result->why);
        a->error = CB_ENOMEM;
        return;
    }
    (void)snprintf(result->family, sizeof(result->family), "%s", a->family);
    a->result_count++;
    progress(a);
}

static bool says_no(unsigned status)
{
    return (status >= 400 && status < 500) || status == 501 || status == 505;
}

bool attack_is_refusal(const struct attack_shot *shot, const struct attack_answer *answer)
{
    unsigned status = answer->status != 0 ? answer->status : answer->connect_status;
    if (status == 0 || (answer->status == 0 && status == 200)) {
        return shot->quiet && answer->ended;
    }
    return shot->want != 0 ? status == shot->want : says_no(status);
}

bool attack_holds(struct span text, const char *part)
{
    return text.len != 0 && memmem(text.ptr, text.len, part, strlen(part)) != NULL;
}

/* The first line of what the origin saw, for the report. */
static struct span seen_line(const struct attack *a)
{
    struct span head = buf_span(&a->origin.head);
    const uint8_t *end = head.len != 0 ? memchr(head.ptr, '\n', head.len) : NULL;
    return span_sub(head, 0, end != NULL ? (size_t)(end - head.ptr) : 0);
}

void attack_refused(struct attack *a, const struct attack_case *c, const char *what,
                    const struct attack_listener *at, const struct attack_shot *shot)
{
    struct attack_answer answer;
    size_t before = 0;
    size_t after = 0;
    if (a->error != 0 || attack_interrupted()) {
        return;
    }
    a->error = attack_origin_settle(&a->origin, &before);
    buf_reset(&a->origin.head);
    attack_shoot(at, shot, &answer);
    a->error = a->error == 0 ? attack_origin_settle(&a->origin, &after) : a->error;
    if (a->error != 0) {
        attack_answer_deinit(&answer);
        return;
    }
    unsigned status = answer.status != 0 ? answer.status : answer.connect_status;
    if (before != 0) {
        attack_add(a, c, ATTACK_LEAKED, "the case before this one: the origin was reached after the refusal");
    }
    if (after != 0) {
        attack_add(a, c, ATTACK_LEAKED, "%s: the origin was reached (%zu connections) %.*s", what, after,
                   SPAN_ARG(span_sub(seen_line(a), 0, 200)));
    } else if (attack_is_refusal(shot, &answer)) {
        attack_add(a, c, ATTACK_HELD, "%s: %s %u %s", what,
                   answer.status != 0 || status != 200 ? "refused" : "ended", status, answer.reason);
    } else if (status == 0 || answer.code != 0) {
        attack_add(a, c, ATTACK_LEAKED, "%s: no refusal was said: %s", what, cb_strerror(answer.code));
    } else {
        attack_add(a, c, ATTACK_LEAKED, "%s: not refused, but answered %u %s", what, status, answer.reason);
    }
    attack_answer_deinit(&answer);
}

bool attack_is_allowed(const struct review_policy *policy, const char *method, const char *url)
{
    struct review_explanation e;
    struct review_request request = {.method = span_str(method), .url = span_str(url)};
    if (review_explain(policy, &request, &e) != 0) {
        return true; /* then it is not sent */
    }
    bool allowed = policy_reason_verdict(e.reason) == POLICY_VERDICT_ALLOWED ||
                   policy_reason_verdict(e.reason) == POLICY_VERDICT_FAILED;
    review_explanation_deinit(&e);
    return allowed;
}

int attack_fill(const struct attack *a, const char *host, const char *template, struct buf *out)
{
    const char *parent = strchr(host, '.');
    int r = 0;
    for (size_t i = 0; r == 0 && template[i] != '\0';) {
        if (strncmp(&template[i], "{h}", 3) == 0) {
            r = buf_append_str(out, host);
        } else if (strncmp(&template[i], "{p}", 3) == 0) {
            r = buf_append_str(out, parent != NULL ? parent + 1 : "invalid");
        } else if (strncmp(&template[i], "{o}", 3) == 0) {
            r = buf_appendf(out, "%u", (unsigned)a->origin.ports[ORIGIN_INSIDE]);
        } else if (strncmp(&template[i], "{0}", 3) == 0) {
            r = buf_append_byte(out, 0);
        } else {
            r = buf_append_byte(out, (uint8_t) template[i++]);
            continue;
        }
        i += 3;
    }
    return r;
}

int attack_request(struct buf *out, const char *method, const char *target, const char *host,
                   const char *lines)
{
    return buf_appendf(out, "%s %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", method, target, host, lines);
}

/* ---- the report ---- */

static void count(const struct attack *a, size_t counts[3])
{
    for (size_t i = 0; i < a->result_count; i++) {
        counts[a->results[i].outcome]++;
    }
}

static int report_json(const struct attack *a, const size_t counts[3])
{
    struct buf out;
    struct json j;
    buf_init(&out, (size_t)16 * 1024 * 1024);
    json_init(&j, &out);
    json_object(&j, NULL);
    json_text(&j, "tenant", span_str(a->tenant));
    json_number(&j, "held", counts[ATTACK_HELD]);
    json_number(&j, "leaked", counts[ATTACK_LEAKED]);
    json_number(&j, "skipped", counts[ATTACK_SKIPPED]);
    json_array(&j, "cases");
    for (size_t i = 0; i < a->result_count; i++) {
        const struct attack_result *result = &a->results[i];
        json_object(&j, NULL);
        json_text(&j, "outcome",
                  span_str(result->outcome == ATTACK_LEAKED ? "leaked" : outcome_names[result->outcome]));
        json_text(&j, "family", span_str(result->family));
        json_text(&j, "title", span_str(result->title));
        json_text(&j, "reference", span_str(result->reference));
        json_text(&j, "why", span_str(result->why));
        json_object_end(&j);
    }
    json_array_end(&j);
    json_object_end(&j);
    int r = json_finish(&j);
    if (r == 0) {
        (void)fwrite(buf_span(&out).ptr, 1, buf_len(&out), stdout);
        (void)fputc('\n', stdout);
    }
    buf_deinit(&out);
    return r;
}

static void report_text(const struct attack *a, const size_t counts[3])
{
    const char *family = "";
    if (isatty(STDERR_FILENO) == 1) {
        (void)fprintf(stderr, "\r%40s\r", "");
    }
    for (size_t i = 0; i < a->result_count; i++) {
        const struct attack_result *result = &a->results[i];
        if (strcmp(family, result->family) != 0) {
            family = result->family;
            (void)printf("%s\n", family);
        }
        (void)printf("  %-7s %s [%s] ", outcome_names[result->outcome], result->title, result->reference);
        cmd_print_text(stdout, span_str(result->why));
        (void)fputc('\n', stdout);
    }
    (void)printf("%zu held, %zu leaked, %zu skipped\n", counts[ATTACK_HELD], counts[ATTACK_LEAKED],
                 counts[ATTACK_SKIPPED]);
}

int attack_report(const struct attack *a)
{
    size_t counts[3] = {0};
    count(a, counts);
    int r = 0;
    if (a->json) {
        r = report_json(a, counts);
    } else {
        report_text(a, counts);
    }
    if (r != 0) {
        return cmd_fail_r(r, "the report cannot be printed");
    }
    return counts[ATTACK_LEAKED] == 0 && counts[ATTACK_HELD] != 0 ? CMD_DONE : CMD_FAILED;
}
