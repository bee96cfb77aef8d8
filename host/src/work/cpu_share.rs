//! How much of the processor a source may use: its calls run until they have used up its share, then they wait.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::time::Sleep;

/// What a source has left of its share can be used within this time; what is older is gone.
const SAVED: Duration = Duration::from_secs(5);
/// A wait ends when this much may be used again: as long as code runs before the engine interrupts it.
const SLICE: Duration = Duration::from_millis(10);

/// What a source used is forgotten over this time, to tell whether it computes much.
const FORGOTTEN: f64 = 1.0;
/// It computes much from seven tenths of a core on, until it is down to four. A source that has much to read computes for
/// two fifths of the time, since each batch is delivered before the next is read; counted among those who compute much, it
/// would share one half of the cores with them.
const MUCH: f64 = 0.7 * FORGOTTEN;
const LITTLE: f64 = 0.4 * FORGOTTEN;

/// Calls of new sources that may be under way before further ones count as hurried.
const UNHURRIED_NEWCOMERS: usize = 4;
/// A source that has crashed goes on with low priority until so many polls have returned.
const FORGIVEN_AFTER: u32 = 8;

/// Calls of new sources that are under way.
static NEWCOMERS: AtomicUsize = AtomicUsize::new(0);

/// The share of one source, used by all its calls together.
#[derive(Debug)]
pub(crate) struct CpuShare {
    /// Seconds of running for each second that passes.
    rate: f64,
    balance: Mutex<Balance>,
    /// What the calls that are under way have computed with the usual priority, in nanoseconds.
    under_way: AtomicU64,
    /// Whether it has crashed and is not forgiven yet.
    crashed: AtomicBool,
    /// Polls that returned, since the last crash.
    good: AtomicU32,
}

#[derive(Debug)]
struct Balance {
    /// Seconds that may be used; below zero after a stretch that was longer than allowed.
    seconds: f64,
    since: Instant,
    /// Seconds used of late, older ones weigh less.
    recent: f64,
    is_heavy: bool,
}

/// What a call used of its source's share.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CpuUse {
    /// For this long it ran.
    pub(crate) ran: Duration,
    /// For this long it would have, if there had been anything left.
    pub(crate) held: Duration,
}

impl CpuShare {
    /// A share in percent of one core.
    pub(crate) fn new(percent: u32) -> Self {
        Self::starting(percent, Instant::now())
    }

    /// All of a core, for a source that has computed so much that it counts as one that does for a while.
    #[cfg(test)]
    pub(crate) fn heavy() -> Self {
        let share = Self::new(100);
        share.spend(Duration::from_secs(1_000_000));
        share
    }

    fn starting(percent: u32, now: Instant) -> Self {
        let rate = f64::from(percent) / 100.0;
        let balance = Balance {
            seconds: rate * SAVED.as_secs_f64(),
            since: now,
            recent: 0.0,
            is_heavy: false,
        };
        Self {
            rate,
            balance: Mutex::new(balance),
            under_way: AtomicU64::new(0),
            crashed: AtomicBool::new(false),
            good: AtomicU32::new(0),
        }
    }

    /// Runs a future within the share, and keeps account of it in `used`.
    pub(crate) fn meter<'a, F: Future>(&'a self, future: F, used: &'a mut CpuUse) -> Metered<'a, F> {
        Metered {
            future: Box::pin(future),
            share: self,
            pause: None,
            used,
        }
    }

    /// How long to wait before running on; none if there is something left.
    fn wait(&self, now: Instant) -> Option<Duration> {
        let mut balance = self.balance.lock().unwrap_or_else(PoisonError::into_inner);
        balance.advance(now, self.rate);
        (balance.seconds <= 0.0)
            .then(|| Duration::from_secs_f64((SLICE.as_secs_f64() - balance.seconds) / self.rate))
    }

    fn spend(&self, ran: Duration) {
        let mut balance = self.balance.lock().unwrap_or_else(PoisonError::into_inner);
        balance.seconds -= ran.as_secs_f64();
        balance.recent += ran.as_secs_f64();
        balance.judge();
    }

