//! `headwater state`: list, show and reset stored cursors.

#![expect(
    clippy::disallowed_methods,
    reason = "runs on the main thread, which is not a worker"
)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::{ConfigFile, Exit, print};
use crate::config::Config;
use crate::state_command::{self, Selection};
#[cfg(feature = "postgres")]
use crate::state_copy::{self, CopyError};
use crate::state_move::{self, MoveError};
use headwater::cursor::Entry;
#[cfg(feature = "postgres")]
use headwater::cursor::postgres::{Address, PostgresStore, USUAL_PATIENCE, schema_sql};
use headwater::cursor::state_file::{State, StateCopy, StateError};

#[derive(Debug, Subcommand)]
pub(super) enum StateCommand {
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
    /// Write the cursors of a source to standard output, to move it to another host.
    Export {
        #[command(flatten)]
        config: ConfigFile,
        /// The source.
        #[arg(long, value_name = "NAME")]
        source: String,
    },
    /// Store the cursors of a source that another host has exported. No host may run meanwhile.
    Import {
        #[command(flatten)]
        config: ConfigFile,
        /// The source.
        #[arg(long, value_name = "NAME")]
        source: String,
        /// What was exported; standard input, if this is not given.
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
    },
    /// Print the SQL that makes the tables of a database, for an owner who gives hosts no right to.
    #[cfg(feature = "postgres")]
    Schema,
    /// Copy all cursors from a state file to a database, or back. No host may run meanwhile.
    #[cfg(feature = "postgres")]
    Copy {
        /// A state file, or the URL of a database.
        #[arg(long, value_name = "PATH|URL")]
        from: String,
        /// The same.
        #[arg(long, value_name = "PATH|URL")]
        to: String,
        /// The cluster in the database.
        #[arg(long, value_name = "NAME", default_value = "default")]
        cluster: String,
    },
    /// Delete stored cursors, so that their partitions restart at `start`. Needs --source or --all.
    Reset {
        #[command(flatten)]
        config: ConfigFile,
        #[command(flatten)]
        selection: SelectionArguments,
        /// Delete the cursors of all sources.
        #[arg(long, conflicts_with = "source", required_unless_present = "source")]
        all: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct SelectionArguments {
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

impl Exit {
    /// A damaged file is one that a person must look at, whether it shows when it is opened or when it is read.
    fn state(error: StateError) -> Self {
        if error.needs_a_person() {
            Self::misused(error)
        } else {
            Self::failed(error)
        }
    }
}

impl Exit {
    /// What keeps cursors from being moved is for a person to decide, but for a state that cannot be used at present.
    fn moving(error: MoveError) -> Self {
        match error {
            MoveError::State(error) => Self::state(error),
            error => Self::misused(error),
        }
    }
}

/// Runs one of the commands.
pub(super) async fn state(command: StateCommand) -> Result<ExitCode, Exit> {
    let text = match command {
        StateCommand::List { config, selection } => {
            state_command::list(entries(&config.path).await?, &selection.into())
        }
        StateCommand::Show { config, selection } => {
            state_command::show(entries(&config.path).await?, &selection.into())
        }
        #[cfg(feature = "postgres")]
        StateCommand::Schema => schema_sql(),
        #[cfg(feature = "postgres")]
        StateCommand::Copy { from, to, cluster } => {
            let report = state_copy::copy(&from, &to, &cluster)
                .await
                .map_err(|error| match error {
                    CopyError::File(error) => Exit::state(error),
                    CopyError::Database(error) => Exit::database(error),
                    error => Exit::misused(error),
                })?;
            format!(
                "{} cursor(s) copied, {} there already\n",
                report.copied, report.present
            )
        }
        StateCommand::Export { config, source } => state_move::export(look(&config.path)?.state()?, &source)
            .await
            .map_err(Exit::moving)?,
        StateCommand::Import { config, source, from } => {
            let text = match &from {
                Some(path) => std::fs::read_to_string(path),
                None => std::io::read_to_string(std::io::stdin().lock()),
            };
            let text = text.map_err(|error| {
                let from =
                    from.map_or_else(|| "standard input".to_owned(), |path| path.display().to_string());
                Exit::misused(format_args!("cannot read {from}: {error}"))
            })?;
            let path = load_config(&config.path)?.state.clone();
            let state = State::open(&path).map_err(Exit::misused)?;
            let count = state_move::import(&state, &source, &text)
                .await
                .map_err(Exit::moving)?;
            format!("{count} cursor(s) imported\n")
        }
        StateCommand::Reset {
            config,
            selection,
            all: _,
        } => {
            let keys = state_command::keys(entries_to_change(&config.path).await?, &selection.into());
            let count = keys.len();
            forget(&config.path, keys).await?;
            format!("{count} cursor(s) deleted\n")
        }
    };
    print(&text)
}

/// The state of a configuration: the file itself, or a copy of it while a host has it.
enum Look {
    File(State),
    Copy(StateCopy),
}

impl Look {
    fn state(&self) -> Result<&State, Exit> {
        let state = match self {
            Self::File(state) => Some(state),
            Self::Copy(copy) => copy.state(),
        };
        state.ok_or_else(|| Exit::failed("there is no copy of the state"))
    }
}

/// Looks at the state, also beside a running host.
fn look(config: &Path) -> Result<Look, Exit> {
    let path = existing(config)?;
    match State::open_damaged(&path) {
        Ok(state) => Ok(Look::File(state)),
        Err(StateError::InUse(_)) => StateCopy::of(&path).map(Look::Copy).map_err(Exit::failed),
        Err(error) => Err(Exit::misused(error)),
    }
}

/// What is stored for a configuration.
async fn entries(config: &Path) -> Result<Vec<Entry>, Exit> {
    #[cfg(feature = "postgres")]
    if let Some(store) = database(config).await? {
        return store.entries().await.map_err(Exit::database);
    }
    look(config)?.state()?.entries().await.map_err(Exit::state)
}

/// The same, while no host has the state file.
async fn entries_to_change(config: &Path) -> Result<Vec<Entry>, Exit> {
    #[cfg(feature = "postgres")]
    if let Some(store) = database(config).await? {
        return store.entries().await.map_err(Exit::database);
    }
    open_state(config)?.entries().await.map_err(Exit::state)
}

async fn forget(config: &Path, keys: Vec<(String, String)>) -> Result<(), Exit> {
    #[cfg(feature = "postgres")]
    if let Some(store) = database(config).await? {
        return store.forget(&keys).await.map_err(Exit::database);
    }
    open_state(config)?.forget(keys).await.map_err(Exit::state)
}

/// The database of a configuration, if it has one.
#[cfg(feature = "postgres")]
async fn database(config: &Path) -> Result<Option<PostgresStore>, Exit> {
    let Some(database) = load_config(config)?.database else {
        return Ok(None);
    };
    let address = Address::new(database.url).ca(database.ca);
    let store = PostgresStore::open(address, &database.cluster, USUAL_PATIENCE).await;
    store.map(Some).map_err(Exit::database)
}

/// Opens the state, to change it.
fn open_state(config: &Path) -> Result<State, Exit> {
    State::open_damaged(&existing(config)?).map_err(Exit::misused)
}

fn load_config(config: &Path) -> Result<Config, Exit> {
    Config::load(config).map_err(Exit::misused)
}

/// The state file of a configuration, which must exist: looking at state never makes any.
fn existing(config: &Path) -> Result<PathBuf, Exit> {
    let path = load_config(config)?.state;
    if !path.exists() {
        return Err(Exit::misused(format_args!(
            "there is no state file {} yet; `headwater run` creates it",
            path.display()
        )));
    }
    Ok(path)
}
