//! How fast something is.

use std::time::{Duration, Instant};

/// Long enough for the clock and for the processor to settle.
const SPAN: Duration = Duration::from_millis(500);

/// The best of so many spans counts: the others were disturbed.
const SPANS: usize = 5;

/// Events per second in the best span, of something that says how many it made.
pub fn best<E>(mut run: impl FnMut() -> Result<usize, E>) -> Result<f64, E> {
    let mut best = 0.0f64;
    for _ in 0..SPANS {
        let began = Instant::now();
        let mut events = 0;
        while began.elapsed() < SPAN {
            events += run()?;
        }
        best = best.max(events as f64 / began.elapsed().as_secs_f64());
    }
    Ok(best)
}
