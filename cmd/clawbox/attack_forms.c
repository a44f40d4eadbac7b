/* attack_forms.c - the forms in which the origin says a credential back, and whether a text has it in one of them. */
#include "attack.h"

#include "base/encode.h"

const struct attack_echo attack_echoes[] = {
    {"raw in the body", "CWE-201", "raw", "body"},
    {"raw, a byte in each chunk", "CWE-201; RFC 9112, 7.1", "raw", "chunked"},
    {"raw, cut in the middle of two writes", "CWE-201", "raw", "cut"},
    {"base64, first alignment", "CWE-201; RFC 4648, 4", "b64-0", "body"},
    {"base64, second alignment", "CWE-201; RFC 4648, 4", "b64-1", "body"},
    {"base64, third alignment", "CWE-201; RFC 4648, 4", "b64-2", "body"},
    {"base64url", "CWE-201; RFC 4648, 5", "b64url", "body"},
    {"base64, a byte in each chunk", "CWE-201", "b64-1", "chunked"},
    {"hexadecimal, lower case", "CWE-201", "hex", "body"},
    {"hexadecimal, upper case", "CWE-201", "HEX", "body"},
    {"percent-encoded", "CWE-201; RFC 3986, 2.1", "percent", "body"},
    {"percent-encoded, a byte in each chunk", "CWE-201", "percent", "chunked"},
    {"JSON escapes", "CWE-201; RFC 8259, 7", "json", "body"},
    {"JSON escapes, cut in the middle of two writes", "CWE-201", "json", "cut"},
    {"rendered as Basic", "CWE-201; RFC 7617", "basic", "body"},
    {"raw in a header", "CWE-201", "raw", "header"},
    {"base64 in a header", "CWE-201", "b64-0", "header"},
    {"raw in Location", "CWE-201; RFC 9110, 10.2.2", "raw", "location"},
    {"percent-encoded in Location", "CWE-201; RFC 9110, 10.2.2", "percent", "location"},
    {"raw in Set-Cookie", "CWE-201; RFC 6265", "raw", "cookie"},
    {"raw in a trailer", "CWE-201; RFC 9110, 6.5", "raw", "trailer"},
};
const size_t attack_echo_count = sizeof(attack_echoes) / sizeof(attack_echoes[0]);

static int write_base64(struct span credential, size_t shift, bool url, struct buf *out)
{
    uint8_t bytes[128] = "xy";
    char text[ENCODE_BASE64_SIZE(sizeof(bytes))];
    if (credential.len + shift + 4 > sizeof(bytes)) {
        return CB_ELIMIT;
    }
    memcpy(bytes + shift, credential.ptr, credential.len);
    memcpy(bytes + shift + credential.len, "tail", 4);
    size_t len = url ? encode_base64url(bytes, shift + credential.len + 4, text)
                     : encode_base64(bytes, shift + credential.len + 4, text);
    return buf_append(out, text, len);
}

int attack_echo_write(const char *form, struct span credential, struct buf *out)
{
    if (strncmp(form, "b64-", 4) == 0) {
        return write_base64(credential, (size_t)(form[4] - '0'), false, out);
    }
    if (strcmp(form, "b64url") == 0) {
        return write_base64(credential, 0, true, out);
    }
    if (strcmp(form, "basic") == 0) {
        int r = buf_append_str(out, "Basic ");
        return r == 0 ? write_base64(credential, 2, false, out) : r;
    }
    int r = 0;
    for (size_t i = 0; r == 0 && i < credential.len; i++) {
        uint8_t c = credential.ptr[i];
        r = strcmp(form, "hex") == 0       ? buf_appendf(out, "%02x", c)
            : strcmp(form, "HEX") == 0     ? buf_appendf(out, "%02X", c)
            : strcmp(form, "percent") == 0 ? buf_appendf(out, "%%%02X", c)
            : strcmp(form, "json") == 0    ? buf_appendf(out, "\\u%04x", c)
                                           : buf_append_byte(out, c);
    }
    return r;
}

int attack_echo_find(const struct attack_echo *echo, struct span credential, struct span text, bool *found)
{
    struct buf said;
    buf_init(&said, 4096);
    int r = attack_echo_write(echo->form, credential, &said);
    /* What no neighbour changes: without some bytes at each end. */
    struct span core = span_sub(buf_span(&said), 6, buf_len(&said) > 18 ? buf_len(&said) - 12 : 0);
    *found = r == 0 && text.len != 0 &&
             (memmem(text.ptr, text.len, core.ptr, core.len) != NULL ||
              memmem(text.ptr, text.len, credential.ptr, credential.len) != NULL);
    buf_deinit(&said);
    return r;
}
