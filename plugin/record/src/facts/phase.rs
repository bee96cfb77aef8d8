use super::{Category, Outcome};
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
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Start => "start",
            Phase::Accepted => "accepted",
            Phase::End => "end",
        }
    }

    /// The phase of a record, whose status is a [`word`](super::word). Records about states (alerts, health, advice) have
    /// none.
    pub fn of(
        category: Category,
        event_name: Option<Text<'_>>,
        status: Option<&[u8]>,
        outcome: Outcome,
    ) -> Option<Phase> {
        let stateless = matches!(
            category,
            Category::Alert
                | Category::Recommendation
                | Category::ResourceHealth
                | Category::Security
                | Category::ServiceHealth
        );
        if stateless {
            return None;
        }
        let begins = event_name.is_some_and(|name| name.is("BeginRequest"));
        match status {
            Some(b"accepted" | b"accept") => Some(Phase::Accepted),
            Some(b"started" | b"start") => Some(Phase::Start),
            _ if begins => Some(Phase::Start),
            _ if matches!(outcome, Outcome::Success | Outcome::Failure) => Some(Phase::End),
            _ => None,
        }
    }
}
