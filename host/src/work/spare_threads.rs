//! Threads for work that may block for as long as it likes: each piece has one to itself, so that none waits for another.
//!
//! Making a thread costs more than most such work. So one whose work is done stays for a while and takes the next.

#![expect(clippy::disallowed_methods, reason = "its threads wait for work")]

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

/// Threads without work that stay.
const MOST_SPARE: usize = 8;
/// How long one stays.
const LINGER: Duration = Duration::from_secs(10);

type Work = Box<dyn FnOnce() + Send>;

/// A thread that waits for work.
struct Spare {
    thread: thread::ThreadId,
    work: mpsc::Sender<Work>,
}

/// The last one that became free is taken first, so that those that are not needed end.
static SPARE: Mutex<Vec<Spare>> = Mutex::new(Vec::new());

/// Starts a piece of work.
///
/// # Errors
///
/// No thread is free and none can be made; the work is not begun.
pub(crate) fn start(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let mut work: Work = Box::new(work);
    loop {
        let Some(spare) = spare().pop() else {
            thread::Builder::new()
                .name("blocking".to_owned())
                .spawn(move || live(work))?;
            return Ok(());
        };
        match spare.work.send(work) {
            Ok(()) => return Ok(()),
            Err(mpsc::SendError(not_taken)) => work = not_taken,
        }
    }
}

/// A thread from its first piece of work to its last.
fn live(mut work: Work) {
    let (sender, next) = mpsc::channel();
    let this = thread::current().id();
    loop {
        // What panics tells nobody that it is done, which is told from what it holds.
        let _ = catch_unwind(AssertUnwindSafe(work));
        {
            let mut spare = spare();
            if spare.len() >= MOST_SPARE {
                return;
            }
            spare.push(Spare {
                thread: this,
                work: sender.clone(),
            });
        }
        work = match next.recv_timeout(LINGER) {
            Ok(more) => more,
            Err(_) => {
                let mut spare = spare();
                if let Some(place) = spare.iter().position(|spare| spare.thread == this) {
                    spare.remove(place);
                    return;
                }
                drop(spare);
                // Somebody has just taken this thread.
                match next.recv() {
                    Ok(more) => more,
                    Err(mpsc::RecvError) => return,
                }
            }
        };
    }
}

/// Each change is complete in itself.
fn spare() -> MutexGuard<'static, Vec<Spare>> {
    SPARE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Starts four pieces of work that last until all of them have begun. The threads that they have.
    fn four_at_once() -> HashSet<thread::ThreadId> {
        let (sender, told) = mpsc::channel();
        let holds: Vec<mpsc::Sender<()>> = (0..4)
            .map(|_| {
                let (hold, held) = mpsc::channel::<()>();
                let sender = sender.clone();
                start(move || {
                    let _ = sender.send(thread::current().id());
                    let _ = held.recv();
                })
                .unwrap();
                hold
            })
            .collect();
        let threads = (0..4).map(|_| told.recv().unwrap()).collect();
        drop(holds);
        threads
    }

    #[test]
    fn work_at_once_has_threads_of_its_own_and_what_follows_uses_them_again() {
        let mut seen = four_at_once();
        assert_eq!(seen.len(), 4, "none waits for another");
        assert!(!seen.contains(&thread::current().id()));
        // Others may have taken them meanwhile, or they are not free yet.
        for _ in 0..1_000 {
            thread::sleep(Duration::from_millis(5));
            if !seen.is_disjoint(&four_at_once()) {
                return;
            }
            seen.extend(four_at_once());
        }
        panic!("no thread was used again");
    }

    #[test]
    fn a_panic_ends_its_own_work_only() {
        let (sender, told) = mpsc::channel();
        let lost = sender.clone();
        start(move || {
            let _lost = lost;
            std::panic::resume_unwind(Box::new("on purpose"));
        })
        .unwrap();
        start(move || sender.send(7).unwrap()).unwrap();
        assert_eq!(told.recv(), Ok(7));
        assert!(told.recv().is_err());
    }
}
