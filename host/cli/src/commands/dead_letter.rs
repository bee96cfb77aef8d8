//! `headwater dead-letter`: what could not be delivered, and another try.

use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
#[cfg(feature = "postgres")]
use headwater::sink::LetterTable;

use super::{ConfigFile, Exit, FAILED, print, require_source};
use crate::config::{Config, SourceConfig};
use crate::dead_letter_command::{self, ReplayError, Replayed};
use crate::letter_places::{LetterPlaces, PlaceError, Selection};
use crate::terminal;

#[derive(Debug, Subcommand)]
pub(super) enum DeadLetterCommand {
    /// List the dead letters: whose, since when, where from, and why.
    List {
        #[command(flatten)]
        config: ConfigFile,
        #[command(flatten)]
        selection: SelectionArguments,
    },
    /// Show dead letters with their content.
    Show {
        #[command(flatten)]
        config: ConfigFile,
        #[command(flatten)]
        selection: SelectionArguments,
    },
    /// Send the events that a sink refused to that sink again, and remove those that it accepts.
    Replay {
        #[command(flatten)]
        config: ConfigFile,
        #[command(flatten)]
        selection: SelectionArguments,
    },
}

#[derive(Debug, Args)]
pub(super) struct SelectionArguments {
    /// Only dead letters of this source.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Only those with this id.
    #[arg(long, value_name = "ID")]
    id: Option<String>,
}

impl From<PlaceError> for Exit {
    fn from(error: PlaceError) -> Self {
        match error {
            #[cfg(feature = "postgres")]
            PlaceError::Database(error) => Self::database(error),
            error => Self::failed(error),
        }
    }
}

impl From<ReplayError> for Exit {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Place(error) => error.into(),
            error => Self::failed(error),
        }
    }
}

/// What a command works on.
struct Selected {
    places: LetterPlaces,
    sources: Vec<Arc<SourceConfig>>,
    selection: Selection,
}

/// Runs one of the commands. All of them work beside a running host.
pub(super) async fn dead_letter(command: DeadLetterCommand) -> Result<ExitCode, Exit> {
    match command {
        DeadLetterCommand::List { config, selection } => {
            let Selected {
                places,
                sources,
                selection,
            } = selected(&config, selection).await?;
            let list = dead_letter_command::list(&places, &sources, &selection, terminal::width());
            print(&list.await?)
        }
        DeadLetterCommand::Show { config, selection } => {
            let Selected {
                places,
                sources,
                selection,
            } = selected(&config, selection).await?;
            print(&dead_letter_command::show(&places, &sources, &selection).await?)
        }
        DeadLetterCommand::Replay { config, selection } => replay(&selected(&config, selection).await?).await,
    }
}

async fn selected(config: &ConfigFile, arguments: SelectionArguments) -> Result<Selected, Exit> {
    let config = Config::load(&config.path).map_err(Exit::misused)?;
    let SelectionArguments { source, id } = arguments;
    if let Some(name) = &source {
        require_source(&config, name)?;
    }
    let places = LetterPlaces {
        #[cfg(feature = "postgres")]
        table: super::database::open(&config).await?.map(LetterTable::new),
    };
    Ok(Selected {
        places,
        sources: config.sources,
        selection: Selection { source, id },
    })
}

/// Stdout may be the sink, so what became of the letters is told on stderr.
async fn replay(selected: &Selected) -> Result<ExitCode, Exit> {
    let Selected {
        places,
        sources,
        selection,
    } = selected;
    let mut failed = false;
    let wanted = sources.iter().filter(|source| selection.has_source(&source.name));
    for source in wanted {
        let Replayed {
            accepted,
            refused,
            no_event,
            elsewhere,
            ended,
        } = dead_letter_command::replay(places, source, selection).await?;
        let name = &source.name;
        if accepted > 0 {
            tracing::info!(
                source = name,
                accepted,
                "replayed; these letters are gone from the list"
            );
        }
        if refused > 0 {
            tracing::warn!(
                source = name,
                refused,
                "the sink still refuses events; their letters are kept"
            );
        }
        if no_event > 0 {
            tracing::warn!(
                source = name,
                letters = no_event,
                "no events could be made of what these letters hold, so they cannot be replayed and are kept"
            );
        }
        if elsewhere > 0 {
            tracing::warn!(
                source = name,
                letters = elsewhere,
                "another process replays these letters; if it was stopped, replay again after ten minutes"
            );
        }
        if let Some(reason) = &ended {
            tracing::error!(
                source = name,
                "the sink does not accept events at present, the letters that are left are kept: {reason}"
            );
        }
        failed |= refused > 0 || no_event > 0 || elsewhere > 0 || ended.is_some();
    }
    Ok(if failed {
        ExitCode::from(FAILED)
    } else {
        ExitCode::SUCCESS
    })
}
