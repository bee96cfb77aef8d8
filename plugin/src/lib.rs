//! The Azure Activity Log source.

#![cfg_attr(not(target_family = "wasm"), forbid(unsafe_code))]

pub mod arm;
pub mod basket;
#[cfg(feature = "certificate")]
pub mod certificate;
pub mod check;
pub mod cloud;
#[cfg(target_family = "wasm")]
mod component;
pub mod config;
pub mod contract;
pub mod cursor;
pub mod describe;
pub mod discovery;
pub mod event;
pub mod facts;
pub mod fault;
pub mod format;
pub mod guid;
pub mod http;
pub mod instant;
pub mod json;
pub mod link;
pub mod login;
pub mod normalize;
pub mod page;
pub mod partition;
pub mod pattern;
pub mod percent;
pub mod reader;
pub mod reading;
pub mod revisit;
pub mod rules;
pub mod seen;
pub mod session;
pub mod severity;
pub mod source;
pub mod span;
pub mod tally;
pub mod time;
