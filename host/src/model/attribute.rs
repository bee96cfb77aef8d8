//! What is true of an event or of a whole partition, for those who handle events without reading their bodies.

/// A text that sinks and collectors treat as an attribute, or as part of the resource, of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Dotted words of lower-case letters, digits and underscores, at most 128 bytes; for example `cloud.account.id`.
    pub name: String,
    /// At most 1,024 bytes.
    pub value: String,
}
