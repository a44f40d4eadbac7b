/*
 * err.h - the one list of error codes.
 *
 * A function that can fail returns 0 or a negative code. Codes of our own start at -1000 so that the kernel's
 * errno values fit beside them unchanged (`return -errno`). cb_strerror() has a text for both.
 */
#ifndef CB_BASE_ERR_H
#define CB_BASE_ERR_H

#define CB_MUST_USE           __attribute__((warn_unused_result))
#define CB_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))

/* name, code, text for people */
#define CB_ERRORS(E)                                                                     \
    E(CB_ENOMEM, -1000, "out of memory")                                                 \
    E(CB_ELIMIT, -1001, "a limit was reached")                                           \
    E(CB_EMALFORMED, -1002, "malformed input")                                           \
    E(CB_ETRUNCATED, -1003, "input ends too early")                                      \
    E(CB_ETRAILING, -1004, "bytes left over after the end")                              \
    E(CB_EAGAIN, -1005, "more input is needed")                                          \
    E(CB_ECLOSED, -1006, "the peer closed the connection")                               \
    E(CB_ETIMEOUT, -1007, "timed out")                                                   \
    E(CB_ENOTFOUND, -1008, "not found")                                                  \
    E(CB_EEXIST, -1009, "exists already")                                                \
    E(CB_EPERM, -1010, "not permitted")                                                  \
    E(CB_ESTATE, -1011, "not possible in this state")                                    \
    E(CB_EINVAL, -1012, "invalid value")                                                 \
    E(CB_ECRYPTO, -1013, "cryptographic operation failed")                               \
    E(CB_EAUTHENTIC, -1014, "data does not authenticate (wrong key, or it was changed)") \
    E(CB_ETLS, -1015, "TLS failed")                                                      \
    E(CB_ECERT, -1016, "certificate verification failed")                                \
    E(CB_EDNS, -1017, "name resolution failed")                                          \
    E(CB_EADDRESS, -1018, "the address is in a special-purpose range")                   \
    E(CB_EDB, -1019, "database error")                                                   \
    E(CB_ECORRUPT, -1020, "stored data is corrupted")                                    \
    E(CB_EFULL, -1021, "no space left")                                                  \
    E(CB_EBUSY, -1022, "in use")                                                         \
    E(CB_ECONFIG, -1023, "the configuration is not valid")                               \
    E(CB_ECONFLICT, -1024, "conflicts with what is there")                               \
    E(CB_EUNSUPPORTED, -1025, "not supported")                                           \
    E(CB_EINTERNAL, -1026, "internal error")

enum cb_error {
#define CB_ERROR_ENUM(name, code, text) name = (code),
    CB_ERRORS(CB_ERROR_ENUM)
#undef CB_ERROR_ENUM
};

/* Text of a code, ours or a negative errno. Never NULL; static storage. */
const char *cb_strerror(int code);

#endif
