//! Connections to the database, a few, and statements over them within bounded time.
//!
//! Every statement is a transaction of its own and leaves nothing behind in its session: it is sent with its parameters
//! and types in one message, without a name. So any statement may go over any connection, also through a pooler that
//! changes the session behind it after each transaction.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::task::AbortOnDropHandle;
use tracing::debug;

use super::address::{Address, Target};
use super::error::{MOST_CONNECTIONS, PostgresError};
use crate::egress::client_config;

/// Connections for leases, which must not wait behind commits.
const FOR_LEASES: usize = 1;
/// Connections for commits and reading. A commit takes a millisecond, so that these carry thousands a second.
const FOR_WORK: usize = MOST_CONNECTIONS - FOR_LEASES;

/// A parameter of a statement, and its type.
pub(crate) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// What a statement is for, which decides over which connections it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    Work,
    Leases,
}

/// The connections. Clones share them.
#[derive(Clone)]
pub(super) struct Pool(Arc<Inner>);

struct Inner {
    address: Address,
    tls: MakeRustlsConnect,
    patience: Duration,
    work: Connections,
    leases: Connections,
    /// How the database is called in messages, once the URL could be read.
    place: Mutex<String>,
}

struct Connections {
    permits: Semaphore,
    idle: Mutex<Vec<Connection>>,
}

/// What is to be carried out.
enum Work<'a> {
    Query(&'a str, &'a [Parameter<'a>]),
    Script(&'a str),
}

impl Work<'_> {
    async fn run(&self, client: &Client) -> Result<Vec<Row>, tokio_postgres::Error> {
        match self {
            Self::Query(statement, parameters) => client.query_typed(statement, parameters).await,
            Self::Script(script) => client.batch_execute(script).await.map(|()| Vec::new()),
        }
    }
}

/// An open connection, which ends with this.
struct Connection {
    client: Client,
    _driver: AbortOnDropHandle<()>,
}

impl Connections {
    fn new(most: usize) -> Self {
        Self {
            permits: Semaphore::new(most),
            idle: Mutex::default(),
        }
    }

    fn take(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|connection| !connection.client.is_closed());
        idle.pop()
    }

    fn put_back(&self, connection: Connection) {
        if !connection.client.is_closed() {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.push(connection);
        }
    }
}

impl Pool {
    /// Connections to this database, none of which is open yet. No statement takes longer than `patience`.
    pub(super) fn new(address: Address, patience: Duration) -> Result<Self, PostgresError> {
        // With one provider for everything.
        let config = client_config(address.authorities())?;
        Ok(Self(Arc::new(Inner {
            tls: MakeRustlsConnect::new((*config).clone()),
            address,
            patience,
            work: Connections::new(FOR_WORK),
            leases: Connections::new(FOR_LEASES),
            place: Mutex::default(),
        })))
    }

    /// How the database is called in messages.
    pub(super) fn place(&self) -> String {
        self.0
            .place
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Carries out one statement.
    pub(super) async fn query(
        &self,
        lane: Lane,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, PostgresError> {
        self.run(lane, Work::Query(statement, parameters)).await
    }

    /// Carries out statements without parameters as one transaction, which they begin and end themselves.
    pub(super) async fn run_script(&self, script: &str) -> Result<(), PostgresError> {
        self.run(Lane::Work, Work::Script(script)).await.map(|_| ())
    }

    async fn run(&self, lane: Lane, work: Work<'_>) -> Result<Vec<Row>, PostgresError> {
        let deadline = Instant::now() + self.0.patience;
        let connections = match lane {
            Lane::Work => &self.0.work,
            Lane::Leases => &self.0.leases,
        };
        let permit = tokio::time::timeout_at(deadline, connections.permits.acquire()).await;
        // Never closed.
        let Ok(Ok(_permit)) = permit else {
            return Err(self.slow());
        };
        loop {
            let (connection, is_fresh) = match connections.take() {
                Some(connection) => (connection, false),
                None => (self.connect(deadline).await?, true),
            };
            let cancel = connection.client.cancel_token();
            match tokio::time::timeout_at(deadline, work.run(&connection.client)).await {
                Ok(Ok(done)) => {
                    connections.put_back(connection);
                    return Ok(done);
                }
                // It was closed while nobody used it, so that nothing was done.
                Ok(Err(error)) if error.is_closed() && !is_fresh => continue,
                Ok(Err(error)) => {
                    let error = PostgresError::from_driver(&self.place(), &error);
                    // A primary that has become a replica goes on answering: only a new connection finds the new primary.
                    if !matches!(error, PostgresError::ReadOnly { .. }) {
                        connections.put_back(connection);
                    }
                    return Err(error);
                }
                Err(_) => {
                    // Else it would go on waiting there, and hold what it has locked.
                    let (tls, patience) = (self.0.tls.clone(), self.0.patience);
                    tokio::spawn(async move {
                        let cancelled = tokio::time::timeout(patience, cancel.cancel_query(tls)).await;
                        debug!(?cancelled, "a statement that took too long");
                        drop(connection);
                    });
                    return Err(self.slow());
                }
            }
        }
    }

    async fn connect(&self, deadline: Instant) -> Result<Connection, PostgresError> {
        let Target { config, place } = self.0.address.resolve().await?;
        self.0
            .place
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone_from(&place);
        let connecting = tokio::time::timeout_at(deadline, config.connect(self.0.tls.clone())).await;
        let connected = connecting.map_err(|_| PostgresError::Unreachable {
            place: place.clone(),
            reason: "it does not accept the connection in time".to_owned(),
        })?;
        let (client, connection) = connected.map_err(|error| PostgresError::from_driver(&place, &error))?;
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.await {
                debug!(%error, "a connection to the database ended");
            }
        });
        Ok(Connection {
            client,
            _driver: AbortOnDropHandle::new(driver),
        })
    }

    fn slow(&self) -> PostgresError {
        PostgresError::Slow {
            place: self.place(),
            patience: self.0.patience,
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Pool")
            .field("place", &self.place())
            .finish_non_exhaustive()
    }
}
