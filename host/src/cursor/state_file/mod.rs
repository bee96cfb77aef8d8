//! Where cursors are kept: one file, one process, durable before anybody hears of it.
//!
//! Nothing here restarts a partition by itself. Every entry is judged when the file is opened, and one that was lost is told
//! from one that never was ([`tables`]). While the file is in use it is looked at before each use ([`file::InUse`]). All
//! work runs on a thread of its own with a time-out, so that a disk that hangs costs nobody else.

mod copy;
mod entries;
mod error;
mod file;
mod salvage;
mod store;
mod tables;
mod together;

use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once, Weak};
use std::time::Duration;

use redb::Database;
use tracing::{debug, info, warn};

use self::entries::entries;
use self::file::InUse;
use self::salvage::Salvage;
use self::tables::{Judgement, Sealed};
use self::together::{Answer, Waiting};
use crate::cursor::{Commit, Entry, Envelope};
use crate::work::worker::{Worker, WorkerError};

pub use copy::StateCopy;
pub use error::{LoadError, StateError};
pub(crate) use salvage::rehearse;

/// How long one use of the file may take. A commit takes milliseconds, some hundred may wait for each other; a disk that
/// needs this long hangs.
const PATIENCE: Duration = Duration::from_secs(30);
/// The same for a look at the file that only asks whether it answers.
const PATIENCE_OF_A_LOOK: Duration = Duration::from_secs(10);
/// How long a commit that nobody waits for waits for others: of a large fleet some dozens come in this time.
const GATHERING: Duration = Duration::from_millis(100);
/// How often a start that waits for the disk says so.
const STILL_WAITING: Duration = Duration::from_secs(10);
/// The name of the thread, by which its panics are known.
const THREAD: &str = "state";

/// The open state file. Clones share it.
#[derive(Clone)]
pub struct State {
    path: Arc<Path>,
    worker: Arc<Worker<Store>>,
    waiting: Arc<Waiting>,
}

/// Whoever looks after the file without keeping it open.
#[derive(Debug, Clone)]
pub struct WeakState {
    path: Arc<Path>,
    worker: Weak<Worker<Store>>,
    waiting: Arc<Waiting>,
}

impl WeakState {
    /// The state, while somebody uses it.
    pub fn upgrade(&self) -> Option<State> {
        Some(State {
            path: self.path.clone(),
            worker: self.worker.upgrade()?,
            waiting: self.waiting.clone(),
        })
    }
}

/// What the thread holds.
#[derive(Debug)]
struct Store {
    /// The file itself, links followed.
    path: PathBuf,
    /// The name that leads to it.
    name: PathBuf,
    content: Content,
    file: InUse,
}

#[derive(Debug)]
enum Content {
    Open(Database),
    /// A write has failed: the engine refuses to go on after one, and must be reopened.
    Closed,
    /// The engine has panicked over it. It is not dropped, because that may panic as well.
    GivenUp,
    /// Damaged, opened to look at it and to reset entries.
    Damaged(Salvage),
}

