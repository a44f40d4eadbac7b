-- Version 7: what was refused, counted by what was asked for, so that somebody can look at it and say yes or no.
CREATE TABLE denial (
    id         INTEGER NOT NULL PRIMARY KEY CHECK (id > 0),
    tenant_id  INTEGER NOT NULL REFERENCES tenant (id) ON DELETE CASCADE,
    -- What was asked for, as the audit has it. The tunnel itself: CONNECT, and an empty path.
    scheme     INTEGER NOT NULL CHECK (scheme IN (0, 1)),
    host       TEXT    NOT NULL CHECK (length(host) BETWEEN 1 AND 260),
    port       INTEGER NOT NULL CHECK (port BETWEEN 0 AND 65535),
    method     TEXT    NOT NULL CHECK (length(method) <= 32),
    path       TEXT    NOT NULL CHECK (length(path) <= 2048),
    -- Why, the last time: enum policy_reason; and the route that came nearest, with its credential, or ''.
    reason     INTEGER NOT NULL CHECK (reason BETWEEN 0 AND 255),
    route      TEXT    NOT NULL CHECK (length(route) <= 40),
    credential TEXT    NOT NULL CHECK (length(credential) <= 40),
    count      INTEGER NOT NULL CHECK (count > 0),
    first_ms   INTEGER NOT NULL CHECK (first_ms >= 0),
    last_ms    INTEGER NOT NULL CHECK (last_ms >= 0),
    -- 1: somebody has seen it and does not want to see it again.
    muted      INTEGER NOT NULL DEFAULT 0 CHECK (muted IN (0, 1)),
    UNIQUE (tenant_id, host, path, method, port, scheme)
) STRICT;

-- For pages of all tenants, for pages of one, and for what has to go when a tenant has too many.
CREATE INDEX denial_last ON denial (muted, last_ms);
CREATE INDEX denial_tenant ON denial (tenant_id, muted, last_ms);
