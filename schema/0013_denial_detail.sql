-- Version 13: what stood behind the reason of a refusal that came when the request was on its way, as its outcome in the audit has it; or ''.
ALTER TABLE denial ADD COLUMN detail TEXT NOT NULL DEFAULT '' CHECK (length(detail) <= 240);
