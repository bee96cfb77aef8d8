//! `headwater dead-letter`: what could not be delivered, and another try.

use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};

use super::{ConfigFile, Exit, FAILED, print, require_source};
use crate::config::{Config, SourceConfig};
use crate::dead_letter_command::{self, DeadLetterError, Replayed, Selection};

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

impl From<DeadLetterError> for Exit {
    fn from(error: DeadLetterError) -> Self {
        Self::failed(error)
    }
}

/// Runs one of the commands. All of them work beside a running host.
pub(super) async fn dead_letter(command: DeadLetterCommand) -> Result<ExitCode, Exit> {
    match command {
        DeadLetterCommand::List { config, selection } => {
            let (sources, selection) = selected(&config, selection)?;
            print(&dead_letter_command::list(&sources, &selection)?)
        }
        DeadLetterCommand::Show { config, selection } => {
            let (sources, selection) = selected(&config, selection)?;
            print(&dead_letter_command::show(&sources, &selection)?)
        }
        DeadLetterCommand::Replay { config, selection } => {
            let (sources, selection) = selected(&config, selection)?;
            replay(&sources, &selection).await
        }
    }
}

fn selected(
    config: &ConfigFile,
    arguments: SelectionArguments,
) -> Result<(Vec<Arc<SourceConfig>>, Selection), Exit> {
    let config = Config::load(&config.path).map_err(Exit::misused)?;
    let SelectionArguments { source, id } = arguments;
    if let Some(name) = &source {
        require_source(&config, name)?;
    }
    Ok((config.sources, Selection { source, id }))
}

/// Stdout may be the sink, so what became of the letters is told on stderr.
async fn replay(sources: &[Arc<SourceConfig>], selection: &Selection) -> Result<ExitCode, Exit> {
    let mut failed = false;
    let wanted = sources
        .iter()
        .filter(|source| selection.source.as_ref().is_none_or(|name| *name == source.name));
    for source in wanted {
        let Replayed {
            accepted,
            refused,
            no_event,
            ended,
        } = dead_letter_command::replay(source, selection).await?;
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
        if let Some(reason) = &ended {
            tracing::error!(
                source = name,
                "the sink does not accept events at present, the letters that are left are kept: {reason}"
            );
        }
        failed |= refused > 0 || no_event > 0 || ended.is_some();
    }
    Ok(if failed {
        ExitCode::from(FAILED)
    } else {
        ExitCode::SUCCESS
    })
}
