//! What can still be read of a damaged file, so that a person can decide about single entries.
//!
//! The engine is opened without its checksums, which may panic, and a panic while another one unwinds ends the process. So a
//! process of its own tries it first ([`rehearse`]), and neither ever writes to the file: changes of the engine stay in
//! memory.

#![expect(clippy::disallowed_methods, reason = "the state has a thread of its own")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Stdio;
use std::sync::{Mutex, MutexGuard, PoisonError};

use redb::backends::FileBackend;
use redb::{Database, ReadableDatabase, ReadableTable, StorageBackend, TableDefinition};

use tracing::debug;

use super::error::StateError;
use super::file::{empty, engine};
use super::tables::{self, ABOUT, BEGUN, CURSORS};
use crate::file::directory::sync_name;
use crate::work::helper;

/// Bytes that a change of the engine is kept in.
const BLOCK: u64 = 4_096;

/// Memory for pages.
const CACHE_OF_SALVAGE: usize = 8 << 20;

type Key = (String, String);
type Rows = BTreeMap<Key, Vec<u8>>;

/// The rows of a damaged file.
#[derive(Debug, Default)]
pub(super) struct Salvage {
    pub(super) cursors: Rows,
    pub(super) begun: Option<Rows>,
    partitions: Option<u64>,
}

impl Salvage {
    /// Reads what can be read; `error` is what the file was refused with. Where more than single entries is damaged a process
    /// of its own has to survive the same before.
    pub(super) fn read(path: &Path, error: &StateError) -> Option<Self> {
        let is_safe = matches!(error, StateError::Entries { .. }) || survives(path);
        if is_safe { read(path).ok() } else { None }
    }

    /// Every entry that the file has or should have, with what is wrong with it.
    pub(super) fn keys(&self) -> impl Iterator<Item = &Key> {
        let missing = self.begun.iter().flatten().map(|(key, _)| key);
        let missing = missing.filter(|key| !self.cursors.contains_key(*key));
        self.cursors.keys().chain(missing)
    }

    /// The row of an entry in `begun`, where there is that table.
    pub(super) fn recorded(&self, key: &Key) -> Option<Option<&[u8]>> {
        self.begun.as_ref().map(|begun| begun.get(key).map(Vec::as_slice))
    }

    /// What is wrong with each damaged entry.
    pub(super) fn problems(&self) -> Vec<String> {
        let problem = |key: &Key| {
            let sealed = self.cursors.get(key).map(Vec::as_slice);
            tables::problem(&key.0, &key.1, sealed, self.recorded(key))
        };
        self.keys().filter_map(problem).collect()
    }

    /// Puts a file in the place of the damaged one that holds everything but `keys`. Entries that are damaged and not among
    /// them stay so.
    pub(super) fn rebuild(&self, path: &Path, keys: &[Key]) -> Result<(), StateError> {
        // Without a table that says which partitions there were, a lost one would turn into one that never was.
        let complete = match (&self.begun, self.partitions) {
            (Some(begun), Some(partitions)) => begun.len() as u64 == partitions,
            _ => false,
        };
        if !complete {
            let reason = "so much of it is lost that it is not known which partitions it had";
            return Err(StateError::damaged(path, reason));
        }
        let draft = path.with_added_extension("new");
        let unusable = |error: io::Error| StateError::unusable(path, &error);
        let file = empty(&draft).map_err(|error| StateError::from_open(path, error))?;
        let write = || -> Result<(), redb::Error> {
            let database = engine().create_with_backend(FileBackend::new(file)?)?;
            tables::create(&database)?;
            let transaction = database.begin_write()?;
            {
                let kept = |key: &Key| !keys.contains(key);
                let mut begun = transaction.open_table(BEGUN)?;
                for (key, digest) in self.begun.iter().flatten().filter(|(key, _)| kept(key)) {
                    begun.insert((key.0.as_str(), key.1.as_str()), digest.as_slice())?;
                }
                let mut cursors = transaction.open_table(CURSORS)?;
                for (key, sealed) in self.cursors.iter().filter(|(key, _)| kept(key)) {
                    cursors.insert((key.0.as_str(), key.1.as_str()), sealed.as_slice())?;
                }
                let partitions = redb::ReadableTableMetadata::len(&begun)?;
                transaction.open_table(ABOUT)?.insert("partitions", partitions)?;
            }
            transaction.commit()?;
            Ok(())
        };
        write().map_err(|error| StateError::from_engine(path, error))?;
        std::fs::rename(&draft, path).map_err(unusable)?;
        sync_name(path).map_err(unusable)
    }
}

/// Whether the file can be read in part; for the process that tries it first.
pub(crate) fn rehearse(path: &Path) -> bool {
    read(path).is_ok()
}

