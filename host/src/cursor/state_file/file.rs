//! The state file as a file: found or made, remembered beside it, and known again while it is in use.

#![expect(clippy::disallowed_methods, reason = "the state has a thread of its own")]

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use redb::backends::FileBackend;
use redb::{Database, DatabaseError};
use tracing::debug;

use super::error::StateError;
use super::tables;
use crate::file::directory::sync_name;
use crate::file::identity::file_number;

/// Memory for pages of the file; cursors are written far more often than read.
const CACHE_BYTES: usize = 8 << 20;

/// What the file that remembers the state file says to people.
const MARKER: &str = "A state file of Headwater was made beside this file. While this file is here, headwater does not make \
                      a new one in its place: if it is missing, restore it from a backup, or delete this file to let every \
                      source restart.\n";

/// The engine with our settings. It verifies the checksum of every page when it opens a file: one that was altered would be
/// trusted otherwise, or would end the process.
pub(super) fn engine() -> redb::Builder {
    let mut builder = Database::builder();
    builder
        .set_cache_size(CACHE_BYTES)
        .set_check_integrity_on_open(true)
        .set_repair_callback(|_| {});
    builder
}

/// The file that `path` means: links are followed, one that leads nowhere is refused.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, StateError> {
    match path.canonicalize() {
        Ok(real) => Ok(real),
        Err(error) if error.kind() == io::ErrorKind::NotFound => match path.read_link() {
            Ok(target) => Err(StateError::Dangling {
                path: path.to_owned(),
                target,
            }),
            Err(_) => Ok(path.to_owned()),
        },
        Err(error) => Err(StateError::unusable(path, &error)),
    }
}

/// The engine and the file that it works on.
pub(super) type Opened = (Database, File);

/// Opens the file, or makes it where there has never been one.
pub(super) fn open_or_create(path: &Path) -> Result<Opened, StateError> {
    match open(path) {
        Err(StateError::Unusable { .. }) if !path.exists() => {}
        opened => return opened,
    }
    let marker = marker(path);
    if marker.symlink_metadata().is_ok() {
        return Err(StateError::Missing {
            path: path.to_owned(),
            marker,
        });
    }
    create(path)
}

/// Opens an existing file.
fn open(path: &Path) -> Result<Opened, StateError> {
    let file = File::options()
        .read(true)
        .write(true)
        .open(path)
        .map_err(|error| StateError::unusable(path, &error))?;
    let about = file
        .metadata()
        .map_err(|error| StateError::unusable(path, &error))?;
    if !about.is_file() {
        return Err(StateError::damaged(path, "it is not a regular file"));
    }
    if about.len() == 0 {
        // The engine would take it for a new one.
        return Err(StateError::damaged(path, "it is empty"));
    }
    let database = reopen(&file).map_err(|error| StateError::from_open(path, error))?;
    Ok((database, file))
}

/// Opens a file without the engine.
pub(super) fn open_to_read(path: &Path) -> Result<File, StateError> {
    File::open(path).map_err(|error| StateError::unusable(path, &error))
}

/// Opens a file, whatever its name is by now.
fn reopen(file: &File) -> Result<Database, DatabaseError> {
    engine().create_with_backend(FileBackend::new(file.try_clone()?)?)
}

/// Makes the file.
///
/// It is finished under another name first, so that a crash never leaves half a state file that would look damaged.
fn create(path: &Path) -> Result<Opened, StateError> {
    let refused = |error: DatabaseError| StateError::from_open(path, error);
    let unusable = |error: io::Error| StateError::unusable(path, &error);
    let draft = path.with_added_extension("new");
    let file = empty(&draft).map_err(refused)?;
    let database = reopen(&file).map_err(refused)?;
    tables::create(&database).map_err(|error| StateError::from_engine(path, error))?;
    // The draft is locked now. If somebody else finished theirs in the meantime, theirs counts.
    if path.exists() {
        drop(database);
        std::fs::remove_file(&draft).map_err(unusable)?;
        return open(path);
    }
    std::fs::rename(&draft, path).map_err(unusable)?;
    sync_name(path).map_err(unusable)?;
    Ok((database, file))
}

