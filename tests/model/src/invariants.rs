//! What a cluster of hosts promises, by name: checked of the model for every order of events (`cluster_model`), and asserted
//! of real hosts by the end-to-end tests (`e2e::cluster`).

/// Every event comes out, and no cursor stands behind an event that was never delivered.
pub const NO_EVENT_IS_LOST: &str = "no event is lost";
/// A cursor changes only by the host that has its source's lease at that moment.
pub const NO_COMMIT_WITHOUT_THE_LEASE: &str = "no commit by a host without the lease";
/// An event that is delivered more than once was in a batch in flight when its source changed hands.
pub const REPEATS_ARE_BATCHES_IN_FLIGHT: &str = "repeats are at most the batch in flight per takeover";
/// Whatever dies, a source goes on as long as a host lives that can read it.
pub const EVERY_SOURCE_GOES_ON: &str = "every source is polled again while one host lives";
