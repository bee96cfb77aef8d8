//! How fast something is.

use std::time::{Duration, Instant};

/// Long enough for the clock and for the processor to settle.
const SPAN: Duration = Duration::from_millis(250);

/// What ran before has left the processor's caches and the allocator in its own state.
const WARMING: Duration = Duration::from_millis(50);

/// The best of so many spans counts: the others were disturbed.
const SPANS: usize = 10;

/// Something to measure, which says how many events it made.
pub type Run<'r, E> = &'r mut dyn FnMut() -> Result<usize, E>;

/// Events per second in the best span of each. They take turns, so that a machine that others use disturbs all alike.
pub fn best<const N: usize, E>(mut runs: [Run<'_, E>; N]) -> Result<[f64; N], E> {
    let mut best = [0.0f64; N];
    for _ in 0..SPANS {
        for (run, best) in runs.iter_mut().zip(&mut best) {
            let warming = Instant::now();
            while warming.elapsed() < WARMING {
                run()?;
            }
            let began = Instant::now();
            let mut events = 0;
            while began.elapsed() < SPAN {
                events += run()?;
            }
            *best = best.max(events as f64 / began.elapsed().as_secs_f64());
        }
    }
    Ok(best)
}
