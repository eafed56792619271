-- The targets that were joined, and since when each is lost, in milliseconds since 1970: until a gap that is stored tells of it. No gap
-- that begins before `told_until` is to be told.
CREATE TABLE target (
    name TEXT PRIMARY KEY,
    lost_at INTEGER,
    told_until INTEGER NOT NULL DEFAULT 0
) STRICT;
