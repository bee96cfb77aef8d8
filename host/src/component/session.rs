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

    /// Ends the turn with what the call brought back. No session leaves the present one as it is.
    pub(crate) fn finish(self, returned: Option<Arc<KnownSession>>, succeeded: bool) {
        let mut state = self.slot.state.lock().unwrap_or_else(PoisonError::into_inner);
        match returned {
            Some(session) => state.session = Some(session),
            None if succeeded && state.session.is_none() => state.sessionless = true,
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn session(text: &str) -> Option<Arc<KnownSession>> {
        Some(Arc::new(KnownSession::new(text.as_bytes().to_vec().into())))
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
                    let new = turn.session().is_none().then(|| session("token")).flatten();
                    asked.fetch_add(usize::from(new.is_some()), Ordering::Relaxed);
                    tokio::task::yield_now().await;
                    turn.finish(new, true);
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
        slot.turn().await.finish(None, false);
        let second = slot.turn().await;
        assert!(second._first.is_some());
        second.finish(session("token"), false);
        let kept = slot.turn().await.session().cloned();
        assert_eq!(
            kept.map(|kept| kept.session().as_bytes().to_vec()),
            Some(b"token".to_vec())
        );
    }

    #[tokio::test]
    async fn a_source_without_sessions_runs_in_parallel() {
        let slot = SessionSlot::default();
        slot.turn().await.finish(None, true);
        let (one, two) = (slot.turn().await, slot.turn().await);
        assert!(one.session().is_none() && two.session().is_none());
    }

    #[tokio::test]
    async fn the_newest_session_wins_and_none_keeps_it() {
        let slot = SessionSlot::default();
        for (returned, expected) in [(Some("one"), "one"), (None, "one"), (Some("two"), "two")] {
            slot.turn().await.finish(returned.and_then(session), true);
            let kept = slot.turn().await.session().cloned();
            assert_eq!(
                kept.map(|kept| kept.session().as_bytes().to_vec()),
                Some(expected.as_bytes().to_vec())
            );
        }
    }
}
