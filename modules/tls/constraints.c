/* constraints.c - name constraints, evaluated. */
#include "tls/constraints.h"

#include "tls/der.h"

/* RFC 5280, 4.2.1.6: the context tags of GeneralName. */
enum form {
    FORM_OTHER,
    FORM_MAIL,
    FORM_DNS,
    FORM_X400,
    FORM_DIRECTORY,
    FORM_EDI,
    FORM_URI,
    FORM_IP,
    FORM_ID
};

enum match {
    MATCH_NO,
    MATCH_YES,
    MATCH_UNSURE /* two spellings that may mean the same: excluded then, and not permitted */
};

static const char malformed[] = "name constraints are malformed";
static const char bad_name[] = "a name in the certificate is malformed";
static const char unknown_form[] =
    "name constraints restrict a form of names that is not understood, and the certificate has one";
static const char outside[] = "a name is outside the issuer's name constraints";
static const char excluded[] = "a name is excluded by the issuer's name constraints";
static const char too_many[] = "too many names and name constraints";

struct name {
    enum form form;
    struct span value;
};

/* Takes a GeneralName. False when it is none. A directoryName's value is the Name inside its explicit tag. */
static bool take_name(struct span *rest, struct name *out)
{
    static const bool is_constructed[] = {[FORM_OTHER] = true,
                                          [FORM_X400] = true,
                                          [FORM_DIRECTORY] = true,
                                          [FORM_EDI] = true,
                                          [FORM_ID] = false};
    uint8_t tag;
    if (!der_take(rest, &tag, &out->value) || (tag & 0xc0) != DER_CONTEXT || (tag & 0x1f) > FORM_ID) {
        return false;
    }
    out->form = (enum form)(tag & 0x1f);
    return ((tag & DER_CONSTRUCTED) != 0) == is_constructed[out->form];
}

/* ---- dNSName ---- */

static bool is_label_byte(uint8_t c)
{
    uint8_t lower = ascii_lower(c);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Labels of letters, digits, hyphens and underscores, none of them empty. */
static bool is_dns_name(struct span name)
{
    size_t label = 0;
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '.' ? label == 0 : !is_label_byte(name.ptr[i])) {
            return false;
        }
        label = name.ptr[i] == '.' ? 0 : label + 1;
        if (label > 63) {
            return false;
        }
    }
    return label != 0 && name.len <= 253;
}

static bool is_wildcard(struct span name)
{
    return name.len > 2 && name.ptr[0] == '*' && name.ptr[1] == '.';
}

/* The name itself, or one with further labels in front of it. */
static bool is_within(struct span name, struct span base)
{
    if (base.len == 0) {
        return true;
    }
    if (name.len < base.len || !span_eq_nocase(span_sub(name, name.len - base.len, base.len), base)) {
        return false;
    }
    return name.len == base.len || name.ptr[name.len - base.len - 1] == '.';
}

static enum match match_dns(struct span name, struct span base)
{
    if (is_within(name, base)) {
        return MATCH_YES;
    }
    bool reaches = is_wildcard(name) && is_within(base, span_sub(name, 2, name.len));
    return reaches ? MATCH_UNSURE : MATCH_NO;
}

/* ---- iPAddress ---- */

/* An address and a mask whose ones come first. */
static bool is_block(struct span base)
{
    if (base.len != 8 && base.len != 32) {
        return false;
    }
    bool ended = false;
    for (size_t i = base.len / 2; i < base.len; i++) {
        for (unsigned bit = 0x80; bit != 0; bit >>= 1) {
            bool one = (base.ptr[i] & bit) != 0;
            if (one && ended) {
                return false;
            }
            ended = ended || !one;
        }
    }
    return true;
}

static enum match match_ip(struct span address, struct span base)
{
    if (2 * address.len != base.len) {
        return MATCH_NO;
    }
    for (size_t i = 0; i < address.len; i++) {
        if (((address.ptr[i] ^ base.ptr[i]) & base.ptr[address.len + i]) != 0) {
            return MATCH_NO;
        }
    }
    return MATCH_YES;
}

/* ---- directoryName ---- */

/* The relative names of a Name, each of which has to be well-formed. */
static bool is_directory_name(struct span name, struct span *rdns)
{
    struct span set;
    if (!der_expect(&name, DER_SEQUENCE, rdns) || name.len != 0) {
        return false;
    }
    for (struct span rest = *rdns; rest.len != 0;) {
        if (!der_expect(&rest, DER_SET, &set) || set.len == 0) {
            return false;
        }
        while (set.len != 0) {
            struct span pair;
            struct span part;
            uint8_t tag;
            if (!der_expect(&set, DER_SEQUENCE, &pair) || !der_expect(&pair, DER_OID, &part) ||
                !der_take(&pair, &tag, &part) || pair.len != 0) {
                return false;
            }
        }
    }
    return true;
}

