/*
 * usage.h - what a provider says of a request's use in its answer: the model, and how many tokens went in and came out.
 *
 * Looked for in JSON and in server-sent events of it, as they come by, in the forms of OpenAI (chat and responses), Anthropic and Google. Nothing is
 * kept of the answer but these few values, nothing is held back, and what is no JSON finds nothing. A provider may say anything here: it is for people
 * who look at costs, and no decision depends on it.
 */
#ifndef CB_EGRESS_USAGE_H
#define CB_EGRESS_USAGE_H

#include "base/span.h"

#define USAGE_MODEL_MAX   64
#define USAGE_TOKENS_MAX  (UINT64_C(1) << 40) /* what is larger is no count */
#define USAGE_DEPTH_KNOWN 4                   /* nothing that is looked for lies deeper */

/* The numbers that are looked for, by provider. */
enum usage_number {
    USAGE_PROMPT,     /* all that went in: OpenAI chat, Google */
    USAGE_INPUT,      /* OpenAI responses: all of it; Anthropic: what was not cached */
    USAGE_CACHE_MADE, /* Anthropic: beside USAGE_INPUT */
    USAGE_CACHE_READ, /* the same */
    USAGE_OUTPUT,     /* what came out */
    USAGE_THOUGHTS,   /* Google: beside it */
    USAGE_NUMBER__COUNT
};

/* Private to usage.c, but for its place. Zeroed: looks for nothing. */
struct usage {
    bool on;
    bool events; /* server-sent events: an empty line begins anew */
    bool in_string;
    bool escaped;                            /* behind a backslash */
    bool line_empty;                         /* nothing has come in this line */
    char text[USAGE_MODEL_MAX + 1];          /* the string or number under way, or the last one */
    size_t len;                              /* more than it holds: none of ours */
    bool number;                             /* a number is under way */
    unsigned key;                            /* what the value that comes is called */
    unsigned depth;                          /* of containers */
    unsigned char places[USAGE_DEPTH_KNOWN]; /* what each of them is */
    uint64_t numbers[USAGE_NUMBER__COUNT];   /* the last that was said */
    bool seen[USAGE_NUMBER__COUNT];
    char model[USAGE_MODEL_MAX + 1];
};

/* An answer of this media type begins; `encoded`: its body is in a coding other than identity. Only successful answers are worth it. */
void usage_begin(struct usage *u, struct span content_type, bool encoded);
/* The next piece of its body. */
void usage_feed(struct usage *u, struct span body);
/* What was said so far; 0 and "" when nothing was. */
uint64_t usage_input(const struct usage *u);
uint64_t usage_output(const struct usage *u);

#endif
