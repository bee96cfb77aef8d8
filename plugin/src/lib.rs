//! The Azure Activity Log source.

#![cfg_attr(not(target_family = "wasm"), forbid(unsafe_code))]

#[cfg(target_family = "wasm")]
mod component;
pub mod contract;
pub mod event;
pub mod facts;
pub mod format;
pub mod http;
pub mod json;
pub mod normalize;
pub mod page;
pub mod pattern;
pub mod rules;
pub mod severity;
pub mod source;
pub mod time;
