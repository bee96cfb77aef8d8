//! The statements about leases. Each is a transaction of its own, and every time in it is the server's.

use std::time::Duration;

use tokio_postgres::types::Type;

use super::PostgresStore;
use super::error::PostgresError;
use super::pool::{Lane, Parameter};
use super::schema::get;

/// Rows for sources that there was none for.
const REGISTER: &str =
    "INSERT INTO headwater_source (cluster, source) SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING";

/// Hosts that have been gone for so long are forgotten.
const FORGET_HOSTS: &str =
    "DELETE FROM headwater_host WHERE cluster = $1 AND expires < now() - interval '1 day'";

/// Says that this host lives, renews all of its leases, and tells what has to be known to claim or hand back.
const RENEW: &str = "WITH beat AS (\
         INSERT INTO headwater_host (cluster, host, name, version, configuration, sources, expires) \
         VALUES ($1, $2, $3, $4, $5, $6, now() + $7 * interval '1 second') \
         ON CONFLICT (cluster, host) DO UPDATE SET configuration = $5, sources = $6, renewed = now(), \
             expires = now() + $7 * interval '1 second'), \
     renewed AS (\
         UPDATE headwater_source SET expires = now() + $7 * interval '1 second' \
         WHERE cluster = $1 AND host = $2 RETURNING source, epoch), \
     others AS (\
         SELECT name, configuration FROM headwater_host WHERE cluster = $1 AND host <> $2 AND expires > now()) \
     SELECT (SELECT coalesce(array_agg(source ORDER BY source), '{}') FROM renewed) AS sources, \
         (SELECT coalesce(array_agg(epoch ORDER BY source), '{}') FROM renewed) AS epochs, \
         (SELECT coalesce(array_agg(name ORDER BY name), '{}') FROM others \
          WHERE split_part(configuration, ':', 1) = split_part($5, ':', 1)) AS alike, \
         (SELECT coalesce(array_agg(name ORDER BY name), '{}') FROM others WHERE configuration <> $5) AS unlike, \
         (SELECT count(*) FROM headwater_source \
          WHERE cluster = $1 AND source = ANY ($8) AND (host IS NULL OR expires <= now())) AS free, \
         (SELECT extract(epoch FROM min(expires) - now())::float8 FROM headwater_source \
          WHERE cluster = $1 AND source = ANY ($8) AND host <> $2 AND expires > now()) AS next_end";

/// Takes sources that nobody has, in an order of this host's own, so that hosts that claim at once do not all try the same.
/// A row that is locked is being claimed or committed under, and left alone.
const CLAIM: &str = "WITH free AS (\
         SELECT source, host IS NOT NULL AS was_taken_over FROM headwater_source \
         WHERE cluster = $1 AND source = ANY ($3) AND (host IS NULL OR expires <= now()) \
         ORDER BY md5(source || $2) LIMIT $4 FOR UPDATE SKIP LOCKED) \
     UPDATE headwater_source s SET host = $2, epoch = s.epoch + 1, claimed = now(), \
         expires = now() + $5 * interval '1 second', takeovers = s.takeovers + free.was_taken_over::int \
     FROM free WHERE s.cluster = $1 AND s.source = free.source \
     RETURNING s.source, s.epoch, free.was_taken_over";

const RELEASE: &str = "UPDATE headwater_source SET host = NULL, expires = NULL \
     WHERE cluster = $1 AND host = $2 AND source = ANY ($3)";

const LEAVE: &str = "WITH gone AS (DELETE FROM headwater_host WHERE cluster = $1 AND host = $2) \
     UPDATE headwater_source SET host = NULL, expires = NULL WHERE cluster = $1 AND host = $2";

/// What a host says of itself.
#[derive(Debug, Clone)]
pub(super) struct Card {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) configuration: String,
    pub(super) sources: Vec<String>,
    pub(super) lease: Duration,
}

/// A source that was claimed.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) source: String,
    pub(super) epoch: i64,
    /// Whether another host had it whose lease had ended.
    pub(super) was_taken_over: bool,
}

