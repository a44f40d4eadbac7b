/* resolvconf.h - the name servers of a resolv.conf(5), for a process that is given the text and cannot open the file. */
#ifndef CB_NET_RESOLVCONF_H
#define CB_NET_RESOLVCONF_H

#include "base/span.h"

/* As the C library: the first three count. */
#define NET_RESOLVCONF_SERVERS 3
/* Three times an IPv6 address in brackets, a port, an interface, and a comma. */
#define NET_RESOLVCONF_TEXT (NET_RESOLVCONF_SERVERS * 80)

/* Writes the servers of the `nameserver` lines as struct net_dialer_options takes them, or "" when there are none. Lines that
 * are not what they should be are passed over, as every resolver does. */
void net_resolvconf_read(struct span text, char out[NET_RESOLVCONF_TEXT]);

#endif
