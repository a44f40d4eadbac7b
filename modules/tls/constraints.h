/*
 * constraints.h - name constraints of certificate authorities (RFC 5280, 4.2.1.10), from DER to a verdict.
 *
 * mbedTLS does not evaluate them. Here they are, over bytes alone, so that they can be fuzzed: a constraint says in which
 * part of the name space the certificates below a CA may be.
 */
#ifndef CB_TLS_CONSTRAINTS_H
#define CB_TLS_CONSTRAINTS_H

#include "base/span.h"

/* How often a name may be compared with a constraint while one chain is verified. */
#define TLS_CONSTRAINTS_BUDGET 250000

/* The names of one certificate, as DER. */
struct tls_names {
    struct span subject;   /* Name, with its tag */
    struct span alt_names; /* GeneralNames, the value of subjectAltName; empty when it has none */
};

/*
 * Whether the names are within the constraints (the value of the extension). NULL when they are; else what is wrong, for
 * people: constraints or names that are not well-formed are refused whether or not they are met, and so are names of a form that
 * is constrained but not understood (everything but dNSName, iPAddress and directoryName). *budget goes down by each
 * comparison; when it is used up the answer is no.
 *
 * Where RFC 5280 leaves room: an empty dNSName is every name; one with a leading dot is malformed; a wildcard name is in what
 * its parent is in, and hits an exclusion of any name that it stands for; directory names are compared without regard to
 * case and blanks, and where two spellings cannot be compared they are taken for equal by an exclusion only.
 */
const char *tls_constraints_check(struct span constraints, const struct tls_names *names, unsigned *budget);

#endif
