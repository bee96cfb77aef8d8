//! Whether two paths are one file, whatever they are called.

#![expect(
    clippy::disallowed_methods,
    reason = "runs where a configuration is read or a sink opened: on threads that may wait"
)]

use std::collections::HashMap;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::work::side_by_side::ask_all;

/// How long the system may take to say which file a path is. A hung mount does not answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// And more for each path, so that many on a slow disk have their time.
const EACH: Duration = Duration::from_millis(5);

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
        if let Some((device, number)) = std::fs::metadata(path).ok().as_ref().and_then(file_number) {
            return Self::Number(device, number);
        }
        Self::by_name(path)
    }

    /// By the path alone, whatever is there: it stays the same when a file is rotated away.
    pub fn by_name(path: &Path) -> Self {
        Self::Name(place(path))
    }
}

/// Device and number, which tell a file from every other; none where the system has no such numbers.
#[cfg(unix)]
pub(crate) fn file_number(about: &Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    Some((about.dev(), about.ino()))
}

#[cfg(not(unix))]
pub(crate) fn file_number(_: &Metadata) -> Option<(u64, u64)> {
    None
}

/// The identities of many files. Those that hang are told by their names, together after one time-out, and a thread waits for
/// each as long as it hangs.
pub fn of_all<'a>(paths: impl IntoIterator<Item = &'a Path>) -> HashMap<&'a Path, FileIdentity> {
    of_all_by(paths, FileIdentity::of)
}

fn of_all_by<'a>(
    paths: impl IntoIterator<Item = &'a Path>,
    ask: fn(&Path) -> FileIdentity,
) -> HashMap<&'a Path, FileIdentity> {
    let paths: Vec<&Path> = paths.into_iter().collect();
    let by_name = paths
        .iter()
        .map(|path| (*path, FileIdentity::Name(path.to_path_buf())));
    let mut known: HashMap<&Path, FileIdentity> = by_name.collect();
    let asked: Vec<PathBuf> = paths.iter().map(|path| path.to_path_buf()).collect();
    let patience = PATIENCE + EACH * u32::try_from(asked.len()).unwrap_or(u32::MAX);
    let told = |index: usize, identity| {
        known.insert(paths[index], identity);
    };
    // Where there are no threads, names have to do.
    let _ = ask_all(asked, patience, move |path| ask(path), told);
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

    #[test]
    fn paths_that_hang_cost_one_time_out_together_and_the_others_are_told_all_the_same() {
        let ask = |path: &Path| {
            if path.starts_with("hung") {
                std::thread::sleep(Duration::from_secs(60));
            }
            FileIdentity::Name(Path::new("told").join(path))
        };
        let paths: Vec<PathBuf> = (0..100)
            .map(|number| match number % 20 {
                0 => PathBuf::from(format!("hung/{number}")),
                _ => PathBuf::from(number.to_string()),
            })
            .collect();
        let started = std::time::Instant::now();
        let known = of_all_by(paths.iter().map(PathBuf::as_path), ask);
        assert!(started.elapsed() < 2 * PATIENCE, "{:?}", started.elapsed());
        for path in &paths {
            let expected = match path.starts_with("hung") {
                true => path.clone(),
                false => Path::new("told").join(path),
            };
            assert_eq!(known[path.as_path()], FileIdentity::Name(expected));
        }
    }
}
