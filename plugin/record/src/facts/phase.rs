use super::Category;
use super::outcome::Outcome;
use crate::json::Text;

/// Which of the two or three records of one operation this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It begins; only here is the body of the request.
    Start,
    /// A long operation was taken on; sometimes the last record that ever comes.
    Accepted,
    /// It is over.
    End,
}

impl Phase {
    /// Every phase, in order.
    pub const ALL: [Phase; 3] = [Phase::Start, Phase::Accepted, Phase::End];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Start => "start",
            Phase::Accepted => "accepted",
            Phase::End => "end",
        }
    }

    /// The phase of a record; `named` is the one that its status names. Records about states (alerts, health, advice) have
    /// none.
    pub fn of(
        category: Category,
        event_name: Option<Text<'_>>,
        named: Option<Phase>,
        outcome: Outcome,
    ) -> Option<Phase> {
        if category.is_about_states() {
            return None;
        }
        let begins = event_name.is_some_and(|name| name.is("BeginRequest"));
        match named {
            Some(named) => Some(named),
            _ if begins => Some(Phase::Start),
            _ if matches!(outcome, Outcome::Success | Outcome::Failure) => Some(Phase::End),
            _ => None,
        }
    }
}
