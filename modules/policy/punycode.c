/* punycode.c - RFC 3492 for one label, with the parameters of IDNA (section 5). */
#include "policy/punycode.h"

#include <stdio.h>

#define BASE         36U
#define TMIN         1U
#define TMAX         26U
#define SKEW         38U
#define DAMP         700U
#define INITIAL_BIAS 72U
#define INITIAL_N    128U
#define LABEL_MAX    63
/* An A-label of 63 bytes stands for fewer code points than that, so every sum below stays far from overflow: delta is
 * bounded by 0x110000 * 64. */
#define POINTS_MAX 63
#define DELTA_MAX  (0x110000U * 64U)

struct points {
    uint32_t at[POINTS_MAX];
    size_t count;
};

static uint32_t adapt(uint32_t delta, size_t count, bool first)
{
    uint32_t k = 0;
    delta = first ? delta / DAMP : delta / 2;
    delta += delta / (uint32_t)count;
    for (; delta > (BASE - TMIN) * TMAX / 2; k += BASE) {
        delta /= BASE - TMIN;
    }
    return k + (BASE - TMIN + 1) * delta / (delta + SKEW);
}

static uint32_t threshold(uint32_t k, uint32_t bias)
{
    if (k <= bias + TMIN) {
        return TMIN;
    }
    return k >= bias + TMAX ? TMAX : k - bias;
}

static bool put(char out[64], size_t *len, uint32_t digit)
{
    if (*len >= LABEL_MAX) {
        return false;
    }
    out[(*len)++] = (char)(digit < 26 ? 'a' + digit : '0' + (digit - 26));
    return true;
}

/* The points as an A-label (section 6.3). False when it would be longer than a label may be. */
static bool encode(const struct points *points, char out[64])
{
    size_t len = (size_t)snprintf(out, 64, "xn--");
    size_t done = 0;
    for (size_t i = 0; i < points->count; i++) {
        if (points->at[i] < INITIAL_N) {
            if (len >= LABEL_MAX) {
                return false;
            }
            out[len++] = (char)points->at[i];
            done++;
        }
    }
    size_t basic = done;
    if (basic > 0) {
        if (len >= LABEL_MAX) {
            return false;
        }
        out[len++] = '-';
    }
    uint32_t bias = INITIAL_BIAS;
    uint32_t delta = 0;
    for (uint32_t n = INITIAL_N; done < points->count; n++, delta++) {
        uint32_t next = UINT32_MAX;
        for (size_t i = 0; i < points->count; i++) {
            if (points->at[i] >= n && points->at[i] < next) {
                next = points->at[i];
            }
        }
        delta += (next - n) * (uint32_t)(done + 1);
        n = next;
        for (size_t i = 0; i < points->count; i++) {
            delta += points->at[i] < n ? 1 : 0;
            if (points->at[i] != n) {
                continue;
            }
            uint32_t q = delta;
            for (uint32_t k = BASE;; k += BASE) {
                uint32_t t = threshold(k, bias);
                if (q < t) {
                    break;
                }
                if (!put(out, &len, t + (q - t) % (BASE - t))) {
                    return false;
                }
                q = (q - t) / (BASE - t);
            }
            if (!put(out, &len, q)) {
                return false;
            }
            bias = adapt(delta, done + 1, done == basic);
            delta = 0;
            done++;
        }
    }
    out[len] = '\0';
    return true;
}

/* The next code point of UTF-8; false for an overlong form, a surrogate, a stray or a missing byte. */
static bool utf8_next(struct span text, size_t *at, uint32_t *out)
{
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    uint8_t first = text.ptr[(*at)++];
    if (first < 0x80) {
        *out = first;
        return true;
    }
    size_t more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    if (first < 0xc2 || first > 0xf4 || more > text.len - *at) {
        return false;
    }
    uint32_t point = first & (0x3fU >> more);
    for (size_t i = 0; i < more; i++) {
        uint8_t c = text.ptr[(*at)++];
        if ((c & 0xc0) != 0x80) {
            return false;
        }
        point = point << 6 | (c & 0x3fU);
    }
    *out = point;
    return point >= least[more] && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
}

