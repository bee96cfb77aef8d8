//! Names in a folder, made durable: syncing a file keeps its content, not the name it is found by.

#![expect(clippy::disallowed_methods, reason = "its callers have threads of their own")]

use std::fs::File;
use std::io;
use std::path::Path;

/// Makes it durable that a file was created or renamed at `path`.
pub(crate) fn sync_name(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
