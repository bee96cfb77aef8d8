//! The scripted parts. Each decision takes the next byte of a script; when it is used up, everything is well.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crate::component::{Fetched, Usage};
use crate::cursor::{Commit, CursorStore, MemoryStore, Position, StoreError};
use crate::model::{Event, Failure, Fault, PartitionInfo, Progress, Rejected};
use crate::reading::{BatchMemory, Batches, Lane, Notices, Polled, Shared, Until, Upstream};
use crate::redact::Redactor;

/// How often the scripted source is polled.
pub(super) const INTERVAL: Duration = Duration::from_secs(60);
/// Records of each partition.
pub(super) const RECORDS: u64 = 12;

/// What happens, byte by byte; and what has happened, with the laws that hold at each moment.
#[derive(Debug, Default)]
pub(super) struct World {
    script: Vec<u8>,
    next: usize,
    /// Records that have been delivered, by partition.
    pub(super) delivered: BTreeMap<String, Vec<bool>>,
    /// The last commit of each partition that took effect.
    committed: BTreeMap<String, u64>,
    /// Batches that are in somebody's hands, by partition.
    outstanding: BTreeMap<String, u32>,
    /// Polls so far.
    pub(super) polls: usize,
}

/// Everything of a test shares it.
#[derive(Debug, Clone, Default)]
pub(super) struct Scripted(Arc<Mutex<World>>);

impl Scripted {
    pub(super) fn new(script: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(World {
            script,
            ..World::default()
        })))
    }

    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }

    /// The next decision, below `of`; 0 is what happens when all is well.
    pub(super) fn decide(&self, of: u8) -> u8 {
        let mut world = self.world();
        let place = world.next;
        world.next += 1;
        world.script.get(place).map_or(0, |byte| byte % of)
    }

    /// Whether nothing goes wrong any more.
    pub(super) fn is_over(&self) -> bool {
        let world = self.world();
        world.next >= world.script.len()
    }

    /// Notes that an event is safe.
    pub(super) fn deliver(&self, partition: &str, events: &[Event], rejected: &[Rejected]) {
        let mut world = self.world();
        let delivered = world.delivered.get_mut(partition).unwrap();
        let ids = events.iter().map(|event| &event.id);
        let ids = ids.chain(rejected.iter().filter_map(|item| item.id.as_ref()));
        for id in ids {
            delivered[id.parse::<usize>().unwrap()] = true;
        }
    }

    /// Notes that a batch was taken, and that it is gone.
    pub(super) fn take(&self, partition: &str) {
        let mut world = self.world();
        let outstanding = world.outstanding.entry(partition.to_owned()).or_default();
        *outstanding += 1;
        assert_eq!(*outstanding, 1, "two batches of {partition} at once");
    }

    pub(super) fn give_back(&self, partition: &str) {
        *self.world().outstanding.get_mut(partition).unwrap() -= 1;
    }
}

/// A source whose partitions have records 0, 1, 2, …; a cursor is the number of the next one.
pub(super) struct ScriptedSource {
    pub(super) scripted: Scripted,
    pub(super) partitions: Vec<String>,
}

