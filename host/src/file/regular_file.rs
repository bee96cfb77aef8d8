//! Opens regular files for appending: never a pipe, a device or a directory, never a new file behind a link.

#![expect(
    clippy::disallowed_methods,
    reason = "runs on the thread of its file (`file_work`), or where a source is made ready"
)]

use std::fs::{self, File, FileType, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::file::directory::sync_name;

/// Opens a file that exists, or creates one that only its owner can read. Does not block on any kind of file.
pub(crate) fn open_or_create(path: &Path) -> io::Result<File> {
    match existing(path)? {
        Some(real) => open(&real),
        None => match create(path) {
            // Somebody else was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match existing(path)? {
                Some(real) => open(&real),
                None => Err(error),
            },
            created => created,
        },
    }
}

/// Opens a file that exists; none where there is none.
pub(crate) fn open_existing(path: &Path) -> io::Result<Option<File>> {
    existing(path)?.map(|real| open(&real)).transpose()
}

/// The real path of a regular file; none where there is nothing of that name.
fn existing(path: &Path) -> io::Result<Option<PathBuf>> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    // Judged before it is opened: opening some devices has effects, and opening a pipe waits for its other end.
    if !found.file_type().is_symlink() {
        check_type(found.file_type())?;
        return Ok(Some(path.to_owned()));
    }
    let target = fs::metadata(path).map_err(|error| {
        let problem =
            format!("it is a link, and its target cannot be used: {error}; no file is created behind a link");
        io::Error::new(error.kind(), problem)
    })?;
    check_type(target.file_type())?;
    fs::canonicalize(path).map(Some)
}

fn open(path: &Path) -> io::Result<File> {
    let file = options().open(path)?;
    // It may have been exchanged since it was judged.
    check_type(file.metadata()?.file_type())?;
    Ok(file)
}

fn create(path: &Path) -> io::Result<File> {
    let file = options().create_new(true).open(path).map_err(|error| {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        match folder.filter(|folder| !folder.exists()) {
            Some(folder) => {
                let problem = format!("the directory {} does not exist; create it", folder.display());
                io::Error::new(error.kind(), problem)
            }
            None => error,
        }
    })?;
    sync_name(path)?;
    Ok(file)
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.append(true).read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;

        use rustix::fs::OFlags;

        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        // Events and rejected items are nobody else's business.
        options.mode(0o600).custom_flags(flags.bits() as i32);
    }
    options
}

/// The error names what the file is instead of a regular one.
fn check_type(found: FileType) -> io::Result<()> {
    if found.is_file() {
        return Ok(());
    }
    let what = if found.is_dir() {
        "a directory"
    } else {
        special(found)
    };
    let problem = format!("it is {what}; name a regular file, or use type = \"stdout\" for a pipe");
    Err(io::Error::new(io::ErrorKind::InvalidInput, problem))
}

#[cfg(unix)]
fn special(found: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    if found.is_fifo() {
        "a pipe"
    } else if found.is_socket() {
        "a socket"
    } else if found.is_char_device() || found.is_block_device() {
        "a device"
    } else {
        "not a regular file"
    }
}

#[cfg(not(unix))]
fn special(_: FileType) -> &'static str {
    "not a regular file"
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;
    use std::process::Command;

    use super::*;

    #[test]
    fn a_new_file_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = open_or_create(&folder.path().join("events.ndjson")).unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_link_to_a_file_is_followed_and_a_link_to_nothing_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        symlink(at("target"), at("link")).unwrap();
        let error = open_or_create(&at("link")).unwrap_err().to_string();
        assert!(error.contains("it is a link"), "{error}");
        assert!(!at("target").exists());
        fs::write(at("target"), "").unwrap();
        assert!(open_or_create(&at("link")).is_ok());
    }

    #[test]
    fn whatever_is_not_a_regular_file_is_refused_by_its_kind_without_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let made = Command::new("mkfifo").arg(at("pipe")).status().unwrap();
        assert!(made.success());
        symlink(at("pipe"), at("link")).unwrap();
        let _socket = UnixListener::bind(at("socket")).unwrap();
        for (path, kind) in [
            (at("pipe"), "a pipe"),
            (at("link"), "a pipe"),
            (at("socket"), "a socket"),
            (folder.path().to_owned(), "a directory"),
            ("/dev/null".into(), "a device"),
            ("/dev/full".into(), "a device"),
        ] {
            for result in [open_or_create(&path).map(drop), open_existing(&path).map(drop)] {
                let error = result.unwrap_err().to_string();
                assert!(
                    error.contains(&format!("it is {kind};")),
                    "{}: {error}",
                    path.display()
                );
            }
        }
    }

    #[test]
    fn a_missing_directory_is_named() {
        let error = open_or_create(Path::new("/no-such-directory/events.ndjson")).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("/no-such-directory does not exist; create it"),
            "{error}"
        );
        assert!(
            open_existing(Path::new("/no-such-directory/events.ndjson"))
                .unwrap()
                .is_none()
        );
    }
}