impl State {
    /// Opens the file and judges every entry, or makes the file where there has never been one, and locks it for this
    /// process. Blocks.
    ///
    /// # Errors
    ///
    /// Whatever is damaged or missing is named; nothing is changed then.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        Self::start(path, false)
    }

    /// The same, but a damaged file is opened as well, as far as it can be read: [`Self::entries`] shows what is wrong with
    /// each entry, and [`Self::forget`] removes single ones. Nothing can be stored then.
    ///
    /// # Errors
    ///
    /// It is no state file, cannot be read or written, or another process has it.
    pub fn open_damaged(path: &Path) -> Result<Self, StateError> {
        Self::start(path, true)
    }

    fn start(path: &Path, damaged_too: bool) -> Result<Self, StateError> {
        silence_the_engine();
        let name = path.to_owned();
        let open = move || Store::open(name, damaged_too);
        let still = || warn!(file = %path.display(), "the state file does not answer yet; still waiting for its disk");
        let worker =
            Worker::start(THREAD, open, STILL_WAITING, still).map_err(|error: Unstarted| match error {
                Unstarted::State(error) => error,
                Unstarted::Thread(error) => StateError::unusable(path, &error),
            })?;
        Ok(Self {
            path: path.into(),
            worker: Arc::new(worker),
            waiting: Arc::default(),
        })
    }

    /// The cursor of a partition; none only if it never had one.
    ///
    /// # Errors
    ///
    /// The cursor is lost or damaged, or the file cannot be read.
    pub async fn load(&self, source: &str, partition: &str) -> Result<Option<Vec<u8>>, LoadError> {
        let key = (source.to_owned(), partition.to_owned());
        let (sealed, digest) = self
            .with(move |database| tables::load(database, &key.0, &key.1))
            .await?;
        if sealed.is_none() && digest.is_none() {
            return Ok(None);
        }
        let envelope = tables::inspect(source, partition, sealed.as_deref(), Some(digest.as_deref()))?;
        Ok(Some(envelope.cursor))
    }

    /// Stores a cursor; when this returns, it survives a power cut.
    ///
    /// # Errors
    ///
    /// The cursor is not stored: the file is lost, full, damaged, or does not answer.
    pub async fn commit(
        &self,
        source: &str,
        partition: &str,
        plugin: &str,
        cursor: &[u8],
    ) -> Result<(), StateError> {
        self.store(Commit::new(source, partition, plugin, cursor)).await
    }

    /// The same; a quiet commit may take a moment longer, so that the file is written once for many.
    pub(super) async fn store(&self, commit: Commit<'_>) -> Result<(), StateError> {
        let Commit {
            source,
            partition,
            plugin,
            cursor,
            is_quiet,
        } = commit;
        let mut answer = self.waiting.add(Sealed {
            source: source.to_owned(),
            partition: partition.to_owned(),
            envelope: Envelope::seal(source, partition, plugin, cursor),
        });
        if is_quiet && let Ok(answer) = tokio::time::timeout(GATHERING, &mut answer).await {
            // Written together with another.
            return answer.unwrap_or_else(|_| Err(StateError::gave_up(&self.path)));
        }
        self.write_all(answer).await
    }

    /// Has all written that waits, and gives the answer to one of it.
    async fn write_all(&self, answer: Answer) -> Result<(), StateError> {
        let waiting = self.waiting.clone();
        let turn = move |store: &mut Store| {
            waiting.write(store);
            Ok(())
        };
        self.run(PATIENCE, turn).await?;
        // Written in this turn or in an earlier one.
        answer
            .await
            .unwrap_or_else(|_| Err(StateError::gave_up(&self.path)))
    }

    /// The partitions of a source that have a stored cursor, sorted; damaged or not.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub async fn partitions(&self, source: &str) -> Result<Vec<String>, StateError> {
        let source = source.to_owned();
        self.with(move |database| tables::partitions(database, &source))
            .await
    }

    /// All stored cursors, and those that are missing, sorted by source and partition.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub async fn entries(&self) -> Result<Vec<Entry>, StateError> {
        self.run(PATIENCE, |store| match &store.content {
            Content::Damaged(salvage) => Ok(salvage.entries()),
            _ => store.with(entries),
        })
        .await
    }

    /// Forgets cursors, so that their partitions restart; all of them, or none if it fails. Of a damaged file the rest is
    /// kept.
    ///
    /// # Errors
    ///
    /// The file cannot be written; everything is still there.
    pub async fn forget(&self, keys: Vec<(String, String)>) -> Result<(), StateError> {
        self.run(PATIENCE, move |store| match &store.content {
            Content::Damaged(salvage) => salvage.rebuild(&store.path, &keys),
            _ => store.with(|database| tables::forget(database, &keys)),
        })
        .await
    }

    /// For whoever must not keep the file open: it is closed when the last state is dropped.
    pub fn downgrade(&self) -> WeakState {
        WeakState {
            path: self.path.clone(),
            worker: Arc::downgrade(&self.worker),
            waiting: self.waiting.clone(),
        }
    }

    /// Looks whether the file is still there and answers.
    ///
    /// # Errors
    ///
    /// The file is lost, is another one, or does not answer.
    pub async fn look(&self) -> Result<(), StateError> {
        self.run(PATIENCE_OF_A_LOOK, |store| match store.content {
            Content::GivenUp => Err(StateError::gave_up(&store.name)),
            _ => store.file.check(&store.name),
        })
        .await
    }

    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, redb::Error> + Send + 'static,
    ) -> Result<T, StateError> {
        self.run(PATIENCE, |store| store.with(work)).await
    }

    async fn run<T: Send + 'static>(
        &self,
        patience: Duration,
        work: impl FnOnce(&mut Store) -> Result<T, StateError> + Send + 'static,
    ) -> Result<T, StateError> {
        match self.worker.run(patience, work).await {
            Ok(done) => done,
            Err(WorkerError::Slow) => Err(StateError::Slow {
                path: self.path.to_path_buf(),
                seconds: patience.as_secs(),
            }),
            Err(WorkerError::Lost) => Err(StateError::gave_up(&self.path)),
        }
    }
}

