//! A look at a state file that another process has open.

#![expect(
    clippy::disallowed_methods,
    reason = "runs in commands, on threads that may wait"
)]

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::State;
use super::error::StateError;
use super::file::{marker, private};

/// The owner of the file may write while it is copied. Pages are not used again at once, so a copy is seldom torn; one that is
/// shows it, because everything in it is checked, and the next one is taken.
const ATTEMPTS: usize = 20;
/// Between them.
const PAUSE: Duration = Duration::from_millis(100);

/// A copy of a state file, deleted with this.
#[derive(Debug)]
pub struct StateCopy {
    path: PathBuf,
    state: Option<State>,
}

impl StateCopy {
    /// Copies the file, which another process may be writing to, and judges every entry of the copy. Blocks.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or no copy of it is whole.
    pub fn of(path: &Path) -> Result<Self, StateError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let copy = path.with_file_name(format!(".{name}.copy-{}", std::process::id()));
        let mut copied = Self {
            path: copy,
            state: None,
        };
        for _ in 0..ATTEMPTS {
            copy_bytes(path, &copied.path).map_err(|error| StateError::unusable(path, &error))?;
            match State::open(&copied.path) {
                Ok(state) => {
                    copied.state = Some(state);
                    return Ok(copied);
                }
                Err(StateError::Damaged { .. } | StateError::Entries { .. }) => thread::sleep(PAUSE),
                Err(error) => return Err(error),
            }
        }
        let problem = "it is in use, and no copy of it was whole; try again, or stop the host to read it";
        Err(StateError::unusable(path, &io::Error::other(problem)))
    }

    /// What it holds.
    pub fn state(&self) -> Option<&State> {
        self.state.as_ref()
    }
}

impl Drop for StateCopy {
    fn drop(&mut self) {
        self.state = None;
        for path in [&self.path, &marker(&self.path)] {
            // It may never have been made.
            let _ = std::fs::remove_file(path);
        }
    }
}

fn copy_bytes(from: &Path, to: &Path) -> io::Result<()> {
    for path in [to, &marker(to)] {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    let mut options = File::options();
    options.write(true).create_new(true);
    private(&mut options);
    io::copy(&mut File::open(from)?, &mut options.open(to)?).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_that_is_written_to_is_read_whole_and_nothing_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.redb");
        let state = State::open(&path).unwrap();
        state
            .commit("contoso", "p", "plugin 1", b"1 first")
            .await
            .unwrap();
        let writer = state.clone();
        let writing = tokio::spawn(async move {
            for number in 0..200 {
                let partition = format!("p{}", number % 50);
                writer
                    .commit("contoso", &partition, "plugin 1", &[b'x'; 3_000])
                    .await
                    .unwrap();
            }
        });
        for _ in 0..10 {
            let path = path.clone();
            let copy = tokio::task::spawn_blocking(move || StateCopy::of(&path))
                .await
                .unwrap()
                .unwrap();
            let entries = copy.state().unwrap().entries().await.unwrap();
            assert!(!entries.is_empty() && entries.iter().all(|entry| entry.envelope.is_ok()));
        }
        writing.await.unwrap();
        let mut names: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["state.redb", "state.redb.begun"]);
    }
}
