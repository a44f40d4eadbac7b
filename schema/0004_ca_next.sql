-- Version 4: the successor of a tenant's certificate authority. Agents are given both certificates while it is here; then it takes
-- the place of the one in `ca`.
CREATE TABLE ca_next (
    tenant_id   INTEGER NOT NULL PRIMARY KEY REFERENCES ca (tenant_id) ON DELETE CASCADE,
    cert        BLOB    NOT NULL CHECK (typeof(cert) = 'blob' AND length(cert) BETWEEN 1 AND 4096),
    sealed_key  BLOB    NOT NULL CHECK (typeof(sealed_key) = 'blob' AND length(sealed_key) BETWEEN 1 AND 4096),
    created_ms  INTEGER NOT NULL CHECK (created_ms >= 0)
) STRICT;
