/* plain.c - the attacker in a process that nothing confines: there every attack must succeed, or it proves nothing. */
#include "sandbox/attacker.h"

int main(void)
{
    attack_hello("plain", "");
    attack_obey();
    return 0;
}
