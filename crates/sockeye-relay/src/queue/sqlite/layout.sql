-- "SokQ": says in the file's head whose it is.
PRAGMA application_id = 1399810897;

-- What waits. `state`: 0 ready, 1 delayed, 2 claimed. `lane`: 0 for a task without a key. Times are milliseconds since 1970.
CREATE TABLE task (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    lane INTEGER NOT NULL,
    state INTEGER NOT NULL,
    due INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    deliveries INTEGER NOT NULL,
    owner INTEGER NOT NULL,
    stamp INTEGER NOT NULL,
    queued_at INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX task_place ON task (state, lane, seq);
CREATE INDEX task_due ON task (due) WHERE state = 1;

-- The keys of the tasks that wait. `owner`: the instance that has some of it claimed, or 0. `head`: its first ready task.
CREATE TABLE lane (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    owner INTEGER NOT NULL,
    claimed INTEGER NOT NULL,
    tasks INTEGER NOT NULL,
    head INTEGER
) STRICT;
CREATE INDEX lane_head ON lane (owner, head);

-- Instances that claim. One is dead when `beat` has stood still for its lease, or nobody holds the lock on its file.
CREATE TABLE instance (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    beat INTEGER NOT NULL,
    lease INTEGER NOT NULL
) STRICT;

CREATE TABLE done (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    at INTEGER NOT NULL,
    reply_to TEXT,
    result BLOB
) STRICT;

CREATE TABLE dead (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    key TEXT,
    is_held INTEGER NOT NULL,
    at INTEGER NOT NULL,
    reason TEXT NOT NULL,
    error TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    queued_at INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX dead_held ON dead (is_held, seq);

-- How much there is of each, so that no bound has to be counted out.
CREATE TABLE tally (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    ready INTEGER NOT NULL DEFAULT 0,
    delayed INTEGER NOT NULL DEFAULT 0,
    claimed INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    held INTEGER NOT NULL DEFAULT 0,
    dead INTEGER NOT NULL DEFAULT 0,
    dead_bytes INTEGER NOT NULL DEFAULT 0,
    done INTEGER NOT NULL DEFAULT 0,
    done_bytes INTEGER NOT NULL DEFAULT 0,
    is_paused INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO tally (one) VALUES (1);
