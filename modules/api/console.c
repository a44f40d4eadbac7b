/*
 * console.c - connections that the console hands over: a browser's requests, made over by the console, which speaks HTTP as any client.
 *
 * The console has looked at where a request is from. Whose it is, the session says that the request names, and the store knows: the
 * console's own word counts for nothing.
 */
#include "api/state.h"

#include "base/log.h"
#include "ipc/role.h"

#include <unistd.h>

static int on_message(void *arg, struct ipc_in *in)
{
    struct api *api = arg;
    struct ipc_console_stream m;
    if (in->msg != IPC_MSG_CONSOLE_STREAM) {
        return CB_EPERM;
    }
    int r = ipc_get_console_stream(in->payload, &m);
    if (r != 0) {
        return r;
    }
    if (api->console_count >= API_CONSOLE_MAX || api->stopping) {
        return 0; /* which closes it */
    }
    r = api_conn_open(api, in->fd, API_CONN_CONSOLE);
    if (r == 0) {
        in->fd = -1;
    } else {
        log_warn_r(r, "a connection from the console is not taken");
    }
    return 0;
}

static void on_closed(void *arg, int code)
{
    struct api *api = arg;
    if (code != CB_ECLOSED) {
        log_error_r(code, "the console broke the protocol");
    }
    ipc_chan_free(api->console);
    api->console = NULL;
}

static const struct ipc_chan_handler console_handler = {.on_message = on_message, .on_closed = on_closed};

int api_console_peer(struct api *api, int fd)
{
    struct ipc_chan *chan;
    int r = ipc_chan_open(ipc_role()->loop, fd, IPC_CHANNEL_PEER, IPC_ROLE_API, IPC_ROLE_CONSOLE, true,
                          &console_handler, api, &chan);
    if (r == 0) {
        ipc_chan_free(api->console);
        api->console = chan;
    }
    return r;
}
