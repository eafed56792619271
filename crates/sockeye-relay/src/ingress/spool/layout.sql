-- "SokS": says in the file's head whose it is.
PRAGMA application_id = 1399810899;

-- What was received, and not by every sink yet. `kind`: 0 an event, 1 a gap. `wanted`: which event the filters are asked about.
-- Times are milliseconds since 1970. Numbers are not used twice: sinks know by them what they have.
CREATE TABLE spool (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    nsp TEXT NOT NULL,
    event TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    record TEXT NOT NULL
) STRICT;
CREATE INDEX spool_kind ON spool (kind, seq);

-- How far each sink is.
CREATE TABLE sink (
    name TEXT PRIMARY KEY,
    cursor INTEGER NOT NULL
) STRICT;

-- Ids of events, for as long as copies are known by them.
CREATE TABLE known (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE
) STRICT;

-- Records that a sink would never take.
CREATE TABLE dead (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    seq INTEGER NOT NULL,
    sink TEXT NOT NULL,
    at INTEGER NOT NULL,
    reason TEXT NOT NULL,
    record TEXT NOT NULL,
    UNIQUE (sink, seq)
) STRICT;

-- The name of this spool, which the ids of its records begin with.
CREATE TABLE self (name TEXT NOT NULL) STRICT;
