//! Finds what blocks the threads that must never block, in builds for tests: a thread of a runtime that sleeps in the middle of
//! a task, on a file, a lock or a lookup.
//!
//! The threads say when they park, which is the only sleep that they are allowed. In between they run tasks. A look every few
//! milliseconds at what the system says of each of them tells whether it sleeps there: it is in a sleeping state and has not
//! been scheduled since the look before. A thread that only waits for a processor on a busy machine is not in that state, and
//! one that computes has been scheduled, so neither is blamed.

#![expect(
    clippy::disallowed_methods,
    reason = "it has a thread of its own, and reads what the kernel itself answers"
)]

use std::cell::OnceCell;
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::runtime::Builder;

/// Turns it on. What it finds ends the process.
const VARIABLE: &str = "HEADWATER_WATCHDOG";
/// Between two looks.
const EVERY: Duration = Duration::from_millis(5);
/// A worker that is found asleep in a task at so many looks in a row is blocked: for a tenth of a second at least. The looks
/// are counted, and not the time: on a machine so busy that whoever holds a lock waits for a processor, so does the watchdog.
const LOOKS: u32 = 20;
/// Where the system lets a thread wait for the process's map of memory: another thread changes it, or the system itself looks
/// through it. Memory is asked for everywhere, so that nobody is to blame.
const MEMORY_MAP: [&str; 5] = ["mmap", "munmap", "mprotect", "madvise", "brk"];
/// The exit code of a process that has been ended.
const EXIT_CODE: i32 = 70;

/// One thread of a runtime.
#[derive(Debug)]
struct Worker {
    name: String,
    /// Its number in the system.
    task: u64,
    /// How often it has parked and unparked: odd while it is parked.
    turns: AtomicU64,
}

/// The threads that have parked at least once: the others may be those for blocking work.
static WORKERS: Mutex<Vec<Arc<Worker>>> = Mutex::new(Vec::new());

thread_local! {
    static OWN: OnceCell<Arc<Worker>> = const { OnceCell::new() };
}

/// Watches the threads of a runtime, if that is wanted.
pub fn watch(runtime: &mut Builder) {
    if is_on() {
        runtime.on_thread_park(turn).on_thread_unpark(turn);
    }
}

fn is_on() -> bool {
    static ON: OnceLock<bool> = OnceLock::new();
    *ON.get_or_init(|| {
        let on = std::env::var_os(VARIABLE).is_some();
        if on {
            let _ = thread::Builder::new().name("watchdog".to_owned()).spawn(look);
        }
        on
    })
}

/// Called by a worker before it parks and after.
fn turn() {
    OWN.with(|own| {
        own.get_or_init(|| {
            let own = Arc::new(Worker {
                name: thread::current().name().unwrap_or_default().to_owned(),
                task: own_number(),
                turns: AtomicU64::new(0),
            });
            workers().push(own.clone());
            own
        })
        .turns
        .fetch_add(1, Ordering::SeqCst)
    });
}

fn workers() -> std::sync::MutexGuard<'static, Vec<Arc<Worker>>> {
    WORKERS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn own_number() -> u64 {
    let stat = fs::read_to_string("/proc/thread-self/stat").unwrap_or_default();
    let number = stat.split(' ').next().and_then(|number| number.parse().ok());
    number.unwrap_or_default()
}

/// How a thread was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sight {
    turns: u64,
    /// How often it has been scheduled.
    scheduled: u64,
}

/// A sleeping thread, if it is one that should not sleep.
fn sight(worker: &Worker) -> Option<Sight> {
    let turns = worker.turns.load(Ordering::SeqCst);
    if turns % 2 == 1 {
        return None;
    }
    let read = |name: &str| fs::read_to_string(format!("/proc/self/task/{}/{name}", worker.task)).ok();
    let scheduled = || read("schedstat")?.split_whitespace().nth(2)?.parse().ok();
    let before = scheduled()?;
    let stat = read("stat")?;
    let sleeps = stat.rsplit(')').next()?.trim_start().starts_with(['S', 'D']);
    let sleeps = sleeps && !waits_for_memory_map(&read("wchan").unwrap_or_default());
    // All of it is of one moment only if nothing has changed meanwhile.
    let unchanged = scheduled() == Some(before) && worker.turns.load(Ordering::SeqCst) == turns;
    (sleeps && unchanged).then_some(Sight {
        turns,
        scheduled: before,
    })
}

