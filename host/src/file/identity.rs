//! Whether two paths are one file, whatever they are called.

#![expect(
    clippy::disallowed_methods,
    reason = "runs where a configuration is read or a sink opened: on threads that may wait"
)]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

/// How long the system may take to say which file a path is. A hung mount does not answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// So many paths may hang; those after them are told apart by their names alone.
const MOST_HANGING: usize = 4;

/// What makes a file the same as another one: the device and number of one that exists, the name of one that does not.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum FileIdentity {
    #[cfg(unix)]
    /// Device and number of a file that exists.
    Number(u64, u64),
    /// Its path, where there is no file yet or another one may follow.
    Name(PathBuf),
}

impl FileIdentity {
    /// The identity of the file at `path`. Links of both kinds lead to the same file.
    pub fn of(path: &Path) -> Self {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            if let Ok(metadata) = std::fs::metadata(path) {
                return Self::Number(metadata.dev(), metadata.ino());
            }
        }
        Self::by_name(path)
    }

    /// By the path alone, whatever is there: it stays the same when a file is rotated away.
    pub fn by_name(path: &Path) -> Self {
        Self::Name(place(path))
    }
}

/// The identities of many files. One that hangs is told by its name, and a thread waits for it as long as it hangs.
pub fn of_all<'a>(paths: impl IntoIterator<Item = &'a Path>) -> HashMap<&'a Path, FileIdentity> {
    let paths: Vec<&Path> = paths.into_iter().collect();
    let mut known = HashMap::new();
    let mut rest = paths.as_slice();
    for _ in 0..MOST_HANGING {
        let (sender, found) = mpsc::channel();
        let asked: Vec<PathBuf> = rest.iter().map(|path| path.to_path_buf()).collect();
        let ask = move || {
            let identities = asked.iter().map(|path| FileIdentity::of(path));
            // Nobody listens any more after one that hung.
            for identity in identities {
                if sender.send(identity).is_err() {
                    return;
                }
            }
        };
        if std::thread::Builder::new()
            .name("file-identity".to_owned())
            .spawn(ask)
            .is_err()
        {
            break;
        }
        while let Some((path, others)) = rest.split_first() {
            let Ok(identity) = found.recv_timeout(PATIENCE) else {
                break;
            };
            known.insert(*path, identity);
            rest = others;
        }
        let Some((hanging, others)) = rest.split_first() else {
            return known;
        };
        known.insert(*hanging, FileIdentity::Name(hanging.to_path_buf()));
        rest = others;
    }
    known.extend(
        rest.iter()
            .map(|path| (*path, FileIdentity::Name(path.to_path_buf()))),
    );
    known
}

/// A file by the real name of its folder, as far as that exists.
fn place(path: &Path) -> PathBuf {
    let folder = path.parent().map(|folder| match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    });
    let folder = folder.and_then(|folder| folder.canonicalize().ok());
    match (folder, path.file_name()) {
        (Some(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn links_and_spellings_are_one_file_and_copies_are_two() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        assert_eq!(FileIdentity::of(&at("new")), FileIdentity::of(&at("./new")));
        std::fs::write(at("one"), "x").unwrap();
        std::fs::write(at("copy"), "x").unwrap();
        std::fs::hard_link(at("one"), at("hard")).unwrap();
        std::os::unix::fs::symlink(at("one"), at("soft")).unwrap();
        for other in ["hard", "soft", "./one"] {
            assert_eq!(
                FileIdentity::of(&at("one")),
                FileIdentity::of(&at(other)),
                "{other}"
            );
        }
        assert_ne!(FileIdentity::of(&at("one")), FileIdentity::of(&at("copy")));
    }
}
