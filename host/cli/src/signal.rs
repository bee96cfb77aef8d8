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
    use std::future::poll_fn;
    use std::io;
    use std::task::Poll;

    use rustix::process::Signal as Kind;
    use tokio::signal::unix::{Signal, SignalKind, signal};
    use tokio::sync::Notify;
    use tracing::debug;

    /// Ask the process to stop; so do a failing power supply and the limit of processor time, which kills a little later.
    const STOP: &[Kind] = &[
        Kind::INT,
        Kind::TERM,
        Kind::XCPU,
        #[cfg(target_os = "linux")]
        Kind::POWER,
    ];
    /// The default of each of these ends the process without grace. A file that exceeds a limit (XFSZ) is an error of the
    /// write then, as a full disk is.
    const IGNORED: &[Kind] = &[
        Kind::USR1,
        Kind::USR2,
        Kind::ALARM,
        Kind::IO,
        Kind::VTALARM,
        Kind::PROF,
        Kind::XFSZ,
        #[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
        Kind::STKFLT,
    ];

    /// What the process reacts to.
    pub(super) struct Signals {
        stop: Vec<Signal>,
        hangup: Signal,
        ignored: Vec<Signal>,
    }

    impl Signals {
        /// Installs the handlers. Needs the context of a runtime.
        pub(super) fn new() -> io::Result<Self> {
            let one = |kind: Kind| signal(SignalKind::from_raw(kind.as_raw()));
            let all = |kinds: &[Kind]| kinds.iter().map(|kind| one(*kind)).collect::<io::Result<_>>();
            Ok(Self {
                stop: all(STOP)?,
                hangup: one(Kind::HUP)?,
                ignored: all(IGNORED)?,
            })
        }

        /// Returns at a request to stop, and answers all other signals meanwhile.
        pub(super) async fn stop_requested(&mut self, reload: &Notify) {
            loop {
                tokio::select! {
                    () = any(&mut self.stop) => return,
                    _ = self.hangup.recv() => reload.notify_one(),
                    () = any(&mut self.ignored) => debug!("a signal that means nothing here is ignored"),
                }
            }
        }
    }

    /// Returns when one of them has come.
    async fn any(signals: &mut [Signal]) {
        poll_fn(|context| {
            let has_come = signals
                .iter_mut()
                .any(|signal| signal.poll_recv(context).is_ready());
            if has_come { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
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
