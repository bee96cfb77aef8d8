//! No order of events breaks an invariant, and each rule of the protocol is there for a reason.

use std::collections::BTreeSet;

use headwater_cluster_model::invariants::{
    EVERY_SOURCE_GOES_ON, NO_COMMIT_WITHOUT_THE_LEASE, NO_EVENT_IS_LOST, REPEATS_ARE_BATCHES_IN_FLIGHT,
};
use headwater_cluster_model::protocol::{CURSOR_NEVER_GOES_BACK, Protocol};
use headwater_cluster_model::state::{Budget, Rules};
use stateright::{Checker, HasDiscoveries, Model};

/// Whether a property does not hold, which is found with a counterexample.
fn is_violated(rules: Rules, property: &'static str) -> bool {
    let finish = HasDiscoveries::AnyOf(BTreeSet::from([property]));
    let checked = Protocol {
        rules,
        budget: TROUBLE,
    }
    .checker()
    .finish_when(finish)
    .spawn_bfs()
    .join();
    checked.discovery(property).is_some()
}

/// Enough for each kind of trouble to meet each other kind.
const TROUBLE: Budget = Budget {
    expiries: 1,
    ends: 1,
    restarts: 1,
    outages: 1,
    losses: 1,
};

#[track_caller]
fn holds_within(budget: Budget) {
    let rules = Rules::KEPT;
    let checked = Protocol { rules, budget }.checker().threads(2).spawn_bfs().join();
    assert!(checked.is_done());
    checked.assert_properties();
    println!("{budget:?}: {} states", checked.unique_state_count());
}

#[test]
fn no_order_of_events_breaks_an_invariant() {
    holds_within(TROUBLE);
}

#[test]
fn with_more_lost_answers_no_invariant_breaks() {
    holds_within(Budget {
        expiries: 2,
        ends: 0,
        restarts: 0,
        outages: 0,
        losses: 2,
    });
}

// Each rule is there for a reason: without it, the invariant named breaks.

#[test]
fn without_the_fence_a_host_commits_after_it_lost_the_lease() {
    let rules = Rules {
        commits_are_fenced: false,
        ..Rules::KEPT
    };
    assert!(is_violated(rules, NO_COMMIT_WITHOUT_THE_LEASE));
}

#[test]
fn without_the_lock_on_the_lease_a_takeover_slips_between_fence_and_commit() {
    let rules = Rules {
        fence_locks_the_lease: false,
        ..Rules::KEPT
    };
    assert!(is_violated(rules, NO_COMMIT_WITHOUT_THE_LEASE));
}

#[test]
fn without_the_order_of_attempts_a_late_statement_takes_the_cursor_back() {
    let rules = Rules {
        attempts_are_ordered: false,
        ..Rules::KEPT
    };
    assert!(is_violated(rules, CURSOR_NEVER_GOES_BACK));
}

#[test]
fn a_host_that_claims_before_its_old_reading_ended_commits_an_old_cursor() {
    let rules = Rules {
        old_reading_ends_first: false,
        ..Rules::KEPT
    };
    assert!(is_violated(rules, CURSOR_NEVER_GOES_BACK));
}

#[test]
fn a_cursor_that_is_stored_before_delivery_loses_events() {
    let rules = Rules {
        commit_follows_delivery: false,
        ..Rules::KEPT
    };
    assert!(is_violated(rules, NO_EVENT_IS_LOST));
}

#[test]
fn a_host_that_goes_on_after_a_refused_commit_repeats_without_end() {
    let rules = Rules {
        refusal_ends_the_reading: false,
        ..Rules::KEPT
    };
    assert!(is_violated(rules, REPEATS_ARE_BATCHES_IN_FLIGHT));
}

#[test]
fn leases_that_never_end_leave_a_source_unread() {
    let rules = Rules {
        leases_of_the_dead_end: false,
        ..Rules::KEPT
    };
    assert!(is_violated(rules, EVERY_SOURCE_GOES_ON));
}
