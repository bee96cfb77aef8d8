//! The Azure Activity Log source.
//!
//! An event's way: [`reader`] asks [`arm`] for a page, [`page`] shows its records while it comes, [`record`] reads one,
//! [`event`] drops or rates it, [`format`](mod@format) writes it, and [`cursor`] remembers it.
//!
//! | concern | modules |
//! | --- | --- |
//! | the contract | [`contract`], [`source`] (its five functions), [`describe`], [`component`] (what the SDK `headwater-source` makes a component of) |
//! | the world outside | [`http`] (a trait), [`cloud`], [`link`], [`percent`] |
//! | the configuration | [`config`], [`partition`], [`guid`], [`duration`], [`instant`] |
//! | the login | [`login`], [`session`], `certificate` (a feature) |
//! | one poll | [`reader`], [`arm`], [`batch_builder`], [`measures`]; besides [`discovery`], [`check`], [`permission`] |
//! | where reading stands | [`cursor`], [`lookback`] (the reading law), [`window_scan`], [`open`], [`dedup_window`], [`ends`] |
//! | what went wrong | [`fault`] |
//! | records | [`page`], [`record`], [`facts`], [`json`], [`time`] |
//! | events | [`event`], [`rules`], [`pattern`], [`severity`], [`format`](mod@format), [`labels`] |

#![cfg_attr(not(target_family = "wasm"), forbid(unsafe_code))]

pub mod arm;
pub mod batch_builder;
#[cfg(feature = "certificate")]
pub mod certificate;
pub mod check;
pub mod cloud;
pub mod component;
pub mod config;
pub mod contract;
pub mod cursor;
pub mod describe;
pub mod discovery;
pub mod ends;
pub mod fault;
pub mod guid;
pub mod instant;
pub mod login;
pub mod open;
pub mod partition;
pub mod permission;
pub mod reader;
pub mod session;
pub mod source;

pub use activity_json as json;
pub use activity_record::{event, facts, format, labels, page, pattern, record, rules, severity, time};
pub use headwater_source::{
    dedup_window, duration, frame, http, link, lookback, measures, percent, window_scan,
};
