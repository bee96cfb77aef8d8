//! The files that patterns lead to: listed, told apart and read side by side, each stage within one time for all of them.
//!
//! A file or a folder on a mount that hangs does not answer, and delays the others by that time once, however many there are.

#![expect(
    clippy::disallowed_methods,
    reason = "each question is asked on a thread that may wait for ever"
)]

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use glob::{MatchOptions, PatternError};
use headwater::file::identity::FileIdentity;
use headwater::file::small_file::{self, Purpose};
use headwater::work::side_by_side::ask_all;
use toml::Table;

use super::ConfigError;
use super::table_file::table_in;

/// A file whose name begins with a dot is an editor's, or hidden on purpose: no `*` means it.
pub const MATCHING: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// What is being asked for, by this look or by one before it that was given up. While a question hangs, it is not asked again,
/// so that reloads do not collect threads.
static ASKED: LazyLock<Mutex<HashSet<PathBuf>>> = LazyLock::new(Mutex::default);

/// How the file system is asked, which may hang, and for how long; tests have one that does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asking {
    pub(super) list: fn(&Path) -> Listing,
    pub(super) look: fn(&Path) -> Look,
    /// For all questions of one kind together.
    pub(super) patience: Duration,
    /// And more for each, so that many on a slow disk have their time.
    pub(super) each: Duration,
}

impl Asking {
    /// A reading takes milliseconds on any disk that works.
    pub(super) const SYSTEM: Self = Self {
        list,
        look,
        patience: Duration::from_secs(10),
        each: Duration::from_millis(5),
    };
}

/// The paths that a pattern matches, and what cannot be looked into.
pub(super) type Listing = Result<Vec<Result<PathBuf, String>>, PatternError>;

/// What is at a path.
#[derive(Debug)]
pub(super) enum Look {
    Folder,
    File(FileIdentity, io::Result<Vec<u8>>),
}

/// What was found at a path, once it was examined.
#[derive(Debug)]
pub(super) enum Found {
    Folder,
    File(FileIdentity, Result<Table, ConfigError>),
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Silence {
    Hangs(Duration),
    NoThread(io::Error),
}

impl fmt::Display for Silence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hangs(patience) => write!(
                formatter,
                "it did not answer within {patience:?}; check the mount or the volume that it is on"
            ),
            Self::NoThread(error) => write!(formatter, "cannot start a thread: {error}"),
        }
    }
}

/// Answers by what was asked.
pub(super) type Answers<A> = HashMap<PathBuf, A>;

impl Asking {
    /// Lists what each pattern matches. What hangs is left out.
    pub(super) fn list_all(&self, patterns: impl Iterator<Item = PathBuf>) -> (Answers<Listing>, Silence) {
        self.all(patterns, self.list, |_, listing| listing)
    }

    /// Examines each path and reads the files.
    pub(super) fn look_all(&self, paths: impl Iterator<Item = PathBuf>) -> (Answers<Found>, Silence) {
        // Text becomes a table as soon as it is there, so that not all texts are in memory at once.
        self.all(paths, self.look, |path, look| match look {
            Look::Folder => Found::Folder,
            Look::File(identity, content) => Found::File(identity, table_in(content, path)),
        })
    }

    fn all<A: Send + 'static, B>(
        &self,
        paths: impl Iterator<Item = PathBuf>,
        ask: fn(&Path) -> A,
        judge: impl Fn(&Path, A) -> B,
    ) -> (Answers<B>, Silence) {
        let mut seen = HashSet::new();
        let paths: Vec<PathBuf> = paths.filter(|path| seen.insert(path.clone())).collect();
        let patience = self.patience + self.each * u32::try_from(paths.len()).unwrap_or(u32::MAX);
        let mut answers = HashMap::new();
        let asked = ask_all(
            paths.clone(),
            patience,
            move |path: &PathBuf| unless_asked(path, ask),
            |index, answer| {
                if let Some(answer) = answer {
                    let path = &paths[index];
                    answers.insert(path.clone(), judge(path, answer));
                }
            },
        );
        let silence = match asked {
            Ok(()) => Silence::Hangs(patience),
            Err(error) => Silence::NoThread(error),
        };
        (answers, silence)
    }
}

/// Asks, unless the same question hangs already.
fn unless_asked<A>(path: &Path, ask: fn(&Path) -> A) -> Option<A> {
    let asked = || ASKED.lock().unwrap_or_else(PoisonError::into_inner);
    if !asked().insert(path.to_owned()) {
        return None;
    }
    let answer = ask(path);
    asked().remove(path);
    Some(answer)
}

fn list(pattern: &Path) -> Listing {
    let found = glob::glob_with(&pattern.to_string_lossy(), MATCHING)?;
    let named = found.map(|entry| {
        entry.map_err(|error| {
            format!(
                "cannot look into {}: {}; check its permissions",
                error.path().display(),
                error.error()
            )
        })
    });
    Ok(named.collect())
}

fn look(path: &Path) -> Look {
    if path.is_dir() {
        return Look::Folder;
    }
    let content = small_file::read_patiently(path, Purpose::CONFIGURATION);
    Look::File(FileIdentity::of(path), content)
}