/// What a renewal tells.
#[derive(Debug, Default)]
pub(super) struct Renewed {
    /// The sources of this host, with their epochs.
    pub(super) held: Vec<(String, i64)>,
    /// The other hosts that live and have the same sources, by name.
    pub(super) alike: Vec<String>,
    /// Those whose configuration differs in any way.
    pub(super) unlike: Vec<String>,
    /// Sources of this host's configuration that nobody has.
    pub(super) free: i64,
    /// When the first lease of another host ends unless it is renewed.
    pub(super) next_end: Option<Duration>,
}

impl PostgresStore {
    pub(super) async fn register(&self, sources: &[String]) -> Result<(), PostgresError> {
        let cluster = self.cluster_parameter();
        self.lease_query(FORGET_HOSTS, std::slice::from_ref(&cluster))
            .await?;
        let parameters = [cluster, (&sources as _, Type::TEXT_ARRAY)];
        self.lease_query(REGISTER, &parameters).await.map(|_| ())
    }

    pub(super) async fn renew(&self, card: &Card) -> Result<Renewed, PostgresError> {
        let count = i64::try_from(card.sources.len()).unwrap_or(i64::MAX);
        let lease = card.lease.as_secs_f64();
        let parameters = [
            self.cluster_parameter(),
            (&self.0.host as _, Type::TEXT),
            (&card.name as _, Type::TEXT),
            (&card.version as _, Type::TEXT),
            (&card.configuration as _, Type::TEXT),
            (&count as _, Type::INT8),
            (&lease as _, Type::FLOAT8),
            (&card.sources as _, Type::TEXT_ARRAY),
        ];
        let rows = self.lease_query(RENEW, &parameters).await?;
        let Some(row) = rows.first() else {
            return Ok(Renewed::default());
        };
        let pool = &self.0.pool;
        let sources: Vec<String> = get(pool, row, "sources")?;
        let epochs: Vec<i64> = get(pool, row, "epochs")?;
        let next_end: Option<f64> = get(pool, row, "next_end")?;
        Ok(Renewed {
            held: sources.into_iter().zip(epochs).collect(),
            alike: get(pool, row, "alike")?,
            unlike: get(pool, row, "unlike")?,
            free: get(pool, row, "free")?,
            next_end: next_end.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
        })
    }

    /// Takes at most `most` of these sources. Returns those that it got.
    pub(super) async fn claim(
        &self,
        sources: &[&str],
        most: usize,
        lease: Duration,
    ) -> Result<Vec<Claim>, PostgresError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let lease = lease.as_secs_f64();
        let parameters = [
            self.cluster_parameter(),
            (&self.0.host as _, Type::TEXT),
            (&sources as _, Type::TEXT_ARRAY),
            (&most as _, Type::INT8),
            (&lease as _, Type::FLOAT8),
        ];
        let rows = self.lease_query(CLAIM, &parameters).await?;
        let pool = &self.0.pool;
        let claim = |row| {
            Ok(Claim {
                source: get(pool, row, "source")?,
                epoch: get(pool, row, "epoch")?,
                was_taken_over: get(pool, row, "was_taken_over")?,
            })
        };
        rows.iter().map(claim).collect()
    }

    pub(super) async fn hand_back(&self, sources: &[String]) -> Result<(), PostgresError> {
        let parameters = [
            self.cluster_parameter(),
            (&self.0.host as _, Type::TEXT),
            (&sources as _, Type::TEXT_ARRAY),
        ];
        self.lease_query(RELEASE, &parameters).await.map(|_| ())
    }

    pub(super) async fn sign_off(&self) -> Result<(), PostgresError> {
        let parameters = [self.cluster_parameter(), (&self.0.host as _, Type::TEXT)];
        self.lease_query(LEAVE, &parameters).await.map(|_| ())
    }

    fn cluster_parameter(&self) -> Parameter<'_> {
        (&self.0.cluster, Type::TEXT)
    }

    async fn lease_query(
        &self,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<tokio_postgres::Row>, PostgresError> {
        self.0.pool.query(Lane::Leases, statement, parameters).await
    }
}