/* The next character for a comparison (RFC 5280, 7.1): no blanks at the ends, one where there are several, lower case. */
static int next_folded(struct span *text, bool started)
{
    size_t blanks = 0;
    while (blanks < text->len && text->ptr[blanks] == ' ') {
        blanks++;
    }
    struct span rest = span_sub(*text, blanks, text->len);
    if (rest.len == 0) {
        *text = rest;
        return -1;
    }
    if (blanks != 0 && started) {
        *text = rest;
        return ' ';
    }
    *text = span_sub(rest, 1, rest.len);
    return ascii_lower(rest.ptr[0]);
}

static bool is_ascii_text(uint8_t tag, struct span text)
{
    bool is_text = tag == DER_UTF8 || tag == DER_PRINTABLE || tag == DER_IA5;
    for (size_t i = 0; is_text && i < text.len; i++) {
        is_text = text.ptr[i] >= 0x20 && text.ptr[i] < 0x7f;
    }
    return is_text;
}

static enum match match_values(uint8_t tag_a, struct span a, uint8_t tag_b, struct span b)
{
    if (tag_a == tag_b && span_eq(a, b)) {
        return MATCH_YES;
    }
    if (!is_ascii_text(tag_a, a) || !is_ascii_text(tag_b, b)) {
        return MATCH_UNSURE;
    }
    for (bool started = false;; started = true) {
        int from_a = next_folded(&a, started);
        int from_b = next_folded(&b, started);
        if (from_a != from_b) {
            return MATCH_NO;
        }
        if (from_a < 0) {
            return MATCH_YES;
        }
    }
}

/* Two sets of attributes. Sets of several are one and the same only byte by byte. */
static enum match match_rdn(struct span a, struct span b)
{
    struct span pair_a;
    struct span pair_b;
    struct span type_a;
    struct span type_b;
    struct span value_a;
    struct span value_b;
    uint8_t tag_a;
    uint8_t tag_b;
    if (span_eq(a, b)) {
        return MATCH_YES;
    }
    if (!der_expect(&a, DER_SEQUENCE, &pair_a) || !der_expect(&b, DER_SEQUENCE, &pair_b)) {
        return MATCH_UNSURE; /* not reached: they are well-formed */
    }
    if ((a.len == 0) != (b.len == 0)) {
        return MATCH_NO;
    }
    if (a.len != 0 || !der_expect(&pair_a, DER_OID, &type_a) || !der_expect(&pair_b, DER_OID, &type_b) ||
        !der_take(&pair_a, &tag_a, &value_a) || !der_take(&pair_b, &tag_b, &value_b)) {
        return MATCH_UNSURE;
    }
    return span_eq(type_a, type_b) ? match_values(tag_a, value_a, tag_b, value_b) : MATCH_NO;
}

/* The base is what the name begins with. */
static enum match match_directory(struct span name, struct span base)
{
    enum match result = MATCH_YES;
    struct span rdns;
    struct span base_rdns;
    if (!is_directory_name(name, &rdns) || !is_directory_name(base, &base_rdns)) {
        return MATCH_UNSURE; /* not reached: both were looked at */
    }
    while (base_rdns.len != 0) {
        struct span set;
        struct span base_set;
        if (!der_expect(&rdns, DER_SET, &set) || !der_expect(&base_rdns, DER_SET, &base_set)) {
            return MATCH_NO;
        }
        enum match one = match_rdn(set, base_set);
        if (one == MATCH_NO) {
            return MATCH_NO;
        }
        result = one == MATCH_UNSURE ? MATCH_UNSURE : result;
    }
    return result;
}

/* ---- the constraints ---- */

static bool base_is_good(const struct name *base)
{
    struct span rdns;
    switch (base->form) {
    case FORM_DNS:
        return base->value.len == 0 || is_dns_name(base->value);
    case FORM_IP:
        return is_block(base->value);
    case FORM_DIRECTORY:
        return is_directory_name(base->value, &rdns);
    default:
        return true; /* met by a name of this form, it is refused */
    }
}

static bool name_is_good(const struct name *name)
{
    struct span rdns;
    switch (name->form) {
    case FORM_DNS:
        return is_dns_name(is_wildcard(name->value) ? span_sub(name->value, 2, SIZE_MAX) : name->value);
    case FORM_IP:
        return name->value.len == 4 || name->value.len == 16;
    case FORM_DIRECTORY:
        return is_directory_name(name->value, &rdns);
    default:
        return true;
    }
}

/* Takes a GeneralSubtree: a base, and the distances that RFC 5280 does not allow to be used. */
static bool take_subtree(struct span *rest, struct name *base)
{
    struct span subtree;
    return der_expect(rest, DER_SEQUENCE, &subtree) && take_name(&subtree, base) && subtree.len == 0 &&
           base_is_good(base);
}

