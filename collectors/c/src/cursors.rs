//! Cursors that the program keeps itself, through callbacks.

use std::ffi::{CString, c_char, c_void};
use std::sync::{Arc, PoisonError, RwLock};

use library::cursor::{Commit, CursorStore, Position, StoreError};

use crate::error::HeadwaterError;
use crate::memory::{text_for_c, unpanicking};

/// The partition has never been read: reading begins where the source's configuration says.
pub const HEADWATER_CURSOR_NEVER_READ: i32 = 0;
/// Reading goes on after the cursor that was added to the answer.
pub const HEADWATER_CURSOR_AT: i32 = 1;
/// The partition was read before, and its cursor is missing or damaged; the text that was added to the answer says what
/// happened. The partition is reported and not read until a person has decided. Never say `HEADWATER_CURSOR_NEVER_READ` instead.
pub const HEADWATER_CURSOR_LOST: i32 = 2;
/// The place for cursors cannot answer at present; the text that was added to the answer says why. It is asked again.
pub const HEADWATER_CURSOR_FAILED: i32 = -1;

/// What a callback answers, filled in with `headwater_answer_add`.
#[derive(Debug, Default)]
pub struct HeadwaterAnswer {
    parts: Vec<Vec<u8>>,
}

/// A place for cursors. The callbacks are called on threads of the library, may wait, and must call no function of the library but
/// `headwater_answer_add`. They are called for several partitions at once. None is called after `headwater_host_close`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct HeadwaterCursors {
    /// Handed to each callback; any thread may have it.
    pub context: *mut c_void,
    /// Where a partition's reading goes on: one of `HEADWATER_CURSOR_…`.
    pub load: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            source: *const c_char,
            partition: *const c_char,
            answer: *mut HeadwaterAnswer,
        ) -> i32,
    >,
    /// Stores a cursor, opaque bytes, and remembers that its partition was begun. Returns 0 once it survives whatever the place
    /// promises to survive, `HEADWATER_CURSOR_FAILED` with a text where that is not known. `plugin` is the name and the
    /// version of what wrote it, for people.
    pub commit: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            source: *const c_char,
            partition: *const c_char,
            plugin: *const c_char,
            cursor: *const u8,
            cursor_size: usize,
            answer: *mut HeadwaterAnswer,
        ) -> i32,
    >,
    /// Adds each partition of a source that was begun to the answer, in any order, and returns 0; or `HEADWATER_CURSOR_FAILED` with
    /// a text.
    pub partitions: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            source: *const c_char,
            answer: *mut HeadwaterAnswer,
        ) -> i32,
    >,
}

// SAFETY: `headwater_host_open` asks for a context and callbacks that any thread may use.
unsafe impl Send for HeadwaterCursors {}
// SAFETY: the same.
unsafe impl Sync for HeadwaterCursors {}

/// Adds bytes, which are copied, to what a callback answers: the cursor, the name of a partition, or the text of a failure.
///
/// # Safety
///
/// `answer` is what the callback was called with, and the callback has not returned; `data` has `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn headwater_answer_add(answer: *mut HeadwaterAnswer, data: *const u8, size: usize) {
    unpanicking((), || {
        // SAFETY: as the caller promises.
        let Some(answer) = (unsafe { answer.as_mut() }) else {
            return;
        };
        answer.parts.push(match size {
            0 => Vec::new(),
            // SAFETY: as the caller promises.
            _ => unsafe { std::slice::from_raw_parts(data, size) }.to_vec(),
        });
    });
}

/// The place as the library knows it, until it is closed. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Callbacks(Arc<RwLock<Option<HeadwaterCursors>>>);

/// What a callback has answered.
struct Answered {
    code: i32,
    parts: Vec<Vec<u8>>,
}

impl Callbacks {
    /// A place whose callbacks are all there.
    pub(crate) fn new(cursors: HeadwaterCursors) -> Result<Self, HeadwaterError> {
        let HeadwaterCursors {
            load,
            commit,
            partitions,
            ..
        } = cursors;
        if load.is_none() || commit.is_none() || partitions.is_none() {
            return Err(HeadwaterError::new(
                "argument",
                "a place for cursors needs all of `load`, `commit` and `partitions`",
            ));
        }
        Ok(Self(Arc::new(RwLock::new(Some(cursors)))))
    }

