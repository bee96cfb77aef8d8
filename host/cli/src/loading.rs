//! Getting sources ready to run: their plugins found and compiled, their configurations accepted, their sinks opened.

use std::future::Future;
use std::io;
use std::sync::Arc;
#[cfg(feature = "postgres")]
use std::sync::OnceLock;
use std::time::Duration;

use headwater::plugin::registry;
#[cfg(feature = "postgres")]
use headwater::sink::LetterTable;
use headwater::sink::{DeadLetters, Sinks};
use headwater::{Host, Plugin, Source};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;

use crate::config::{DeadLetterPlace, PluginPlace, SourceConfig};
pub use crate::load_error::LoadError;
use crate::outlets::Outlets;

/// Sources that are made ready at once, of those that have just begun: one that takes longer waits for something that hangs, and
/// no other one waits for that. Its calls have their slots, and each file has a thread of its own.
const LOADS_AT_ONCE: usize = 64;
const FRESH: Duration = Duration::from_secs(1);
/// The stack of a thread that waits for the files of one source.
const STACK_BYTES: usize = 256 << 10;
/// How long a place for events may take to answer; a hung mount does not.
const PATIENCE: Duration = Duration::from_secs(10);

/// Makes sources ready, side by side.
#[derive(Debug)]
pub struct Loader {
    host: Host,
    permits: Semaphore,
    sinks: Arc<Sinks>,
    /// The dead letters in the database, once that is open.
    #[cfg(feature = "postgres")]
    letters: OnceLock<LetterTable>,
}

/// A source that can be polled.
#[derive(Debug, Clone)]
pub struct Ready {
    /// The source.
    pub source: Source,
    /// Where its events go.
    pub outlets: Outlets,
}

/// One source on its way: remembers what still hangs, so that it is not begun a second time.
#[derive(Debug)]
pub struct Loading {
    config: Arc<SourceConfig>,
    probe: Pending<Vec<String>>,
    open: Pending<Result<Outlets, String>>,
}

/// What may hang, if it is under way.
type Pending<T> = Option<oneshot::Receiver<T>>;

impl Loader {
    /// A loader for this host.
    pub fn new(host: Host) -> Self {
        Self {
            host,
            permits: Semaphore::new(LOADS_AT_ONCE),
            sinks: Arc::default(),
            #[cfg(feature = "postgres")]
            letters: OnceLock::new(),
        }
    }

    /// The database is open: dead letters can be kept there.
    #[cfg(feature = "postgres")]
    pub fn keep_letters_in(&self, table: LetterTable) {
        // There is one database from the start to the end.
        let _ = self.letters.set(table);
    }

    /// Makes a source ready, its sink included.
    pub async fn ready(&self, loading: &mut Loading) -> Result<Ready, LoadError> {
        let source = self.load(loading).await?;
        let outlets = self.open(loading).await?;
        Ok(Ready { source, outlets })
    }

    /// Makes a source ready but for its sink and dead letters, whose places are only looked at: nothing is created.
    pub async fn load(&self, loading: &mut Loading) -> Result<Source, LoadError> {
        // Before there is a permit, which others wait for: a slow helper delays its own sources only.
        for (pointer, secret) in &loading.config.config.secrets {
            secret.prefetch().await.map_err(|problem| {
                LoadError::missing(format_args!("config{}: {problem}", pointer.replace('/', ".")))
            })?;
        }
        self.in_turn(|| self.judge(loading)).await
    }

    /// Does it when it is its turn, which it gives away when it takes long. Thousands may wait, and what their work needs in
    /// memory is not there before their turn.
    async fn in_turn<W: Future>(&self, work: impl FnOnce() -> W) -> W::Output {
        // Closed never.
        let permit = self.permits.acquire().await;
        let mut work = Box::pin(work());
        if let Ok(done) = tokio::time::timeout(FRESH, &mut work).await {
            return done;
        }
        drop(permit);
        work.await
    }

    async fn judge(&self, loading: &mut Loading) -> Result<Source, LoadError> {
        let mut problems = loading.probe().await;
        let mut may_pass = problems.is_empty();
        let mut is_cheap = true;
        match self.source(&loading.config).await {
            Ok(source) if problems.is_empty() => return Ok(source),
            Ok(_) => {}
            Err(error) => {
                may_pass &= error.may_pass;
                is_cheap = error.is_cheap;
                problems.extend(error.problems);
            }
        }
        Err(LoadError {
            problems,
            may_pass,
            is_cheap,
            is_located: false,
        })
    }

    /// Makes sources ready but for their sinks, side by side. In the order of their names.
    pub async fn load_all(
        self: &Arc<Self>,
        configs: impl IntoIterator<Item = Arc<SourceConfig>>,
    ) -> Vec<(Arc<SourceConfig>, Result<Source, LoadError>)> {
        let mut tasks = JoinSet::new();
        for config in configs {
            let loader = self.clone();
            tasks.spawn(async move {
                let loaded = loader.load(&mut Loading::new(config.clone())).await;
                (config, loaded)
            });
        }
        let mut loaded = tasks.join_all().await;
        loaded.sort_by(|(one, _), (other, _)| one.name.cmp(&other.name));
        loaded
    }

