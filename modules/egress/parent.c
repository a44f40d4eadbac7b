/*
 * parent.c - the parent proxy of a corporate network (RFC 9110, 9.3.6).
 *
 * It is asked for a tunnel to an address that was resolved and checked here, not to a name: what a name means there is not
 * known here, and a name that points inside would be a way in. Within the tunnel everything is as without it: TLS is
 * verified end to end, and plain http goes to the checked address. Routes with an address of their own (upstream.address)
 * are dialled without it. The parent's answer is read by the parser for every answer, and nothing but its status is used.
 */
#include "base/encode.h"
#include "egress/state.h"
#include "http/write.h"

#include <stdio.h>
#include <stdlib.h>

#define PARENT_LOGIN_MAX 512

int parent_set(struct parent *parent, struct span authority)
{
    if (authority.len == 0) {
        return 0;
    }
    parent->used = policy_authority_parse(authority, 0, &parent->host, &parent->port) == 0;
    return parent->used ? 0 : CB_EINVAL;
}

int parent_login(struct parent *parent, struct span text)
{
    if (text.len != 0 && text.ptr[text.len - 1] == '\n') {
        text.len--;
    }
    if (text.len > PARENT_LOGIN_MAX || text.len == 0 || memchr(text.ptr, ':', text.len) == NULL) {
        return CB_EINVAL;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < 0x20 || text.ptr[i] == 0x7f) {
            return CB_EINVAL;
        }
    }
    char value[sizeof("Basic ") + ENCODE_BASE64_SIZE(PARENT_LOGIN_MAX)] = "Basic ";
    size_t len = 6 + encode_base64(text.ptr, text.len, value + 6);
    secret_free(parent->login);
    parent->login = secret_from(span_of(value, len));
    secret_wipe(value, sizeof(value));
    return parent->login != NULL ? 0 : CB_ENOMEM;
}

static bool any_address(void *arg, const uint8_t *address, size_t len)
{
    (void)arg;
    (void)address;
    (void)len;
    return true;
}

int parent_dial(const struct parent *parent, struct net_dialer *dialer, net_dial_fn *on_done, void *arg,
                struct net_dial **out)
{
    char address[sizeof(parent->host.text)];
    if (parent->host.kind == POLICY_HOST_NAME) {
        return net_dial_name(dialer, parent->host.text, parent->port, any_address, on_done, arg, out);
    }
    size_t brackets = parent->host.text[0] == '[' ? 1 : 0;
    (void)snprintf(address, sizeof(address), "%.*s", (int)(parent->host.len - 2 * brackets),
                   parent->host.text + brackets);
    return net_dial_address(dialer, address, parent->port, on_done, arg, out);
}

int parent_ask(const struct parent *parent, const char *target, struct buf *out)
{
    int r;
    if ((r = http_write_request_line(out, SPAN_LIT("CONNECT"), span_str(target))) != 0 ||
        (r = http_write_field(out, SPAN_LIT("Host"), span_str(target))) != 0) {
        return r;
    }
    if (parent->login != NULL &&
        (r = http_write_field(out, SPAN_LIT("Proxy-Authorization"), secret_span(parent->login))) != 0) {
        return r;
    }
    return http_write_head_end(out);
}

int parent_read(struct http_parser *parser, struct span bytes, char *why, size_t why_size)
{
    struct http_event event;
    for (;;) {
        int r = http_parser_next(parser, &bytes, &event);
        if (r == CB_EAGAIN) {
            return r;
        }
        if (r != 0) {
            (void)snprintf(why, why_size, "the parent proxy answers with malformed HTTP: %s",
                           http_parser_why(parser));
            return r;
        }
        if (event.type == HTTP_EVENT_HEAD && (event.head->status < 200 || event.head->status > 299)) {
            (void)snprintf(why, why_size, "the parent proxy refuses: %u %.*s", event.head->status,
                           SPAN_ARG(span_sub(event.head->phrase, 0, 100)));
            return CB_EPERM;
        }
        if (event.type == HTTP_EVENT_HEAD) {
            break;
        }
    }
    if (bytes.len != 0) {
        (void)snprintf(why, why_size, "the parent proxy sends bytes before the tunnel is used");
        return CB_EMALFORMED;
    }
    return 0;
}
