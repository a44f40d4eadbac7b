/* health_option.c - where the health listener is. */
#include "health_option.h"

#include "start_options.h"

int health_option_read(const char *command, const char *text, char address[START_ADDRESS_MAX],
                       struct monitor_options *out)
{
    out->health_address = text != NULL ? address : NULL;
    return text != NULL ? start_address(command, "health", text, address, &out->health_port) : CMD_GO;
}
