/*
 * control.h - asking the running `clawbox serve`: HTTP/1.1 with JSON over DIR/control.sock, one connection a request.
 *
 * These functions speak: when they return CMD_FAILED, standard error says what went wrong and what to do.
 */
#ifndef CB_CLAWBOX_CONTROL_H
#define CB_CLAWBOX_CONTROL_H

#include "cmd.h"
#include "conf/tree.h"

#define CONTROL_TIMEOUT_MS 60000

struct control_request {
    const char *method;
    const char *target;        /* visible ASCII */
    struct span body;          /* empty: none */
    const char *type;          /* of the body; NULL: application/json */
    const char *if_match;      /* an entity tag or "*"; NULL: the request depends on nothing */
    const char *if_none_match; /* the same */
    unsigned timeout_ms;       /* how long the server may be silent; 0: CONTROL_TIMEOUT_MS */
    bool absent_is_fine;       /* a 404 is an answer like others, and not spoken about */
};

struct control_answer {
    unsigned status; /* 200 to 299, or 404 when absent_is_fine */
    struct buf body;
    char tag[64];          /* ETag, "" without */
    struct conf_tree tree; /* the body, read: of control_read() only */
};

/* Sends a request and waits for the whole answer. CMD_GO and *answer, which control_answer_deinit() frees; or CMD_FAILED:
 * no server, no answer, or a problem that the server had with the request. */
CB_MUST_USE int control_ask(const char *state, const struct control_request *request,
                            struct control_answer *answer);
/* The same for `GET target`, and reads the answer, which has to be a JSON object. */
CB_MUST_USE int control_read(const char *state, const char *target, struct control_answer *answer);
/* Reads the body of an answer: CMD_GO, or CMD_FAILED when it is no JSON object. */
CB_MUST_USE int control_answer_read(struct control_answer *answer);
/* Whether a server accepts connections now. */
bool control_is_reachable(const char *state);
/* Prints the body as it came, on a line. */
void control_print_body(const struct control_answer *answer);
/* A zeroed struct is fine. */
void control_answer_deinit(struct control_answer *answer);
/* The JSON object of an answer that was read. */
const struct conf_node *control_answer_root(const struct control_answer *answer);

/* One line of JSON without its line break, borrowed for the call. A result other than CMD_GO ends the stream with it. */
typedef int control_line_fn(void *arg, struct span line);

/* Asks `GET target` for application/jsonl and hands over each line as it comes. CMD_GO at the end of the answer. */
CB_MUST_USE int control_stream(const char *state, const char *target, control_line_fn *on_line, void *arg);

/* ---- reading answers; what is missing or of another type gives the empty value ---- */

/* The text of a member, "" for null; never NULL. */
const char *control_text(const struct conf_node *object, const char *key);
/* A whole number, 0 when it is none. */
uint64_t control_number(const struct conf_node *object, const char *key);
/* True for a plain true. */
bool control_flag(const struct conf_node *object, const char *key);
/* The first element of an array or the first member of an object; the others follow with ->next. */
const struct conf_node *control_first(const struct conf_node *object, const char *key);
/* Appends the texts of an array, with `separator` between them. */
CB_MUST_USE int control_join(const struct conf_node *array, const char *separator, struct buf *out);

#endif
