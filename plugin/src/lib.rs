//! The Azure Activity Log source.

pub mod contract;