    /// What all calls that are under way have computed with the usual priority.
    pub(crate) fn under_way(&self) -> Duration {
        Duration::from_nanos(self.under_way.load(Ordering::Relaxed))
    }

    /// Notes that a call has crashed.
    pub(crate) fn note_crash(&self) {
        self.good.store(0, Ordering::Relaxed);
        self.crashed.store(true, Ordering::Relaxed);
    }

    /// Notes that a poll has returned. Other calls say nothing about how much a poll will compute.
    pub(crate) fn note_good_poll(&self) {
        if self.good.fetch_add(1, Ordering::Relaxed) + 1 >= FORGIVEN_AFTER {
            self.good.store(FORGIVEN_AFTER, Ordering::Relaxed);
            self.crashed.store(false, Ordering::Relaxed);
        }
    }

    /// Whether the source has crashed, and not been polled well often enough since.
    pub(crate) fn has_crashed(&self) -> bool {
        self.crashed.load(Ordering::Relaxed)
    }

    /// Whether no poll of it has returned yet.
    fn is_new(&self) -> bool {
        self.good.load(Ordering::Relaxed) == 0 && !self.has_crashed()
    }

    /// Whether the source has computed much of late.
    pub(crate) fn is_heavy(&self) -> bool {
        let mut balance = self.balance.lock().unwrap_or_else(PoisonError::into_inner);
        balance.advance(Instant::now(), self.rate);
        balance.is_heavy
    }
}

/// A call that is under way: what it has computed with the usual priority, which its source's account has until this is dropped.
#[derive(Debug)]
pub(crate) struct Call {
    share: Arc<CpuShare>,
    own: Duration,
    is_new: bool,
    is_hurried: bool,
}

impl Call {
    pub(crate) fn begin(share: Arc<CpuShare>) -> Self {
        let is_new = share.is_new();
        let is_hurried = is_new && NEWCOMERS.fetch_add(1, Ordering::Relaxed) >= UNHURRIED_NEWCOMERS;
        Self {
            share,
            own: Duration::ZERO,
            is_new,
            is_hurried,
        }
    }

    pub(crate) fn add(&mut self, time: Duration) {
        self.own += time;
        self.share
            .under_way
            .fetch_add(nanoseconds(time), Ordering::Relaxed);
    }

    pub(crate) fn own(&self) -> Duration {
        self.own
    }

    pub(crate) fn share(&self) -> &CpuShare {
        &self.share
    }

    /// Whether its source is new, as many others are at this moment. Who honestly begins has little to compute then, so that whoever
    /// adds many sources at once takes no start from the others.
    pub(crate) fn is_hurried(&self) -> bool {
        self.is_hurried
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let own = nanoseconds(self.own);
        self.share.under_way.fetch_sub(own, Ordering::Relaxed);
        if self.is_new {
            NEWCOMERS.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// No call computes for centuries.
fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl Balance {
    /// Lets time pass.
    fn advance(&mut self, now: Instant, rate: f64) {
        let passed = now.saturating_duration_since(self.since).as_secs_f64();
        self.since = now.max(self.since);
        self.seconds = (self.seconds + passed * rate).min(SAVED.as_secs_f64() * rate);
        self.recent *= (-passed / FORGOTTEN).exp();
        self.judge();
    }

    fn judge(&mut self) {
        self.is_heavy = self.recent > if self.is_heavy { LITTLE } else { MUCH };
    }
}

/// What the present thread has computed since it began; what it waited for a processor does not count. Where the system
/// does not say, all of the time counts.
pub(crate) fn thread_time() -> Duration {
    #[cfg(unix)]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        let (seconds, nanoseconds) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
        Duration::new(seconds.unwrap_or_default(), nanoseconds.unwrap_or_default())
    }
    #[cfg(not(unix))]
    {
        static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
        START.elapsed()
    }
}

/// A future that runs within a share.
pub(crate) struct Metered<'a, F> {
    future: Pin<Box<F>>,
    share: &'a CpuShare,
    pause: Option<(Instant, Pin<Box<Sleep>>)>,
    used: &'a mut CpuUse,
}

impl<F: Future> Future for Metered<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        loop {
            if let Some((since, pause)) = &mut self.pause {
                ready!(pause.as_mut().poll(context));
                let held = since.elapsed();
                self.used.held += held;
                self.pause = None;
            }
            let now = Instant::now();
            match self.share.wait(now) {
                Some(wait) => self.pause = Some((now, Box::pin(tokio::time::sleep(wait)))),
                None => break,
            }
        }
        // A future never changes its thread while it is polled.
        let started = thread_time();
        let polled = self.future.as_mut().poll(context);
        let ran = thread_time().saturating_sub(started);
        self.used.ran += ran;
        self.share.spend(ran);
        polled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compute(time: Duration) {
        let began = thread_time();
        while thread_time() - began < time {
            std::hint::spin_loop();
        }
    }

