//! Which file sinks are open: two sources that name one file write through one sink.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::file::FileSink;
use super::rotation::Rotation;
use crate::file::identity::FileIdentity;
use crate::file::regular_file::open_or_create;

/// The files that are open.
#[derive(Default)]
pub(super) struct OpenFiles {
    index: Mutex<Index>,
}

#[derive(Default)]
struct Index {
    by_name: HashMap<FileIdentity, Arc<OpenFile>>,
    /// By what they were when they were found: links have other names.
    by_number: HashMap<FileIdentity, Weak<OpenFile>>,
    /// Closed ones are looked for when there are so many: looking each time would take ten thousand sources seconds.
    look_at: usize,
}

/// One of them. Opening it may take as long as a mount hangs, so it has a lock of its own.
#[derive(Default)]
struct OpenFile {
    path: PathBuf,
    sink: Mutex<Weak<FileSink>>,
}

impl OpenFiles {
    /// The sink of a file, opened if no source has it open.
    pub(super) fn open(&self, path: &Path, rotation: Rotation) -> io::Result<Arc<FileSink>> {
        // What does not exist has no identity but its name, and a file may have several.
        drop(open_or_create(path)?);
        let file = self.find(path);
        let mut held = lock(&file.sink);
        match held.upgrade() {
            Some(sink) if sink.rotation() != rotation => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "two sources write to it with different `rotate_size` or `rotate_every`",
            )),
            Some(sink) => Ok(sink),
            None => {
                let sink = Arc::new(FileSink::open(path, rotation)?);
                *held = Arc::downgrade(&sink);
                Ok(sink)
            }
        }
    }

    /// The entry of a file, a new one where there is none. The system is asked about files only while nothing is locked.
    fn find(&self, path: &Path) -> Arc<OpenFile> {
        let (name, number) = (FileIdentity::by_name(path), FileIdentity::of(path));
        let linked = {
            let mut index = lock(&self.index);
            index.forget_closed();
            match index.by_name.get(&name) {
                Some(file) => return file.clone(),
                None => index.by_number.get(&number).and_then(Weak::upgrade),
            }
        };
        // What had this number may have been rotated away since, and numbers of deleted files are used again.
        let linked = linked.filter(|file| FileIdentity::of(&file.path) == number);
        let file = linked.unwrap_or_else(|| {
            Arc::new(OpenFile {
                path: path.to_owned(),
                ..OpenFile::default()
            })
        });
        let mut index = lock(&self.index);
        // Somebody else may have been faster.
        let file = index.by_name.entry(name).or_insert(file).clone();
        index.by_number.insert(number, Arc::downgrade(&file));
        file
    }
}

impl Index {
    fn forget_closed(&mut self) {
        if self.by_name.len() < self.look_at {
            return;
        }
        self.by_name.retain(|_, file| {
            let is_about_to_open = Arc::strong_count(file) > 1;
            is_about_to_open || lock(&file.sink).strong_count() > 0
        });
        self.by_number.retain(|_, file| file.strong_count() > 0);
        self.look_at = 2 * self.by_name.len() + 16;
    }
}

impl fmt::Debug for OpenFiles {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_list()
            .entries(lock(&self.index).by_name.keys())
            .finish()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_file_that_hangs_holds_up_nobody_but_who_opens_it() {
        let folder = tempfile::tempdir().unwrap();
        let files = Arc::new(OpenFiles::default());
        let hanging = files.find(&folder.path().join("hanging"));
        let hang = lock(&hanging.sink);
        let (sender, opened) = mpsc::channel();
        for name in ["hanging", "other"] {
            let (files, sender, path) = (files.clone(), sender.clone(), folder.path().join(name));
            std::thread::spawn(move || sender.send((name, files.open(&path, Rotation::default()).is_ok())));
        }
        let patience = Duration::from_secs(60);
        assert_eq!(opened.recv_timeout(patience), Ok(("other", true)));
        drop(hang);
        assert_eq!(opened.recv_timeout(patience), Ok(("hanging", true)));
    }
}
