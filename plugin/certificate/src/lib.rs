//! The Azure Activity Log source with the feature `certificate`, as a component of its own.
//!
//! A package of its own gives the component a file of its own, and lets both be built side by side without compiling
//! what they share twice.

#![cfg(target_family = "wasm")]

// Named for what it exports: the functions of the contract.
use azure_activity as _;
