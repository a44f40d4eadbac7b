-- Version 5: who may use the API over TCP.
CREATE TABLE token (
    name       TEXT    NOT NULL PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 40 AND name NOT GLOB '*[^-a-z0-9]*'),
    -- SHA-256 of the token, which has 256 random bits: there is nothing to guess, and so no salt and no slow hash.
    hash       BLOB    NOT NULL UNIQUE CHECK (typeof(hash) = 'blob' AND length(hash) = 32),
    -- enum ipc_scope: 0 admin, 1 viewer, 2 one tenant.
    scope      INTEGER NOT NULL CHECK (scope IN (0, 1, 2)),
    -- The tenant by its id, which is never used again: the token goes with it, and a later tenant of that name has nothing to do with it.
    tenant_id  INTEGER REFERENCES tenant (id) ON DELETE CASCADE,
    created_ms INTEGER NOT NULL CHECK (created_ms >= 0),
    -- 0: never.
    expires_ms INTEGER NOT NULL CHECK (expires_ms >= 0),
    -- When it was used last, to some minutes; 0: never.
    used_ms    INTEGER NOT NULL DEFAULT 0 CHECK (used_ms >= 0),
    CHECK ((scope = 2) = (tenant_id IS NOT NULL))
) STRICT, WITHOUT ROWID;
