//! The command line: what it accepts, and what each command does.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use tracing::{error, info, warn};

use crate::config::{Config, SourceConfig};
use crate::dead_letter::DeadLetters;
use crate::load::LoadError;
use crate::log::{self, LogFormat};
use crate::monitor::{self, Monitor};
use crate::plugin::Plugins;
use crate::progress::Progress;
use crate::scheduler::{self, Mode, Summary, Watchers};
use crate::shutdown;
use crate::signal;
use crate::sink::{OpenError, Sinks};
use crate::source::{Outlets, Source};
use crate::state::{State, StateError};
use crate::state_command::{self, Selection};
use crate::{check, conformance, describe, engine, load, manual, open_files};

/// Something failed.
const FAILED: u8 = 1;
/// The command line or the configuration is wrong.
const MISUSED: u8 = 2;
/// Runs Headwater sources: many tenants side by side, each in its own sandbox.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// How log lines on stderr look.
    #[arg(long, global = true, value_enum, default_value = "text")]
    log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Poll all sources.
    Run {
        #[command(flatten)]
        config: ConfigFile,
        /// Poll until each partition has caught up, then exit.
        #[arg(long)]
        once: bool,
    },
    /// Test the connection of every partition, and say what to do about failures.
    Check {
        #[command(flatten)]
        config: ConfigFile,
        /// Test this source only.
        #[arg(long, value_name = "NAME")]
        source: Option<String>,
    },
    /// Say what a plugin is, what it imports and how it is configured.
    Describe {
        /// The component file.
        plugin: PathBuf,
    },
    /// Examine whether a plugin keeps the contract.
    Conformance {
        /// The component file.
        plugin: PathBuf,
        /// A configuration whose source tells how to reach an upstream; without it only what needs none is examined.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// The source to take from it, when it has several.
        #[arg(long, value_name = "NAME", requires = "config")]
        source: Option<String>,
        /// How the report looks.
        #[arg(long, value_enum, default_value = "text")]
        format: ReportFormat,
    },
    /// Look at stored cursors, or let go of them.
    State {
        #[command(subcommand)]
        command: StateCommand,
    },
    /// Print the completion script for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Write the man pages of the program and of each command into a folder.
    Manual {
        /// A folder that exists.
        folder: PathBuf,
    },
}

/// How a report looks.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum ReportFormat {
    /// A table for people.
    Text,
    /// One JSON document.
    Json,
}

#[derive(Debug, Subcommand)]
enum StateCommand {
    /// List the stored cursors.
    List {
        #[command(flatten)]
        config: ConfigFile,
        #[command(flatten)]
        selection: SelectionArguments,
    },
    /// Show the readable part of stored cursors.
    Show {
        #[command(flatten)]
        config: ConfigFile,
        #[command(flatten)]
        selection: SelectionArguments,
    },
    /// Forget stored cursors, so that their partitions begin anew. Needs --source or --all.
    Reset {
        #[command(flatten)]
        config: ConfigFile,
        #[command(flatten)]
        selection: SelectionArguments,
        /// Forget the cursors of all sources.
        #[arg(long, conflicts_with = "source", required_unless_present = "source")]
        all: bool,
    },
}

#[derive(Debug, Args)]
struct ConfigFile {
    /// The configuration file.
    #[arg(long = "config", value_name = "FILE")]
    path: PathBuf,
}

#[derive(Debug, Args)]
struct SelectionArguments {
    /// Only cursors of this source.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Only the cursor of this partition.
    #[arg(long, value_name = "ID")]
    partition: Option<String>,
}

impl From<SelectionArguments> for Selection {
    fn from(arguments: SelectionArguments) -> Self {
        Self {
            source: arguments.source,
            partition: arguments.partition,
        }
    }
}

/// A message for people, and the exit code that goes with it.
struct Exit(u8, String);

impl Exit {
    fn misused(problem: impl Display) -> Self {
        Self(MISUSED, problem.to_string())
    }

    fn failed(problem: impl Display) -> Self {
        Self(FAILED, problem.to_string())
    }

