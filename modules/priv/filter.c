/* filter.c - rules as instructions of the classic BPF. */
#include "priv/filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>

#if defined(__x86_64__)
#define FILTER_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define FILTER_ARCH AUDIT_ARCH_AARCH64
#else
#error "the filter knows x86-64 and arm64"
#endif

#define FILTER_X32_BIT \
    0x40000000U /* calls of the x32 interface, which nobody here makes; arm64 has no such numbers */

/* Both machines store the low half of an argument first. */
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the filter reads the low halves of arguments where a little-endian machine has them"
#endif

static void add(struct filter *f, struct sock_filter instruction)
{
    if (f->len < FILTER_MAX) {
        f->code[f->len] = instruction;
    }
    f->len++;
}

static void load_field(struct filter *f, size_t offset)
{
    add(f, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

static void load_number(struct filter *f)
{
    load_field(f, offsetof(struct seccomp_data, nr));
}

static void answer(struct filter *f, uint32_t action)
{
    add(f, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

/* Goes on when the accumulator is `value`, else skips so many instructions. */
static void unless_skip(struct filter *f, uint32_t value, size_t skip)
{
    add(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, (uint8_t)skip));
}

static size_t condition_len(const struct call_condition *c)
{
    return c->mask == UINT32_MAX ? 2 : 3; /* load, and unless all bits count, and; compare */
}

/* The rule's instructions after the call's number was compared. */
static size_t rule_len(const struct call_rule *rule)
{
    size_t len = 1; /* allow */
    bool any = false;
    for (size_t i = 0; i < FILTER_CONDITIONS; i++) {
        if (rule->conditions[i].mask != 0) {
            len += condition_len(&rule->conditions[i]);
            any = true;
        }
    }
    return any ? len + 1 : len; /* the number has to be loaded again for the next rule */
}

void filter_rule(struct filter *f, const struct call_rule *rule, uint32_t action)
{
    size_t left = rule_len(rule);
    bool any = left > 1;
    unless_skip(f, (uint32_t)rule->number, left);
    for (size_t i = 0; i < FILTER_CONDITIONS; i++) {
        const struct call_condition *c = &rule->conditions[i];
        if (c->mask == 0) {
            continue;
        }
        left -= condition_len(c);
        load_field(f, offsetof(struct seccomp_data, args) + c->argument * sizeof(uint64_t));
        if (c->mask != UINT32_MAX) {
            add(f, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, c->mask));
        }
        unless_skip(f, c->value, left - 1); /* to the instruction that loads the number */
    }
    answer(f, action);
    if (any) {
        load_number(f);
    }
}

void filter_begin(struct filter *f)
{
    f->len = 0;
    load_field(f, offsetof(struct seccomp_data, arch));
    unless_skip(f, FILTER_ARCH, 2);
    load_number(f);
    add(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, FILTER_X32_BIT, 0, 1));
    answer(f, SECCOMP_RET_KILL_PROCESS);
}

int filter_load(struct filter *f, uint32_t otherwise)
{
    answer(f, otherwise);
    if (f->len > FILTER_MAX) {
        return CB_EINTERNAL;
    }
    struct sock_fprog program = {.len = f->len, .filter = f->code};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0 ? 0 : -errno;
}
