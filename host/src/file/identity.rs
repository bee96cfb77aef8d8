//! Whether two paths are one file, whatever they are called.

#![expect(
    clippy::disallowed_methods,
    reason = "runs where a configuration is read or a sink opened: on threads that may wait"
)]

use std::collections::HashMap;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// How long the system may take to say which file a path is. A hung mount does not answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// So many paths are asked for at once, and so many may hang; those after them are told apart by their names alone.
const AT_ONCE: usize = 8;

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
    let asked: Arc<Vec<PathBuf>> = Arc::new(paths.iter().map(|path| path.to_path_buf()).collect());
    let next = Arc::new(AtomicUsize::new(0));
    let (sender, answers) = mpsc::channel();
    for _ in 0..AT_ONCE.min(paths.len()) {
        let (asked, next, sender) = (asked.clone(), next.clone(), sender.clone());
        let ask = move || {
            let claims = std::iter::from_fn(|| {
                let index = next.fetch_add(1, Ordering::Relaxed);
                asked.get(index).map(|path| (index, path))
            });
            for (index, path) in claims {
                // Nobody listens any more when too many have hung.
                if sender.send((index, ask(path))).is_err() {
                    return;
                }
            }
        };
        // Where there are no threads, names have to do.
        let thread = std::thread::Builder::new().name("file-identity".to_owned());
        let _ = thread.spawn(ask);
    }
    drop(sender);
    let by_name = paths
        .iter()
        .map(|path| (*path, FileIdentity::Name(path.to_path_buf())));
    let mut known: HashMap<&Path, FileIdentity> = by_name.collect();
    for _ in 0..paths.len() {
        let Ok((index, identity)) = answers.recv_timeout(PATIENCE) else {
            break;
        };
        known.insert(paths[index], identity);
    }
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