    /// A damaged file is one that a person must look at, whether it shows when it is opened or when it is read.
    fn state(error: StateError) -> Self {
        match error {
            StateError::Damaged { .. } => Self::misused(error),
            _ => Self::failed(error),
        }
    }
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    // Prints help, version and mistakes itself, with exit code 2 for mistakes.
    let arguments = Arguments::parse();
    let progress = Progress::on_stderr();
    log::start(arguments.log_format, progress.writer());
    open_files::allow_many();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            error!(%error, "cannot start");
            return ExitCode::from(FAILED);
        }
    };
    let done = runtime.block_on(dispatch(arguments.command, progress));
    // What still blocks on a dead pipe or disk must not hold up the end.
    runtime.shutdown_background();
    match done {
        Ok(code) => code,
        Err(Exit(code, problem)) => {
            error!("{problem}");
            ExitCode::from(code)
        }
    }
}

async fn dispatch(command: Command, progress: Progress) -> Result<ExitCode, Exit> {
    match command {
        Command::Run { config, once } => {
            run(
                &config.path,
                if once { Mode::Once } else { Mode::Forever },
                progress,
            )
            .await
        }
        Command::Check { config, source } => check_sources(&config.path, source.as_deref()).await,
        Command::Describe { plugin } => {
            let text = describe::describe(&plugin, &plugins()?)
                .await
                .map_err(Exit::misused)?;
            print(&text)
        }
        Command::Conformance {
            plugin,
            config,
            source,
            format,
        } => {
            let source = config
                .map(|path| one_source(&path, source.as_deref()))
                .transpose()?;
            examine(&plugin, source, format).await
        }
        Command::State { command } => state(command).await,
        Command::Completions { shell } => print(&manual::completions(Arguments::command(), shell)),
        Command::Manual { folder } => manual::write_pages(Arguments::command(), &folder)
            .map(|()| ExitCode::SUCCESS)
            .map_err(|error| Exit::misused(format_args!("cannot write into {}: {error}", folder.display()))),
    }
}

async fn run(path: &Path, mode: Mode, progress: Progress) -> Result<ExitCode, Exit> {
    let config = Config::load(path).map_err(Exit::misused)?;
    probe_outlets(&config.sources)?;
    let configs = config.sources.clone();
    let sources = load(config.sources).await?;
    let monitor = Monitor::default();
    if let Some(address) = config.listen {
        let problem = |error| {
            Exit::misused(format_args!(
                "cannot listen on {address}: {error}; change or remove `listen.address`"
            ))
        };
        monitor::serve(address, monitor.clone()).await.map_err(problem)?;
    }
    // Files come into being only for a configuration that works.
    let state = State::open(&config.state).map_err(Exit::misused)?;
    let outlets = open_outlets(&configs)?;
    let (trigger, shutdown) = shutdown::channel();
    let sources = sources.into_iter().map(Arc::new).zip(outlets).collect();
    let polling = scheduler::run(sources, state, mode, Watchers { progress, monitor }, shutdown);
    let summary = tokio::select! {
        summary = polling => summary,
        () = signal::stop_on_signal(trigger) => {
            warn!("stopped before every poll had ended; nothing is lost, unfinished batches come again");
            return Ok(ExitCode::SUCCESS);
        }
    };
    Ok(conclude(&summary))
}

/// Says what a run came to.
fn conclude(summary: &Summary) -> ExitCode {
    let totals = &summary.totals;
    info!(
        events = totals.events,
        rejected = totals.rejected,
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
    if summary.failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    }
}

async fn check_sources(path: &Path, name: Option<&str>) -> Result<ExitCode, Exit> {
    let mut config = Config::load(path).map_err(Exit::misused)?;
    if let Some(name) = name {
        require_source(&config, name)?;
        config.sources.retain(|source| source.name == name);
    }
    probe_outlets(&config.sources)?;
    let (text, passed) = check::check(load(config.sources).await?).await;
    print(&text)?;
    Ok(if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    })
}

/// Examines a plugin. Whatever was found is printed; a plugin that is none is a mistake of the command line.
async fn examine(path: &Path, source: Option<SourceConfig>, format: ReportFormat) -> Result<ExitCode, Exit> {
    let report = match plugins()?.load(path, None) {
        Ok(plugin) => conformance::examine(plugin, source).await,
        Err(error) => conformance::report_unloadable(error).map_err(Exit::misused)?,
    };
    print(&match format {
        ReportFormat::Text => report.to_text(),
        ReportFormat::Json => report.to_json(),
    })?;
    Ok(if report.passed() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    })
}

