//! How a run ends, and what is said of it.

use std::process::ExitCode;

use tracing::{error, info, warn};

use super::FAILED;
use crate::run::Summary;

/// Polls to the end, or until the time to end in is over.
pub(super) async fn end(
    polling: impl Future<Output = Summary>,
    grace_over: impl Future<Output = ()>,
) -> ExitCode {
    tokio::select! {
        summary = polling => conclude(&summary),
        () = grace_over => {
            warn!("stopped before every poll had ended; nothing is lost, unfinished batches are fetched again");
            ExitCode::SUCCESS
        }
    }
}

/// Says what a run came to.
fn conclude(summary: &Summary) -> ExitCode {
    let totals = &summary.totals;
    info!(
        events = totals.events,
        rejected = totals.rejected,
        refused = totals.refused,
        dropped = totals.dropped,
        duplicates = totals.duplicates,
        requests = totals.requests,
        partitions = summary.partitions,
        failed = summary.failed.len(),
        "done"
    );
    for (source, partition, failure) in &summary.failed {
        error!(source, partition, "failed: {failure}");
    }
    // What a sink refused is in the dead-letter file, and somebody should look at it.
    if summary.failed.is_empty() && totals.refused == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    }
}
