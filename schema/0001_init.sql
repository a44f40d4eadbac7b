-- The database of the role store, version 1. It is run once, in one transaction, in an empty database.
-- Times are milliseconds since 1970-01-01T00:00:00Z.

-- One value per name: things of which a database has one.
CREATE TABLE meta (
    -- "vault_key": the vault's public key, 32 bytes, stored once.
    name  TEXT NOT NULL PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 64),
    value BLOB NOT NULL CHECK (typeof(value) = 'blob' AND length(value) <= 65536)
) STRICT, WITHOUT ROWID;

-- A tenant: what its file says and what was made for it.
CREATE TABLE tenant (
    -- Never given twice (AUTOINCREMENT): a tenant that is removed and made again inherits nothing.
    id          INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT CHECK (id > 0),
    name        TEXT    NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 40 AND name NOT GLOB '*[^-a-z0-9]*'),
    -- Grows by one with every change that the tenant's egress has to see.
    generation  INTEGER NOT NULL CHECK (generation > 0),
    -- The TCP port that its listener had last, 0 for none yet.
    port        INTEGER NOT NULL DEFAULT 0 CHECK (port BETWEEN 0 AND 65535),
    -- What the agent shows to the proxy. It opens nothing outside this machine.
    token       TEXT    NOT NULL CHECK (length(token) BETWEEN 22 AND 64),
    -- The tenant's file as it was written, for people.
    yaml        BLOB    NOT NULL CHECK (typeof(yaml) = 'blob' AND length(yaml) <= 1048576),
    -- The same as spec_encode() wrote it: this is what is enforced.
    spec        BLOB    NOT NULL CHECK (typeof(spec) = 'blob' AND length(spec) BETWEEN 1 AND 2097152),
    -- How many routes the spec has; kept so that a list needs no decoding.
    routes      INTEGER NOT NULL CHECK (routes >= 0),
    created_ms  INTEGER NOT NULL CHECK (created_ms >= 0),
    updated_ms  INTEGER NOT NULL CHECK (updated_ms >= created_ms)
) STRICT;

-- A credential that the routes of a tenant use, that has been set, or both.
CREATE TABLE credential (
    tenant_id   INTEGER NOT NULL REFERENCES tenant (id) ON DELETE CASCADE,
    name        TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 40 AND name NOT GLOB '*[^-a-z0-9]*'),
    -- What the agent holds instead. Kept for as long as the row is, whatever is applied. Empty: no spec has used it yet.
    placeholder TEXT    NOT NULL CHECK (length(placeholder) <= 255),
    -- Whether the present spec uses it.
    used        INTEGER NOT NULL CHECK (used IN (0, 1)),
    -- 0: not set. Else the number of times it was set or removed; never goes back while the row is there.
    version     INTEGER NOT NULL CHECK (version >= 0),
    -- Our copy of what is bound inside the box: the hosts that it may go to.
    binding     BLOB    NOT NULL CHECK (typeof(binding) = 'blob' AND length(binding) <= 65536),
    -- The credential, sealed to the vault's public key. NULL: not set.
    box         BLOB    CHECK (box IS NULL OR (typeof(box) = 'blob' AND length(box) BETWEEN 1 AND 98304)),
    set_ms      INTEGER NOT NULL CHECK (set_ms >= 0),
    PRIMARY KEY (tenant_id, name),
    CHECK (box IS NULL OR version > 0)
) STRICT, WITHOUT ROWID;

-- The certificate authority of a tenant. The vault makes it when it is first needed.
CREATE TABLE ca (
    tenant_id   INTEGER NOT NULL PRIMARY KEY REFERENCES tenant (id) ON DELETE CASCADE,
    -- DER; public.
    cert        BLOB    NOT NULL CHECK (typeof(cert) = 'blob' AND length(cert) BETWEEN 1 AND 4096),
    -- The private key, sealed to the vault's public key.
    sealed_key  BLOB    NOT NULL CHECK (typeof(sealed_key) = 'blob' AND length(sealed_key) BETWEEN 1 AND 4096),
    created_ms  INTEGER NOT NULL CHECK (created_ms >= 0)
) STRICT;

-- The audit: decisions and outcomes, in order, never changed. `row` is the record and what the chain is made of; the columns
-- beside it are for searching only, and verification compares them with it. No reference to tenant: records outlive it.
CREATE TABLE audit (
    -- 1, 2, 3, ... without gaps.
    seq        INTEGER NOT NULL PRIMARY KEY CHECK (seq > 0),
    tenant     TEXT    NOT NULL CHECK (length(tenant) BETWEEN 1 AND 40),
    time_ms    INTEGER NOT NULL CHECK (time_ms >= 0),
    -- 1: clawbox said no; 0: the verdict of its reason is "allowed" or "failed".
    denied     INTEGER NOT NULL CHECK (denied IN (0, 1)),
    -- The canonical encoding (modules/store/audit.h).
    row        BLOB    NOT NULL CHECK (typeof(row) = 'blob' AND length(row) BETWEEN 1 AND 8192),
    -- SHA-256 of the previous row's hash (32 zero bytes before the first) and `row`, which has seq in it.
    hash       BLOB    NOT NULL CHECK (typeof(hash) = 'blob' AND length(hash) = 32)
) STRICT;

-- For pages of one tenant.
CREATE INDEX audit_tenant ON audit (tenant, seq);

-- What is written stays: a mistake in our own code shall not pass silently. (Whoever edits the file finds no lock here, but the
-- chain finds the edit.)
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT raise(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT raise(ABORT, 'the audit is append-only'); END;
