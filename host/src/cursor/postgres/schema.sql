-- The tables of Headwater, schema 1. A host creates them itself where it may; otherwise the owner of the database runs this.
BEGIN;
-- One host at a time; released at the end of the transaction.
SELECT pg_advisory_xact_lock(7236089461058);
CREATE TABLE IF NOT EXISTS headwater_schema (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    version integer NOT NULL,
    since timestamptz NOT NULL DEFAULT now()
);
-- The lease of each source. `epoch` grows with every claim and never falls.
CREATE TABLE IF NOT EXISTS headwater_source (
    cluster text NOT NULL,
    source text NOT NULL,
    epoch bigint NOT NULL DEFAULT 0,
    host text,
    expires timestamptz,
    claimed timestamptz,
    takeovers bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (cluster, source)
) WITH (fillfactor = 50);
-- Where each partition's reading goes on.
CREATE TABLE IF NOT EXISTS headwater_cursor (
    cluster text NOT NULL,
    source text NOT NULL,
    partition text NOT NULL,
    cursor bytea NOT NULL,
    plugin text NOT NULL,
    stored timestamptz NOT NULL DEFAULT now(),
    epoch bigint NOT NULL,
    attempt bigint NOT NULL,
    PRIMARY KEY (cluster, source, partition)
) WITH (fillfactor = 70);
-- Which partitions were begun: one that is here and has no cursor has lost it.
CREATE TABLE IF NOT EXISTS headwater_partition (
    cluster text NOT NULL,
    source text NOT NULL,
    partition text NOT NULL,
    begun timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (cluster, source, partition)
);
-- What was read and is not an event, or was refused by a receiver. `event` is its id, if that much is known.
CREATE TABLE IF NOT EXISTS headwater_dead_letter (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    cluster text NOT NULL,
    source text NOT NULL,
    partition text NOT NULL,
    event text,
    reason text NOT NULL,
    raw bytea NOT NULL,
    noted timestamptz NOT NULL DEFAULT now(),
    -- SHA-256 of partition, event and raw: what two hosts keep is kept once.
    digest bytea NOT NULL,
    UNIQUE (cluster, source, digest)
);
-- The hosts that share the sources of a cluster.
CREATE TABLE IF NOT EXISTS headwater_host (
    cluster text NOT NULL,
    host text NOT NULL,
    name text NOT NULL,
    version text NOT NULL,
    configuration text NOT NULL,
    sources bigint NOT NULL,
    started timestamptz NOT NULL DEFAULT now(),
    renewed timestamptz NOT NULL DEFAULT now(),
    expires timestamptz NOT NULL,
    PRIMARY KEY (cluster, host)
);
INSERT INTO headwater_schema (version) VALUES (1) ON CONFLICT (singleton) DO NOTHING;
COMMIT;
