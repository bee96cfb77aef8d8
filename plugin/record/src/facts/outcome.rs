/// How an operation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Success,
    /// It was refused, failed or was called off.
    Failure,
    /// It is under way, or the record says something else.
    Unknown,
    /// The record says nothing of one: there is no status, or it names a state.
    Absent,
}
