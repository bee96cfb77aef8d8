//! Questions that may hang for ever, such as those about files on a mount, asked side by side and within one time.

#![expect(
    clippy::disallowed_methods,
    reason = "each question is asked on a thread that may wait, and callers are on one as well"
)]

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

/// Questions at once, as long as they are answered.
const AT_ONCE: usize = 8;
/// When nothing was answered for so long, those that are being asked seem to hang, and as many again are asked beside them.
const QUIET: Duration = Duration::from_millis(100);
/// Questions that hang at once. Each is a thread with a small stack; what comes after them is not asked.
const MOST_HANGING: usize = 1_024;
/// Stack of a thread that asks, in bytes.
const STACK: usize = 128 << 10;

/// Asks about every item, and gives each answer to `take` with the number of its item, in the order in which they come. What is
/// not answered within `patience`, counted for all of them together, is left out; its thread ends when it is answered.
///
/// Blocks: never to be called on a worker of the runtime.
///
/// # Errors
///
/// No thread can be started.
pub fn ask_all<T, A>(
    items: Vec<T>,
    patience: Duration,
    ask: impl Fn(&T) -> A + Send + Sync + 'static,
    mut take: impl FnMut(usize, A),
) -> io::Result<()>
where
    T: Send + Sync + 'static,
    A: Send + 'static,
{
    let deadline = Instant::now() + patience;
    // A short queue: what is not taken yet waits on the threads that have it, and there are few of them.
    let (sender, answers) = mpsc::sync_channel(1);
    let all = items.len();
    let questions = Arc::new(Questions {
        items,
        next: AtomicUsize::new(0),
        ask,
        sender,
    });
    let (mut threads, mut answered) = (0, 0);
    let mut more = AT_ONCE.min(all);
    while answered < all {
        for _ in 0..more {
            match start(&questions) {
                Ok(()) => threads += 1,
                Err(error) if threads == 0 => return Err(error),
                // Those that there are have to do.
                Err(_) => break,
            }
        }
        let left = deadline.saturating_duration_since(Instant::now());
        more = 0;
        match answers.recv_timeout(QUIET.min(left)) {
            Ok((index, answer)) => {
                answered += 1;
                take(index, answer);
            }
            // Answers that were there already have been taken.
            Err(_) if left.is_zero() => break,
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                let unasked = all.saturating_sub(questions.next.load(Ordering::Relaxed));
                more = threads.min(MOST_HANGING - threads).min(unasked);
            }
        }
    }
    // What is not asked by now is not asked any more.
    questions.next.store(all, Ordering::Relaxed);
    Ok(())
}

/// What is shared by the threads that ask.
struct Questions<T, A, F> {
    items: Vec<T>,
    /// The first item that nobody has asked about.
    next: AtomicUsize,
    ask: F,
    sender: SyncSender<(usize, A)>,
}

fn start<T, A, F>(questions: &Arc<Questions<T, A, F>>) -> io::Result<()>
where
    T: Send + Sync + 'static,
    A: Send + 'static,
    F: Fn(&T) -> A + Send + Sync + 'static,
{
    let questions = questions.clone();
    let ask = move || {
        loop {
            let index = questions.next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = questions.items.get(index) else {
                return;
            };
            let answer = (questions.ask)(item);
            // Nobody listens any more after the time.
            if questions.sender.send((index, answer)).is_err() {
                return;
            }
        }
    };
    let thread = thread::Builder::new().name("side-by-side".to_owned());
    thread.stack_size(STACK).spawn(ask).map(drop)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;

    #[test]
    fn any_number_that_hangs_costs_one_time_and_all_others_are_answered() {
        let patience = Duration::from_secs(2);
        let began = Instant::now();
        // Those that hang come first, and are many more than are asked at once.
        let hangs = |number: &usize| *number < 20 * AT_ONCE;
        let ask = move |number: &usize| {
            if hangs(number) {
                thread::sleep(Duration::from_secs(3_600));
            }
            number * 2
        };
        let mut answers = Vec::new();
        ask_all((0..1_000).collect(), patience, ask, |index, answer| {
            answers.push((index, answer));
        })
        .unwrap();
        assert!(began.elapsed() < 2 * patience, "{:?}", began.elapsed());
        answers.sort_unstable();
        let expected: Vec<_> = (20 * AT_ONCE..1_000).map(|number| (number, number * 2)).collect();
        assert_eq!(answers, expected);
    }

    #[test]
    fn nothing_is_asked_after_the_time() {
        static OVER: AtomicBool = AtomicBool::new(false);
        static ASKED_LATE: AtomicBool = AtomicBool::new(false);
        let ask = |_: &usize| {
            ASKED_LATE.fetch_or(OVER.load(Ordering::SeqCst), Ordering::SeqCst);
            thread::sleep(Duration::from_millis(20));
        };
        let mut answered = 0;
        ask_all(vec![0; 10_000], Duration::from_millis(100), ask, |_, ()| {
            answered += 1;
        })
        .unwrap();
        OVER.store(true, Ordering::SeqCst);
        thread::sleep(Duration::from_millis(100));
        assert!((1..10_000).contains(&answered), "{answered}");
        assert!(!ASKED_LATE.load(Ordering::SeqCst));
    }

    #[test]
    fn ten_thousand_answers_are_taken_by_few_threads_in_a_moment() {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        thread_local!(static COUNTED: () = {
            THREADS.fetch_add(1, Ordering::SeqCst);
        });
        let began = Instant::now();
        let mut answered = 0;
        let patience = Duration::from_secs(60);
        ask_all(
            vec![(); 10_000],
            patience,
            |()| COUNTED.with(|()| ()),
            |_, ()| {
                answered += 1;
            },
        )
        .unwrap();
        assert_eq!(answered, 10_000);
        assert!(began.elapsed() < patience / 4, "{:?}", began.elapsed());
        // More than at first only where the machine stood still for a moment.
        assert!(THREADS.load(Ordering::SeqCst) <= 8 * AT_ONCE);
    }
}
