//! The Azure Activity Log source.

pub mod contract;
pub mod http;
pub mod source;
