//! Names in a folder, made durable: syncing a file keeps its content, not the name it is found by.

#![expect(clippy::disallowed_methods, reason = "its callers have threads of their own")]

use std::fs::File;
use std::io;
use std::path::Path;

/// Makes it durable that a file was created or renamed at `path`.
pub(crate) fn sync_name(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

/// The folder that a file is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}
