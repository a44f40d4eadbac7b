-- Version 9: how many requests there were, and when; and when a credential was used.

-- Sums of the audit, so that a chart of a year does not read a million records. They are written with the record that they count, in its
-- transaction. A request is counted once: when it is refused, or when it has ended.
CREATE TABLE series (
    -- Seconds that a row is about: a minute, kept for some days, or an hour, kept.
    span           INTEGER NOT NULL CHECK (span IN (60, 3600)),
    -- 0: all tenants together, also those that are gone.
    tenant_id      INTEGER NOT NULL CHECK (tenant_id >= 0),
    -- Seconds since 1970, a multiple of span.
    start          INTEGER NOT NULL CHECK (start >= 0 AND start % span = 0),
    allowed        INTEGER NOT NULL CHECK (allowed >= 0),
    denied         INTEGER NOT NULL CHECK (denied >= 0),
    failed         INTEGER NOT NULL CHECK (failed >= 0),
    tripwire       INTEGER NOT NULL CHECK (tripwire >= 0),
    request_bytes  INTEGER NOT NULL CHECK (request_bytes >= 0),
    response_bytes INTEGER NOT NULL CHECK (response_bytes >= 0),
    input_tokens   INTEGER NOT NULL CHECK (input_tokens >= 0),
    output_tokens  INTEGER NOT NULL CHECK (output_tokens >= 0),
    -- The latest record's time.
    last_ms        INTEGER NOT NULL CHECK (last_ms >= 0),
    PRIMARY KEY (span, tenant_id, start)
) STRICT, WITHOUT ROWID;

-- For taking old minutes away.
CREATE INDEX series_minute ON series (start) WHERE span = 60;

-- "series_left": records up to this one are not in the sums yet; they are added when the store starts.
INSERT INTO meta (name, value)
    SELECT 'series_left', CAST(CAST(ifnull(max(seq), 0) AS TEXT) AS BLOB) FROM audit;

-- When a request with it was allowed last, to a minute; 0: never.
ALTER TABLE credential ADD COLUMN used_ms INTEGER NOT NULL DEFAULT 0 CHECK (used_ms >= 0);
