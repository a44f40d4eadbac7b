/* err.c - texts of the error codes. */
#include "base/err.h"

#include <string.h>

const char *cb_strerror(int code)
{
    switch (code) {
    case 0:
        return "success";
#define CB_ERROR_TEXT(name, number, text) \
    case number:                          \
        return text;
        CB_ERRORS(CB_ERROR_TEXT)
#undef CB_ERROR_TEXT
    default:
        break;
    }
    if (code < 0 && code > -1000) {
        /* strerrordesc_np is not locale dependent and needs no buffer. */
        const char *text = strerrordesc_np(-code);
        if (text != NULL) {
            return text;
        }
    }
    return "unknown error";
}
