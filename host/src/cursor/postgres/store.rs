//! The database as a place for cursors: each commit is one statement that looks at the lease, holds it, and writes.

use tokio_postgres::types::Type;

use super::PostgresStore;
use super::error::PostgresError;
use super::pool::Lane;
use super::schema::get;
use crate::cursor::{Commit, CursorStore, Envelope, EnvelopeError, Position, StoreError};

const LOAD: &str = "SELECT s.epoch = $4 AND s.host = $5 AS holds, c.cursor, p.partition IS NOT NULL AS begun \
     FROM headwater_source s \
     LEFT JOIN headwater_cursor c ON c.cluster = s.cluster AND c.source = s.source AND c.partition = $3 \
     LEFT JOIN headwater_partition p ON p.cluster = s.cluster AND p.source = s.source AND p.partition = $3 \
     WHERE s.cluster = $1 AND s.source = $2";

/// `fence` locks the row of the lease until the statement has ended: no claim comes between the look at it and the commit. A
/// statement that arrives late, after one that was sent after it, changes nothing (`attempt`). A row of a cursor that is
/// missing although its partition was begun is not made again.
const COMMIT: &str = "WITH fence AS MATERIALIZED (\
         SELECT 1 FROM headwater_source \
         WHERE cluster = $1 AND source = $2 AND host = $4 AND epoch = $5 FOR SHARE), \
     begun AS (\
         INSERT INTO headwater_partition (cluster, source, partition) SELECT $1, $2, $3 FROM fence \
         ON CONFLICT DO NOTHING RETURNING 1), \
     changed AS (\
         UPDATE headwater_cursor c SET cursor = $7, plugin = $8, stored = now(), epoch = $5, attempt = $6 FROM fence \
         WHERE c.cluster = $1 AND c.source = $2 AND c.partition = $3 AND (c.epoch, c.attempt) <= ($5, $6) RETURNING 1), \
     made AS (\
         INSERT INTO headwater_cursor (cluster, source, partition, cursor, plugin, epoch, attempt) \
         SELECT $1, $2, $3, $7, $8, $5, $6 FROM begun WHERE NOT EXISTS (\
             SELECT 1 FROM headwater_cursor WHERE cluster = $1 AND source = $2 AND partition = $3) \
         ON CONFLICT DO NOTHING RETURNING 1) \
     SELECT EXISTS (SELECT 1 FROM fence) AS holds, \
         EXISTS (SELECT 1 FROM changed) OR EXISTS (SELECT 1 FROM made) AS stored";

const PARTITIONS: &str = "SELECT partition FROM headwater_partition WHERE cluster = $1 AND source = $2";

impl PostgresStore {
    async fn find(&self, source: &str, partition: &str) -> Result<Position, PostgresError> {
        let (epoch, pool) = (self.lease_of(source)?, &self.0.pool);
        let rows = pool
            .query(
                Lane::Work,
                LOAD,
                &[
                    (&self.0.cluster, Type::TEXT),
                    (&source, Type::TEXT),
                    (&partition, Type::TEXT),
                    (&epoch, Type::INT8),
                    (&self.0.host, Type::TEXT),
                ],
            )
            .await?;
        let holds = match rows.first() {
            Some(row) => get::<Option<bool>>(pool, row, "holds")?.unwrap_or(false),
            None => false,
        };
        let Some(row) = rows.first().filter(|_| holds) else {
            return Err(self.refused(source, epoch));
        };
        let cursor: Option<&[u8]> = get(pool, row, "cursor")?;
        let opened = match cursor {
            Some(sealed) => Envelope::open(sealed, source, partition),
            None if get(pool, row, "begun")? => Err(EnvelopeError::Missing),
            None => return Ok(Position::NeverRead),
        };
        Ok(match opened {
            Ok(envelope) => Position::At(envelope.cursor),
            Err(error) => Position::Lost(error.to_string()),
        })
    }

    async fn put(&self, commit: Commit<'_>) -> Result<(), PostgresError> {
        let Commit {
            source,
            partition,
            plugin,
            cursor,
            ..
        } = commit;
        let (epoch, pool) = (self.lease_of(source)?, &self.0.pool);
        let sealed = Envelope::seal(source, partition, plugin, cursor);
        let rows = pool
            .query(
                Lane::Work,
                COMMIT,
                &[
                    (&self.0.cluster, Type::TEXT),
                    (&source, Type::TEXT),
                    (&partition, Type::TEXT),
                    (&self.0.host, Type::TEXT),
                    (&epoch, Type::INT8),
                    (&self.next_attempt(), Type::INT8),
                    (&sealed, Type::BYTEA),
                    (&plugin, Type::TEXT),
                ],
            )
            .await?;
        let (holds, stored) = match rows.first() {
            Some(row) => (get(pool, row, "holds")?, get(pool, row, "stored")?),
            None => (false, false),
        };
        match (holds, stored) {
            (true, true) => Ok(()),
            (true, false) => match self.find(source, partition).await? {
                Position::Lost(reason) => Err(PostgresError::Lost {
                    source_name: source.to_owned(),
                    partition: partition.to_owned(),
                    reason,
                }),
                // Another statement of this host for the same partition was at work at the same moment: it is over now.
                _ => Err(PostgresError::Failed {
                    place: pool.place(),
                    reason: "an earlier commit of the same partition was still under way".to_owned(),
                }),
            },
            (false, _) => Err(self.refused(source, epoch)),
        }
    }

    /// The epoch under which this host has a source.
    fn lease_of(&self, source: &str) -> Result<i64, PostgresError> {
        self.0.leases.epoch(source).ok_or_else(|| no_lease(source))
    }

    /// Notes that the database refused what was done under a lease.
    fn refused(&self, source: &str, epoch: i64) -> PostgresError {
        self.0.leases.refused(source, epoch);
        no_lease(source)
    }
}

fn no_lease(source: &str) -> PostgresError {
    PostgresError::NoLease {
        source_name: source.to_owned(),
    }
}

impl CursorStore for PostgresStore {
    async fn ready(&self, source: &str) {
        self.0.leases.sure(source).await;
    }

    async fn load(&self, source: &str, partition: &str) -> Result<Position, StoreError> {
        self.find(source, partition).await.map_err(StoreError::new)
    }

    async fn commit(&self, commit: Commit<'_>) -> Result<(), StoreError> {
        self.put(commit).await.map_err(|error| {
            if matches!(error, PostgresError::NoLease { .. }) {
                self.count_fenced();
            }
            StoreError::new(error)
        })
    }

    async fn partitions(&self, source: &str) -> Result<Vec<String>, StoreError> {
        let pool = &self.0.pool;
        let parameters = [(&self.0.cluster as _, Type::TEXT), (&source as _, Type::TEXT)];
        let rows = pool.query(Lane::Work, PARTITIONS, &parameters).await;
        let rows = rows.map_err(StoreError::new)?;
        let partitions = rows.iter().map(|row| get(pool, row, "partition"));
        partitions.collect::<Result<_, _>>().map_err(StoreError::new)
    }
}
