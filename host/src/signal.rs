//! Signals of the system: the first asks to stop, the second insists.

use std::time::Duration;

use tracing::info;

use crate::shutdown::Trigger;

/// How long polls may go on after a wish to stop. Less than the patience of usual service managers.
const GRACE: Duration = Duration::from_secs(10);

/// Asks everybody to stop on the first signal, returns when the grace is over or a second signal comes.
pub(crate) async fn stop_on_signal(trigger: Trigger) {
    signal().await;
    info!(grace = ?GRACE, "stopping; a second signal stops at once");
    trigger.request();
    tokio::select! {
        () = tokio::time::sleep(GRACE) => {}
        () = signal() => {}
    }
}

#[cfg(unix)]
async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        // Without handlers the system's own reaction stays: the process ends.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

#[cfg(not(unix))]
async fn signal() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}
