//! Signals of the system, handled on a thread of their own: they count even when every worker hangs.

#![expect(
    clippy::disallowed_methods,
    reason = "the last words have a thread of their own"
)]

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tracing::info;

use tokio_util::sync::CancellationToken;

/// How long polls may go on after a request to stop. Less than the patience of usual service managers.
const GRACE: Duration = Duration::from_secs(10);
/// How much longer the process has for ending by itself. After that it is ended, whatever hangs.
const LAST_RESORT: Duration = Duration::from_secs(1);

/// Handles signals from now on: the first request to stop cancels the token; what is returned is ready when the grace is
/// over or a second request comes. A process that has not ended a second after that is ended. A request to read the configuration
/// again wakes `reload`.
///
/// Fails when the system gives no thread or no handlers.
pub(crate) fn handle(stop: CancellationToken, reload: Arc<Notify>) -> io::Result<impl Future<Output = ()>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (over, grace_over) = oneshot::channel();
    let mut signals = {
        let _context = runtime.enter();
        Signals::new()?
    };
    let watch = async move {
        signals.stop_requested(&reload).await;
        // Before anything else: even a log line may hang.
        end_after(GRACE + LAST_RESORT);
        stop.cancel();
        info!(grace = ?GRACE, "stopping; a second signal stops at once");
        tokio::select! {
            () = tokio::time::sleep(GRACE) => {}
            () = signals.stop_requested(&reload) => end_after(LAST_RESORT),
        }
        let _ = over.send(());
        // Signals that come now change nothing any more, but must not find their default handlers.
        std::future::pending::<()>().await;
    };
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || runtime.block_on(watch))?;
    Ok(async {
        if grace_over.await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}

/// Ends the process after this time, unless it has ended by then. A kill is safe at any moment: see `partition`.
fn end_after(delay: Duration) {
    let spawned = std::thread::Builder::new()
        .name("last-resort".to_owned())
        .spawn(move || {
            std::thread::sleep(delay);
            std::process::exit(0);
        });
    if spawned.is_err() {
        std::process::exit(0);
    }
}

#[cfg(unix)]
use self::unix::Signals;

#[cfg(unix)]
mod unix {
    use std::io;

    use tokio::signal::unix::{Signal, SignalKind, signal};
    use tokio::sync::Notify;
    use tracing::debug;

    /// What the process reacts to.
    pub(super) struct Signals {
        interrupt: Signal,
        terminate: Signal,
        hangup: Signal,
        ignored: [Signal; 6],
    }

    impl Signals {
        /// Installs the handlers. Needs the context of a runtime.
        pub(super) fn new() -> io::Result<Self> {
            // The default of each of these ends the process without grace. A file that exceeds a limit (XFSZ) is an
            // error of the write then, as a full disk is.
            let others = [rustix::process::Signal::VTALARM, rustix::process::Signal::XFSZ];
            let [vtalarm, xfsz] = others.map(|other| SignalKind::from_raw(other.as_raw()));
            Ok(Self {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
                hangup: signal(SignalKind::hangup())?,
                ignored: [
                    signal(SignalKind::user_defined1())?,
                    signal(SignalKind::user_defined2())?,
                    signal(SignalKind::alarm())?,
                    signal(SignalKind::io())?,
                    signal(vtalarm)?,
                    signal(xfsz)?,
                ],
            })
        }

        /// Returns at a request to stop, and answers all other signals meanwhile.
        pub(super) async fn stop_requested(&mut self, reload: &Notify) {
            let Self {
                interrupt,
                terminate,
                hangup,
                ignored: [usr1, usr2, alarm, io, vtalarm, xfsz],
            } = self;
            loop {
                let name = tokio::select! {
                    _ = interrupt.recv() => return,
                    _ = terminate.recv() => return,
                    _ = hangup.recv() => {
                        reload.notify_one();
                        continue;
                    }
                    _ = usr1.recv() => "SIGUSR1",
                    _ = usr2.recv() => "SIGUSR2",
                    _ = alarm.recv() => "SIGALRM",
                    _ = io.recv() => "SIGIO",
                    _ = vtalarm.recv() => "SIGVTALRM",
                    _ = xfsz.recv() => "SIGXFSZ",
                };
                debug!("{name} is ignored");
            }
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn stop_requested(&mut self, _: &Notify) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
