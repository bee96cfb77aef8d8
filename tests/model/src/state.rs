//! What the model is made of: hosts, the database, what is on its way between them, and the rules.

use std::collections::BTreeSet;

pub(crate) const HOSTS: usize = 2;
/// Events in the log of the upstream; a batch has one.
pub(crate) const EVENTS: usize = 2;

/// The rules of the protocol, each of which can be left out to see what it is for.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// A commit takes effect only under the epoch of the lease.
    pub commits_are_fenced: bool,
    /// The commit holds the row of the lease until it has ended, so that no claim comes between.
    pub fence_locks_the_lease: bool,
    /// A commit takes effect only if none that was sent later under the same epoch has.
    pub attempts_are_ordered: bool,
    /// A host claims a source only when its own earlier reading of it has ended.
    pub old_reading_ends_first: bool,
    /// A commit is sent after the delivery.
    pub commit_follows_delivery: bool,
    /// A refused commit ends the reading at once.
    pub refusal_ends_the_reading: bool,
    /// The lease of a host that is dead ends.
    pub leases_of_the_dead_end: bool,
}

impl Rules {
    /// All of them.
    pub const KEPT: Self = Self {
        commits_are_fenced: true,
        fence_locks_the_lease: true,
        attempts_are_ordered: true,
        old_reading_ends_first: true,
        commit_follows_delivery: true,
        refusal_ends_the_reading: true,
        leases_of_the_dead_end: true,
    };
}

/// How often each kind of trouble may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Budget {
    /// Leases that end although their host lives: it was stopped, slow, cut off, or its renewals were.
    pub expiries: u8,
    /// Hosts that crash or are stopped.
    pub ends: u8,
    /// Hosts that start again after that.
    pub restarts: u8,
    /// Times that the database is away.
    pub outages: u8,
    /// Answers of the database that are lost or late.
    pub losses: u8,
}

/// A host between its start and its end: the same machine is another one after a restart.
pub(crate) type Identity = (usize, u8);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Database {
    pub(crate) is_up: bool,
    pub(crate) epoch: u8,
    pub(crate) owner: Option<Identity>,
    pub(crate) is_expired: bool,
    pub(crate) cursor: u8,
    /// Epoch and attempt of the commit that wrote the cursor.
    pub(crate) written: (u8, u8),
}

/// A commit on its way to the database, or at work there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Statement {
    pub(crate) host: Identity,
    pub(crate) epoch: u8,
    pub(crate) attempt: u8,
    pub(crate) cursor: u8,
    /// The lease was looked at, and the cursor is not written yet.
    pub(crate) is_past_the_fence: bool,
}

/// What a host does with the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    Idle,
    /// It has the batch after this cursor.
    Polled(u8),
    /// It has delivered it.
    Delivered(u8),
    /// It waits for the answer to this attempt at the commit.
    Committing(u8, u8),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Host {
    pub(crate) incarnation: u8,
    pub(crate) is_alive: bool,
    pub(crate) is_leaving: bool,
    /// The epoch under which it believes to have the lease.
    pub(crate) lease: Option<u8>,
    /// The cursor that it keeps in memory.
    pub(crate) known: Option<u8>,
    pub(crate) attempts: u8,
    pub(crate) step: Step,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    pub(crate) database: Database,
    pub(crate) hosts: [Host; HOSTS],
    pub(crate) network: BTreeSet<Statement>,
    pub(crate) delivered: [u8; EVENTS],
    pub(crate) left: Budget,
    /// A commit took effect that was not the owner's.
    pub(crate) was_trespassed: bool,
    pub(crate) went_back: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    Claim(usize),
    /// The claim takes effect, and its answer is lost.
    ClaimUnheard(usize),
    Renew(usize),
    Poll(usize),
    Deliver(usize),
    Commit(usize),
    /// The host has waited long enough for the answer.
    TimeOut(usize),
    /// What is left of a reading without lease is dropped.
    Abandon(usize),
    /// It gives the lease back and ends.
    Leave(usize),
    Crash(usize),
    Restart(usize),
    Expire,
    GoAway,
    ComeBack,
    /// The database looks at the lease for a commit.
    PassTheFence(Statement),
    /// It writes the cursor and answers, or refuses.
    Write(Statement),
    /// The statement never arrives.
    Lose(Statement),
}

impl State {
    pub(crate) fn identity(&self, host: usize) -> Identity {
        (host, self.hosts[host].incarnation)
    }

    pub(crate) fn is_owner_alive(&self) -> bool {
        self.database.owner.is_some_and(|(host, incarnation)| {
            self.hosts[host].is_alive && self.hosts[host].incarnation == incarnation
        })
    }

    pub(crate) fn has_lease(&self, host: Identity, epoch: u8) -> bool {
        self.database.owner == Some(host) && self.database.epoch == epoch
    }

    pub(crate) fn repeats(&self) -> u8 {
        self.delivered.iter().map(|times| times.saturating_sub(1)).sum()
    }

    /// Whoever waits for this attempt hears of it.
    pub(crate) fn waits_for(&self, statement: &Statement) -> bool {
        let (host, incarnation) = statement.host;
        let Host {
            incarnation: now,
            is_alive,
            step,
            ..
        } = self.hosts[host];
        is_alive
            && now == incarnation
            && matches!(step, Step::Committing(_, attempt) if attempt == statement.attempt)
    }
}

impl Host {
    pub(crate) fn new() -> Self {
        Self {
            incarnation: 0,
            is_alive: true,
            is_leaving: false,
            lease: None,
            known: None,
            attempts: 0,
            step: Step::Idle,
        }
    }
}
