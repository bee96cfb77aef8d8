//! Why the database cannot be used, and what to do. Nothing here shows a password.

use std::error::Error as _;
use std::time::Duration;

use thiserror::Error;
use tokio_postgres::error::{DbError, SqlState};

use crate::egress::CaError;

/// Connections that a host opens at most.
pub(super) const MOST_CONNECTIONS: usize = 5;

/// Why the database cannot be used. Each shows `host:port/database`, and never user or password.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PostgresError {
    /// The URL cannot be read.
    #[error("`state.url` {0}")]
    Url(String),
    /// What the configuration names for the URL or the authorities is not there.
    #[error("`state.url` cannot be used: {0}")]
    Secret(String),
    /// The file of certificate authorities cannot be used.
    #[error("`state.ca`: {0}")]
    Ca(#[from] CaError),
    /// Nobody answers.
    #[error(
        "cannot reach the database {place}: {reason}; check that it runs, host and port in `state.url`, and the network; \
         nothing is lost, reading goes on once it answers"
    )]
    Unreachable {
        /// The database.
        place: String,
        /// What the system says.
        reason: String,
    },
    /// No encrypted connection.
    #[error(
        "cannot encrypt the connection to the database {place}: {reason}; turn `ssl` on there and name the authority of its \
         certificate in `state.ca`, or add `?sslmode=disable` to `state.url` where the network is trusted"
    )]
    Tls {
        /// The database.
        place: String,
        /// What went wrong.
        reason: String,
    },
    /// User or password is wrong, or this machine may not log in.
    #[error(
        "the database {place} refuses the login: {reason}; check user and password in `state.url`, and pg_hba.conf"
    )]
    Login {
        /// The database.
        place: String,
        /// What the server says.
        reason: String,
    },
    /// The server has no such database.
    #[error("{reason} at {place}; create it with `createdb`, or change `state.url`")]
    NoDatabase {
        /// The database.
        place: String,
        /// What the server says.
        reason: String,
    },
    /// The user may not do what is needed.
    #[error(
        "the user of the database {place} lacks a right: {reason}; grant it, or have the owner run what `headwater state \
         schema` prints; docs/high-availability.md lists the rights"
    )]
    MissingRight {
        /// The database.
        place: String,
        /// What the server says.
        reason: String,
    },
    /// A newer version has upgraded the tables.
    #[error(
        "the tables in the database {place} were upgraded by a newer headwater (schema {found}, this version knows {known}); \
         use that version on every host"
    )]
    NewerSchema {
        /// The database.
        place: String,
        /// The version of the tables.
        found: i32,
        /// The newest that this version knows.
        known: i32,
    },
    /// The tables are not what this host leaves.
    #[error(
        "the tables in the database {place} are not Headwater's ({reason}); restore them from a backup, or use another \
         database"
    )]
    ForeignSchema {
        /// The database.
        place: String,
        /// What was found.
        reason: String,
    },
    /// The database lacks characters.
    #[error(
        "the database {place} has the encoding {found}, which lacks characters of other texts; create one with `createdb \
         --encoding=UTF8 --template=template0`, and name it in `state.url`"
    )]
    Encoding {
        /// The database.
        place: String,
        /// Its encoding.
        found: String,
    },
    /// Nothing can be written there.
    #[error(
        "the database {place} is read-only: a replica, or in recovery; name the primary in `state.url`, or name all servers \
         and add `target_session_attrs=read-write`"
    )]
    ReadOnly {
        /// The database.
        place: String,
    },
    /// The server has no connection left.
    #[error(
        "the database {place} takes no further connection: {reason}; a host needs up to {needed}: raise max_connections, or \
         put pgbouncer in transaction mode before the database"
    )]
    TooManyConnections {
        /// The database.
        place: String,
        /// What the server says.
        reason: String,
        /// Connections that a host opens at most.
        needed: usize,
    },
    /// No answer in time.
    #[error(
        "the database {place} did not answer within {} s: it is overloaded, or another session holds a lock (`SELECT pid, \
         query FROM pg_stat_activity WHERE wait_event_type = 'Lock'` there); nothing is lost, it is tried again",
         patience.as_secs_f32()
    )]
    Slow {
        /// The database.
        place: String,
        /// How long was waited.
        patience: Duration,
    },
    /// Another host has the source, or none.
    #[error(
        "this host does not have the lease of source \"{source_name}\": another host reads it or will; nothing is stored here, and \
         what was in flight is read again there"
    )]
    NoLease {
        /// The source.
        source_name: String,
    },
    /// A host reads the source, and would go on from what it knows.
    #[error(
        "a host of the cluster reads source \"{source_name}\"; nothing was stored. Remove the source from the configuration of every \
         host, or stop the hosts, and try again after the lease"
    )]
    InUse {
        /// The source.
        source_name: String,
    },
    /// The row of a cursor is gone.
    #[error("partition \"{partition}\" of source \"{source_name}\": {reason}")]
    Lost {
        /// The source.
        source_name: String,
        /// The partition.
        partition: String,
        /// What happened, and what to do.
        reason: String,
    },
    /// Anything else that the server says.
    #[error("the database {place} failed: {reason}; look into its log; nothing is lost, it is tried again")]
    Failed {
        /// The database.
        place: String,
        /// What the server says.
        reason: String,
    },
}

