//! What every function does that can fail: reads what comes in, keeps panics inside, hands an error over.

use std::ffi::{CStr, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use tokio::runtime::Handle;

use crate::error::HeadwaterError;
use crate::memory::put;

/// Does what a function is for. Where that fails or panics, returns `failed` and leaves the error at `error`, if that is a place.
pub(crate) fn guarded<T>(
    error: *mut *mut HeadwaterError,
    failed: T,
    work: impl FnOnce() -> Result<T, HeadwaterError>,
) -> T {
    put(error, ptr::null_mut());
    // What is left half-done by a panic is closed by the caller, as the error says.
    let done = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(HeadwaterError::defect()));
    done.unwrap_or_else(|problem| {
        if !error.is_null() {
            put(error, Box::into_raw(Box::new(problem)));
        }
        failed
    })
}

/// What a pointer of the caller's points to.
///
/// # Safety
///
/// It is NULL, or from this library and was not freed; and nobody changes what it points to for as long as the result is used.
pub(crate) unsafe fn object<'a, T>(pointer: *const T, what: &str) -> Result<&'a T, HeadwaterError> {
    // SAFETY: as the caller promises.
    unsafe { pointer.as_ref() }.ok_or_else(|| null(what))
}

/// The same to change it.
///
/// # Safety
///
/// The same, and nobody else uses it meanwhile.
pub(crate) unsafe fn object_mut<'a, T>(pointer: *mut T, what: &str) -> Result<&'a mut T, HeadwaterError> {
    // SAFETY: as the caller promises.
    unsafe { pointer.as_mut() }.ok_or_else(|| null(what))
}

/// Text of the caller's.
///
/// # Safety
///
/// The pointer is NULL or points to text that ends with a zero byte.
pub(crate) unsafe fn text<'a>(pointer: *const c_char, what: &str) -> Result<&'a str, HeadwaterError> {
    if pointer.is_null() {
        return Err(null(what));
    }
    // SAFETY: as the caller promises.
    let text = unsafe { CStr::from_ptr(pointer) };
    text.to_str()
        .map_err(|_| HeadwaterError::new("argument", format_args!("{what} is not UTF-8 text")))
}

/// Refuses a call that waits, on a thread that others wait for.
pub(crate) fn may_wait() -> Result<(), HeadwaterError> {
    match Handle::try_current() {
        Err(_) => Ok(()),
        Ok(_) => Err(
            HeadwaterError::new("argument", "the function was called by a callback of the library")
                .with_hint("return from the callback, and call it on a thread of the program"),
        ),
    }
}

fn null(what: &str) -> HeadwaterError {
    HeadwaterError::new("argument", format_args!("{what} is NULL"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{headwater_error_code, headwater_error_free};

    #[test]
    fn a_panic_ends_at_the_border_as_an_error() {
        let mut error = ptr::null_mut();
        let failed = guarded(&raw mut error, 7, || -> Result<i32, HeadwaterError> {
            panic!("of a test")
        });
        assert_eq!(failed, 7);
        // SAFETY: it was just made.
        let code = unsafe { CStr::from_ptr(headwater_error_code(error)) };
        assert_eq!(code.to_str(), Ok("library.defect"));
        // SAFETY: nobody uses it any more.
        unsafe { headwater_error_free(error) };
        assert_eq!(
            guarded(ptr::null_mut(), 7, || -> Result<i32, HeadwaterError> {
                panic!("of a test")
            }),
            7
        );
    }

    #[test]
    fn pointers_and_text_that_are_not_right_are_named() {
        // SAFETY: NULL is allowed, and the text ends with a zero byte.
        let (missing, broken, good) = unsafe {
            (
                text(ptr::null(), "options"),
                text(c"\xff".as_ptr(), "options"),
                text(c"x".as_ptr(), "options"),
            )
        };
        assert!(missing.unwrap_err().to_sentence().starts_with("options is NULL"));
        assert!(
            broken
                .unwrap_err()
                .to_sentence()
                .starts_with("options is not UTF-8")
        );
        assert_eq!(good.unwrap(), "x");
    }

    #[test]
    fn a_call_that_waits_is_refused_where_others_wait() {
        assert!(may_wait().is_ok());
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let _inside = runtime.enter();
        assert!(may_wait().unwrap_err().to_sentence().contains("callback"));
    }
}