struct subtrees {
    struct span permitted;
    struct span excluded;
};

static bool take_subtrees(struct span *rest, uint8_t number, struct span *out)
{
    struct name base;
    *out = SPAN_EMPTY;
    if (rest->len == 0 || rest->ptr[0] != (DER_CONTEXT | DER_CONSTRUCTED | number)) {
        return true; /* left out */
    }
    if (!der_expect(rest, DER_CONTEXT | DER_CONSTRUCTED | number, out) || out->len == 0) {
        return false;
    }
    for (struct span list = *out; list.len != 0;) {
        if (!take_subtree(&list, &base)) {
            return false;
        }
    }
    return true;
}

static bool read_constraints(struct span constraints, struct subtrees *out)
{
    struct span sequence;
    return der_expect(&constraints, DER_SEQUENCE, &sequence) && constraints.len == 0 && sequence.len != 0 &&
           take_subtrees(&sequence, 0, &out->permitted) && take_subtrees(&sequence, 1, &out->excluded) &&
           sequence.len == 0;
}

static enum match match_name(const struct name *name, const struct name *base)
{
    switch (name->form) {
    case FORM_DNS:
        return match_dns(name->value, base->value);
    case FORM_IP:
        return match_ip(name->value, base->value);
    case FORM_DIRECTORY:
        return match_directory(name->value, base->value);
    default:
        return MATCH_UNSURE;
    }
}

/* How the name stands to one list of subtrees. `any` says that the list has subtrees of the name's form. */
static bool look_up(struct span list, const struct name *name, bool *any, enum match *found, unsigned *budget)
{
    struct name base;
    *any = false;
    *found = MATCH_NO;
    while (list.len != 0) {
        if (*budget == 0 || !take_subtree(&list, &base)) {
            return false;
        }
        (*budget)--;
        if (base.form != name->form) {
            continue;
        }
        *any = true;
        enum match one = match_name(name, &base);
        if (one == MATCH_YES || (one == MATCH_UNSURE && *found == MATCH_NO)) {
            *found = one;
        }
    }
    return true;
}

static const char *check_name(const struct subtrees *trees, const struct name *name, unsigned *budget)
{
    bool understood = name->form == FORM_DNS || name->form == FORM_IP || name->form == FORM_DIRECTORY;
    bool any_permitted;
    bool any_excluded;
    enum match permitted;
    enum match barred;
    if (!name_is_good(name)) {
        return bad_name;
    }
    if (!look_up(trees->permitted, name, &any_permitted, &permitted, budget) ||
        !look_up(trees->excluded, name, &any_excluded, &barred, budget)) {
        return too_many;
    }
    if (!understood) {
        return any_permitted || any_excluded ? unknown_form : NULL;
    }
    if (barred != MATCH_NO) {
        return excluded;
    }
    return any_permitted && permitted != MATCH_YES ? outside : NULL;
}

/* Whether a subject has an emailAddress (PKCS #9), which constraints on rfc822Name are about as well. */
static bool has_mail(struct span rdns)
{
    static const uint8_t oid[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01};
    struct span set;
    while (der_expect(&rdns, DER_SET, &set)) {
        struct span pair;
        struct span type;
        while (der_expect(&set, DER_SEQUENCE, &pair)) {
            if (der_expect(&pair, DER_OID, &type) && span_eq(type, span_of(oid, sizeof(oid)))) {
                return true;
            }
        }
    }
    return false;
}

static const char *check_subject(const struct subtrees *trees, struct span subject, unsigned *budget)
{
    struct name name = {.form = FORM_DIRECTORY, .value = subject};
    struct span rdns;
    if (!is_directory_name(subject, &rdns)) {
        return bad_name;
    }
    if (rdns.len == 0) {
        return NULL; /* no subject is no name */
    }
    const char *why = check_name(trees, &name, budget);
    if (why == NULL && has_mail(rdns)) {
        name.form = FORM_MAIL;
        why = check_name(trees, &name, budget);
    }
    return why;
}

const char *tls_constraints_check(struct span constraints, const struct tls_names *names, unsigned *budget)
{
    struct subtrees trees;
    if (!read_constraints(constraints, &trees)) {
        return malformed;
    }
    const char *why = check_subject(&trees, names->subject, budget);
    struct span alt = names->alt_names;
    struct span list = SPAN_EMPTY;
    if (why == NULL && alt.len != 0 &&
        (!der_expect(&alt, DER_SEQUENCE, &list) || alt.len != 0 || list.len == 0)) {
        why = bad_name;
    }
    while (why == NULL && list.len != 0) {
        struct name name;
        why = take_name(&list, &name) ? check_name(&trees, &name, budget) : bad_name;
    }
    return why;
}
