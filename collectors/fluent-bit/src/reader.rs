//! A source: made ready, however often that takes, and read; its batches as records.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use headwater::reading::{Backoff, Batch, Outage};
use headwater::sink::DeadLetters;
use headwater_cli::collector::{Loader, Loading, Ready};
use tokio::sync::mpsc;

use crate::records::{Origin, Piece, pieces};

/// How long to wait before a source is tried again whose start failed, at first.
const FIRST_DELAY: Duration = Duration::from_secs(1);
/// And at most: where a look at a file or a variable is all, and where a plugin is compiled or called.
const LONGEST_CHEAP_DELAY: Duration = Duration::from_secs(30);
const LONGEST_DELAY: Duration = Duration::from_secs(10 * 60);

/// A batch on its way into chunks.
#[derive(Debug)]
pub struct Waiting {
    /// The batch.
    pub batch: Batch,
    /// Its records that are in no chunk yet.
    pub pieces: VecDeque<Piece>,
    /// Where its rejected items are kept.
    pub dead_letters: DeadLetters,
}

/// Reads a source until nobody wants its batches any more.
pub async fn read(loader: Arc<Loader>, mut loading: Loading, out: mpsc::Sender<Waiting>) {
    let Ready { source, outlets } = start(&loader, &mut loading).await;
    let mut batches = source.batches();
    while let Some(batch) = batches.next().await {
        let dead_letters = outlets.dead_letters.clone();
        // Takes long for a large batch, and the workers have other things to do.
        let made = tokio::task::spawn_blocking(move || {
            let origin = Origin {
                source: batch.source(),
                partition: batch.partition(),
                title: batch.title(),
                attributes: batch.attributes(),
            };
            let pieces = pieces(&origin, batch.events());
            Waiting {
                pieces: pieces.into(),
                batch,
                dead_letters,
            }
        });
        // One that panicked has dropped its batch, which is fetched again.
        if let Ok(waiting) = made.await
            && out.send(waiting).await.is_err()
        {
            return;
        }
    }
}

/// Makes a source ready, and tells operators why that does not work yet. The sink that comes with it is none that is named, and
/// is not used.
async fn start(loader: &Loader, loading: &mut Loading) -> Ready {
    let mut backoff = Backoff::default();
    let mut outage = Outage::default();
    loop {
        let error = match loader.ready(loading).await {
            Ok(ready) => {
                outage.over();
                return ready;
            }
            Err(error) => error,
        };
        let longest = if error.is_cheap {
            LONGEST_CHEAP_DELAY
        } else {
            LONGEST_DELAY
        };
        let wait = backoff.delay_between(FIRST_DELAY, longest);
        outage.failed(&error.to_failure(), "the source is stopped", Some(wait));
        tokio::time::sleep(wait).await;
    }
}
