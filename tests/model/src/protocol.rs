//! The protocol as a transition system: one source with one partition, two hosts, one database, a network that delays.

use std::collections::BTreeSet;

use stateright::{Model, Property};

use crate::invariants::{
    EVERY_SOURCE_GOES_ON, NO_COMMIT_WITHOUT_THE_LEASE, NO_EVENT_IS_LOST, REPEATS_ARE_BATCHES_IN_FLIGHT,
};
use crate::state::{Action, Budget, Database, EVENTS, HOSTS, Host, Rules, State, Statement, Step};

/// A cursor of a partition only ever moves on. Not promised by itself; what is promised follows from it.
pub const CURSOR_NEVER_GOES_BACK: &str = "the cursor never goes back";

#[derive(Debug)]
pub struct Protocol {
    pub rules: Rules,
    pub budget: Budget,
}

impl Protocol {
    fn claim(&self, state: &mut State, host: usize) -> u8 {
        let identity = state.identity(host);
        let database = &mut state.database;
        database.epoch += 1;
        database.owner = Some(identity);
        database.is_expired = false;
        database.epoch
    }

    /// Whether a claim or a renewal has to wait for a commit that holds the row of the lease.
    fn is_locked(&self, state: &State) -> bool {
        self.rules.fence_locks_the_lease && state.network.iter().any(|statement| statement.is_past_the_fence)
    }

    fn of_host(&self, state: &State, host: usize, actions: &mut Vec<Action>) {
        let Host {
            is_alive,
            is_leaving,
            lease,
            known,
            step,
            ..
        } = state.hosts[host];
        let database = &state.database;
        if !is_alive {
            if state.left.restarts > 0 {
                actions.push(Action::Restart(host));
            }
            return;
        }
        let is_owner = database.owner == Some(state.identity(host));
        let has_ended = step == Step::Idle || !self.rules.old_reading_ends_first;
        if database.is_up && !self.is_locked(state) {
            let is_free = database.owner.is_none() || database.is_expired;
            if is_free && lease.is_none() && has_ended && !is_leaving {
                actions.push(Action::Claim(host));
                if state.left.losses > 0 {
                    actions.push(Action::ClaimUnheard(host));
                }
            }
            let is_news = if is_owner {
                database.is_expired || (lease.is_none() && has_ended)
            } else {
                lease.is_some()
            };
            if is_news {
                actions.push(Action::Renew(host));
            }
            if step == Step::Idle && lease.is_some() && is_owner && state.left.ends > 0 {
                actions.push(Action::Leave(host));
            }
        }
        if state.left.ends > 0 {
            actions.push(Action::Crash(host));
        }
        let may_read = lease.is_some();
        match step {
            Step::Idle if may_read && known.is_some_and(|known| usize::from(known) < EVENTS) => {
                actions.push(Action::Poll(host));
            }
            Step::Idle if may_read && known.is_none() && database.is_up => actions.push(Action::Poll(host)),
            Step::Idle => {}
            // What is on its way to the receiver cannot be called back: also without the lease.
            Step::Polled(_) => {
                actions.push(Action::Deliver(host));
                if !self.rules.commit_follows_delivery && may_read {
                    actions.push(Action::Commit(host));
                }
            }
            Step::Delivered(_) if may_read => actions.push(Action::Commit(host)),
            Step::Delivered(_) => {}
            Step::Committing(_, attempt) => {
                let identity = state.identity(host);
                let mut sent = state.network.iter();
                let is_lost = !sent.any(|sent| sent.host == identity && sent.attempt == attempt);
                if is_lost || state.left.losses > 0 {
                    actions.push(Action::TimeOut(host));
                }
            }
        }
        if step != Step::Idle && !may_read {
            actions.push(Action::Abandon(host));
        }
    }

    fn write(&self, state: &mut State, statement: Statement) {
        state.network.remove(&statement);
        let holds = state.has_lease(statement.host, statement.epoch);
        let is_newest = (statement.epoch, statement.attempt) > state.database.written;
        let passes = statement.is_past_the_fence || !self.rules.commits_are_fenced;
        let takes_effect = passes && (is_newest || !self.rules.attempts_are_ordered);
        if takes_effect {
            state.was_trespassed |= !holds;
            state.went_back |= statement.cursor < state.database.cursor;
            state.database.cursor = statement.cursor;
            state.database.written = (statement.epoch, statement.attempt);
        }
        if !state.waits_for(&statement) {
            return;
        }
        let host = &mut state.hosts[statement.host.0];
        host.step = match host.step {
            Step::Committing(from, _) if !self.rules.commit_follows_delivery && takes_effect => {
                Step::Polled(from)
            }
            _ => Step::Idle,
        };
        host.known = takes_effect.then_some(statement.cursor);
        if !takes_effect && self.rules.refusal_ends_the_reading {
            host.lease = None;
        }
    }

