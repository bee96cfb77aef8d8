//! What goes over the border: values left at places of the caller's, objects, text; and panics, which do not.

use std::ffi::{CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Leaves a value at a place of the caller's, if there is one.
pub(crate) fn put<T>(place: *mut T, value: T) {
    if !place.is_null() {
        // SAFETY: every function's documentation asks for NULL or a place that can be written.
        unsafe { place.write(value) };
    }
}

/// Does what a function is for that cannot fail; a panic gives `failed`.
pub(crate) fn unpanicking<T>(failed: T, work: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(failed)
}

/// Frees what this library has handed over. NULL is fine. A panic on the way is kept inside.
///
/// # Safety
///
/// The pointer is NULL, or from this library, was not freed, and is not used any more.
pub(crate) unsafe fn release<T>(pointer: *mut T) {
    if !pointer.is_null() {
        // SAFETY: as the caller promises; all objects are handed over by `Box::into_raw`.
        let object = unsafe { Box::from_raw(pointer) };
        unpanicking((), || drop(object));
    }
}

/// Text for C. A zero byte, which would end it, is left out.
pub(crate) fn text_for_c(text: impl Into<String>) -> CString {
    let mut text = text.into();
    text.retain(|letter| letter != '\0');
    CString::new(text).unwrap_or_default()
}

/// Frees text that a function has returned. NULL is fine.
///
/// # Safety
///
/// `text` is NULL, or was returned by a function that names this one, and was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn headwater_text_free(text: *mut c_char) {
    if !text.is_null() {
        // SAFETY: as the caller promises.
        drop(unsafe { CString::from_raw(text) });
    }
}