impl ScriptedSource {
    pub(super) fn new(scripted: Scripted, partitions: &[&str]) -> Self {
        for partition in partitions {
            let unread = vec![false; RECORDS as usize];
            scripted
                .world()
                .delivered
                .entry((*partition).to_owned())
                .or_insert(unread);
        }
        Self {
            scripted,
            partitions: partitions.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    fn fetch(&self, cursor: Option<&[u8]>) -> Fetched {
        let first = cursor.map_or(0, position);
        let count = 1 + u64::from(self.scripted.decide(4));
        let end = RECORDS.min(first + count);
        let mut fetched = Fetched {
            events: Vec::new(),
            rejected: Vec::new(),
            cursor: format!("1 {end}").into_bytes(),
            next_in: (end < RECORDS).then_some(Duration::ZERO),
            caught_up: end == RECORDS,
            progress: Some(Progress {
                start: 0,
                position: end,
                target: RECORDS,
            }),
            measures: Vec::new(),
        };
        for record in first..end {
            if self.scripted.decide(8) == 7 {
                fetched.rejected.push(Rejected {
                    id: Some(record.to_string()),
                    reason: "odd".to_owned(),
                    raw: Vec::new(),
                    refused: None,
                });
            } else {
                fetched.events.push(Event {
                    id: record.to_string(),
                    time: Some(record),
                    severity: 0,
                    attributes: Vec::new(),
                    body: "{}".to_owned(),
                });
            }
        }
        fetched
    }
}

pub(super) fn position(cursor: &[u8]) -> u64 {
    let text = std::str::from_utf8(cursor).unwrap();
    text.strip_prefix("1 ").unwrap().parse().unwrap()
}

fn failure(decision: u8) -> Option<Failure> {
    let fault = match decision {
        5 => Fault::Retry,
        6 => Fault::Denied,
        7 => Fault::Broken,
        8 => Fault::InvalidCursor,
        _ => return None,
    };
    Some(Failure::host(fault, "scripted", "as the script says"))
}

impl Upstream for ScriptedSource {
    type Prepared = ();

    fn name(&self) -> &str {
        "contoso"
    }

    fn plugin(&self) -> &str {
        "scripted 1.0.0"
    }

    fn interval(&self) -> Duration {
        INTERVAL
    }

    async fn discover(&self) -> Result<Vec<PartitionInfo>, Failure> {
        if let Some(failure) = failure(self.scripted.decide(10)) {
            return Err(failure);
        }
        let info = |id: &String| PartitionInfo {
            id: id.clone(),
            formerly: Vec::new(),
            title: String::new(),
            attributes: Vec::new(),
            unavailable: None,
        };
        Ok(self.partitions.iter().map(info).collect())
    }

    async fn prepare(&self) -> Result<(), Failure> {
        failure(self.scripted.decide(16)).map_or(Ok(()), Err)
    }

    async fn poll(&self, (): (), _: &str, cursor: Option<Vec<u8>>) -> Polled {
        self.scripted.world().polls += 1;
        let took = Duration::from_millis(10 * u64::from(self.scripted.decide(3)));
        tokio::time::sleep(took).await;
        let result = match failure(self.scripted.decide(10)) {
            Some(failure) => Err(failure),
            None => Ok(self.fetch(cursor.as_deref())),
        };
        Polled {
            result,
            measures: Vec::new(),
            usage: Usage::default(),
            took,
            redactor: Redactor::default(),
            slot: None,
        }
    }
}

/// A store that fails, is slow, or loses the answer of a commit. It holds the law that a commit covers nothing that was not
/// delivered, and never goes back.
#[derive(Clone)]
pub(super) struct ScriptedStore {
    pub(super) scripted: Scripted,
    pub(super) inner: MemoryStore,
}

impl ScriptedStore {
    async fn apply(&self, commit: Commit<'_>) -> Result<(), StoreError> {
        let to = position(commit.cursor);
        let partition = commit.partition.to_owned();
        self.scripted.world().committed.insert(partition, to);
        self.inner.commit(commit).await
    }
}

impl CursorStore for ScriptedStore {
    async fn load(&self, source: &str, partition: &str) -> Result<Position, StoreError> {
        match self.scripted.decide(6) {
            5 => Err(StoreError::new("the store is away")),
            _ => self.inner.load(source, partition).await,
        }
    }

    async fn commit(&self, commit: Commit<'_>) -> Result<(), StoreError> {
        let to = position(commit.cursor);
        {
            let world = self.scripted.world();
            let delivered = &world.delivered[commit.partition];
            let lost = (0..to).find(|record| !delivered[*record as usize]);
            assert_eq!(lost, None, "committed {to} of {} without it", commit.partition);
            let before = world.committed.get(commit.partition);
            assert!(before <= Some(&to), "went back from {before:?} to {to}");
        }
        match self.scripted.decide(8) {
            5 => return Err(StoreError::new("the store is away")),
            6 => {
                self.apply(commit).await?;
                return Err(StoreError::new("the answer was lost"));
            }
            7 => tokio::time::sleep(Duration::from_secs(5)).await,
            _ => {}
        }
        self.apply(commit).await
    }

    async fn partitions(&self, source: &str) -> Result<Vec<String>, StoreError> {
        match self.scripted.decide(6) {
            5 => Err(StoreError::new("the store is away")),
            _ => self.inner.partitions(source).await,
        }
    }
}

/// What all sources of a test's host share.
pub(super) fn shared(store: impl CursorStore) -> Shared {
    Shared {
        store: Arc::new(store),
        memory: BatchMemory::default(),
        notices: Notices::default(),
    }
}

/// Begins to read.
pub(super) fn read(source: &Arc<ScriptedSource>, shared: &Shared, lane: &Lane, until: Until) -> Batches {
    Batches::start(source.clone(), shared.clone(), lane.clone(), until)
}
