//! The law of reading: whatever fails, at whatever moment, in whatever order, no event is lost, and no cursor is committed that
//! covers an event that was not delivered.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tokio::time::timeout;

use super::script::{Scripted, ScriptedSource, ScriptedStore, read, shared};
use crate::cursor::MemoryStore;
use crate::model::{Failure, Fault};
use crate::reading::{AckError, Batch, Lane, Until};
use crate::work::compute::Compute;

const PARTITIONS: [&str; 2] = ["a", "b"];
/// Longer than any pause between two tries.
const LONG: Duration = Duration::from_secs(3 * 60 * 60);

/// What an embedder does with a batch. Whatever it is, the batch is gone afterwards.
async fn handle(scripted: &Scripted, mut batch: Batch) {
    let partition = batch.partition().to_owned();
    scripted.take(&partition);
    let action = scripted.decide(12);
    match action {
        // Dropped at once; as if the embedder's task had panicked.
        6 => {}
        // Delivered and dropped.
        7 => scripted.deliver(&partition, batch.events(), batch.rejected()),
        // Delivered in part, tried again, given up.
        8 | 9 => {
            let half = batch.events().len() / 2;
            scripted.deliver(&partition, &batch.events()[..half], &[]);
            let remaining: Vec<usize> = (half..batch.events().len()).collect();
            batch.settle(&remaining, Vec::new());
            let failure = Failure::host(Fault::Retry, "sink", "away");
            let wait = batch.undelivered(&failure);
            if action == 9 && batch.can_wait() {
                tokio::time::sleep(wait.unwrap_or_default()).await;
                scripted.deliver(&partition, batch.events(), batch.rejected());
                acknowledge(scripted, &batch).await;
            }
        }
        // The receiver refuses one permanently, and the dead letters take it.
        10 => {
            let refused = (!batch.events().is_empty()).then(|| (0, "too large".to_owned()));
            let (first, rest) = batch.events().split_at(usize::from(refused.is_some()));
            scripted.deliver(&partition, rest, batch.rejected());
            let _ = first;
            batch.settle(&[], refused.into_iter().collect());
            // Its threads do not live in the time of this test.
            while batch.redact().await.is_err() {}
            scripted.deliver(&partition, &[], batch.rejected());
            batch.discard_rejected();
            acknowledge(scripted, &batch).await;
        }
        // Acknowledged by somebody who does not wait for it.
        11 => {
            scripted.deliver(&partition, batch.events(), batch.rejected());
            let _ = timeout(Duration::ZERO, batch.ack()).await;
        }
        _ => {
            scripted.deliver(&partition, batch.events(), batch.rejected());
            acknowledge(scripted, &batch).await;
        }
    }
    scripted.give_back(&partition);
}

/// Acknowledges, and once more as often as the script wants.
async fn acknowledge(scripted: &Scripted, batch: &Batch) {
    loop {
        match batch.ack().await {
            Ok(()) => break,
            Err(AckError::Closed) => return,
            Err(AckError::Store(_)) if scripted.decide(3) == 2 => return,
            Err(AckError::Store(_)) => tokio::time::sleep(Duration::from_millis(500)).await,
        }
    }
    if scripted.decide(4) == 3 {
        assert!(batch.ack().await.is_ok(), "the second time nothing happens");
    }
}

async fn obeys_the_law(script: Vec<u8>) {
    let scripted = Scripted::new(script);
    let store = ScriptedStore {
        scripted: scripted.clone(),
        inner: MemoryStore::new(),
    };
    let source = Arc::new(ScriptedSource::new(scripted.clone(), &PARTITIONS));
    loop {
        let is_last = scripted.is_over();
        // A new host with the same store, as after a crash.
        let (shared, lane) = (shared(store.clone()), Lane::new(Compute::default()));
        let mut batches = read(&source, &shared, &lane, Until::CaughtUp);
        let mut at_once = tokio::task::JoinSet::new();
        while let Ok(Some(batch)) = timeout(LONG, batches.next()).await {
            let handled = scripted.clone();
            at_once.spawn(async move { handle(&handled, batch).await });
            match scripted.decide(20) {
                // Killed, with batches in its hands.
                18 => break,
                // Stopped gently.
                19 => batches.stopper().stop(),
                _ => {}
            }
        }
        drop(batches);
        while let Some(handled) = at_once.join_next().await {
            handled.unwrap();
        }
        if is_last {
            break;
        }
    }
    let delivered = &scripted.world().delivered;
    assert!(
        delivered.values().flatten().all(|is_safe| *is_safe),
        "{delivered:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn no_event_is_lost_whatever_fails(script in proptest::collection::vec(any::<u8>(), 0..200)) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(obeys_the_law(script));
    }
}