    /// Calls no callback any more. Waits for those that have not returned.
    pub(crate) fn close(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Calls one on a thread that may wait.
    async fn call(
        &self,
        call: impl FnOnce(&HeadwaterCursors, *mut HeadwaterAnswer) -> i32 + Send + 'static,
    ) -> Result<Answered, StoreError> {
        let place = self.0.clone();
        let called = tokio::task::spawn_blocking(move || {
            let place = place.read().unwrap_or_else(PoisonError::into_inner);
            let cursors = place.as_ref()?;
            let mut answer = HeadwaterAnswer::default();
            let code = call(cursors, &mut answer);
            Some(Answered {
                code,
                parts: answer.parts,
            })
        });
        match called.await {
            Ok(Some(answered)) => Ok(answered),
            Ok(None) => Err(StoreError::new("the host has been closed")),
            Err(error) => Err(StoreError::new(error)),
        }
    }
}

impl CursorStore for Callbacks {
    async fn load(&self, source: &str, partition: &str) -> Result<Position, StoreError> {
        let (source, partition) = (text_for_c(source), text_for_c(partition));
        let call = move |cursors: &HeadwaterCursors, answer| match cursors.load {
            // SAFETY: as whoever opened the host has promised.
            Some(load) => unsafe { load(cursors.context, source.as_ptr(), partition.as_ptr(), answer) },
            None => HEADWATER_CURSOR_FAILED,
        };
        let answered = self.call(call).await?;
        match answered.code {
            HEADWATER_CURSOR_NEVER_READ => Ok(Position::NeverRead),
            HEADWATER_CURSOR_LOST => Ok(Position::Lost(answered.text("the cursor is missing"))),
            HEADWATER_CURSOR_AT => match <[_; 1]>::try_from(answered.parts) {
                Ok([cursor]) => Ok(Position::At(cursor)),
                Err(parts) => Err(StoreError::new(format!(
                    "the place for cursors has given {} cursors where one is right",
                    parts.len()
                ))),
            },
            _ => Err(answered.failure()),
        }
    }

    async fn commit(&self, commit: Commit<'_>) -> Result<(), StoreError> {
        let texts: [CString; 3] = [commit.source, commit.partition, commit.plugin].map(text_for_c);
        let cursor = commit.cursor.to_vec();
        let call = move |cursors: &HeadwaterCursors, answer| match cursors.commit {
            // SAFETY: as whoever opened the host has promised.
            Some(commit) => unsafe {
                let [source, partition, plugin] = &texts;
                commit(
                    cursors.context,
                    source.as_ptr(),
                    partition.as_ptr(),
                    plugin.as_ptr(),
                    cursor.as_ptr(),
                    cursor.len(),
                    answer,
                )
            },
            None => HEADWATER_CURSOR_FAILED,
        };
        let answered = self.call(call).await?;
        if answered.code == 0 {
            Ok(())
        } else {
            Err(answered.failure())
        }
    }

    async fn partitions(&self, source: &str) -> Result<Vec<String>, StoreError> {
        let source = text_for_c(source);
        let call = move |cursors: &HeadwaterCursors, answer| match cursors.partitions {
            // SAFETY: as whoever opened the host has promised.
            Some(partitions) => unsafe { partitions(cursors.context, source.as_ptr(), answer) },
            None => HEADWATER_CURSOR_FAILED,
        };
        let answered = self.call(call).await?;
        if answered.code != 0 {
            return Err(answered.failure());
        }
        let names = answered.parts.into_iter().map(String::from_utf8);
        names.collect::<Result<_, _>>().map_err(StoreError::new)
    }
}

impl Answered {
    /// What the callback says, or else this.
    fn text(&self, otherwise: &str) -> String {
        match self.parts.first() {
            Some(text) => String::from_utf8_lossy(text).into_owned(),
            None => otherwise.to_owned(),
        }
    }

    fn failure(&self) -> StoreError {
        StoreError::new(self.text("the place for cursors has failed and does not say why"))
    }
}
