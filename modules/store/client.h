/*
 * client.h - what other roles need to talk to the store: the message table (ipc/msgs.h) has its requests and answers;
 * this has the lists of audit records and of counters that AUDIT_ROWS and COUNTERS carry.
 *
 * Holds      every tenant's routes, placeholders and proxy token, sealed credentials and CA keys, the audit.
 * Answers    vault (sealed rows, hosts), each egress (its own routes and audit), api (what an administrator does).
 * Asks       nobody; tells the monitor which tenants have a listener.
 * May never  open what is sealed, connect anywhere, or answer an egress about a tenant other than its channel's.
 */
#ifndef CB_STORE_CLIENT_H
#define CB_STORE_CLIENT_H

#include "store/audit_row.h"
#include "store/count.h"

#endif
