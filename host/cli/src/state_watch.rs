//! Looks after the state file while sources run, so that operators hear of a lost one before the next commit does.

use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;
use tracing::{error, info};

use headwater::cursor::state_file::{State, WeakState};
use headwater::monitor::Monitor;

/// How often to look.
const EVERY: Duration = Duration::from_secs(2);

/// Looks until the handle is dropped.
pub(crate) fn watch(state: &State, monitor: Monitor) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(look_again_and_again(state.downgrade(), monitor)))
}

async fn look_again_and_again(state: WeakState, monitor: Monitor) {
    let mut known = None;
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(state) = state.upgrade() else {
            return;
        };
        let problem = state.look().await.err().map(|error| error.to_string());
        // Said once, not at every look.
        if problem != known {
            match &problem {
                Some(problem) => error!("{problem}"),
                None => info!("the state file can be used again; reading goes on"),
            }
            monitor.state_is(problem.as_deref());
            known = problem;
        }
    }
}