    /// Opens the sink of a source that has been loaded.
    async fn open(&self, loading: &mut Loading) -> Result<Outlets, LoadError> {
        let (sinks, config) = (self.sinks.clone(), loading.config.clone());
        let Some(dead_letters) = self.dead_letters(&config) else {
            return Err(LoadError::missing("the state is not open"));
        };
        let open = move || {
            let sink = sinks.open(&config.sink).map_err(|error| error.to_string())?;
            Ok(Outlets { sink, dead_letters })
        };
        let opened = within_patience(&mut loading.open, open).await;
        opened.unwrap_or_else(Err).map_err(|problem| LoadError {
            problems: vec![problem],
            may_pass: false,
            is_cheap: true,
            is_located: false,
        })
    }

    /// Where the dead letters of a source are kept; none while the database is not open.
    fn dead_letters(&self, config: &SourceConfig) -> Option<DeadLetters> {
        match &config.dead_letter {
            DeadLetterPlace::File { .. } => letter_file(config),
            #[cfg(feature = "postgres")]
            DeadLetterPlace::Database => {
                let table = self.letters.get()?.clone();
                Some(DeadLetters::in_table(&config.name, table))
            }
            #[cfg(not(feature = "postgres"))]
            DeadLetterPlace::Database => None,
        }
    }

    async fn source(&self, config: &SourceConfig) -> Result<Source, LoadError> {
        let plugin = self.plugin(config).await?;
        let mut builder = plugin
            .source(&config.name)
            .config(config.config.json.clone())
            .allow(&config.allow)
            .allow_private(config.allow_private)
            .proxy(config.outbound.proxy.clone())
            .limits(config.limits);
        for (pointer, secret) in &config.config.secrets {
            builder = builder.secret(pointer, secret.clone());
        }
        if let Some(interval) = config.interval {
            builder = builder.interval(interval);
        }
        if let Some(ca) = &config.outbound.ca {
            builder = builder.ca(ca);
        }
        Ok(builder.build().await?)
    }

    async fn plugin(&self, config: &SourceConfig) -> Result<Plugin, LoadError> {
        let pinned = config.digest.clone();
        let (path, pinned) = match &config.plugin {
            PluginPlace::File(path) => (path.clone(), pinned),
            PluginPlace::Registry(reference, folder) => {
                let fetched = registry::fetch(reference, &config.outbound, folder).await?;
                (fetched.path, pinned.or(Some(fetched.digest)))
            }
        };
        let load = self.host.load(path);
        Ok(match pinned {
            Some(digest) => load.pinned(format!("sha256:{digest}")).await?,
            None => load.await?,
        })
    }
}

impl Loading {
    /// The source of this configuration.
    pub fn new(config: Arc<SourceConfig>) -> Self {
        Self {
            config,
            probe: None,
            open: None,
        }
    }

    /// Its configuration.
    pub fn config(&self) -> &SourceConfig {
        &self.config
    }

    /// Checks that events and dead letters will have a place. Returns the problems.
    async fn probe(&mut self) -> Vec<String> {
        let config = self.config.clone();
        let probe = move || {
            let mut problems = Vec::new();
            if let Err(error) = Sinks::probe(&config.sink) {
                problems.push(error.to_string());
            }
            // A database is judged as a whole when it is opened.
            if let Some(Err(error)) = letter_file(&config).map(|letters| letters.probe()) {
                problems.push(format!(
                    "cannot keep rejected items in {error}; check `dead_letter`"
                ));
            }
            problems
        };
        let probed = within_patience(&mut self.probe, probe).await;
        probed.unwrap_or_else(|problem| vec![problem])
    }
}

/// The dead-letter file of a source, if it has one.
fn letter_file(config: &SourceConfig) -> Option<DeadLetters> {
    match &config.dead_letter {
        DeadLetterPlace::File { path, rotation } => {
            Some(DeadLetters::new(&config.name, path.clone(), *rotation))
        }
        DeadLetterPlace::Database => None,
    }
}

/// Does something that may hang, on a thread of its own. While it hangs, it is waited for and not begun again.
async fn within_patience<T: Send + 'static>(
    pending: &mut Pending<T>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    let mut done = match pending.take() {
        Some(done) => done,
        None => on_thread(work).map_err(|error| format!("cannot start a thread for its files: {error}"))?,
    };
    match tokio::time::timeout(PATIENCE, &mut done).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(_)) => Err("opening its files ended unexpectedly".to_owned()),
        Err(_) => {
            *pending = Some(done);
            Err(format!(
                "the file of the sink or of dead letters did not answer within {PATIENCE:?}; check the mount or the \
                 volume that it is on"
            ))
        }
    }
}

/// Does something on a thread that nobody else needs: a pool would be full when the files of many sources hang.
fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<oneshot::Receiver<T>> {
    let (sender, done) = oneshot::channel();
    let thread = std::thread::Builder::new()
        .name("open-files".to_owned())
        .stack_size(STACK_BYTES);
    let span = tracing::Span::current();
    thread.spawn(move || {
        // Nobody listens any more where the source has been removed.
        let _ = sender.send(span.in_scope(work));
    })?;
    Ok(done)
}