/// The named source of a configuration, or its only one.
fn one_source(path: &Path, name: Option<&str>) -> Result<SourceConfig, Exit> {
    let mut config = Config::load(path).map_err(Exit::misused)?;
    if let Some(name) = name {
        require_source(&config, name)?;
        config.sources.retain(|source| source.name == name);
    }
    let several = config.sources.len() > 1;
    let source = config.sources.pop().filter(|_| !several);
    source.ok_or_else(|| Exit::misused("the configuration has several sources; name one with --source"))
}

async fn state(command: StateCommand) -> Result<ExitCode, Exit> {
    let text = match command {
        StateCommand::List { config, selection } => {
            state_command::list(&open_state(&config.path)?, &selection.into())
                .await
                .map_err(Exit::state)?
        }
        StateCommand::Show { config, selection } => {
            state_command::show(&open_state(&config.path)?, &selection.into())
                .await
                .map_err(Exit::state)?
        }
        StateCommand::Reset {
            config,
            selection,
            all: _,
        } => {
            let state = open_state(&config.path)?;
            let count = state_command::reset(&state, &selection.into())
                .await
                .map_err(Exit::state)?;
            format!("{count} cursor(s) forgotten\n")
        }
    };
    print(&text)
}

/// Opens the state of a configuration that must exist: looking at state never makes any.
fn open_state(config: &Path) -> Result<State, Exit> {
    let path = Config::load(config).map_err(Exit::misused)?.state;
    if !path.exists() {
        return Err(Exit::misused(format_args!(
            "there is no state file {} yet; `headwater run` makes it",
            path.display()
        )));
    }
    State::open(&path).map_err(Exit::misused)
}

fn require_source(config: &Config, name: &str) -> Result<(), Exit> {
    let names: Vec<&str> = config.sources.iter().map(|source| source.name.as_str()).collect();
    if names.contains(&name) {
        return Ok(());
    }
    Err(Exit::misused(format_args!(
        "no source is named \"{name}\"; the configuration has {}",
        names.join(", ")
    )))
}

/// Checks that events and dead letters will have a place, before anything is polled.
fn probe_outlets(configs: &[SourceConfig]) -> Result<(), Exit> {
    let mut problems = Vec::new();
    for config in configs {
        let name = &config.name;
        if let Err(error) = Sinks::probe(&config.sink) {
            problems.push(format!("source \"{name}\": {error}"));
        }
        if let Err(error) = DeadLetters::new(name, config.dead_letter.clone()).probe() {
            problems.push(format!(
                "source \"{name}\": cannot keep rejected items in {error}; check `dead_letter`"
            ));
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Exit::misused(problems.join("\n  ")))
    }
}

/// Opens all sinks.
fn open_outlets(configs: &[SourceConfig]) -> Result<Vec<Outlets>, Exit> {
    let mut sinks = Sinks::default();
    let open = |config: &SourceConfig| {
        let sink = sinks.open(&config.name, &config.sink)?;
        Ok(Outlets {
            sink,
            dead_letters: DeadLetters::new(&config.name, config.dead_letter.clone()),
        })
    };
    configs
        .iter()
        .map(open)
        .collect::<Result<_, OpenError>>()
        .map_err(Exit::misused)
}

async fn load(configs: Vec<SourceConfig>) -> Result<Vec<Source>, Exit> {
    let loaded = load::sources(configs, &plugins()?).await;
    loaded.map_err(|error| match error {
        LoadError::Misconfigured(problems) => Exit::misused(problems),
        LoadError::Unavailable(problems) => Exit::failed(problems),
    })
}

fn plugins() -> Result<Plugins, Exit> {
    engine::start()
        .and_then(Plugins::new)
        .map_err(|error| Exit::failed(format_args!("cannot start the engine: {error:#}")))
}

/// Prints a report; a reader that has seen enough is no failure.
fn print(text: &str) -> Result<ExitCode, Exit> {
    use std::io::Write;
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Exit::failed(error)),
        _ => Ok(ExitCode::SUCCESS),
    }
}
