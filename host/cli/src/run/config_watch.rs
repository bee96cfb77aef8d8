//! `[reload] watch`: asks for a reload when a configuration file has changed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use glob::Pattern;
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, error, warn};

use crate::config::{Config, MATCHING};

/// Files are read when nothing has changed for so long: who writes them is done then.
const QUIET: Duration = Duration::from_millis(500);
/// And at the latest after this time, whatever goes on changing.
const LONGEST: Duration = Duration::from_secs(5);

/// Watches the files of a configuration, if it says so.
pub(super) struct ConfigWatch {
    path: PathBuf,
    wanted: Arc<Notify>,
    present: Option<Present>,
}

/// What is watched.
struct Present {
    watcher: RecommendedWatcher,
    folders: BTreeMap<PathBuf, RecursiveMode>,
    meant: Arc<Mutex<Meant>>,
    _debounce: AbortOnDropHandle<()>,
}

/// Which files mean the configuration.
#[derive(Debug, Default)]
struct Meant {
    files: BTreeSet<PathBuf>,
    patterns: Vec<Pattern>,
}

impl ConfigWatch {
    /// Watches nothing yet.
    pub(super) fn new(path: PathBuf, wanted: Arc<Notify>) -> Self {
        Self {
            path,
            wanted,
            present: None,
        }
    }

    /// Watches the files of this configuration from now on, or none if it does not want that.
    pub(super) fn follow(&mut self, config: &Config) {
        if !config.watch {
            self.present = None;
            return;
        }
        if self.present.is_none() {
            match Present::start(self.wanted.clone()) {
                Ok(present) => self.present = Some(present),
                Err(error) => return cannot_watch(&error),
            }
        }
        if let Some(present) = &mut self.present {
            present.follow(&self.path, config);
        }
    }
}

impl Present {
    fn start(wanted: Arc<Notify>) -> notify::Result<Self> {
        let touched = Arc::new(Notify::new());
        let meant = Arc::new(Mutex::new(Meant::default()));
        let (seen, known) = (touched.clone(), meant.clone());
        // Runs on a thread of the watcher.
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| match event {
            Ok(event) => {
                let known = known.lock().unwrap_or_else(PoisonError::into_inner);
                if known.holds(&event) {
                    seen.notify_one();
                }
            }
            Err(error) => cannot_watch(&error),
        })?;
        Ok(Self {
            watcher,
            folders: BTreeMap::new(),
            meant,
            _debounce: AbortOnDropHandle::new(tokio::spawn(debounce(touched, wanted))),
        })
    }

    fn follow(&mut self, path: &Path, config: &Config) {
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let path = absolute(path);
        let patterns = config.patterns.iter().filter_map(|pattern| {
            let whole = absolute(Path::new(pattern.as_str()));
            Pattern::new(whole.to_str()?).ok()
        });
        let patterns: Vec<Pattern> = patterns.collect();
        let folder = |path: &Path| path.parent().unwrap_or(Path::new("/")).to_owned();
        let mut folders = BTreeMap::from([(folder(&path), RecursiveMode::NonRecursive)]);
        for (folder, mode) in patterns.iter().map(|pattern| literal_folder(pattern.as_str())) {
            let known = folders.entry(folder).or_insert(mode);
            if mode == RecursiveMode::Recursive {
                *known = mode;
            }
        }
        let mut files: BTreeSet<PathBuf> = config.included.iter().map(|path| absolute(path)).collect();
        files.insert(path);
        files.extend(folders.keys().cloned());
        *self.meant.lock().unwrap_or_else(PoisonError::into_inner) = Meant { files, patterns };
        // Begun again for those that are watched already: a folder that was replaced has a name and is another.
        for folder in self.folders.keys() {
            let _ = self.watcher.unwatch(folder);
        }
        for (folder, mode) in &folders {
            if let Err(error) = self.watcher.watch(folder, *mode) {
                cannot_watch(&error);
            }
        }
        debug!(?folders, "watching");
        self.folders = folders;
    }
}

impl Meant {
    fn holds(&self, event: &Event) -> bool {
        if event.need_rescan() {
            return true;
        }
        let changes = !matches!(event.kind, EventKind::Access(_));
        changes && event.paths.iter().any(|path| self.means(path))
    }

