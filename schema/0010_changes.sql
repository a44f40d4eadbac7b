-- Version 10: who changed what, beside the audit, which is not searched for it; and what tenants' documents were.
CREATE TABLE change (
    -- The record's in the audit.
    seq        INTEGER NOT NULL PRIMARY KEY CHECK (seq > 0),
    -- 0 and '': of no tenant. An id is never used again, and what was changed of a tenant stays when the tenant goes.
    tenant_id  INTEGER NOT NULL CHECK (tenant_id >= 0),
    tenant     TEXT    NOT NULL CHECK (length(tenant) <= 40),
    -- Of the document that the change made; 0: it made none.
    generation INTEGER NOT NULL CHECK (generation >= 0),
    time_ms    INTEGER NOT NULL CHECK (time_ms >= 0),
    by         TEXT    NOT NULL CHECK (length(by) <= 64),
    change     TEXT    NOT NULL CHECK (length(change) BETWEEN 1 AND 32),
    detail     TEXT    NOT NULL CHECK (length(detail) <= 240)
) STRICT;
CREATE INDEX change_tenant ON change (tenant_id, seq);

CREATE TABLE revision (
    tenant_id  INTEGER NOT NULL REFERENCES tenant (id) ON DELETE CASCADE,
    generation INTEGER NOT NULL CHECK (generation > 0),
    time_ms    INTEGER NOT NULL CHECK (time_ms >= 0),
    by         TEXT    NOT NULL CHECK (length(by) <= 64),
    yaml       BLOB    NOT NULL CHECK (typeof(yaml) = 'blob'),
    spec       BLOB    NOT NULL CHECK (typeof(spec) = 'blob'),
    PRIMARY KEY (tenant_id, generation)
) STRICT;

-- What there is already; who wrote it is not known.
INSERT INTO revision (tenant_id, generation, time_ms, by, yaml, spec)
    SELECT id, generation, updated_ms, '', yaml, spec FROM tenant;
