//! A source that can be read.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::component::{CallResult, ComponentClient};
use crate::cursor::CursorBudget;
use crate::model::{Failure, Fault, Issue, Limits, Manifest, PartitionInfo, Report};
use crate::reading::{Batches, Lane, Polled, Shared, Until, Upstream};
use crate::secret::{Resolved, Template};

/// A source whose configuration its plugin accepts. Clones are the same source.
#[derive(Debug, Clone)]
pub struct Source(Arc<Inner>);

/// What a source is made of.
pub(super) struct Inner {
    pub(super) shared: Shared,
    pub(super) plugin: String,
    pub(super) name: String,
    pub(super) manifest: Arc<Manifest>,
    pub(super) interval: Duration,
    pub(super) warnings: Vec<Issue>,
    pub(super) template: Template,
    pub(super) secret_keys: Vec<String>,
    pub(super) client: ComponentClient,
    pub(super) cursors: CursorBudget,
    pub(super) lane: Lane,
}

impl Source {
    pub(super) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// What its plugin is.
    pub fn manifest(&self) -> &Manifest {
        &self.0.manifest
    }

    /// How often its partitions are polled.
    pub fn interval(&self) -> Duration {
        self.0.interval
    }

    /// Its bounds.
    pub fn limits(&self) -> Limits {
        self.0.client.limits()
    }

    /// What its plugin says about the configuration although it accepts it.
    pub fn warnings(&self) -> &[Issue] {
        &self.0.warnings
    }

    /// Finds the partitions that can be read, and those that cannot with the reason.
    ///
    /// # Errors
    ///
    /// What the plugin or the host says.
    pub async fn discover(&self) -> Result<Vec<PartitionInfo>, Failure> {
        self.0.discover().await
    }

    /// Tests the connection to one partition's log.
    ///
    /// # Errors
    ///
    /// What the plugin or the host says.
    pub async fn check(&self, partition: &str) -> Result<Report, Failure> {
        let config = self.0.prepare().await?;
        let checked = self.0.client.check(&config, partition).await.result;
        self.0.note_refusal(&checked);
        checked
    }

    /// Reads all partitions from their cursors on, until it is stopped. Needs a Tokio runtime.
    ///
    /// A source is read once at a time: a second reading begins when the first has ended.
    pub fn batches(&self) -> Batches {
        self.read(Until::Stopped)
    }

    /// The same until every partition has caught up once, or has failed too often to go on.
    pub fn batches_until_caught_up(&self) -> Batches {
        self.read(Until::CaughtUp)
    }

    fn read(&self, until: Until) -> Batches {
        let Inner { shared, lane, .. } = &*self.0;
        Batches::start(self.0.clone(), shared.clone(), lane.clone(), until)
    }
}

impl Inner {
    /// A refusal may mean that a secret was exchanged: helpers are asked for it again.
    fn note_refusal<T>(&self, result: &Result<T, Failure>) {
        if result
            .as_ref()
            .is_err_and(|failure| failure.fault == Fault::Denied)
        {
            self.template.refused();
        }
    }
}

impl Upstream for Inner {
    type Prepared = Resolved;

    fn name(&self) -> &str {
        &self.name
    }

    fn plugin(&self) -> &str {
        &self.plugin
    }

    fn interval(&self) -> Duration {
        self.interval
    }

    async fn discover(&self) -> Result<Vec<PartitionInfo>, Failure> {
        let config = self.prepare().await?;
        let found = self.client.discover(&config).await.result;
        self.note_refusal(&found);
        found
    }

    async fn prepare(&self) -> Result<Resolved, Failure> {
        self.template
            .resolve(&self.secret_keys)
            .await
            .map_err(|missing| Failure::host(Fault::Denied, "secret", missing))
    }

    async fn poll(&self, config: Resolved, partition: &str, cursor: Option<Vec<u8>>) -> Polled {
        let CallResult {
            result,
            measures,
            usage,
            took,
            redactor,
            slot,
        } = self.client.poll(&config, partition, cursor).await;
        self.note_refusal(&result);
        let result = result.and_then(|fetched| {
            self.cursors.note(partition, fetched.cursor.len())?;
            Ok(fetched)
        });
        Polled {
            result,
            measures,
            usage,
            took,
            redactor,
            slot,
        }
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Source")
            .field("name", &self.name)
            .field("plugin", &self.plugin)
            .finish_non_exhaustive()
    }
}
