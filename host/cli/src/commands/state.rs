//! `headwater state`: list, show and reset stored cursors.

#![expect(
    clippy::disallowed_methods,
    reason = "runs on the main thread, which is not a worker"
)]

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::{ConfigFile, Exit, print};
use crate::config::Config;
use crate::state_command::{self, Selection};
use headwater::cursor::state_file::{State, StateError};

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

/// Runs one of the commands.
pub(super) async fn state(command: StateCommand) -> Result<ExitCode, Exit> {
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
            format!("{count} cursor(s) deleted\n")
        }
    };
    print(&text)
}

/// Opens the state of a configuration that must exist: looking at state never makes any.
fn open_state(config: &Path) -> Result<State, Exit> {
    let path = Config::load(config).map_err(Exit::misused)?.state;
    if !path.exists() {
        return Err(Exit::misused(format_args!(
            "there is no state file {} yet; `headwater run` creates it",
            path.display()
        )));
    }
    State::open_damaged(&path).map_err(Exit::misused)
}
