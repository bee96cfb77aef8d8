use std::borrow::Cow;

use super::path::first_segment;
use crate::json::{Text, bytes};
use crate::pattern::last_segment;

/// What an operation does, by its last segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// `write`: creates or changes.
    Write,
    /// `delete`.
    Delete,
    /// `read`.
    Read,
    /// `action` that only hands something out or tries something: list keys, export, validate.
    Fetch,
    /// Any other `action`.
    Act,
    /// Something else, or no operation.
    Other,
}

/// How the name before `action` begins when the action changes nothing.
const FETCHING: [&str; 7] = ["list", "get", "read", "export", "validate", "check", "download"];

/// An operation's name, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation<'a> {
    /// As given; none if the record names no operation.
    pub text: Option<Text<'a>>,
    /// Decoded, in lower case; empty if there is none.
    pub lower: Vec<u8>,
    /// What it does.
    pub verb: Verb,
}

impl<'a> Operation<'a> {
    /// Takes a name apart.
    pub fn of(text: Option<Text<'a>>) -> Self {
        let lower = text.map(|text| bytes::lower(&text.decoded())).unwrap_or_default();
        let verb = verb(&lower);
        Operation { text, lower, verb }
    }

    /// The provider in the letter case of the record: the first segment.
    pub fn provider(&self) -> Cow<'a, [u8]> {
        self.text
            .map(|text| first_segment(&text.decoded()))
            .unwrap_or_default()
    }

    /// The effect of a policy event: `Microsoft.Authorization/policies/{effect}/action`.
    pub fn policy_effect(&self) -> Option<&[u8]> {
        let rest = self.lower.strip_prefix(b"microsoft.authorization/policies/")?;
        rest.strip_suffix(b"/action")
            .filter(|effect| !effect.is_empty() && !effect.contains(&b'/'))
    }
}

fn verb(lower: &[u8]) -> Verb {
    let (before, last) = last_segment(lower);
    match last {
        b"write" => Verb::Write,
        b"delete" => Verb::Delete,
        b"read" => Verb::Read,
        b"action" => {
            let (_, name) = last_segment(before);
            let fetches = FETCHING.iter().any(|start| name.starts_with(start.as_bytes()));
            if fetches { Verb::Fetch } else { Verb::Act }
        }
        _ => Verb::Other,
    }
}