/// Whether a place in the system is one of [`MEMORY_MAP`].
fn waits_for_memory_map(place: &str) -> bool {
    MEMORY_MAP.iter().any(|call| place.contains(call))
}

/// Which threads slept at the last look, and at how many looks in a row.
#[derive(Debug, Default)]
struct Asleep(Vec<Option<(Sight, u32)>>);

impl Asleep {
    /// Looks at all threads. Returns one that has slept in a task for too long.
    fn look(&mut self) -> Option<Arc<Worker>> {
        let workers = workers().clone();
        self.0.resize(workers.len(), None);
        let mut found = None;
        for (worker, asleep) in workers.into_iter().zip(&mut self.0) {
            *asleep = match (sight(&worker), *asleep) {
                (None, _) => None,
                (Some(now), Some((before, looks))) if now == before => Some((before, looks + 1)),
                (Some(now), _) => Some((now, 1)),
            };
            if asleep.is_some_and(|(_, looks)| looks > LOOKS) {
                found = Some(worker);
            }
        }
        found
    }
}

fn look() {
    let mut asleep = Asleep::default();
    loop {
        thread::sleep(EVERY);
        if let Some(worker) = asleep.look() {
            end(&worker);
        }
    }
}

/// Says which thread sleeps, in which call of the system, and ends the process.
fn end(worker: &Worker) {
    let call = fs::read_to_string(format!("/proc/self/task/{}/syscall", worker.task)).unwrap_or_default();
    let place = fs::read_to_string(format!("/proc/self/task/{}/wchan", worker.task)).unwrap_or_default();
    eprintln!(
        "watchdog: {} is blocked in a task, at {LOOKS} looks in a row: call of the system {}, in {place}",
        worker.name,
        call.trim(),
    );
    std::process::exit(EXIT_CODE);
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;

    /// Whether a thread of a runtime of this name is found while its task does this, at many looks until it is `released`.
    #[test]
    fn who_waits_for_memory_is_told_from_who_waits_for_anything_else() {
        assert!(
            ["vm_mmap_pgoff", "__vm_munmap", "do_madvise"]
                .into_iter()
                .all(waits_for_memory_map)
        );
        assert!(
            !["futex_wait_queue", "folio_wait_bit_common", "pipe_read", "0", ""]
                .into_iter()
                .any(waits_for_memory_map)
        );
    }

    fn is_found(name: &str, task: impl FnOnce() + Send + 'static, release: impl FnOnce()) -> bool {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(1).thread_name(name);
        let runtime = builder.on_thread_park(turn).on_thread_unpark(turn).build();
        let runtime = runtime.expect("a runtime");
        let mut asleep = Asleep::default();
        let known = || workers().iter().any(|worker| worker.name == name);
        while !known() {
            thread::sleep(EVERY);
        }
        let (begun, has_begun) = std::sync::mpsc::channel();
        let task = runtime.spawn(async move {
            let _ = begun.send(());
            task();
        });
        has_begun.recv().expect("it begins");
        let mut found = false;
        for _ in 0..4 * LOOKS {
            thread::sleep(EVERY);
            found |= asleep.look().is_some_and(|worker| worker.name == name);
        }
        release();
        runtime.block_on(task).expect("no panic");
        found
    }

    #[test]
    fn what_sleeps_in_a_task_is_found_and_what_computes_or_parks_is_not() {
        let (wake, woken) = std::sync::mpsc::channel::<()>();
        let sleep = move || {
            let _ = woken.recv();
        };
        assert!(is_found("sleeps", sleep, move || drop(wake)));
        let locked = Arc::new(Mutex::new(()));
        let waits = locked.clone();
        let held = locked.lock().expect("nobody has it");
        let wait = move || drop(waits.lock());
        assert!(is_found("waits-for-a-lock", wait, move || drop(held)));
        let computes = Arc::new(AtomicBool::new(true));
        let computing = computes.clone();
        let compute = move || {
            while computing.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        };
        assert!(!is_found("computes", compute, || computes.store(false, Ordering::Relaxed)));
        assert!(!is_found("parks", || {}, || {}));
    }
}
