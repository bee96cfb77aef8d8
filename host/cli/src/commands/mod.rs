//! The command line: what it accepts, and what each command does.

mod check;
mod conformance;
#[cfg(feature = "postgres")]
mod database;
mod dead_letter;
mod ending;
mod help;
mod init;
mod run;
#[cfg(feature = "postgres")]
mod shared_run;
mod state;
mod status;

use std::fmt::Display;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use headwater::Host;
use headwater::cursor::MemoryStore;
use headwater::plugin::CompileSettings;
use headwater::redact::printable::printable_lines;
use headwater::work::core_dump;
use headwater::work::machine_memory::usual_memory;
use tracing::error;

use self::conformance::ReportFormat;
use self::dead_letter::DeadLetterCommand;
use self::state::StateCommand;
use crate::config::{Config, usual_compile, with_bounds};
use crate::init::Given;
use crate::loading::Loader;
use crate::log::{self, LogFormat};
use crate::progress::Progress;
use crate::run::Mode;
use crate::{describe, file_limit, man_pages, stderr, threads};

/// How long the last log lines may take at the end.
const LAST_LINES: Duration = Duration::from_millis(500);
/// Something failed.
const FAILED: u8 = 1;
/// The command line or the configuration is wrong.
const MISUSED: u8 = 2;

/// How people begin.
const EXAMPLES: &str = "\
Examples:
  headwater init azure_activity.wasm   write a first headwater.toml
  headwater check                      try login, permissions and sink
  headwater run --once                 read what there is, and stop
  headwater run                        read until it is stopped";

