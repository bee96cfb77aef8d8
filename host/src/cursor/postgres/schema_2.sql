-- Schema 2: dead letters can be replayed, and are counted without reading them.
BEGIN;
SELECT pg_advisory_xact_lock(7236089461058);
ALTER TABLE headwater_dead_letter
    -- JSON: for an event that a receiver refused, its id and what is needed to deliver it after all. NULL for what never was one.
    ADD COLUMN IF NOT EXISTS detail text,
    -- Who replays it, and until when nobody else does.
    ADD COLUMN IF NOT EXISTS replayer text,
    ADD COLUMN IF NOT EXISTS replayed_until timestamptz;
CREATE INDEX IF NOT EXISTS headwater_dead_letter_age ON headwater_dead_letter (cluster, source, noted);
UPDATE headwater_schema SET version = 2, since = now() WHERE version < 2;
COMMIT;
