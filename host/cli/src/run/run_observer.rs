//! Who is told how reading goes.

use headwater::monitor::Monitor;
use headwater::reading::{Notice, Observer};
use tracing::warn;

use crate::progress::Progress;

/// People in front of a terminal, and operators with their tools.
#[derive(Debug, Clone)]
pub struct RunObserver {
    /// People in front of a terminal.
    pub progress: Progress,
    /// Operators and their tools.
    pub monitor: Monitor,
}

impl Observer for RunObserver {
    fn notice(&mut self, source: &str, notice: Notice) {
        match &notice {
            // Where there is nothing to wait for, nothing is shown.
            Notice::Committed {
                partition,
                caught_up: false,
                progress: Some(progress),
                ..
            } => self.progress.show(source, partition, progress),
            Notice::Committed { partition, .. } => self.progress.end(source, partition),
            Notice::Ended { partition } => self.progress.end(source, partition),
            Notice::Missed(count) => warn!(
                count,
                "metrics and status have missed notices: this machine is too busy"
            ),
            _ => {}
        }
        self.monitor.notice(source, notice);
    }
}