    fn means(&self, path: &Path) -> bool {
        // Mounted volumes are exchanged by a link with such a name, and no file in them changes.
        let is_exchange = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b".."));
        let matches = |pattern: &Pattern| pattern.matches_path_with(path, MATCHING);
        is_exchange || self.files.contains(path) || self.patterns.iter().any(matches)
    }
}

/// The folder that a pattern names without signs for others, and whether what it matches may be deeper.
fn literal_folder(pattern: &str) -> (PathBuf, RecursiveMode) {
    let mut folder = PathBuf::new();
    let mut rest = Path::new(pattern).components().peekable();
    while let Some(component) = rest.next() {
        let is_last = rest.peek().is_none();
        let has_signs = component
            .as_os_str()
            .as_encoded_bytes()
            .iter()
            .any(|byte| b"*?[".contains(byte));
        let is_escaped = unescaped(component);
        if is_last {
            break;
        }
        match is_escaped {
            Some(name) => folder.push(name),
            None if has_signs => return (folder, RecursiveMode::Recursive),
            None => folder.push(component),
        }
    }
    (folder, RecursiveMode::NonRecursive)
}

/// A name whose only signs are those of the escaping of `glob`, without them.
fn unescaped(component: Component<'_>) -> Option<String> {
    let text = component.as_os_str().to_str()?;
    let mut name = text.to_owned();
    for sign in ["?", "*", "[", "]"] {
        name = name.replace(&format!("[{sign}]"), sign);
    }
    (Pattern::escape(&name) == text).then_some(name)
}

/// Wakes `wanted` once after each row of changes.
async fn debounce(touched: Arc<Notify>, wanted: Arc<Notify>) {
    loop {
        touched.notified().await;
        let settle = async { while tokio::time::timeout(QUIET, touched.notified()).await.is_ok() {} };
        let _ = tokio::time::timeout(LONGEST, settle).await;
        wanted.notify_one();
    }
}

fn cannot_watch(error: &notify::Error) {
    if matches!(error.kind, notify::ErrorKind::MaxFilesWatch) {
        error!(
            "cannot watch the configuration: the system's limit of watches is reached; raise it, or reload by SIGHUP"
        );
    } else {
        warn!("cannot watch all files of the configuration: {error}; reload by SIGHUP");
    }
}

impl std::fmt::Debug for ConfigWatch {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ConfigWatch")
            .field("path", &self.path)
            .field("watches", &self.present.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use notify::event::{AccessKind, CreateKind};

    use super::*;

    #[test]
    fn the_folder_of_a_pattern_is_what_it_says_without_signs() {
        for (pattern, folder, mode) in [
            (
                "/etc/headwater/tenants/*.toml",
                "/etc/headwater/tenants",
                RecursiveMode::NonRecursive,
            ),
            (
                "/etc/headwater/one.toml",
                "/etc/headwater",
                RecursiveMode::NonRecursive,
            ),
            ("/etc/*/tenants/x.toml", "/etc", RecursiveMode::Recursive),
            (
                "/etc/headwater/**/*.toml",
                "/etc/headwater",
                RecursiveMode::Recursive,
            ),
            ("/srv/a[[]1[]]/*.toml", "/srv/a[1]", RecursiveMode::NonRecursive),
        ] {
            assert_eq!(literal_folder(pattern), (folder.into(), mode), "{pattern}");
        }
    }

    #[test]
    fn only_changes_of_the_configuration_count() {
        let meant = Meant {
            files: BTreeSet::from(["/etc/h/headwater.toml".into(), "/etc/h/tenants".into()]),
            patterns: vec![Pattern::new("/etc/h/tenants/*.toml").unwrap()],
        };
        let created = |path: &str| Event::new(EventKind::Create(CreateKind::File)).add_path(path.into());
        for (path, counts) in [
            ("/etc/h/headwater.toml", true),
            ("/etc/h/tenants/new.toml", true),
            ("/etc/h/tenants", true),
            ("/etc/h/..data", true),
            ("/etc/h/state.redb", false),
            ("/etc/h/tenants/.new.toml.swp", false),
            ("/etc/h/tenants/.new.toml", false),
            ("/etc/h/out/contoso.ndjson", false),
        ] {
            assert_eq!(meant.holds(&created(path)), counts, "{path}");
        }
        let read = Event::new(EventKind::Access(AccessKind::Read)).add_path("/etc/h/headwater.toml".into());
        assert!(!meant.holds(&read));
    }
}