    fn act(&self, state: &mut State, action: Action) {
        match action {
            Action::Claim(host) => {
                let epoch = self.claim(state, host);
                state.hosts[host].lease = Some(epoch);
            }
            Action::ClaimUnheard(host) => {
                state.left.losses -= 1;
                self.claim(state, host);
            }
            Action::Renew(host) => {
                let is_owner = state.database.owner == Some(state.identity(host));
                if is_owner {
                    state.database.is_expired = false;
                    state.hosts[host].lease = Some(state.database.epoch);
                } else {
                    state.hosts[host].lease = None;
                    state.hosts[host].known = None;
                }
            }
            Action::Poll(host) => {
                let identity = state.identity(host);
                let lease = state.hosts[host].lease;
                let known = match state.hosts[host].known {
                    Some(known) => known,
                    // The store looks at the lease here as well.
                    None if self.rules.refusal_ends_the_reading
                        && !lease.is_some_and(|epoch| state.has_lease(identity, epoch)) =>
                    {
                        state.hosts[host].lease = None;
                        return;
                    }
                    None => state.database.cursor,
                };
                state.hosts[host].known = Some(known);
                if usize::from(known) < EVENTS {
                    state.hosts[host].step = Step::Polled(known);
                }
            }
            Action::Deliver(host) => {
                if let Step::Polled(from) = state.hosts[host].step {
                    state.delivered[usize::from(from)] += 1;
                    state.hosts[host].step = match self.rules.commit_follows_delivery {
                        true => Step::Delivered(from),
                        false => Step::Idle,
                    };
                }
            }
            Action::Commit(host) => {
                let identity = state.identity(host);
                let Host {
                    attempts,
                    lease,
                    step,
                    ..
                } = &mut state.hosts[host];
                if let (Step::Delivered(from) | Step::Polled(from), Some(epoch)) = (*step, *lease) {
                    *attempts += 1;
                    *step = Step::Committing(from, *attempts);
                    state.network.insert(Statement {
                        host: identity,
                        epoch,
                        attempt: *attempts,
                        cursor: from + 1,
                        is_past_the_fence: false,
                    });
                }
            }
            Action::TimeOut(host) => {
                let identity = state.identity(host);
                if let Step::Committing(from, attempt) = state.hosts[host].step {
                    let mut sent = state.network.iter();
                    if sent.any(|sent| sent.host == identity && sent.attempt == attempt) {
                        state.left.losses -= 1;
                    }
                    state.hosts[host].step = Step::Delivered(from);
                }
            }
            Action::Abandon(host) => {
                state.hosts[host].step = Step::Idle;
                state.hosts[host].known = None;
            }
            Action::Leave(host) => {
                state.left.ends -= 1;
                state.database.owner = None;
                let host = &mut state.hosts[host];
                (host.lease, host.is_leaving, host.is_alive) = (None, true, false);
            }
            Action::Crash(host) => {
                state.left.ends -= 1;
                let host = &mut state.hosts[host];
                (host.is_alive, host.lease, host.known, host.step) = (false, None, None, Step::Idle);
            }
            Action::Restart(host) => {
                state.left.restarts -= 1;
                let host = &mut state.hosts[host];
                *host = Host {
                    incarnation: host.incarnation + 1,
                    ..Host::new()
                };
            }
            Action::Expire => {
                if state.is_owner_alive() {
                    state.left.expiries -= 1;
                }
                state.database.is_expired = true;
            }
            Action::GoAway => {
                state.left.outages -= 1;
                state.database.is_up = false;
                // What it was at is undone.
                state.network.retain(|statement| !statement.is_past_the_fence);
            }
            Action::ComeBack => state.database.is_up = true,
            Action::PassTheFence(statement) => {
                state.network.remove(&statement);
                state.network.insert(Statement {
                    is_past_the_fence: true,
                    ..statement
                });
            }
            Action::Write(statement) => self.write(state, statement),
            Action::Lose(statement) => {
                state.network.remove(&statement);
                state.left.losses -= 1;
            }
        }
    }
}

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            database: Database {
                is_up: true,
                epoch: 0,
                owner: None,
                is_expired: false,
                cursor: 0,
                written: (0, 0),
            },
            hosts: std::array::from_fn(|_| Host::new()),
            network: BTreeSet::new(),
            delivered: [0; EVENTS],
            left: self.budget,
            was_trespassed: false,
            went_back: false,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for host in 0..HOSTS {
            self.of_host(state, host, actions);
        }
        let database = &state.database;
        // Time passes for the leases of the dead in any case.
        let may_end = match state.is_owner_alive() {
            true => state.left.expiries > 0,
            false => self.rules.leases_of_the_dead_end,
        };
        if database.owner.is_some() && !database.is_expired && may_end {
            actions.push(Action::Expire);
        }
        if database.is_up && state.left.outages > 0 {
            actions.push(Action::GoAway);
        }
        if !database.is_up {
            actions.push(Action::ComeBack);
        }
        for statement in &state.network {
            let is_refused = !state.has_lease(statement.host, statement.epoch);
            if database.is_up {
                if statement.is_past_the_fence || is_refused || !self.rules.commits_are_fenced {
                    actions.push(Action::Write(*statement));
                } else {
                    actions.push(Action::PassTheFence(*statement));
                }
            }
            if state.left.losses > 0 && !statement.is_past_the_fence {
                actions.push(Action::Lose(*statement));
            }
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        self.act(&mut state, action);
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(NO_EVENT_IS_LOST, |_, state: &State| {
                let behind = &state.delivered[..usize::from(state.database.cursor)];
                behind.iter().all(|times| *times > 0)
            }),
            Property::always(NO_COMMIT_WITHOUT_THE_LEASE, |_, state: &State| {
                !state.was_trespassed
            }),
            Property::always(CURSOR_NEVER_GOES_BACK, |_, state: &State| !state.went_back),
            Property::always(REPEATS_ARE_BATCHES_IN_FLIGHT, |_, state: &State| {
                // Every claim but the first is a takeover.
                state.repeats() <= state.database.epoch.saturating_sub(1)
            }),
            // Every trouble is bounded, so that every history ends: where nothing can happen any more, all was read.
            Property::always(EVERY_SOURCE_GOES_ON, |model: &Self, state: &State| {
                let mut actions = Vec::new();
                model.actions(state, &mut actions);
                let is_over = actions.is_empty();
                let lives = state.hosts.iter().any(|host| host.is_alive);
                !is_over || !lives || usize::from(state.database.cursor) == EVENTS
            }),
        ]
    }
}
