-- Version 12: sums are not written with each record any more, but for 256 records at a time, and before somebody reads them.
--
-- "series_seq": records up to this one are in the sums, and in when a credential was used. Those after it are added when they are 256, when
-- sums are read, and when the store starts. So what is written follows from the records, whenever the store ends.
--
-- A database whose sums were not complete yet begins anew.
DELETE FROM series WHERE (SELECT CAST(CAST(value AS TEXT) AS INTEGER) FROM meta WHERE name = 'series_left') > 0;

INSERT INTO meta (name, value)
    SELECT 'series_seq', CAST(CAST(iif(CAST(CAST(value AS TEXT) AS INTEGER) > 0, 0, (SELECT ifnull(max(seq), 0) FROM audit)) AS TEXT) AS BLOB)
    FROM meta WHERE name = 'series_left';

DELETE FROM meta WHERE name = 'series_left';
