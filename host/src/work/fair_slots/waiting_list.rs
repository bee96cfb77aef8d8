//! The sources that wait for a slot. Thousands may, and each call asks who is next: so those that are alike are together, and
//! what holds for one of a kind is asked once.

use std::collections::{BTreeMap, BTreeSet};

/// Whoever has least comes first; among equals, whose last turn is longest ago, however many calls wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn {
    pub(super) held: usize,
    pub(super) last: u64,
    pub(super) share: u64,
}

/// In what sources are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind {
    /// Bytes that a call may take.
    pub(super) cost: u64,
    /// Whether the last call came back in time.
    pub(super) answers: bool,
}

/// All of them, by kind and in the order of their turns.
#[derive(Debug, Default)]
pub(super) struct WaitingList(BTreeMap<Kind, BTreeSet<Turn>>);

impl WaitingList {
    pub(super) fn enter(&mut self, kind: Kind, turn: Turn) {
        self.0.entry(kind).or_default().insert(turn);
    }

    /// Takes one out, as it entered.
    pub(super) fn leave(&mut self, kind: Kind, turn: Turn) {
        if let Some(turns) = self.0.get_mut(&kind) {
            turns.remove(&turn);
            if turns.is_empty() {
                self.0.remove(&kind);
            }
        }
    }

    /// The kinds there are, each with its sources, whose turn it is first.
    pub(super) fn kinds(&self) -> impl Iterator<Item = (Kind, impl Iterator<Item = Turn>)> {
        self.0.iter().map(|(kind, turns)| (*kind, turns.iter().copied()))
    }
}
