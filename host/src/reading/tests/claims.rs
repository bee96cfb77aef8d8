//! What is promised about batches, one by one.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::script::{INTERVAL, RECORDS, Scripted, ScriptedSource, position, read, shared};
use crate::cursor::{Commit, CursorStore, MemoryStore, Position, StoreError};
use crate::model::{Failure, Fault};
use crate::reading::{AckError, BatchMemory, Batches, Lane, Shared, Until};
use crate::work::compute::Compute;

/// Long enough for whatever happens at once.
const SOON: Duration = Duration::from_millis(100);

struct Set {
    source: Arc<ScriptedSource>,
    store: MemoryStore,
    shared: Shared,
    lane: Lane,
}

impl Set {
    fn new() -> Self {
        let store = MemoryStore::new();
        Self {
            source: Arc::new(ScriptedSource::new(Scripted::default(), &["p"])),
            shared: shared(store.clone()),
            store,
            lane: Lane::new(Compute::default()),
        }
    }

    fn read(&self) -> Batches {
        read(&self.source, &self.shared, &self.lane, Until::Stopped)
    }

    async fn stored(&self) -> Option<u64> {
        match self.store.load("contoso", "p").await.unwrap() {
            Position::At(cursor) => Some(position(&cursor)),
            _ => None,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_cursor_is_committed_by_the_acknowledgement_and_by_nothing_else() {
    let set = Set::new();
    let mut batches = set.read();
    let batch = batches.next().await.unwrap();
    tokio::time::sleep(INTERVAL * 10).await;
    assert_eq!(set.stored().await, None);
    batch.ack().await.unwrap();
    assert_eq!(set.stored().await, Some(1));
    batch.ack().await.unwrap();
    assert_eq!(set.stored().await, Some(1), "the second time nothing happens");
}

#[tokio::test(start_paused = true)]
async fn a_dropped_batch_comes_again_after_a_pause() {
    let set = Set::new();
    let mut batches = set.read();
    let first = batches.next().await.unwrap();
    let ids: Vec<String> = first.events().iter().map(|event| event.id.clone()).collect();
    let dropped = Instant::now();
    drop(first);
    let again = batches.next().await.unwrap();
    assert!(
        dropped.elapsed() >= Duration::from_millis(250),
        "{:?}",
        dropped.elapsed()
    );
    let same: Vec<String> = again.events().iter().map(|event| event.id.clone()).collect();
    assert_eq!(ids, same);
}

#[tokio::test(start_paused = true)]
async fn a_partition_is_not_polled_while_its_batch_is_in_somebodys_hands() {
    let set = Set::new();
    let mut batches = set.read();
    let batch = batches.next().await.unwrap();
    assert!(timeout(INTERVAL * 10, batches.next()).await.is_err());
    assert_eq!(set.source.scripted.world().polls, 1);
    batch.ack().await.unwrap();
    assert!(timeout(SOON, batches.next()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_after_the_reading_has_ended_changes_nothing() {
    let set = Set::new();
    let mut batches = set.read();
    let batch = batches.next().await.unwrap();
    drop(batches);
    tokio::time::sleep(SOON).await;
    assert!(matches!(batch.ack().await, Err(AckError::Closed)));
    assert_eq!(set.stored().await, None);
}

#[tokio::test(start_paused = true)]
async fn after_a_gentle_stop_what_was_handed_out_can_be_acknowledged_and_then_it_is_over() {
    let set = Set::new();
    let mut batches = set.read();
    let batch = batches.next().await.unwrap();
    batches.stopper().stop();
    assert!(
        timeout(SOON, batches.next()).await.is_err(),
        "it waits for the batch"
    );
    batch.ack().await.unwrap();
    assert!(timeout(SOON, batches.next()).await.unwrap().is_none());
    assert_eq!(set.stored().await, Some(1));
    assert_eq!(batches.outcome().unwrap().partitions, 1);
}

#[tokio::test(start_paused = true)]
async fn a_second_reading_of_a_source_waits_for_the_end_of_the_first() {
    let set = Set::new();
    let mut first = set.read();
    let mut second = set.read();
    let batch = first.next().await.unwrap();
    assert!(timeout(INTERVAL, second.next()).await.is_err());
    drop(first);
    let again = timeout(SOON, second.next()).await.unwrap().unwrap();
    assert!(batch.ack().await.is_err());
    again.ack().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn reading_that_ends_when_all_is_read_ends_then() {
    let set = Set::new();
    let mut batches = read(&set.source, &set.shared, &set.lane, Until::CaughtUp);
    let mut events = 0;
    while let Some(batch) = batches.next().await {
        events += batch.events().len() as u64;
        batch.ack().await.unwrap();
    }
    assert_eq!(events, RECORDS);
    let outcome = batches.outcome().unwrap();
    assert_eq!((outcome.partitions, outcome.failed.len()), (1, 0));
    assert!(batches.next().await.is_none(), "and stays ended");
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_never_delivered_is_given_up_when_reading_is_to_end() {
    let set = Set::new();
    let mut batches = read(&set.source, &set.shared, &set.lane, Until::CaughtUp);
    let failure = Failure::host(Fault::Refused, "refused", "no");
    let mut tries = 0;
    while let Some(batch) = batches.next().await {
        tries += 1;
        if let Some(wait) = batch.undelivered(&failure) {
            tokio::time::sleep(wait).await;
        }
    }
    assert_eq!(tries, 4);
    let outcome = batches.outcome().unwrap();
    assert_eq!(outcome.failed, [(Some("p".to_owned()), failure)]);
}

#[tokio::test(start_paused = true)]
async fn events_that_have_nowhere_to_go_any_more_end_the_source() {
    let set = Set::new();
    let mut batches = set.read();
    let batch = batches.next().await.unwrap();
    let gone = Failure::host(Fault::Gone, "sink", "nobody reads");
    assert_eq!(batch.undelivered(&gone), None);
    drop(batch);
    assert!(timeout(SOON, batches.next()).await.unwrap().is_none());
    assert_eq!(batches.outcome().unwrap().failed[0].1, gone);
}

#[tokio::test(start_paused = true)]
async fn batches_that_nobody_takes_stop_the_polls_of_their_source() {
    let names: Vec<String> = (0..20).map(|number| format!("p{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let source = Arc::new(ScriptedSource::new(Scripted::default(), &names));
    let (shared, lane) = (shared(MemoryStore::new()), Lane::new(Compute::default()));
    let mut batches = read(&source, &shared, &lane, Until::Stopped);
    tokio::time::sleep(INTERVAL * 10).await;
    assert_eq!(source.scripted.world().polls, 8);
    let taken = batches.next().await.unwrap();
    tokio::time::sleep(SOON).await;
    assert_eq!(source.scripted.world().polls, 9);
    drop(taken);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_there_is_no_memory_to_wait_with_is_fetched_again() {
    let set = Set::new();
    let mut batches = set.read();
    let mut batch = batches.next().await.unwrap();
    let all = set.shared.memory.wait_with(BatchMemory::waiting_kib()).unwrap();
    let failure = Failure::host(Fault::Retry, "sink", "away");
    assert!(batch.undelivered(&failure).is_some());
    assert!(!batch.can_wait());
    let remaining: Vec<usize> = Vec::new();
    batch.settle(&remaining, Vec::new());
    assert!(batch.can_wait(), "one that was delivered always waits");
    drop(batch);
    assert_eq!(batches.next().await.unwrap().events()[0].id, "0");
    drop(all);
}

/// A store that has lost the cursor of what it knows was begun.
struct Forgetful;

impl CursorStore for Forgetful {
    async fn load(&self, _: &str, _: &str) -> Result<Position, StoreError> {
        Ok(Position::Lost("its cursor is missing; restore it".to_owned()))
    }

    async fn commit(&self, _: Commit<'_>) -> Result<(), StoreError> {
        panic!("nothing was read")
    }

    async fn partitions(&self, _: &str) -> Result<Vec<String>, StoreError> {
        Ok(vec!["p".to_owned()])
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_cursor_is_reported_and_never_taken_for_a_first_start() {
    let source = Arc::new(ScriptedSource::new(Scripted::default(), &["p"]));
    let (shared, lane) = (shared(Forgetful), Lane::new(Compute::default()));
    let mut batches = read(&source, &shared, &lane, Until::CaughtUp);
    assert!(batches.next().await.is_none());
    let failed = &batches.outcome().unwrap().failed;
    assert_eq!(failed[0].1.fault, Fault::InvalidCursor);
    assert!(failed[0].1.message.contains("restore it"), "{failed:?}");
    assert_eq!(source.scripted.world().polls, 0);
}
