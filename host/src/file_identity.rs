//! Whether two paths are one file, whatever they are called.

use std::path::{Path, PathBuf};

/// What makes a file the same as another one: the device and number of one that exists, the name of one that does not.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum FileIdentity {
    #[cfg(unix)]
    Number(u64, u64),
    Name(PathBuf),
}

impl FileIdentity {
    /// The identity of the file at `path`. Links of both kinds lead to the same file.
    pub(crate) fn of(path: &Path) -> Self {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            if let Ok(metadata) = std::fs::metadata(path) {
                return Self::Number(metadata.dev(), metadata.ino());
            }
        }
        Self::Name(place(path))
    }
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
