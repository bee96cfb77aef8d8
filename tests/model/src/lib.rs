//! The protocol by which hosts share a source, as a model that is checked for every order of events: claim, renewal, poll,
//! delivery, commit, crash, pause, a database that is away, answers that get lost, statements that arrive late. See
//! `docs/high-availability.md` for the protocol in words, and `host/src/cursor/postgres` for the statements.
//!
//! Nothing in the model reads a clock. A lease may end at any moment, which covers hosts that are stopped, slow networks
//! and clocks that differ: whatever holds here holds whatever the time is.

pub mod invariants;
pub mod protocol;
pub mod state;
