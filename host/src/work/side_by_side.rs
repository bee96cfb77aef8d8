//! Questions that may hang for ever, such as those about files on a mount, asked side by side and within one time.

#![expect(
    clippy::disallowed_methods,
    reason = "each question is asked on a thread that may wait, and callers are on one as well"
)]

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Questions at once, as long as they are answered.
const AT_ONCE: usize = 8;
/// When nothing was answered for so long, those that are being asked seem to hang, and as many again are asked beside them.
const QUIET: Duration = Duration::from_millis(100);
/// Questions that hang at once. Each is a thread with a small stack; what comes after them is not asked.
const MOST_HANGING: usize = 1_024;
/// Answers that wait to be taken. They are taken together: a change of threads for each would cost more than most questions.
const MOST_WAITING: usize = 64;
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
    let all = items.len();
    let questions = Arc::new(Questions {
        items,
        next: AtomicUsize::new(0),
        ask,
        answers: Answers::default(),
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
        let answers = questions.answers.take(QUIET.min(left));
        more = 0;
        if answers.is_empty() {
            // Answers that were there already have been taken.
            if left.is_zero() {
                break;
            }
            let unasked = all.saturating_sub(questions.next.load(Ordering::Relaxed));
            more = threads.min(MOST_HANGING - threads).min(unasked);
        }
        answered += answers.len();
        for (index, answer) in answers {
            take(index, answer);
        }
    }
    // What is not asked by now is not asked any more.
    questions.next.store(all, Ordering::Relaxed);
    questions.answers.end();
    Ok(())
}

/// Answers on their way to whoever asked.
struct Answers<A> {
    waiting: Mutex<Waiting<A>>,
    /// There are some.
    come: Condvar,
    /// There is room for more.
    taken: Condvar,
}

struct Waiting<A> {
    answers: Vec<(usize, A)>,
    /// Whether nobody listens any more.
    is_over: bool,
}

impl<A> Default for Answers<A> {
    fn default() -> Self {
        Self {
            waiting: Mutex::new(Waiting {
                answers: Vec::new(),
                is_over: false,
            }),
            come: Condvar::new(),
            taken: Condvar::new(),
        }
    }
}

impl<A> Answers<A> {
    /// Adds an answer when there is room. False if nobody listens any more.
    fn give(&self, index: usize, answer: A) -> bool {
        let is_full = |waiting: &mut Waiting<A>| waiting.answers.len() >= MOST_WAITING && !waiting.is_over;
        let waiting = self.taken.wait_while(self.lock(), is_full);
        let mut waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        if waiting.is_over {
            return false;
        }
        waiting.answers.push((index, answer));
        drop(waiting);
        self.come.notify_one();
        true
    }

    /// All answers that there are, or none after the time.
    fn take(&self, time: Duration) -> Vec<(usize, A)> {
        let is_empty = |waiting: &mut Waiting<A>| waiting.answers.is_empty();
        let waiting = self.come.wait_timeout_while(self.lock(), time, is_empty);
        let (mut waiting, _) = waiting.unwrap_or_else(PoisonError::into_inner);
        let answers = std::mem::take(&mut waiting.answers);
        drop(waiting);
        self.taken.notify_all();
        answers
    }

    /// Those who are late are not heard any more.
    fn end(&self) {
        self.lock().is_over = true;
        self.taken.notify_all();
    }

    /// Each change is complete in itself.
    fn lock(&self) -> MutexGuard<'_, Waiting<A>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is shared by the threads that ask.
struct Questions<T, A, F> {
    items: Vec<T>,
    /// The first item that nobody has asked about.
    next: AtomicUsize,
    ask: F,
    answers: Answers<A>,
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
            if !questions.answers.give(index, answer) {
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