impl Store {
    fn open(name: PathBuf, damaged_too: bool) -> Result<Self, Unstarted> {
        let path = file::resolve(&name)?;
        let damaged = |error| -> Result<_, StateError> {
            let salvage = salvage(&path, error, damaged_too)?;
            Ok((Content::Damaged(salvage), file::open_to_read(&path)?))
        };
        let (content, file) = match catch_unwind(|| open_sound(&path)) {
            Ok(Ok((database, file))) => (Content::Open(database), file),
            Ok(Err(error @ (StateError::Damaged { .. } | StateError::Entries { .. }))) => damaged(error)?,
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => damaged(StateError::gave_up(&path))?,
        };
        Ok(Self {
            path,
            name,
            content,
            file: InUse::new(file),
        })
    }

    /// Works on the file if it is still the same, reopening it first if a write has failed before.
    fn with<T>(&mut self, work: impl FnOnce(&Database) -> Result<T, redb::Error>) -> Result<T, StateError> {
        if matches!(self.content, Content::GivenUp) {
            return Err(StateError::gave_up(&self.name));
        }
        self.file.check(&self.name)?;
        let done = self.work(work);
        self.file.note();
        done
    }

    fn work<T>(&mut self, work: impl FnOnce(&Database) -> Result<T, redb::Error>) -> Result<T, StateError> {
        // Whatever happens below, what is left here is true.
        let database = match std::mem::replace(&mut self.content, Content::GivenUp) {
            Content::Open(database) => database,
            Content::Closed | Content::GivenUp => {
                self.content = Content::Closed;
                let opened = catch_unwind(AssertUnwindSafe(|| self.file.reopen(&self.name)));
                opened.unwrap_or_else(|_| Err(StateError::gave_up(&self.name)))?
            }
            Content::Damaged(salvage) => {
                self.content = Content::Damaged(salvage);
                return Err(StateError::damaged(&self.name, "it was opened for reading only"));
            }
        };
        let database = ManuallyDrop::new(database);
        self.content = Content::GivenUp;
        let Ok(done) = catch_unwind(AssertUnwindSafe(|| work(&database))) else {
            return Err(StateError::gave_up(&self.name));
        };
        let database = ManuallyDrop::into_inner(database);
        self.content = if matches!(done, Err(redb::Error::Io(_) | redb::Error::PreviousIo)) {
            drop(database);
            Content::Closed
        } else {
            Content::Open(database)
        };
        done.map_err(|error| StateError::from_engine(&self.name, error))
    }
}

/// Opens a file and judges it; what is not sound is an error.
fn open_sound(path: &Path) -> Result<file::Opened, StateError> {
    let engine_says = |error| StateError::from_engine(path, error);
    let (database, file) = file::open_or_create(path)?;
    match tables::judge(&database).map_err(engine_says)? {
        Judgement::Sound => {}
        Judgement::Older => {
            tables::upgrade(&database).map_err(engine_says)?;
            info!(file = %path.display(), "brought the state file to the layout of this version; its cursors are kept");
        }
        Judgement::Newer => return Err(StateError::Newer(path.to_owned())),
        Judgement::Damaged(reason) => return Err(StateError::damaged(path, reason)),
        Judgement::Entries(problems) => {
            return Err(StateError::Entries {
                path: path.to_owned(),
                problems,
            });
        }
    }
    file::remember(path);
    Ok((database, file))
}

/// Reads what is left of a damaged file: for whoever wants that, or to name the entries in the error.
fn salvage(path: &Path, error: StateError, wanted: bool) -> Result<Salvage, StateError> {
    let Some(read) = Salvage::read(path, &error) else {
        return Err(error);
    };
    if wanted {
        return Ok(read);
    }
    let problems = read.problems();
    if problems.is_empty() {
        return Err(error);
    }
    Err(StateError::Entries {
        path: path.to_owned(),
        problems,
    })
}

/// Why the thread did not start.
enum Unstarted {
    State(StateError),
    Thread(std::io::Error),
}

impl From<StateError> for Unstarted {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

impl From<std::io::Error> for Unstarted {
    fn from(error: std::io::Error) -> Self {
        Self::Thread(error)
    }
}

/// Keeps the engine's panics, which become errors, from printing their text among the log lines.
fn silence_the_engine() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let others = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if std::thread::current().name() == Some(THREAD) {
                debug!("the engine of the state file gave up: {panic}");
            } else {
                others(panic);
            }
        }));
    });
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
