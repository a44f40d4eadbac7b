/*
 * log.h - one line per event on standard error, written in one piece.
 *
 * A line is `clawbox[role]: level: text`. Bytes that are not printable ASCII are escaped, because what is logged may
 * have been written by an attacker. Secrets are never passed to a log call.
 */
#ifndef CB_BASE_LOG_H
#define CB_BASE_LOG_H

#include "base/err.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Sets the name that stands in each line (copied, at most 63 bytes) and the least urgent level that is written. */
void log_init(const char *role, enum log_level level);
enum log_level log_level_get(void);

void log_error(const char *fmt, ...) CB_PRINTF(1, 2);
void log_warn(const char *fmt, ...) CB_PRINTF(1, 2);
void log_info(const char *fmt, ...) CB_PRINTF(1, 2);
void log_debug(const char *fmt, ...) CB_PRINTF(1, 2);
/* The same with the text of an error code at the end: `text: code's text`. */
void log_error_r(int code, const char *fmt, ...) CB_PRINTF(2, 3);
void log_warn_r(int code, const char *fmt, ...) CB_PRINTF(2, 3);
void log_debug_r(int code, const char *fmt, ...) CB_PRINTF(2, 3);

#endif
