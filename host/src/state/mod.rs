//! Where cursors are kept: one file, one process, durable before anybody hears of it.

mod envelope;

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use redb::backends::FileBackend;
use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, TableDefinition};
use thiserror::Error;
use tracing::warn;

use crate::folder::sync_name;

pub use envelope::{Envelope, EnvelopeError};

/// Source and partition to envelope.
const CURSORS: TableDefinition<'static, (&str, &str), &[u8]> = TableDefinition::new("cursors");
/// Facts about the file itself.
const ABOUT: TableDefinition<'static, &str, u64> = TableDefinition::new("about");
/// The layout of the tables above. A larger number belongs to a newer host.
const LAYOUT: u64 = 1;

/// Memory for pages of the file; cursors are written far more often than read.
const CACHE_BYTES: usize = 8 << 20;

/// Why the state cannot be used. Never a reason to begin anew: that would repeat or lose events without a word.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StateError {
    /// Another process has the file.
    #[error("the state file {} is in use by another headwater; stop that one, or give this one its own `state.path`", .0.display())]
    InUse(PathBuf),
    /// The file is damaged or something else.
    #[error(
        "the state file {} is damaged or no state file ({reason}); restore it from a backup, or move it away to let \
         every source begin anew", path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// The file was written by a newer version.
    #[error("the state file {} was written by a newer headwater; use that version, or another `state.path`", .0.display())]
    Newer(PathBuf),
    /// The system refuses to read or write.
    #[error("cannot use the state file {}: {reason}; check the path, its permissions and the free space", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        reason: String,
    },
}

impl StateError {
    /// After a panic of the engine, which asserts what a healthy file guarantees.
    fn gave_up(path: &Path) -> Self {
        Self::Damaged {
            path: path.to_path_buf(),
            reason: "the engine gave up".to_owned(),
        }
    }
}

/// One stored cursor.
#[derive(Debug)]
pub struct Entry {
    /// The source it belongs to.
    pub source: String,
    /// The partition it belongs to.
    pub partition: String,
    /// The cursor with what is known about it, unless it is damaged.
    pub envelope: Result<Envelope, EnvelopeError>,
}

/// The open state file. Clones share it.
#[derive(Clone)]
pub struct State {
    path: Arc<Path>,
    /// None between a failed write and the next attempt: the engine refuses to go on after one, and must be reopened.
    database: Arc<Mutex<Option<Database>>>,
}

impl State {
    /// Opens the file, or makes it where there is none, and locks it for this process.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let open = || {
            let database = open_or_create(path).map_err(|error| explain(path, error))?;
            check_layout(&database, path)?;
            Ok(Self {
                path: path.into(),
                database: Arc::new(Mutex::new(Some(database))),
            })
        };
        std::panic::catch_unwind(open).unwrap_or_else(|_| Err(StateError::gave_up(path)))
    }

    /// The cursor of a partition, if there is one.
    pub async fn load(&self, source: &str, partition: &str) -> Result<Option<Vec<u8>>, LoadError> {
        let key = (source.to_owned(), partition.to_owned());
        let bytes = self
            .with(move |database| {
                let cursors = database.begin_read()?.open_table(CURSORS)?;
                Ok(cursors
                    .get((key.0.as_str(), key.1.as_str()))?
                    .map(|value| value.value().to_vec()))
            })
            .await?;
        let envelope = bytes
            .map(|bytes| Envelope::open(&bytes, source, partition))
            .transpose()?;
        Ok(envelope.map(|envelope| envelope.cursor))
    }

    /// Stores a cursor; when this returns, it survives a power cut.
    pub async fn commit(
        &self,
        source: &str,
        partition: &str,
        plugin: &str,
        cursor: &[u8],
    ) -> Result<(), StateError> {
        let key = (source.to_owned(), partition.to_owned());
        let sealed = Envelope::seal(source, partition, plugin, cursor);
        self.with(move |database| {
            // A transaction is durable when `commit` returns; that is the engine's default.
            let transaction = database.begin_write()?;
            transaction
                .open_table(CURSORS)?
                .insert((key.0.as_str(), key.1.as_str()), sealed.as_slice())?;
            transaction.commit()?;
            Ok(())
        })
        .await
    }

    /// The partitions of a source that have a stored cursor, sorted; damaged or not.
    pub async fn partitions(&self, source: &str) -> Result<Vec<String>, StateError> {
        let source = source.to_owned();
        self.with(move |database| {
            let cursors = database.begin_read()?.open_table(CURSORS)?;
            let mut partitions = Vec::new();
            for item in cursors.range((source.as_str(), "")..)? {
                let (key, _) = item?;
                let (of, partition) = key.value();
                if of != source {
                    break;
                }
                partitions.push(partition.to_owned());
            }
            Ok(partitions)
        })
        .await
    }

    /// All stored cursors, sorted by source and partition.
    pub async fn entries(&self) -> Result<Vec<Entry>, StateError> {
        self.with(|database| {
            let cursors = database.begin_read()?.open_table(CURSORS)?;
            let mut entries = Vec::new();
            for item in cursors.iter()? {
                let (key, value) = item?;
                let (source, partition) = key.value();
                let envelope = Envelope::open(value.value(), source, partition);
                entries.push(Entry {
                    source: source.to_owned(),
                    partition: partition.to_owned(),
                    envelope,
                });
            }
            Ok(entries)
        })
        .await
    }

    /// Forgets cursors; all of them, or none if it fails.
    pub async fn forget(&self, keys: Vec<(String, String)>) -> Result<(), StateError> {
        self.with(move |database| {
            let transaction = database.begin_write()?;
            {
                let mut cursors = transaction.open_table(CURSORS)?;
                for (source, partition) in &keys {
                    cursors.remove((source.as_str(), partition.as_str()))?;
                }
            }
            transaction.commit()?;
            Ok(())
        })
        .await
    }

    /// Runs `work` on a thread that may block, reopening the file first if a write has failed before.
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, redb::Error> + Send + 'static,
    ) -> Result<T, StateError> {
        let Self { path, database } = self.clone();
        let panicked = StateError::gave_up(&path);
        let done = tokio::task::spawn_blocking(move || {
            let mut slot = database.lock().unwrap_or_else(PoisonError::into_inner);
            let opened = match slot.take() {
                Some(opened) => opened,
                None => engine().open(&path).map_err(|error| explain(&path, error))?,
            };
            let done = work(&opened);
            if !matches!(done, Err(redb::Error::Io(_) | redb::Error::PreviousIo)) {
                *slot = Some(opened);
            }
            done.map_err(|error| explain_any(&path, error))
        });
        done.await.unwrap_or(Err(panicked))
    }
}