/* Whether IDNA (UTS 46) would, or could, turn the code point into another one first: capitals outside ASCII, stops and
 * letters of other widths. What comes out of those unmapped is nobody's name. */
static bool is_mapped(uint32_t point)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {{0x80, 0xb6},       {0xb8, 0xde},     {0x130, 0x130},     {0x149, 0x149},
                  {0x370, 0x3ab},     {0x3cf, 0x3d6},   {0x400, 0x42f},     {0x531, 0x556},
                  {0x1d2c, 0x1d6a},   {0x1e9b, 0x1e9b}, {0x2000, 0x2bff},   {0x3000, 0x3004},
                  {0x3130, 0x33ff},   {0xf900, 0xffff}, {0x1d400, 0x1d7ff}, {0x1f100, 0x1f2ff},
                  {0x2f800, 0x10ffff}};
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        if (point >= ranges[i].first && point <= ranges[i].last) {
            return true;
        }
    }
    return false;
}

int punycode_encode_label(struct span label, char out[64])
{
    struct points points = {.count = 0};
    bool ascii = true;
    for (size_t at = 0; at < label.len;) {
        uint32_t point;
        if (points.count == POINTS_MAX || !utf8_next(label, &at, &point) || is_mapped(point)) {
            return CB_EINVAL;
        }
        ascii = ascii && point < INITIAL_N;
        points.at[points.count++] = point < INITIAL_N ? ascii_lower((uint8_t)point) : point;
    }
    return !ascii && encode(&points, out) ? 0 : CB_EINVAL;
}

static bool digit_value(uint8_t c, uint32_t *out)
{
    if (c >= 'a' && c <= 'z') {
        *out = (uint32_t)(c - 'a');
        return true;
    }
    *out = (uint32_t)(c - '0') + 26;
    return c >= '0' && c <= '9';
}

/* Section 6.2. */
static bool decode(struct span code, struct points *points)
{
    size_t start = 0;
    for (size_t i = 0; i < code.len; i++) {
        start = code.ptr[i] == '-' ? i + 1 : start;
    }
    points->count = 0;
    for (size_t i = 0; i + 1 < start; i++) {
        points->at[points->count++] = code.ptr[i];
    }
    uint32_t n = INITIAL_N;
    uint32_t bias = INITIAL_BIAS;
    uint32_t i = 0;
    for (size_t at = start; at < code.len; i++) {
        uint32_t before = i;
        uint64_t weight = 1;
        for (uint32_t k = BASE;; k += BASE) {
            uint32_t digit;
            if (at == code.len || !digit_value(code.ptr[at++], &digit)) {
                return false;
            }
            uint64_t sum = i + digit * weight;
            if (sum > DELTA_MAX) {
                return false;
            }
            i = (uint32_t)sum;
            uint32_t t = threshold(k, bias);
            if (digit < t) {
                break;
            }
            weight *= BASE - t;
            if (weight > DELTA_MAX) {
                return false;
            }
        }
        size_t count = points->count + 1;
        bias = adapt(i - before, count, before == 0);
        n += i / (uint32_t)count;
        i %= (uint32_t)count;
        if (n < 0xa0 || n > 0x10ffff || (n >= 0xd800 && n <= 0xdfff) || count > POINTS_MAX) {
            return false;
        }
        memmove(&points->at[i + 1], &points->at[i], (points->count - i) * sizeof(points->at[0]));
        points->at[i] = n;
        points->count = count;
    }
    return start < code.len;
}

bool punycode_label_valid(struct span label)
{
    struct points points;
    char again[64];
    if (label.len <= 4 || label.len > LABEL_MAX || !span_starts(label, SPAN_LIT("xn--"))) {
        return false;
    }
    /* Only one spelling of a label is right; decoders that take others disagree about which name it is. */
    return decode(span_sub(label, 4, LABEL_MAX), &points) && encode(&points, again) &&
           span_eq_str(label, again);
}
