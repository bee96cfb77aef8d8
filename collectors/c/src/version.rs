//! Which library this is.

use std::ffi::c_char;

/// The version of what this header declares. A program that was compiled with another one must not call the library: compare
/// it with `headwater_abi_version()`.
pub const HEADWATER_ABI_VERSION: u32 = 1;

/// The version of the library's functions and types, as `HEADWATER_ABI_VERSION`.
#[unsafe(no_mangle)]
pub extern "C" fn headwater_abi_version() -> u32 {
    HEADWATER_ABI_VERSION
}

/// The version of the library as text, for people. It lives as long as the process.
#[unsafe(no_mangle)]
pub extern "C" fn headwater_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}