/// An empty draft, locked. What a crash has left of an earlier one is not looked at: half written, it need not look
/// damaged.
pub(super) fn empty(draft: &Path) -> Result<File, DatabaseError> {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    private(&mut options);
    let file = options.open(draft)?;
    match file.try_lock() {
        Ok(()) => file.set_len(0)?,
        Err(TryLockError::WouldBlock) => return Err(DatabaseError::DatabaseAlreadyOpen),
        Err(TryLockError::Error(error)) => return Err(error.into()),
    }
    Ok(file)
}

/// Only for the owner, and never through a link that somebody put in the place.
pub(super) fn private(options: &mut OpenOptions) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options
            .mode(0o600)
            .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32);
    }
    #[cfg(not(unix))]
    let _ = options;
}

/// The file that remembers that a state file was made.
pub(super) fn marker(path: &Path) -> PathBuf {
    path.with_added_extension("begun")
}

/// Remembers the state file. Where that is impossible, as with a file in a folder that cannot be written, it is left out.
pub(super) fn remember(path: &Path) {
    let marker = marker(path);
    if marker.symlink_metadata().is_ok() {
        return;
    }
    let mut options = File::options();
    options.write(true).create_new(true);
    private(&mut options);
    let written = options.open(&marker).and_then(|mut file| {
        io::Write::write_all(&mut file, MARKER.as_bytes())?;
        sync_name(&marker)
    });
    if let Err(error) = written {
        debug!(%error, marker = %marker.display(), "the state file is not remembered");
    }
}

/// The engine's head with both places of a commit.
const START_BYTES: usize = 512;

/// The file in use. It is held open, so that it is known whatever happens to its name.
#[derive(Debug)]
pub(super) struct InUse {
    file: File,
    /// As we left it; not known if it could not be read then.
    left: Option<Content>,
}

/// What is seen of a file without reading it whole.
#[derive(Debug, PartialEq, Eq)]
struct Content {
    length: u64,
    /// How it begins: the engine writes there at each commit, so another file that was copied over this one differs.
    start: [u8; START_BYTES],
}

impl InUse {
    /// Of a file that was opened.
    pub(super) fn new(file: File) -> Self {
        let mut in_use = Self { file, left: None };
        in_use.note();
        in_use
    }

    /// Opens the engine again on the same file.
    pub(super) fn reopen(&self, name: &Path) -> Result<Database, StateError> {
        reopen(&self.file).map_err(|error| StateError::from_open(name, error))
    }

    /// Notes how the file is left. To be called after each use, because the engine writes in failing as well.
    ///
    /// The file is asked and not its name, which may lead elsewhere since the use began.
    pub(super) fn note(&mut self) {
        self.left = Content::of(&self.file).ok();
    }

    /// Whether the name still leads to this file, as it was left.
    pub(super) fn check(&self, name: &Path) -> Result<(), StateError> {
        let replaced = |what| {
            Err(StateError::Replaced {
                path: name.to_owned(),
                what,
            })
        };
        match self.compare(name) {
            Ok(Difference::None) => Ok(()),
            Ok(Difference::OtherFile) => replaced("replaced by another file"),
            Ok(Difference::OtherContent) => replaced("cut off or written to by somebody else"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => replaced("removed or moved"),
            Err(error) => Err(StateError::unusable(name, &error)),
        }
    }

    fn compare(&self, name: &Path) -> io::Result<Difference> {
        let named = File::open(name)?;
        if file_number(&named.metadata()?) != file_number(&self.file.metadata()?) {
            return Ok(Difference::OtherFile);
        }
        let now = Content::of(&named)?;
        Ok(match &self.left {
            Some(left) if *left != now => Difference::OtherContent,
            _ => Difference::None,
        })
    }
}

/// In what a name does not lead to the file in use.
enum Difference {
    None,
    OtherFile,
    OtherContent,
}

impl Content {
    fn of(mut file: &File) -> io::Result<Self> {
        let mut start = [0; START_BYTES];
        let mut filled = 0;
        file.seek(SeekFrom::Start(0))?;
        while filled < START_BYTES {
            match file.read(&mut start[filled..])? {
                0 => break,
                more => filled += more,
            }
        }
        Ok(Self {
            length: file.metadata()?.len(),
            start,
        })
    }
}