impl PostgresError {
    /// Whether a person has to act, and waiting does not help.
    pub fn needs_a_person(&self) -> bool {
        match self {
            Self::Url(_)
            | Self::Secret(_)
            | Self::Ca(_)
            | Self::Tls { .. }
            | Self::Login { .. }
            | Self::NoDatabase { .. }
            | Self::MissingRight { .. }
            | Self::NewerSchema { .. }
            | Self::ForeignSchema { .. }
            | Self::Encoding { .. }
            | Self::ReadOnly { .. }
            | Self::InUse { .. }
            | Self::Lost { .. } => true,
            Self::Unreachable { .. }
            | Self::TooManyConnections { .. }
            | Self::Slow { .. }
            | Self::NoLease { .. }
            | Self::Failed { .. } => false,
        }
    }

    /// What the driver says, in our words.
    pub(super) fn from_driver(place: &str, error: &tokio_postgres::Error) -> Self {
        let place = place.to_owned();
        if let Some(error) = error.as_db_error() {
            return Self::from_server(place, error);
        }
        let reason = causes(error);
        if reason.contains("TLS") || reason.contains("certificate") {
            return Self::Tls { place, reason };
        }
        if reason.contains("authentication") || reason.contains("password") {
            return Self::Login { place, reason };
        }
        if reason.contains("read-only") || reason.contains("session attributes") {
            return Self::ReadOnly { place };
        }
        Self::Unreachable { place, reason }
    }

    fn from_server(place: String, error: &DbError) -> Self {
        let reason = error.message().to_owned();
        let code = error.code();
        match *code {
            SqlState::INVALID_PASSWORD | SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
                Self::Login { place, reason }
            }
            SqlState::INVALID_CATALOG_NAME => Self::NoDatabase { place, reason },
            SqlState::INSUFFICIENT_PRIVILEGE | SqlState::INVALID_SCHEMA_NAME => {
                Self::MissingRight { place, reason }
            }
            SqlState::READ_ONLY_SQL_TRANSACTION => Self::ReadOnly { place },
            SqlState::TOO_MANY_CONNECTIONS => Self::TooManyConnections {
                place,
                reason,
                needed: MOST_CONNECTIONS,
            },
            // What pgbouncer says of its own bounds has the code of a broken protocol.
            SqlState::PROTOCOL_VIOLATION if reason.contains("connections") => Self::TooManyConnections {
                place,
                reason,
                needed: MOST_CONNECTIONS,
            },
            SqlState::UNDEFINED_TABLE | SqlState::UNDEFINED_COLUMN => Self::ForeignSchema { place, reason },
            SqlState::CANNOT_CONNECT_NOW | SqlState::ADMIN_SHUTDOWN | SqlState::CRASH_SHUTDOWN => {
                Self::Unreachable { place, reason }
            }
            _ if code.code().starts_with("08") => Self::Unreachable { place, reason },
            _ => Self::Failed {
                place,
                reason: format!("{reason} [{}]", code.code()),
            },
        }
    }
}

/// An error of the driver with what caused it: by itself it says only where it happened.
fn causes(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
