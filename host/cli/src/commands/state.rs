//! `headwater state`: list, show and reset stored cursors.

#![expect(
    clippy::disallowed_methods,
    reason = "runs on the main thread, which is not a worker"
)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};

#[cfg(feature = "postgres")]
use super::database;
use super::{ConfigFile, Exit, print};
use crate::config::Config;
use crate::state_command::{self, Selection};
#[cfg(feature = "postgres")]
use crate::state_copy::{self, CopyError};
use crate::state_move::{self, MoveError};
use crate::state_place::{StateFile, StatePlace, StatePlaceError};
use crate::terminal;
use headwater::cursor::Entry;
#[cfg(feature = "postgres")]
use headwater::cursor::postgres::schema_sql;
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
    /// Store the cursors of a source that another host has exported. No host may read the source meanwhile.
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
    fn state(error: StatePlaceError) -> Self {
        match error {
            StatePlaceError::File(error) if error.needs_a_person() => Self::misused(error),
            #[cfg(feature = "postgres")]
            StatePlaceError::Database(error) => Self::database(error),
            error => Self::failed(error),
        }
    }

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
            let entries = entries(&look(&config.path).await?).await?;
            state_command::list(entries, &selection.into(), terminal::width())
        }
        StateCommand::Show { config, selection } => {
            state_command::show(entries(&look(&config.path).await?).await?, &selection.into())
        }
        #[cfg(feature = "postgres")]
        StateCommand::Schema => schema_sql(),
        #[cfg(feature = "postgres")]
        StateCommand::Copy { from, to, cluster } => {
            let report = state_copy::copy(&from, &to, &cluster)
                .await
                .map_err(|error| match error {
                    CopyError::Place(error) => Exit::state(error),
                    error => Exit::misused(error),
                })?;
            format!(
                "{} cursor(s) copied, {} there already\n",
                report.copied, report.present
            )
        }
        StateCommand::Export { config, source } => state_move::export(&look(&config.path).await?, &source)
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
            let make = |config: &Config| State::open(&config.state).map_err(Exit::misused);
            let state = open(&config.path, make).await?;
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
            let find = |config: &Config| State::open_damaged(existing(config)?).map_err(Exit::misused);
            let state = open(&config.path, find).await?;
            let keys = state_command::keys(entries(&state).await?, &selection.into());
            let count = keys.len();
            state.forget(keys).await.map_err(Exit::state)?;
            format!("{count} cursor(s) deleted\n")
        }
    };
    print(&text)
}

/// The state of a configuration, to be looked at, also beside a running host.
async fn look(config: &Path) -> Result<StatePlace, Exit> {
    let config = load_config(config)?;
    #[cfg(feature = "postgres")]
    if let Some(store) = database::open(&config).await? {
        return Ok(StatePlace::Database(store));
    }
    let path = existing(&config)?;
    let file = match State::open_damaged(path) {
        Ok(state) => StateFile::Own(state),
        Err(StateError::InUse(_)) => StateFile::Copy(StateCopy::of(path).map_err(Exit::failed)?),
        Err(error) => return Err(Exit::misused(error)),
    };
    Ok(StatePlace::File(file))
}

/// The same, to be changed: no host may have a state file, while a database says itself what hosts it must be kept from.
async fn open(
    config: &Path,
    open_file: impl FnOnce(&Config) -> Result<State, Exit>,
) -> Result<StatePlace, Exit> {
    let config = load_config(config)?;
    #[cfg(feature = "postgres")]
    if let Some(store) = database::open(&config).await? {
        return Ok(StatePlace::Database(store));
    }
    Ok(StatePlace::File(StateFile::Own(open_file(&config)?)))
}

async fn entries(state: &StatePlace) -> Result<Vec<Entry>, Exit> {
    state.entries().await.map_err(Exit::state)
}

fn load_config(config: &Path) -> Result<Config, Exit> {
    Config::load(config).map_err(Exit::misused)
}

/// The state file of a configuration, which must exist: looking at state never makes any.
fn existing(config: &Config) -> Result<&Path, Exit> {
    let path = config.state.as_path();
    if !path.exists() {
        return Err(Exit::misused(format_args!(
            "there is no state file {} yet; `headwater run` creates it",
            path.display()
        )));
    }
    Ok(path)
}