/// Whether a process of its own survives reading what is left of a damaged state file. Not known is no.
fn survives(path: &Path) -> bool {
    let Some(mut command) = helper::command("salvage") else {
        return false;
    };
    let status = command
        .arg(path)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match status {
        Ok(status) => status.success(),
        Err(error) => {
            debug!(%error, "cannot start a process that helps");
            false
        }
    }
}

/// Reads all rows that can be read.
fn read(path: &Path) -> Result<Salvage, redb::Error> {
    let given_up = || redb::Error::Io(io::Error::other("the engine gave up"));
    catch_unwind(AssertUnwindSafe(|| {
        let backend = Overlay::new(File::open(path)?)?;
        let database = Database::builder()
            .set_cache_size(CACHE_OF_SALVAGE)
            .create_with_backend(backend)?;
        let about = catch_unwind(AssertUnwindSafe(|| partitions(&database))).ok();
        let salvage = Salvage {
            cursors: rows(&database, CURSORS)?.unwrap_or_default(),
            begun: rows(&database, BEGUN)?,
            partitions: about.and_then(Result::ok).flatten(),
        };
        // What the engine would write on closing goes nowhere, and it may panic over it.
        std::mem::forget(database);
        Ok(salvage)
    }))
    .unwrap_or_else(|_| Err(given_up()))
}

fn partitions(database: &Database) -> Result<Option<u64>, redb::Error> {
    let about = tables::optional(database.begin_read()?.open_table(ABOUT))?;
    let partitions = about.map(|about| about.get("partitions")).transpose()?;
    Ok(partitions.flatten().map(|partitions| partitions.value()))
}

/// The rows of a table as far as its keys are text.
fn rows(
    database: &Database,
    table: TableDefinition<'static, (&str, &str), &[u8]>,
) -> Result<Option<Rows>, redb::Error> {
    let Some(table) = tables::optional(database.begin_read()?.open_table(table))? else {
        return Ok(None);
    };
    let mut rows = Rows::new();
    for item in table.iter()? {
        let Ok((key, value)) = item else {
            break;
        };
        // A key that is no text any more makes the engine panic. Its entry is then missing, and named as that.
        let row = catch_unwind(AssertUnwindSafe(|| {
            let (source, partition) = key.value();
            ((source.to_owned(), partition.to_owned()), value.value().to_vec())
        }));
        rows.extend(row);
    }
    Ok(Some(rows))
}

/// A file that is only read, and what the engine believes to have written to it.
#[derive(Debug)]
struct Overlay {
    file: Mutex<File>,
    changes: Mutex<Changes>,
}

#[derive(Debug)]
struct Changes {
    /// Bytes of the file below, as far as they were not cut off.
    below: u64,
    length: u64,
    blocks: BTreeMap<u64, Vec<u8>>,
}

impl Overlay {
    fn new(file: File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Self {
            file: Mutex::new(file),
            changes: Mutex::new(Changes {
                below: length,
                length,
                blocks: BTreeMap::new(),
            }),
        })
    }

    fn changes(&self) -> MutexGuard<'_, Changes> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A block as it is now.
    fn block(&self, changes: &Changes, number: u64) -> io::Result<Vec<u8>> {
        use std::io::{Read, Seek, SeekFrom};
        if let Some(block) = changes.blocks.get(&number) {
            return Ok(block.clone());
        }
        let mut block = vec![0; BLOCK as usize];
        let start = number * BLOCK;
        let there = changes.below.saturating_sub(start).min(BLOCK) as usize;
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(&mut block[..there])?;
        Ok(block)
    }
}

impl StorageBackend for Overlay {
    fn len(&self) -> io::Result<u64> {
        Ok(self.changes().length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let changes = self.changes();
        let end = offset
            .checked_add(out.len() as u64)
            .filter(|end| *end <= changes.length);
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut at = offset;
        while at < end {
            let (number, within) = (at / BLOCK, (at % BLOCK) as usize);
            let block = self.block(&changes, number)?;
            let count = (BLOCK as usize - within).min((end - at) as usize);
            let start = (at - offset) as usize;
            out[start..start + count].copy_from_slice(&block[within..within + count]);
            at += count as u64;
        }
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        // A damaged header may ask for any size. Nothing is allocated here, and more than this is nobody's state.
        if length > 1 << 40 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let mut changes = self.changes();
        changes.below = changes.below.min(length);
        changes.length = length;
        changes.blocks.retain(|number, _| number * BLOCK < length);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut changes = self.changes();
        let end = offset + data.len() as u64;
        let mut at = offset;
        while at < end {
            let (number, within) = (at / BLOCK, (at % BLOCK) as usize);
            let mut block = self.block(&changes, number)?;
            let count = (BLOCK as usize - within).min((end - at) as usize);
            let start = (at - offset) as usize;
            block[within..within + count].copy_from_slice(&data[start..start + count]);
            changes.blocks.insert(number, block);
            at += count as u64;
        }
        changes.length = changes.length.max(end);
        Ok(())
    }
}
