//! What is stored for a partition, for people and for who moves it.

use super::envelope::{Envelope, EnvelopeError};

/// A cursor that is to be stored for a partition that has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCursor {
    /// The partition.
    pub partition: String,
    /// Name and version of the plugin that wrote it.
    pub plugin: String,
    /// The cursor.
    pub cursor: Vec<u8>,
}

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
