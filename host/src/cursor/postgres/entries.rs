//! The stored cursors for people: listed, deleted, moved.

use tokio_postgres::types::Type;

use super::PostgresStore;
use super::error::PostgresError;
use super::pool::Lane;
use super::schema::get;
use crate::cursor::{Entry, Envelope, EnvelopeError, NewCursor};

const LIST: &str = "SELECT known.source, known.partition, c.cursor FROM \
     (SELECT source, partition FROM headwater_partition WHERE cluster = $1 \
      UNION SELECT source, partition FROM headwater_cursor WHERE cluster = $1) AS known \
     LEFT JOIN headwater_cursor c ON c.cluster = $1 AND c.source = known.source AND c.partition = known.partition \
     ORDER BY known.source, known.partition";

/// A new epoch first: whoever reads the source now cannot commit any more, and begins again.
const FENCE: &str = "UPDATE headwater_source SET epoch = epoch + 1, host = NULL, expires = NULL \
     WHERE cluster = $1 AND source = ANY ($2)";

const FORGET: &str = "WITH keys AS (SELECT * FROM unnest($2::text[], $3::text[]) AS key (source, partition)), \
     cursors AS (\
         DELETE FROM headwater_cursor c USING keys \
         WHERE c.cluster = $1 AND c.source = keys.source AND c.partition = keys.partition) \
     DELETE FROM headwater_partition p USING keys \
     WHERE p.cluster = $1 AND p.source = keys.source AND p.partition = keys.partition";

/// All or nothing: a partition that was begun already fails the statement. A new epoch, so that a host that claims the source at the
/// same moment either finds what is stored here or is found.
const PUT_NEW: &str = "WITH fence AS (\
         INSERT INTO headwater_source AS s (cluster, source, epoch) VALUES ($1, $2, 1) \
         ON CONFLICT (cluster, source) DO UPDATE SET epoch = s.epoch + 1, host = NULL, expires = NULL \
         WHERE s.host IS NULL OR s.expires <= now() RETURNING 1), \
     cursors AS (\
         SELECT new.* FROM unnest($3::text[], $4::text[], $5::bytea[]) AS new (partition, plugin, cursor), fence), \
     begun AS (\
         INSERT INTO headwater_partition (cluster, source, partition) SELECT $1, $2, partition FROM cursors), \
     made AS (\
         INSERT INTO headwater_cursor (cluster, source, partition, plugin, cursor, epoch, attempt) \
         SELECT $1, $2, partition, plugin, cursor, 0, 0 FROM cursors) \
     SELECT EXISTS (SELECT 1 FROM fence) AS stored";

const LIVE_HOSTS: &str =
    "SELECT name FROM headwater_host WHERE cluster = $1 AND expires > now() ORDER BY name";

impl PostgresStore {
    /// The hosts of the cluster that live, by name.
    ///
    /// # Errors
    ///
    /// The database does not answer.
    pub async fn live_hosts(&self) -> Result<Vec<String>, PostgresError> {
        let pool = &self.0.pool;
        let rows = pool
            .query(Lane::Work, LIVE_HOSTS, &[(&self.0.cluster, Type::TEXT)])
            .await?;
        rows.iter().map(|row| get(pool, row, "name")).collect()
    }

    /// Stores cursors of partitions that a source has none of; all of them or none.
    ///
    /// # Errors
    ///
    /// A host reads the source, one of the partitions was begun already, or the database does not answer.
    pub async fn put_new(&self, source: &str, cursors: &[NewCursor]) -> Result<(), PostgresError> {
        let partitions: Vec<&str> = cursors.iter().map(|new| new.partition.as_str()).collect();
        let plugins: Vec<&str> = cursors.iter().map(|new| new.plugin.as_str()).collect();
        let seal = |new: &NewCursor| Envelope::seal(source, &new.partition, &new.plugin, &new.cursor);
        let sealed: Vec<Vec<u8>> = cursors.iter().map(seal).collect();
        let parameters = [
            (&self.0.cluster as _, Type::TEXT),
            (&source as _, Type::TEXT),
            (&partitions as _, Type::TEXT_ARRAY),
            (&plugins as _, Type::TEXT_ARRAY),
            (&sealed as _, Type::BYTEA_ARRAY),
        ];
        let pool = &self.0.pool;
        let rows = pool.query(Lane::Work, PUT_NEW, &parameters).await?;
        match rows.first() {
            Some(row) if get(pool, row, "stored")? => Ok(()),
            _ => Err(PostgresError::InUse {
                source_name: source.to_owned(),
            }),
        }
    }

    /// All stored cursors, and those that are missing, sorted by source and partition.
    ///
    /// # Errors
    ///
    /// The database does not answer.
    pub async fn entries(&self) -> Result<Vec<Entry>, PostgresError> {
        let pool = &self.0.pool;
        let rows = pool
            .query(Lane::Work, LIST, &[(&self.0.cluster, Type::TEXT)])
            .await?;
        let entry = |row: &tokio_postgres::Row| {
            let (source, partition): (String, String) =
                (get(pool, row, "source")?, get(pool, row, "partition")?);
            let sealed: Option<&[u8]> = get(pool, row, "cursor")?;
            let envelope = sealed
                .ok_or(EnvelopeError::Missing)
                .and_then(|sealed| Envelope::open(sealed, &source, &partition));
            Ok(Entry {
                source,
                partition,
                envelope,
            })
        };
        rows.iter().map(entry).collect()
    }

    /// Forgets cursors, so that their partitions restart. Hosts that read their sources lose the leases, so that none of them goes on
    /// from what it has in memory.
    ///
    /// # Errors
    ///
    /// The database does not answer: some may be forgotten.
    pub async fn forget(&self, keys: &[(String, String)]) -> Result<(), PostgresError> {
        let (sources, partitions): (Vec<&str>, Vec<&str>) = keys
            .iter()
            .map(|(source, partition)| (source.as_str(), partition.as_str()))
            .unzip();
        let cluster = (&self.0.cluster as _, Type::TEXT);
        let sources = (&sources as _, Type::TEXT_ARRAY);
        let partitions = (&partitions as _, Type::TEXT_ARRAY);
        let fence = [cluster.clone(), sources.clone()];
        self.0.pool.query(Lane::Work, FENCE, &fence).await?;
        self.0
            .pool
            .query(Lane::Work, FORGET, &[cluster, sources, partitions])
            .await?;
        Ok(())
    }
}
