//! Threads of low priority for calls that compute much. Sources that compute little keep the threads that everything else
//! uses, so that whoever would take all of the processor takes what nobody else needs.

use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::runtime::{Handle, Runtime};
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use super::cpu_share::{Call, thread_time};
use super::runtime;

/// How much nicer than the rest of the host these threads are to others: on a busy core they get a tenth of it. With the lowest
/// priority, or as threads that count as idle, they would get next to nothing beside any other program of their control group.
#[cfg(target_os = "linux")]
const NICER: i32 = 10;
/// Half as many threads as there are cores, so that however many sources compute much, the other half is not theirs. No
/// more than this: each of them computes.
const MOST_THREADS: usize = 8;

/// The runtime of low priority for calls. It lives as long as the process. None where no thread can be started.
fn handle() -> Option<&'static Handle> {
    static RUNTIME: OnceLock<Option<Runtime>> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| started("low-priority"));
    runtime.as_ref().map(Runtime::handle)
}

/// The same for connections, which must not wait behind calls that compute.
pub(crate) fn for_connections() -> Option<&'static Handle> {
    static RUNTIME: OnceLock<Option<Runtime>> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| started("low-egress"));
    runtime.as_ref().map(Runtime::handle)
}

fn started(name: &str) -> Option<Runtime> {
    runtime::builder(name, MOST_THREADS)
        .on_thread_start(lower)
        .build()
        .ok()
}

/// Gives the present thread low priority. On other systems than Linux this would be the whole process.
fn lower() {
    #[cfg(target_os = "linux")]
    {
        // Where it is not possible the threads are as others are.
        let _ = rustix::process::nice(NICER);
    }
}

/// What one call may compute before it goes on with low priority, however little its source has computed before: a full
/// batch of the Azure source takes 40 ms.
const MOST_PER_CALL: Duration = Duration::from_millis(60);
/// What the calls of one source that are under way may compute together: two full batches and something. Beyond it those go on
/// with low priority that have computed a part of a batch, so that many partitions do not compute many times as much.
const MOST_TOGETHER: Duration = Duration::from_millis(100);
const PART_OF_A_BATCH: Duration = Duration::from_millis(15);
/// What a call may compute that is hurried, and all of its source together: more than a quiet source needs for its first poll.
const HURRIED: Duration = Duration::from_millis(10);
const HURRIED_TOGETHER: Duration = Duration::from_millis(20);

/// Runs work here as long as it and its source compute little, and on the threads of low priority from when they compute
/// much. It ends when the future is dropped.
pub(crate) fn run<T: Send + 'static>(
    call: Call,
    work: impl Future<Output = T> + Send + 'static,
) -> Movable<T> {
    Movable {
        call,
        place: Place::Here(Box::pin(work.in_current_span())),
    }
}

/// Work that can go on elsewhere.
pub(crate) struct Movable<T> {
    call: Call,
    place: Place<T>,
}

enum Place<T> {
    Here(Pin<Box<dyn Future<Output = T> + Send>>),
    There(AbortOnDropHandle<T>),
    /// Only while it is moved.
    Between,
}

impl<T: Send + 'static> Future for Movable<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        if matches!(self.place, Place::Here(_))
            && computes_much(&self.call)
            && let Some(low) = handle()
            && let Place::Here(work) = std::mem::replace(&mut self.place, Place::Between)
        {
            self.place = Place::There(AbortOnDropHandle::new(low.spawn(work)));
        }
        let this = &mut *self;
        match &mut this.place {
            Place::Here(work) => {
                let began = thread_time();
                let polled = work.as_mut().poll(context);
                this.call.add(thread_time().saturating_sub(began));
                polled
            }
            Place::There(task) => match ready!(Pin::new(task).poll(context)) {
                Ok(value) => Poll::Ready(value),
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => resume_unwind(panic),
                    // The process ends.
                    Err(_) => Poll::Pending,
                },
            },
            Place::Between => Poll::Pending,
        }
    }
}