/// Why a cursor cannot be loaded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The whole file is unusable.
    #[error(transparent)]
    State(#[from] StateError),
    /// This one cursor is.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
}

/// Opens the file, or makes it.
///
/// A new file is finished under another name first, so that a crash never leaves half a state file that would look
/// damaged.
fn open_or_create(path: &Path) -> Result<Database, DatabaseError> {
    if path.exists() {
        return engine().open(path);
    }
    let draft = path.with_added_extension("new");
    let database = engine().create_with_backend(FileBackend::new(empty(&draft)?)?)?;
    // The draft is locked now. If somebody else finished theirs in the meantime, theirs counts.
    if path.exists() {
        drop(database);
        std::fs::remove_file(&draft)?;
        return engine().open(path);
    }
    std::fs::rename(&draft, path)?;
    sync_name(path)?;
    Ok(database)
}

/// An empty draft, locked. What a crash has left of an earlier one is not looked at: half written, it need not look
/// damaged.
fn empty(draft: &Path) -> Result<File, DatabaseError> {
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(draft)?;
    match file.try_lock() {
        Ok(()) => file.set_len(0)?,
        Err(TryLockError::WouldBlock) => return Err(DatabaseError::DatabaseAlreadyOpen),
        Err(TryLockError::Error(error)) => return Err(error.into()),
    }
    Ok(file)
}

fn engine() -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder.set_repair_callback(|_| {});
    builder
}

/// Writes the layout's number into a new file and compares it in an old one.
fn check_layout(database: &Database, path: &Path) -> Result<(), StateError> {
    let layout = || -> Result<u64, redb::Error> {
        let transaction = database.begin_write()?;
        let layout = {
            let mut about = transaction.open_table(ABOUT)?;
            let found = about.get("layout")?.map(|layout| layout.value());
            match found {
                Some(layout) => layout,
                None => {
                    about.insert("layout", LAYOUT)?;
                    LAYOUT
                }
            }
        };
        transaction.open_table(CURSORS)?;
        transaction.commit()?;
        Ok(layout)
    };
    match layout().map_err(|error| explain_any(path, error))? {
        layout if layout > LAYOUT => Err(StateError::Newer(path.to_owned())),
        _ => Ok(()),
    }
}

fn explain(path: &Path, error: DatabaseError) -> StateError {
    match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            StateError::InUse(path.to_owned())
        }
        other => explain_any(path, other.into()),
    }
}

fn explain_any(path: &Path, error: redb::Error) -> StateError {
    let path = path.to_owned();
    match error {
        redb::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => StateError::Damaged {
            path,
            reason: error.to_string(),
        },
        redb::Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => StateError::Damaged {
            path,
            reason: "it is too short".to_owned(),
        },
        redb::Error::Io(error) => StateError::Unusable {
            path,
            reason: error.to_string(),
        },
        redb::Error::PreviousIo => StateError::Unusable {
            path,
            reason: "an earlier write failed".to_owned(),
        },
        other => {
            warn!(error = %other, "the state file cannot be read");
            StateError::Damaged {
                path,
                reason: other.to_string(),
            }
        }
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("State")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
