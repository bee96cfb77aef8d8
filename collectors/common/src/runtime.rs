//! The end of a runtime in a process that goes on.

use std::thread::sleep;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

/// How often to look whether tasks have ended.
const LOOK: Duration = Duration::from_millis(2);

/// Ends a runtime whose tasks have been told to end, when they have, but no later than this. What is cancelled in the middle of a
/// turn uses clocks of the runtime until the turn is over.
pub fn end(runtime: Runtime, patience: Duration) {
    let began = Instant::now();
    while runtime.metrics().num_alive_tasks() > 0 && began.elapsed() < patience {
        sleep(LOOK);
    }
    runtime.shutdown_timeout(patience.saturating_sub(began.elapsed()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_ends_when_its_tasks_have_ended_or_after_the_patience() {
        let runtime = Runtime::new().unwrap();
        let task = runtime.spawn(std::future::pending::<()>());
        task.abort();
        let began = Instant::now();
        end(runtime, Duration::from_secs(60));
        assert!(began.elapsed() < Duration::from_secs(60));
        let runtime = Runtime::new().unwrap();
        runtime.spawn(std::future::pending::<()>());
        end(runtime, Duration::from_millis(10));
    }
}
