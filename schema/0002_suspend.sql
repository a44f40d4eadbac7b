-- Version 2: a tenant can be suspended.

-- Since when; 0: it is not. While it is, its egress is given no credential and refuses every request.
ALTER TABLE tenant ADD COLUMN suspended_ms INTEGER NOT NULL DEFAULT 0 CHECK (suspended_ms >= 0);
-- By whom, for people: "administrator" or "tripwire"; the last one when it is not suspended.
ALTER TABLE tenant ADD COLUMN suspended_by TEXT NOT NULL DEFAULT '' CHECK (length(suspended_by) <= 32);