    #[tokio::test]
    async fn waiting_for_a_processor_or_for_anything_else_is_no_computing() {
        let share = CpuShare::new(100);
        let mut used = CpuUse::default();
        let slow = async { std::thread::sleep(Duration::from_millis(200)) };
        share.meter(slow, &mut used).await;
        assert!(used.ran < Duration::from_millis(100), "{used:?}");
    }

    /// Runs so many calls in turns for a minute; how long they ran together.
    fn run_for_a_minute(percent: u32, calls: usize) -> Duration {
        let start = Instant::now();
        let share = CpuShare::starting(percent, start);
        let mut now = start;
        let mut ran = Duration::ZERO;
        while now < start + Duration::from_secs(60) {
            match share.wait(now) {
                Some(wait) => now += wait,
                // All of them saw that there was something left.
                None => {
                    for _ in 0..calls {
                        share.spend(SLICE);
                        ran += SLICE;
                    }
                    now += SLICE;
                }
            }
        }
        ran
    }

    #[test]
    fn whoever_wants_all_gets_the_share_and_what_was_saved() {
        for (percent, calls) in [(20, 1), (1, 1), (20, 8), (100, 8)] {
            let ran = run_for_a_minute(percent, calls).as_secs_f64();
            let expected = f64::from(percent) / 100.0 * 65.0;
            assert!(
                (ran - expected).abs() < 0.2,
                "{ran} of {expected} with {percent} % and {calls} calls"
            );
        }
    }

    #[test]
    fn whoever_stays_below_never_waits() {
        let start = Instant::now();
        let share = CpuShare::starting(20, start);
        for second in 0..1_000 {
            assert_eq!(share.wait(start + Duration::from_secs(second)), None);
            share.spend(Duration::from_millis(190));
        }
    }

    #[test]
    fn a_source_computes_much_while_it_takes_seven_tenths_of_a_core() {
        for (percent, expected) in [
            (10, false),
            (30, false),
            (60, false),
            (80, true),
            (100, true),
            (200, true),
        ] {
            let start = Instant::now();
            let share = CpuShare::starting(400, start);
            let is_heavy = |at: Instant| {
                let mut balance = share.balance.lock().unwrap();
                balance.advance(at, share.rate);
                balance.is_heavy
            };
            let mut now = start;
            while now < start + Duration::from_secs(10) {
                share.wait(now);
                share.spend(SLICE * percent / 100);
                now += SLICE;
            }
            assert_eq!(is_heavy(now), expected, "{percent} %");
            assert!(!is_heavy(now + Duration::from_secs(3)), "{percent} % once");
        }
    }

    #[tokio::test]
    async fn an_account_is_kept_of_running_and_of_waiting() {
        let share = CpuShare::new(100);
        share.spend(SAVED + Duration::from_millis(20));
        let mut used = CpuUse::default();
        share
            .meter(async { compute(Duration::from_millis(5)) }, &mut used)
            .await;
        assert!(
            used.ran >= Duration::from_millis(5) && used.held >= Duration::from_millis(20),
            "{used:?}"
        );
    }
}
