/// What a value is, as a word of the processor. The strings come last, in the order of what copying one into another JSON
/// string takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(usize)]
pub(crate) enum Kind {
    Missing,
    Null,
    False,
    True,
    Number,
    Object,
    Array,
    /// A string without escapes: the bytes are what they mean.
    Plain,
    /// With valid escapes: copied as it stands, decoded for reading.
    Escaped,
    /// With control characters or halves of surrogate pairs, which many readers refuse: decoded, then escaped again.
    Dirty,
}
