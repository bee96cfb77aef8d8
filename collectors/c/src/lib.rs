//! The library for programs in C, and in every language that can call C: `include/headwater.h` is made of this.
//!
//! `host`, `source` and `batch` are the functions by what they work on; `options` the JSON that they take, `cursors` the
//! callbacks for places of cursors. `memory` and `border` are what every function does about pointers, panics and errors. Unsafe code is
//! here because pointers come in from C, and nowhere else in the project but where compiled plugins are loaded.

#![allow(unsafe_code, reason = "the border to C")]

mod batch;
mod border;
mod cursors;
mod error;
mod health;
mod host;
mod log;
mod memory;
mod options;
mod source;
mod version;

#[cfg(test)]
mod header;
