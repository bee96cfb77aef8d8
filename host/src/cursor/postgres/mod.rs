//! Cursors in PostgreSQL, for one host or several that share their sources.
//!
//! A host commits for a source only while it has that source's *lease*: a row with an *epoch* that grows with every claim.
//! Claims, renewals and commits are single statements on the server's clock; a commit that comes under an epoch that is
//! over changes nothing. `docs/high-availability.md` says what follows from that, and `tests/model` checks it.
//!
//! Needs PostgreSQL 12 or newer. Nothing is kept in a session, so that a pooler may stand between.

mod address;
mod claims;
mod entries;
mod error;
mod keeper;
mod leases;
mod member;
mod pool;
mod schema;
mod share;
mod store;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use self::leases::Leases;
use self::pool::{Lane, Pool};

pub use self::address::{Address, check_url};
pub use self::error::PostgresError;
pub use self::keeper::{Change, Standing};
pub use self::member::{Control, Member, Membership};
pub(crate) use self::pool::Parameter;
pub use self::schema::schema_sql;

/// How long a statement may take: longer than any lock of a healthy database, shorter than a lease.
pub const USUAL_PATIENCE: Duration = Duration::from_secs(8);
/// Bytes of randomness in the name that a host has in the database.
const IDENTITY: usize = 16;

/// The tables of a cluster in a database. Clones share the connections.
#[derive(Clone)]
pub struct PostgresStore(Arc<Inner>);

struct Inner {
    pool: Pool,
    cluster: String,
    /// This host from its start to its end; another one after a restart.
    host: String,
    leases: Leases,
    /// Commits so far. They are ordered by it within an epoch.
    attempts: AtomicI64,
    fenced: AtomicU64,
}

impl PostgresStore {
    /// Connects, makes or upgrades the tables, and judges whether all that is needed later is possible. No statement takes longer
    /// than `patience`.
    ///
    /// # Errors
    ///
    /// What is wrong, and what to do about it.
    pub async fn open(address: Address, cluster: &str, patience: Duration) -> Result<Self, PostgresError> {
        let pool = Pool::new(address, patience)?;
        schema::prepare(&pool).await?;
        let mut identity = [0; IDENTITY];
        getrandom::fill(&mut identity).map_err(|error| PostgresError::Failed {
            place: pool.place(),
            reason: format!("the system gives no random numbers: {error}"),
        })?;
        Ok(Self(Arc::new(Inner {
            pool,
            cluster: cluster.to_owned(),
            host: identity.iter().map(|byte| format!("{byte:02x}")).collect(),
            leases: Leases::default(),
            attempts: AtomicI64::new(0),
            fenced: AtomicU64::new(0),
        })))
    }

    /// The database, as `host:port/database`.
    pub fn place(&self) -> String {
        self.0.pool.place()
    }

    /// The cluster whose sources these are.
    pub fn cluster(&self) -> &str {
        &self.0.cluster
    }

    /// This host in the database: different for each store that was opened.
    pub(crate) fn identity(&self) -> &str {
        &self.0.host
    }

    /// Carries out one statement for what is kept beside cursors.
    pub(crate) async fn query(
        &self,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, PostgresError> {
        self.0.pool.query(Lane::Work, statement, parameters).await
    }

    /// A column of a row, which has the type that its statement gives it.
    pub(crate) fn column<'a, T: FromSql<'a>>(&self, row: &'a Row, column: &str) -> Result<T, PostgresError> {
        schema::get(&self.0.pool, row, column)
    }

    /// How many commits were refused because this host had lost the lease.
    pub fn fenced_commits(&self) -> u64 {
        self.0.fenced.load(Ordering::Relaxed)
    }

    fn next_attempt(&self) -> i64 {
        self.0.attempts.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn count_fenced(&self) {
        self.0.fenced.fetch_add(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PostgresStore")
            .field("place", &self.place())
            .field("cluster", &self.0.cluster)
            .finish_non_exhaustive()
    }
}
