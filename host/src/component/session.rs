//! The session of a source: one for all its partitions, in memory only.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Mutex as AsyncMutex, MutexGuard};

use super::raw::Session;
use crate::redact::Redactor;

/// A call that returns a larger session fails: it is a token or two, not a store, and each word of it is looked for in
/// every text of the source.
pub(crate) const LARGEST_SESSION: usize = 64 << 10;

/// A session, and what finds its tokens in text. Making it takes a while, so never on a worker of the runtime.
#[derive(Debug)]
pub(crate) struct KnownSession {
    session: Session,
    redactor: Redactor,
}

impl KnownSession {
    pub(crate) fn new(session: Session) -> Self {
        Self {
            redactor: Redactor::default().with_session(Some(session.as_bytes())),
            session,
        }
    }

    /// What the plugin gets.
    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    /// Removes its tokens from text.
    pub(crate) fn redactor(&self) -> &Redactor {
        &self.redactor
    }
}

/// What a call makes of the session.
#[derive(Debug)]
pub(crate) enum Outcome {
    Keep,
    Drop,
    Replace(Arc<KnownSession>),
}

/// Keeps the newest session, and lets one call go first while there is none.
#[derive(Default)]
pub(crate) struct SessionSlot {
    state: Mutex<State>,
    first: AsyncMutex<()>,
}

#[derive(Default)]
struct State {
    session: Option<Arc<KnownSession>>,
    /// A call has succeeded without leaving a session: this source has none, so nobody needs to wait for one.
    sessionless: bool,
}

/// A call's right to start, with the session to give it.
pub(crate) struct Turn<'a> {
    slot: &'a SessionSlot,
    session: Option<Arc<KnownSession>>,
    /// Held by the one call that goes first.
    _first: Option<MutexGuard<'a, ()>>,
}

impl SessionSlot {
    /// Waits until a call may start: at once when there is a session, else one at a time.
    pub(crate) async fn turn(&self) -> Turn<'_> {
        if let Some(turn) = self.free_turn() {
            return turn;
        }
        let first = self.first.lock().await;
        // Whoever went before may have brought a session.
        match self.free_turn() {
            Some(turn) => turn,
            None => Turn {
                slot: self,
                session: None,
                _first: Some(first),
            },
        }
    }

    fn free_turn(&self) -> Option<Turn<'_>> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.session.is_some() || state.sessionless).then(|| Turn {
            slot: self,
            session: state.session.clone(),
            _first: None,
        })
    }
}

impl Turn<'_> {
    /// The session for the call.
    pub(crate) fn session(&self) -> Option<&Arc<KnownSession>> {
        self.session.as_ref()
    }

    /// Ends the turn with what the call made of the session. It drops the one that it was given, and none that another call
    /// has brought meanwhile.
    pub(crate) fn finish(self, outcome: Outcome, succeeded: bool) {
        let mut state = self.slot.state.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Outcome::Replace(session) => state.session = Some(session),
            Outcome::Drop => {
                let is_given = |held: &Arc<KnownSession>| {
                    self.session
                        .as_ref()
                        .is_some_and(|given| Arc::ptr_eq(held, given))
                };
                state.session = state.session.take().filter(|held| !is_given(held));
            }
            Outcome::Keep if succeeded && state.session.is_none() => state.sessionless = true,
            Outcome::Keep => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn session(text: &str) -> Outcome {
        Outcome::Replace(Arc::new(KnownSession::new(text.as_bytes().to_vec().into())))
    }

    fn held(slot: &SessionSlot) -> Option<Vec<u8>> {
        let state = slot.state.lock().unwrap();
        state
            .session
            .as_ref()
            .map(|held| held.session().as_bytes().to_vec())
    }

    #[tokio::test]
    async fn one_call_asks_for_the_session_and_all_others_use_it() {
        let slot = Arc::new(SessionSlot::default());
        let asked = Arc::new(AtomicUsize::new(0));
        let calls: Vec<_> = (0..100)
            .map(|_| {
                let (slot, asked) = (slot.clone(), asked.clone());
                tokio::spawn(async move {
                    let turn = slot.turn().await;
                    let is_first = turn.session().is_none();
                    asked.fetch_add(usize::from(is_first), Ordering::Relaxed);
                    tokio::task::yield_now().await;
                    turn.finish(if is_first { session("token") } else { Outcome::Keep }, true);
                })
            })
            .collect();
        for call in calls {
            call.await.unwrap();
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_failed_first_call_lets_the_next_one_try_alone() {
        let slot = SessionSlot::default();
        slot.turn().await.finish(Outcome::Keep, false);
        let second = slot.turn().await;
        assert!(second._first.is_some());
        second.finish(session("token"), false);
        assert_eq!(held(&slot), Some(b"token".to_vec()));
    }

    #[tokio::test]
    async fn a_source_without_sessions_runs_in_parallel() {
        let slot = SessionSlot::default();
        slot.turn().await.finish(Outcome::Keep, true);
        let (one, two) = (slot.turn().await, slot.turn().await);
        assert!(one.session().is_none() && two.session().is_none());
    }

    #[tokio::test]
    async fn a_session_is_kept_dropped_or_replaced() {
        let slot = SessionSlot::default();
        for (outcome, expected) in [
            (session("one"), Some("one")),
            (Outcome::Keep, Some("one")),
            (session("two"), Some("two")),
            (Outcome::Drop, None),
        ] {
            slot.turn().await.finish(outcome, true);
            assert_eq!(held(&slot).as_deref(), expected.map(str::as_bytes));
        }
        assert!(
            slot.turn().await._first.is_some(),
            "whoever comes next brings one, alone"
        );
    }

    #[tokio::test]
    async fn a_call_drops_no_session_that_another_one_has_brought_meanwhile() {
        let slot = SessionSlot::default();
        slot.turn().await.finish(session("old"), true);
        let (slow, fast) = (slot.turn().await, slot.turn().await);
        fast.finish(session("new"), true);
        slow.finish(Outcome::Drop, false);
        assert_eq!(held(&slot), Some(b"new".to_vec()));
    }
}
