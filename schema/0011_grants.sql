-- Version 11: what somebody allowed a tenant for a time, or once, beside its routes.
CREATE TABLE granted (
    -- Never given twice (AUTOINCREMENT): the audit names it.
    id         INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT CHECK (id > 0),
    tenant_id  INTEGER NOT NULL REFERENCES tenant (id) ON DELETE CASCADE,
    scheme     INTEGER NOT NULL CHECK (scheme IN (0, 1)),
    host       TEXT    NOT NULL CHECK (length(host) BETWEEN 1 AND 253),
    port       INTEGER NOT NULL CHECK (port BETWEEN 1 AND 65535),
    method     TEXT    NOT NULL CHECK (length(method) BETWEEN 1 AND 32),
    -- A pattern, as a route has it.
    path       TEXT    NOT NULL CHECK (length(path) BETWEEN 1 AND 1024),
    -- When it ends, used or not.
    until_ms   INTEGER NOT NULL CHECK (until_ms > 0),
    -- NULL: as often as it is asked for. 0: used up, and kept for as long as what it began may go on.
    uses_left  INTEGER CHECK (uses_left IN (0, 1)),
    created_ms INTEGER NOT NULL CHECK (created_ms >= 0),
    -- Who granted it.
    by         TEXT    NOT NULL CHECK (length(by) BETWEEN 1 AND 64)
) STRICT;

CREATE INDEX granted_tenant ON granted (tenant_id, until_ms);
CREATE INDEX granted_until ON granted (until_ms);
