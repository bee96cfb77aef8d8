//! What a place for cursors must be able to do.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

/// Keeps cursors between polls and over restarts. The host asks for one before a partition's first poll and hands over the
/// next one once the batch before it has been acknowledged.
///
/// A store is shared by all sources of a host and called from many tasks at once, but never twice at once for one partition.
/// It decides how long a call may take; the host waits.
pub trait CursorStore: Send + Sync + 'static {
    /// Waits until it makes sense to poll the source; asked before each poll. A store that several hosts share waits here while it
    /// is in doubt whether this host may read the source.
    fn ready(&self, source: &str) -> impl Future<Output = ()> + Send {
        let _ = source;
        std::future::ready(())
    }

    /// Where a partition's reading goes on.
    ///
    /// # Errors
    ///
    /// The store cannot answer at present. The partition is not polled; it is tried again with growing pauses.
    fn load(
        &self,
        source: &str,
        partition: &str,
    ) -> impl Future<Output = Result<Position, StoreError>> + Send;

    /// Stores a cursor and remembers that its partition has been begun. When this returns without an error, the cursor
    /// survives whatever the store promises to survive.
    ///
    /// # Errors
    ///
    /// It is not known whether the cursor was stored. The host commits the same cursor again, or asks where reading goes on;
    /// both must be right whether the first commit took effect or not.
    fn commit(&self, commit: Commit<'_>) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The partitions of a source that have been begun, in any order. What was read before and is not listed by the source any more
    /// is reported.
    ///
    /// # Errors
    ///
    /// The store cannot answer at present; it is asked again at the next discovery.
    fn partitions(&self, source: &str) -> impl Future<Output = Result<Vec<String>, StoreError>> + Send;
}

/// Where a partition's reading goes on. "No cursor" is not "never read": see [`Position::Lost`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Position {
    /// It has never been read, or a person decided that it restarts: reading begins where its source's configuration says.
    NeverRead,
    /// After this cursor, at most 1 MiB.
    At(Vec<u8>),
    /// It was read before, and its cursor is missing or damaged. The partition is reported and not polled until a person has
    /// decided; the text says what happened and what to do.
    Lost(String),
}

/// One cursor to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Commit<'a> {
    /// The name of the source.
    pub source: &'a str,
    /// The partition, at most 256 bytes of printable ASCII.
    pub partition: &'a str,
    /// Name and version of the plugin that wrote the cursor, for people.
    pub plugin: &'a str,
    /// The cursor, at most 1 MiB; opaque but for the decimal number of its format and the blank that it begins with.
    pub cursor: &'a [u8],
    /// Whether nothing was delivered with it, so that nobody waits for it: a store may gather such commits for a moment and
    /// write them together.
    pub is_quiet: bool,
}

impl<'a> Commit<'a> {
    /// A cursor of a partition.
    pub fn new(source: &'a str, partition: &'a str, plugin: &'a str, cursor: &'a [u8]) -> Self {
        Self {
            source,
            partition,
            plugin,
            cursor,
            is_quiet: false,
        }
    }

    /// The same, [quiet](Self::is_quiet) or not.
    pub fn quiet(self, is_quiet: bool) -> Self {
        Self { is_quiet, ..self }
    }
}

/// Why a store cannot answer at present. Shows what the store says.
#[derive(Debug)]
pub struct StoreError(Box<dyn Error + Send + Sync>);

impl StoreError {
    /// An error with this cause, or with this text: one sentence that says what to do.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// A store whose type is not known.
pub(crate) trait DynCursorStore: Send + Sync {
    /// See [`CursorStore::ready`].
    fn ready<'a>(&'a self, source: &'a str) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

    /// See [`CursorStore::load`].
    fn load<'a>(&'a self, source: &'a str, partition: &'a str) -> StoreFuture<'a, Position>;

    /// See [`CursorStore::commit`].
    fn commit<'a>(&'a self, commit: Commit<'a>) -> StoreFuture<'a, ()>;

    /// See [`CursorStore::partitions`].
    fn partitions<'a>(&'a self, source: &'a str) -> StoreFuture<'a, Vec<String>>;
}

impl<S: CursorStore> DynCursorStore for S {
    fn ready<'a>(&'a self, source: &'a str) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(CursorStore::ready(self, source))
    }

    fn load<'a>(&'a self, source: &'a str, partition: &'a str) -> StoreFuture<'a, Position> {
        Box::pin(CursorStore::load(self, source, partition))
    }

    fn commit<'a>(&'a self, commit: Commit<'a>) -> StoreFuture<'a, ()> {
        Box::pin(CursorStore::commit(self, commit))
    }

    fn partitions<'a>(&'a self, source: &'a str) -> StoreFuture<'a, Vec<String>> {
        Box::pin(CursorStore::partitions(self, source))
    }
}
