/* json.c - writing JSON: escaping, commas, and the error that latches. */
#include <inttypes.h>
#include <stdio.h>

#include "base/json.h"

#define DAY_MS 86400000U

/* Length of the UTF-8 character at the front (RFC 3629: no overlong form, no surrogate), or 0 when there is none;
 * *bad is then how many bytes one replacement character stands for: the longest start of a character, at least one. */
static size_t utf8_length(struct span s, size_t *bad)
{
    uint8_t first = s.ptr[0];
    uint8_t low = 0x80;
    uint8_t high = 0xbf;
    size_t len;
    *bad = 1;
    if (first < 0x80) {
        return 1;
    }
    if (first >= 0xc2 && first <= 0xdf) {
        len = 2;
    } else if (first >= 0xe0 && first <= 0xef) {
        len = 3;
        low = first == 0xe0 ? 0xa0 : low;
        high = first == 0xed ? 0x9f : high;
    } else if (first >= 0xf0 && first <= 0xf4) {
        len = 4;
        low = first == 0xf0 ? 0x90 : low;
        high = first == 0xf4 ? 0x8f : high;
    } else {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if (i >= s.len || s.ptr[i] < low || s.ptr[i] > high) {
            *bad = i;
            return 0;
        }
        low = 0x80;
        high = 0xbf;
    }
    return len;
}

/* What stands in a string for a byte that cannot stand for itself; NULL when it can. `text` has room for 7. */
static const char *escape(uint8_t c, char *text)
{
    switch (c) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        if (c >= 0x20 && c != 0x7f) {
            return NULL;
        }
        (void)snprintf(text, 7, "\\u%04x", c);
        return text;
    }
}

int json_quote(struct buf *out, struct span text)
{
    int r = buf_append_byte(out, '"');
    size_t plain = 0; /* bytes at the front of `text` that are copied as they are */
    while (r == 0 && plain < text.len) {
        size_t bad;
        char room[7];
        struct span rest = span_sub(text, plain, text.len);
        size_t len = utf8_length(rest, &bad);
        const char *instead = len == 0 ? "\xef\xbf\xbd" : escape(rest.ptr[0], room);
        if (instead == NULL) {
            plain += len;
            continue;
        }
        r = buf_append(out, text.ptr, plain);
        if (r == 0) {
            r = buf_append_str(out, instead);
        }
        text = span_sub(text, plain + (len == 0 ? bad : len), text.len);
        plain = 0;
    }
    if (r == 0) {
        r = buf_append_span(out, text);
    }
    return r == 0 ? buf_append_byte(out, '"') : r;
}

void json_init(struct json *j, struct buf *out)
{
    *j = (struct json){.out = out};
}

/* The comma and the key that stand before a value. */
static void begin(struct json *j, const char *key)
{
    if (j->error == 0 && j->comma) {
        j->error = buf_append_byte(j->out, ',');
    }
    if (j->error == 0 && key != NULL) {
        j->error = json_quote(j->out, span_str(key));
        if (j->error == 0) {
            j->error = buf_append_byte(j->out, ':');
        }
    }
    j->comma = true;
}

static void put(struct json *j, const char *key, const char *text)
{
    begin(j, key);
    if (j->error == 0) {
        j->error = buf_append_str(j->out, text);
    }
}

static void end(struct json *j, const char *bracket)
{
    if (j->error == 0) {
        j->error = buf_append_str(j->out, bracket);
    }
    j->comma = true;
}

void json_object(struct json *j, const char *key)
{
    put(j, key, "{");
    j->comma = false;
}

void json_object_end(struct json *j)
{
    end(j, "}");
}

void json_array(struct json *j, const char *key)
{
    put(j, key, "[");
    j->comma = false;
}

void json_array_end(struct json *j)
{
    end(j, "]");
}

void json_text(struct json *j, const char *key, struct span value)
{
    begin(j, key);
    if (j->error == 0) {
        j->error = json_quote(j->out, value);
    }
}

void json_number(struct json *j, const char *key, uint64_t value)
{
    begin(j, key);
    if (j->error == 0) {
        j->error = buf_appendf(j->out, "%" PRIu64, value);
    }
}

void json_bool(struct json *j, const char *key, bool value)
{
    put(j, key, value ? "true" : "false");
}

void json_null(struct json *j, const char *key)
{
    put(j, key, "null");
}

/* The date of a day counted from 1970-01-01, in the Gregorian calendar. Written out because the C library's gmtime_r()
 * opens the time zone file, which a confined role may not. */
static void date_of_day(uint64_t day, unsigned *year, unsigned *month, unsigned *day_of_month)
{
    /* Years that begin on 1 March have their leap day at the end; 719468 days lie between 0000-03-01 and 1970. */
    uint64_t days = day + 719468;
    uint64_t era = days / 146097; /* 400 years */
    uint64_t of_era = days % 146097;
    uint64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    uint64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint64_t from_march = (5 * of_year + 2) / 153;
    *day_of_month = (unsigned)(of_year - (153 * from_march + 2) / 5 + 1);
    *month = (unsigned)(from_march < 10 ? from_march + 3 : from_march - 9);
    *year = (unsigned)(era * 400 + year_of_era + (*month <= 2));
}

void json_time(struct json *j, const char *key, uint64_t unix_ms)
{
    unsigned year;
    unsigned month;
    unsigned day;
    if (unix_ms > JSON_TIME_MAX_MS) {
        j->error = j->error == 0 ? CB_EINVAL : j->error;
        return;
    }
    date_of_day(unix_ms / DAY_MS, &year, &month, &day);
    unsigned in_day = (unsigned)(unix_ms % DAY_MS);
    begin(j, key);
    if (j->error == 0) {
        j->error = buf_appendf(j->out, "\"%04u-%02u-%02uT%02u:%02u:%02u.%03uZ\"", year, month, day,
                               in_day / 3600000, in_day / 60000 % 60, in_day / 1000 % 60, in_day % 1000);
    }
}

int json_finish(struct json *j)
{
    return j->error;
}
