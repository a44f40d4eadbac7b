-- Version 8: what lets a search of the audit pass over records that it need not read.
--
-- One row for each 256 records, numbered from 0: when they are from, and a filter of what can be searched for in them (modules/store/
-- audit_block.h). It is made of the records, when the last of the 256 is written; verification compares it with them.
CREATE TABLE audit_block (
    block  INTEGER NOT NULL PRIMARY KEY CHECK (block >= 0),
    min_ms INTEGER NOT NULL CHECK (min_ms >= 0),
    max_ms INTEGER NOT NULL CHECK (max_ms >= min_ms),
    keys   BLOB    NOT NULL CHECK (typeof(keys) = 'blob' AND length(keys) = 1024)
) STRICT;
