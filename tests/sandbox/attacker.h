/* attacker.h - what the tests and the code inside a role say to each other. inside.py knows these layouts too. */
#ifndef CB_SANDBOX_ATTACKER_H
#define CB_SANDBOX_ATTACKER_H

#include <stdint.h>

#define ATTACK_SCRATCH      (1024 * 1024)
#define ATTACK_EXIT_ORPHAN  99           /* the tests are gone, or do not make sense */
#define ATTACK_NO_SUCH_CALL (-(1 << 20)) /* no error of the kernel's */

enum attack_op {
    ATTACK_CALL,     /* a system call, by name */
    ATTACK_COMPAT,   /* a system call of the 32-bit interface, by number */
    ATTACK_JUMP,     /* calls what is at an address */
    ATTACK_PEEK,     /* reads the process's own memory */
    ATTACK_CHANNELS, /* which descriptors are channels to whom */
    ATTACK_RELEASE   /* the role goes on as if nothing had been */
};

/* First `in_len` bytes for the scratch memory follow, then the call is made, then `out_len` bytes of it go back. */
struct attack_order {
    uint32_t op;
    uint32_t in_len;
    uint32_t out_len;
    uint32_t unused;
    char name[32];
    uint64_t args[6];
};

struct attack_result {
    int64_t value; /* or a negative errno */
};

struct attack_hello {
    char role[16];
    char tenant[48];
    uint64_t scratch; /* its address */
};

struct attack_channel {
    int32_t fd;
    uint16_t channel; /* enum ipc_channel */
    uint16_t peer;    /* enum ipc_role */
};

/* Says on standard output who this is. */
void attack_hello(const char *role, const char *tenant);
/* Obeys orders from there until ATTACK_RELEASE. */
void attack_obey(void);

#endif
