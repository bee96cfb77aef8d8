//! What is stored for a partition, for people and for who moves it.

use super::envelope::{Envelope, EnvelopeError};

/// One stored cursor.
#[derive(Debug)]
pub struct Entry {
    /// The source it belongs to.
    pub source: String,
    /// The partition it belongs to.
    pub partition: String,
    /// The cursor with what is known about it, unless it is damaged or missing.
    pub envelope: Result<Envelope, EnvelopeError>,
}
