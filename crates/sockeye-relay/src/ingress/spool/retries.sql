-- Dead records that somebody wants tried again: whoever serves the sinks puts them back at the end, for their sink alone.
ALTER TABLE dead ADD COLUMN retried INTEGER NOT NULL DEFAULT 0;
CREATE INDEX dead_retried ON dead (number) WHERE retried = 1;
ALTER TABLE spool ADD COLUMN only_for TEXT;
