//! Errors as objects.

use std::ffi::{CString, c_char};
use std::fmt::Display;
use std::ptr;

use library::model::Failure;

use crate::memory::{release, text_for_c};

/// Why something did not work: a code for machines, a sentence for people, and what to do. Free it with `headwater_error_free`.
#[derive(Debug)]
pub struct HeadwaterError {
    code: CString,
    message: CString,
    hint: Option<CString>,
}

impl HeadwaterError {
    /// An error of this library; `code` completes `library.`.
    pub(crate) fn new(code: &str, message: impl Display) -> Self {
        Self {
            code: text_for_c(format!("library.{code}")),
            message: text_for_c(message.to_string()),
            hint: None,
        }
    }

    /// The same with something to do for a person.
    pub(crate) fn with_hint(mut self, hint: &str) -> Self {
        self.hint = Some(text_for_c(hint));
        self
    }

    /// What is said when a function has panicked.
    pub(crate) fn defect() -> Self {
        Self::new("defect", "the library has a defect and did not finish the call").with_hint(
            "report it with the log lines before it; close the object that the call was about, and open it again",
        )
    }

    /// A sentence with the code, for tests.
    #[cfg(test)]
    pub(crate) fn to_sentence(&self) -> String {
        format!(
            "{} [{}]",
            self.message.to_string_lossy(),
            self.code.to_string_lossy()
        )
    }
}

impl From<Failure> for HeadwaterError {
    fn from(failure: Failure) -> Self {
        Self {
            code: text_for_c(failure.code),
            message: text_for_c(failure.message),
            hint: failure.hint.map(text_for_c),
        }
    }
}

/// A stable, dotted word: `library.…`, or the code of what a source or the host says (docs/errors.md). It lives as long as the error.
///
/// # Safety
///
/// `error` is from this library and was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn headwater_error_code(error: *const HeadwaterError) -> *const c_char {
    // SAFETY: as the caller promises.
    unsafe { error.as_ref() }.map_or(ptr::null(), |error| error.code.as_ptr())
}

/// One sentence. It lives as long as the error.
///
/// # Safety
///
/// `error` is from this library and was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn headwater_error_message(error: *const HeadwaterError) -> *const c_char {
    // SAFETY: as the caller promises.
    unsafe { error.as_ref() }.map_or(ptr::null(), |error| error.message.as_ptr())
}

/// What a person should do; NULL if there is nothing to say. It lives as long as the error.
///
/// # Safety
///
/// `error` is from this library and was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn headwater_error_hint(error: *const HeadwaterError) -> *const c_char {
    // SAFETY: as the caller promises.
    let hint = unsafe { error.as_ref() }.and_then(|error| error.hint.as_ref());
    hint.map_or(ptr::null(), |hint| hint.as_ptr())
}

/// Frees an error. NULL is fine.
///
/// # Safety
///
/// `error` is from this library, was not freed, and is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn headwater_error_free(error: *mut HeadwaterError) {
    // SAFETY: as the caller promises.
    unsafe { release(error) };
}
