//! Failures of one partition in a row: how long to wait, what operators are told, when to give up.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::backoff::Backoff;
use super::outage::Outage;
use crate::model::{Failure, Fault};

/// Reading that ends when everything has been read gives a partition up after this many failures in a row: with the usual
/// delays, after about half a minute.
const MOST_FAILURES: u32 = 7;
/// The same for a plugin that crashes: a crash seldom passes by itself.
const MOST_CRASHES: u32 = 3;
/// The same for a receiver that refuses the events: a person must act there.
const MOST_REFUSALS: u32 = 4;
/// It does not wait longer than this for an upstream that asks for patience.
const LONGEST_WAIT: Duration = Duration::from_secs(5 * 60);

/// When a reading ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// When it is stopped.
    Stopped,
    /// When every partition has caught up, or has failed too often.
    CaughtUp,
}

/// What a failure leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// Another try after this time.
    Wait(Duration),
    /// Nothing more.
    GiveUp,
}

/// Failures in a row. Shared by a partition and the batch that it has handed out.
#[derive(Debug)]
pub(crate) struct Trouble {
    until: Until,
    interval: Duration,
    present: Mutex<Present>,
}

#[derive(Debug, Default)]
struct Present {
    backoff: Backoff,
    outage: Outage,
    /// What the last failed delivery led to, and why, until its batch is dropped.
    delivery: Option<(Failure, Next)>,
}

impl Trouble {
    pub(crate) fn new(until: Until, interval: Duration) -> Self {
        Self {
            until,
            interval,
            present: Mutex::default(),
        }
    }

    /// Notes a failure, and tells operators if it is news. `what` does not work.
    pub(crate) fn failed(&self, failure: &Failure, what: &str) -> Next {
        let mut present = self.present();
        let wait = present.backoff.delay(failure, self.interval);
        let ends = failure.fault == Fault::Gone || self.gives_up(failure, present.backoff.failures());
        present.outage.failed(failure, what, (!ends).then_some(wait));
        if ends { Next::GiveUp } else { Next::Wait(wait) }
    }

    /// Notes that a batch could not be delivered.
    pub(crate) fn undelivered(&self, failure: &Failure) -> Next {
        let next = self.failed(failure, "no progress");
        self.present().delivery = Some((failure.clone(), next.clone()));
        next
    }

    /// What the last failed delivery led to, if there was one since the last time.
    pub(crate) fn take_delivery(&self) -> Option<(Failure, Next)> {
        self.present().delivery.take()
    }

    /// Notes a success, and tells operators if there were failures.
    pub(crate) fn over(&self) {
        let mut present = self.present();
        present.backoff.reset();
        present.outage.over();
        present.delivery = None;
    }

    fn gives_up(&self, failure: &Failure, failures: u32) -> bool {
        self.until == Until::CaughtUp
            && match failure.fault {
                Fault::Denied | Fault::InvalidConfig | Fault::InvalidCursor | Fault::Gone => true,
                Fault::Broken => failures >= MOST_CRASHES,
                Fault::Refused => failures >= MOST_REFUSALS,
                Fault::Retry => {
                    failures >= MOST_FAILURES || failure.retry_after.is_some_and(|after| after > LONGEST_WAIT)
                }
            }
    }

    fn present(&self) -> MutexGuard<'_, Present> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
