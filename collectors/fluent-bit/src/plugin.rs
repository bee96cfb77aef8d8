//! All inputs of this process. Fluent Bit ends them together, naming none, so one place knows them all.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use headwater::Host;
use headwater::cursor::state_file::{State, StateError};
use headwater::model::{Failure, Fault};
use headwater::reading::Outage;
use headwater_cli::collector::{Config, LoadError, Loader, Loading, RefusedSource};
use headwater_collector::{LevelFilter, Line, end, log_to, stop_logging};
use thiserror::Error;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::{Instrument, error_span};

use crate::abi::FluentBit;
use crate::input::Input;
use crate::reader::read;
use crate::settings::{self, Properties, SettingsError};

/// Batches of an input that wait for the next turn.
const WAITING: usize = 8;
/// How long the end of Fluent Bit may be held up: for commits of what is in chunks, and for threads that hang.
const GRACE: Duration = Duration::from_secs(5);

/// Why an input cannot begin.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Its configuration does not allow it.
    #[error("{0}")]
    Settings(#[from] SettingsError),
    /// Two inputs would read the same, each with the cursors of the other.
    #[error(
        "source \"{0}\" is read by another input already; name one source in each input, with the property `source`"
    )]
    Twice(String),
    /// The state file cannot be used.
    #[error("{0}")]
    State(#[from] StateError),
    /// Something of this process is missing.
    #[error("cannot start: {0}")]
    Process(String),
}

struct Plugin {
    runtime: Runtime,
    /// One for each configuration.
    loaders: HashMap<PathBuf, Arc<Loader>>,
    /// Sources that are read, with the configuration that they are of.
    taken: HashSet<(PathBuf, String)>,
    inputs: HashMap<NonZeroUsize, Input>,
    readers: JoinSet<()>,
    opened: usize,
}

/// None before the first input and after the end.
static PLUGIN: Mutex<Option<Plugin>> = Mutex::new(None);

/// Begins an input. Returns what it is known by from now on.
pub fn open(fluent_bit: FluentBit, properties: Properties) -> Result<NonZeroUsize, OpenError> {
    let (path, config) = settings::load(&properties)?;
    let mut plugin = PLUGIN.lock().unwrap_or_else(PoisonError::into_inner);
    let plugin = match &mut *plugin {
        Some(plugin) => plugin,
        none => {
            log_through(fluent_bit);
            none.insert(Plugin::start()?)
        }
    };
    plugin.open(fluent_bit, &path, config)
}

/// A turn of an input.
pub fn collect(id: usize) {
    let mut plugin = PLUGIN.lock().unwrap_or_else(PoisonError::into_inner);
    let input = plugin.as_mut().zip(NonZeroUsize::new(id));
    if let Some(input) = input.and_then(|(plugin, id)| plugin.inputs.get_mut(&id)) {
        input.collect();
    }
}

/// Ends all inputs: when this returns, nothing of them runs any more and nothing of Fluent Bit is used.
pub fn close_all() {
    let plugin = PLUGIN.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(mut plugin) = plugin {
        let mut inputs = std::mem::take(&mut plugin.inputs);
        let commits = async {
            for input in inputs.values_mut() {
                input.finish().await;
            }
        };
        // What is not committed in time is fetched again.
        let _ = plugin
            .runtime
            .block_on(async { tokio::time::timeout(GRACE, commits).await });
        // First who would hear that a batch was dropped.
        drop(plugin.readers);
        drop(inputs);
        end(plugin.runtime, GRACE);
    }
    stop_logging();
}

/// Shows log lines as Fluent Bit shows its own.
fn log_through(fluent_bit: FluentBit) {
    let levels = [
        LevelFilter::ERROR,
        LevelFilter::WARN,
        LevelFilter::INFO,
        LevelFilter::DEBUG,
        LevelFilter::TRACE,
    ];
    let number = move |level: LevelFilter| {
        levels
            .iter()
            .position(|known| *known == level)
            .map_or(5, |at| at as i32 + 1)
    };
    let shown = levels.into_iter().rfind(|level| fluent_bit.shows(number(*level)));
    log_to(shown.unwrap_or(LevelFilter::OFF), move |line: &Line<'_>| {
        let mut text = String::new();
        for name in [line.source, line.partition] {
            if !name.is_empty() {
                text.push_str(name);
                text.push_str(": ");
            }
        }
        text.push_str(line.text);
        fluent_bit.log(number(line.level.into()), &text);
    });
}

impl Plugin {
    fn start() -> Result<Self, OpenError> {
        let runtime = Builder::new_multi_thread()
            .thread_name("headwater")
            .enable_all()
            .build();
        Ok(Self {
            runtime: runtime.map_err(|error| OpenError::Process(error.to_string()))?,
            loaders: HashMap::new(),
            taken: HashSet::new(),
            inputs: HashMap::new(),
            readers: JoinSet::new(),
            opened: 0,
        })
    }

    fn open(
        &mut self,
        fluent_bit: FluentBit,
        path: &Path,
        mut config: Config,
    ) -> Result<NonZeroUsize, OpenError> {
        // It has just been read.
        let file = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let sources = std::mem::take(&mut config.sources);
        let keys: Vec<_> = sources
            .iter()
            .map(|source| (file.clone(), source.name.clone()))
            .collect();
        if let Some((_, name)) = keys.iter().find(|key| self.taken.contains(*key)) {
            return Err(OpenError::Twice(name.clone()));
        }
        report(std::mem::take(&mut config.refused));
        let loader = self.loader(file, config)?;
        let (sender, incoming) = mpsc::channel(WAITING);
        for source in sources {
            let span = error_span!("source", id = source.name);
            let reading = read(loader.clone(), Loading::new(source), sender.clone());
            self.readers
                .spawn_on(reading.instrument(span), self.runtime.handle());
        }
        self.taken.extend(keys);
        self.opened += 1;
        let id = NonZeroUsize::MIN.saturating_add(self.opened);
        let input = Input::new(fluent_bit, self.runtime.handle().clone(), incoming);
        self.inputs.insert(id, input);
        Ok(id)
    }

    /// What makes the sources of a configuration ready; with its state file open.
    fn loader(&mut self, file: PathBuf, config: Config) -> Result<Arc<Loader>, OpenError> {
        if let Some(loader) = self.loaders.get(&file) {
            return Ok(loader.clone());
        }
        let host = Host::builder()
            .cursors(State::open(&config.state)?)
            .compile(config.compile)
            .memory(config.memory)
            .build()
            .map_err(|error| OpenError::Process(error.to_string()))?;
        let loader = Arc::new(Loader::new(host));
        self.loaders.insert(file, loader.clone());
        Ok(loader)
    }
}

/// Tells operators of sources whose tables are wrong. The others are read.
fn report(refused: Vec<RefusedSource>) {
    for RefusedSource { name, problems } in refused {
        let _span = error_span!("source", id = name).entered();
        let failure = Failure::host(Fault::InvalidConfig, "config", LoadError::of_plugin(problems))
            .with_hint("correct the configuration and restart");
        Outage::default().failed(&failure, "the source is stopped", None);
    }
}