/// Runs Headwater sources: many tenants side by side, each in its own sandbox.
#[derive(Debug, Parser)]
#[command(name = "headwater", version, after_help = EXAMPLES)]
struct Arguments {
    /// Format of the log lines on stderr.
    #[arg(long, global = true, value_enum, default_value = "text")]
    log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a first configuration: ask for what a plugin needs.
    Init {
        /// The component file; the one in this directory if there is only one.
        plugin: Option<PathBuf>,
        /// The file to write. An existing one is never overwritten.
        #[arg(long, value_name = "FILE", default_value = "headwater.toml")]
        config: PathBuf,
        /// The name of the source: it names its state and its log lines.
        #[arg(long)]
        name: Option<String>,
        /// A key of the plugin's configuration. A secret as env:NAME or file:PATH. May be repeated.
        #[arg(long, value_name = "KEY=VALUE")]
        set: Vec<String>,
    },
    /// Poll all sources.
    Run {
        #[command(flatten)]
        config: ConfigFile,
        /// Poll until each partition has caught up, then exit.
        #[arg(long)]
        once: bool,
        /// Refuse to start unless every source can be started.
        #[arg(long)]
        strict: bool,
    },
    /// Test the sink and every partition of each source, and show what to do about failures.
    Check {
        #[command(flatten)]
        config: ConfigFile,
        /// Test this source only.
        #[arg(long, value_name = "NAME")]
        source: Option<String>,
    },
    /// Test without the network: keys, files, secrets, and the plugins' own checks of their configuration.
    Validate {
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Show what a plugin is, what it imports and how it is configured.
    Describe {
        /// The component file.
        plugin: PathBuf,
        #[command(flatten)]
        bounds: CompileBounds,
    },
    /// Test whether a plugin keeps the contract.
    Conformance {
        /// The component file.
        plugin: PathBuf,
        /// A configuration with a source that can be read; without it only what needs no network is tested.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// The source to take from it, when it has several.
        #[arg(long, value_name = "NAME", requires = "config")]
        source: Option<String>,
        /// Format of the report.
        #[arg(long, value_enum, default_value = "text")]
        format: ReportFormat,
        #[command(flatten)]
        bounds: CompileBounds,
    },
    /// List, show or delete stored cursors.
    State {
        #[command(subcommand)]
        command: StateCommand,
    },
    /// List, show or replay what could not be delivered.
    DeadLetter {
        #[command(subcommand)]
        command: DeadLetterCommand,
    },
    /// Show how the running host is doing: what `/status` shows, in a terminal.
    Status {
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Print the completion script for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Write the man pages of the program and of each command into a directory.
    Manual {
        /// A directory that exists.
        #[arg(value_name = "DIRECTORY")]
        folder: PathBuf,
    },
}

#[derive(Debug, Args)]
struct ConfigFile {
    /// The configuration file.
    #[arg(long = "config", value_name = "FILE", default_value = "headwater.toml")]
    path: PathBuf,
}

/// Bounds for a plugin that exceeds the usual ones.
#[derive(Debug, Args)]
struct CompileBounds {
    /// Compile within another bound: a key of `[compile]`, for example memory=2GiB. May be repeated.
    #[arg(long = "compile", value_name = "KEY=VALUE")]
    bounds: Vec<String>,
}

impl CompileBounds {
    /// These settings with the given bounds.
    fn apply(&self, settings: CompileSettings) -> Result<CompileSettings, Exit> {
        with_bounds(settings, &self.bounds).map_err(|problems| Exit::misused(problems.join("\n  ")))
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

    /// No source can be used: for these reasons, against all of which waiting may help or not.
    fn unusable((problems, may_pass): (String, bool)) -> Self {
        if may_pass {
            Self::failed(problems)
        } else {
            Self::misused(problems)
        }
    }
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    if let Some(code) = headwater::run_helper_if_asked() {
        return code;
    }
    let arguments = match help::parse() {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    if let Err(problem) = threads::check() {
        // The log would need one.
        let _ = writeln!(io::stderr(), "{problem}");
        return ExitCode::from(FAILED);
    }
    let progress = Progress::on_stderr();
    log::start(arguments.log_format, &progress);
    core_dump::forbid();
    file_limit::allow_many();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    #[cfg(debug_assertions)]
    headwater::work::watchdog::watch(&mut runtime);
    let runtime = match runtime.enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            error!(%error, "cannot start");
            stderr::flush(LAST_LINES);
            return ExitCode::from(FAILED);
        }
    };
    let done = runtime.block_on(dispatch(arguments.command, progress));
    // What still blocks on a dead pipe or disk must not hold up the end.
    runtime.shutdown_background();
    let code = done.unwrap_or_else(|Exit(code, problem)| {
        error!("{problem}");
        ExitCode::from(code)
    });
    stderr::flush(LAST_LINES);
    code
}

async fn dispatch(command: Command, progress: Progress) -> Result<ExitCode, Exit> {
    match command {
        Command::Init {
            plugin,
            config,
            name,
            set,
        } => init::init(plugin, Given { config, name, set }).await,
        Command::Run { config, once, strict } => {
            run::run(
                &config.path,
                if once { Mode::Once } else { Mode::Forever },
                strict,
                progress,
            )
            .await
        }
        Command::Check { config, source } => check::check(&config.path, source.as_deref()).await,
        Command::Validate { config } => check::validate(&config.path).await,
        Command::Describe { plugin, bounds } => {
            let settings = bounds.apply(usual_compile())?;
            let text = describe::describe(&plugin, &host(&settings, usual_memory())?)
                .await
                .map_err(Exit::misused)?;
            print(&text)
        }
        Command::Conformance {
            plugin,
            config,
            source,
            format,
            bounds,
        } => {
            let config = config.map(|path| Config::load(&path)).transpose();
            let config = config.map_err(Exit::misused)?;
            let settings = config.as_ref().map(|config| config.compile.clone());
            let memory = config.as_ref().map_or_else(usual_memory, |config| config.memory);
            let host = host(&bounds.apply(settings.unwrap_or_default())?, memory)?;
            let source = config
                .map(|config| conformance::one_source(config, source.as_deref()))
                .transpose()?;
            conformance::examine(&host, &plugin, source, format).await
        }
        Command::State { command } => state::state(command).await,
        Command::Status { config } => status::status(&config.path).await,
        Command::DeadLetter { command } => dead_letter::dead_letter(command).await,
        Command::Completions { shell } => print(&man_pages::completions(Arguments::command(), shell)),
        Command::Manual { folder } => man_pages::write_pages(Arguments::command(), &folder)
            .map(|()| ExitCode::SUCCESS)
            .map_err(|error| Exit::misused(format_args!("cannot write into {}: {error}", folder.display()))),
    }
}

fn require_source(config: &Config, name: &str) -> Result<(), Exit> {
    if let Some(refused) = config.refused.iter().find(|refused| refused.name == name) {
        return Err(Exit::misused(refused.problems.join("\n  ")));
    }
    let names: Vec<&str> = config.sources.iter().map(|source| source.name.as_str()).collect();
    if names.contains(&name) {
        return Ok(());
    }
    Err(Exit::misused(format_args!(
        "no source is named \"{name}\"; the configuration has {}",
        names.join(", ")
    )))
}

fn loader(config: &Config) -> Result<Loader, Exit> {
    Ok(Loader::new(host(&config.compile, config.memory)?))
}

/// A host for commands that read nothing.
fn host(compile: &CompileSettings, memory: u64) -> Result<Host, Exit> {
    Host::builder()
        .cursors(MemoryStore::new())
        .compile(compile.clone())
        .memory(memory)
        .build()
        .map_err(Exit::failed)
}

/// Prints a report; a reader that has seen enough is no failure.
fn print(text: &str) -> Result<ExitCode, Exit> {
    match io::stdout().lock().write_all(printable_lines(text).as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Exit::failed(error)),
        _ => Ok(ExitCode::SUCCESS),
    }
}