/// Whether a call computes much, or its source does; or its source has crashed of late, so that what this one takes may be taken
/// for nothing.
fn computes_much(call: &Call) -> bool {
    let (own, share) = (call.own(), call.share());
    own > MOST_PER_CALL
        || (own > PART_OF_A_BATCH && share.under_way() > MOST_TOGETHER)
        || (call.is_hurried() && (own > HURRIED || share.under_way() > HURRIED_TOGETHER))
        || share.has_crashed()
        || share.is_heavy()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::task::JoinSet;

    use super::*;
    use crate::work::cpu_share::CpuShare;

    fn run<T: Send + 'static>(
        share: Arc<CpuShare>,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Movable<T> {
        super::run(Call::begin(share), work)
    }

    fn compute(time: Duration) {
        let began = thread_time();
        while thread_time() - began < time {
            std::hint::spin_loop();
        }
    }

    fn thread_name() -> String {
        std::thread::current().name().unwrap_or_default().to_owned()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_computes_much_goes_on_with_low_priority_and_who_computes_little_stays() {
        let heavy = Arc::new(CpuShare::heavy());
        assert_eq!(run(heavy, async { thread_name() }).await, "low-priority");
        let light = Arc::new(CpuShare::new(100));
        let moved = run(light.clone(), async {
            compute(MOST_PER_CALL + Duration::from_millis(1));
            tokio::task::yield_now().await;
            thread_name()
        });
        assert_eq!(moved.await, "low-priority", "of one call it was much");
        assert_ne!(run(light.clone(), async { thread_name() }).await, "low-priority");
        light.note_crash();
        assert_eq!(run(light.clone(), async { thread_name() }).await, "low-priority");
        light.note_good_poll();
        assert_eq!(
            run(light.clone(), async { thread_name() }).await,
            "low-priority",
            "one good call is no amends"
        );
        for _ in 0..10 {
            light.note_good_poll();
        }
        assert_ne!(run(light, async { thread_name() }).await, "low-priority");
    }

    const STEP: Duration = Duration::from_millis(5);

    /// Has a call of each of these compute until it goes on with low priority; how long they computed before, all together.
    async fn computed(shares: impl IntoIterator<Item = Arc<CpuShare>>) -> Duration {
        let mut calls = JoinSet::new();
        for share in shares {
            calls.spawn(run(share, async {
                let mut steps = 0;
                // As the engine interrupts it.
                while thread_name() != "low-priority" {
                    compute(STEP);
                    steps += 1;
                    tokio::task::yield_now().await;
                }
                STEP * steps
            }));
        }
        calls.join_all().await.into_iter().sum()
    }

    #[tokio::test]
    async fn calls_of_one_source_compute_little_together() {
        let share = Arc::new(CpuShare::new(100));
        share.note_good_poll();
        let time = computed(std::iter::repeat_n(share.clone(), 20)).await;
        // Each may compute a part of a batch, and none nearly as much as one alone.
        assert!(time < 20 * (MOST_PER_CALL / 2), "{time:?}");
        assert_eq!(share.under_way(), Duration::ZERO);
    }

    #[tokio::test]
    async fn new_sources_compute_little_together_and_known_ones_a_batch_each() {
        let sources = || (0..20).map(|_| Arc::new(CpuShare::new(100)));
        let new = computed(sources()).await;
        assert!(new < 4 * 2 * MOST_PER_CALL + 16 * 3 * HURRIED, "{new:?}");
        let known = computed(sources().inspect(|share| share.note_good_poll())).await;
        assert!(known >= 20 * MOST_PER_CALL, "{known:?}");
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn threads_of_low_priority_are_nicer_than_others() {
        let nice = || {
            let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
            let fields = stat.rsplit(')').next().unwrap();
            // The nineteenth field of proc(5), the seventeenth behind the name.
            fields.split_whitespace().nth(16).unwrap().parse::<i32>().unwrap()
        };
        let here = nice();
        let there = handle().unwrap().spawn(async move { nice() }).await.unwrap();
        assert_eq!(there, (here + NICER).min(19));
    }
}
