//! What the fake Azure promises, as claims: first without sockets, then on the wire.
#![allow(
    clippy::unwrap_used,
    reason = "the helpers of a test may fail as the test may"
)]

mod access;
mod assertion;
mod client;
mod faults;
mod graph;
mod login;
mod paging;
mod robust;
mod socket;
mod storm;
