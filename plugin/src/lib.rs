//! The Azure Activity Log source.

#![cfg_attr(not(target_family = "wasm"), forbid(unsafe_code))]

#[cfg(target_family = "wasm")]
mod component;
pub mod contract;
pub mod http;
pub mod source;
