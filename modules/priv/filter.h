/*
 * filter.h - a program for seccomp(2), made from rules: a call, what its arguments must be, and what becomes of it.
 *
 * A condition reads the low half of an argument, which is all that the kernel reads of an int: IS for a value, LACKS for bits that
 * must not be set, HAS for bits that must, TYPE for the type of a socket without its flags. Pointers cannot be looked into by a filter.
 */
#ifndef CB_PRIV_FILTER_H
#define CB_PRIV_FILTER_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>

#include "base/err.h"

#define FILTER_CONDITIONS 3

/* argument & mask == value */
struct call_condition {
    uint8_t argument;
    uint32_t mask; /* 0: no condition */
    uint32_t value;
};

struct call_rule {
    unsigned need;
    int number;
    struct call_condition conditions[FILTER_CONDITIONS];
};

#define ALWAYS      \
    {               \
        {           \
            0, 0, 0 \
        }           \
    }
#define IS(argument, value)                     \
    {                                           \
        argument, UINT32_MAX, (uint32_t)(value) \
    }
#define LACKS(argument, bits)         \
    {                                 \
        argument, (uint32_t)(bits), 0 \
    }
#define TYPE(argument, value)            \
    {                                    \
        argument, 0xf, (uint32_t)(value) \
    }
#define HAS(argument, bit)                         \
    {                                              \
        argument, (uint32_t)(bit), (uint32_t)(bit) \
    }

#define FILTER_MAX 1024

struct filter {
    struct sock_filter code[FILTER_MAX];
    unsigned short len;
};

/* Begins a program: calls of another machine's interface, or of x32, end the process. */
void filter_begin(struct filter *f);
/* For this call, when every condition holds: `action` (SECCOMP_RET_...). Else the rules that follow are asked. */
void filter_rule(struct filter *f, const struct call_rule *rule, uint32_t action);
/* What becomes of a call that no rule was for; and the program goes to the kernel. no_new_privs must hold. 0 or a negative error. */
CB_MUST_USE int filter_load(struct filter *f, uint32_t otherwise);

#endif
