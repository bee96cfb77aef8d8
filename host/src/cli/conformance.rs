//! `headwater conformance`: examine whether a plugin keeps the contract.

use std::path::Path;
use std::process::ExitCode;

use clap::ValueEnum;

use super::{Exit, FAILED, print, require_source};
use crate::config::{Config, SourceConfig};
use crate::conformance;
use crate::plugin::Plugins;

/// How a report looks.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum ReportFormat {
    /// A table for people.
    Text,
    /// One JSON document.
    Json,
}

/// Examines a plugin. Whatever was found is printed; a plugin that is none is a mistake of the command line.
pub(super) async fn examine(
    plugins: &Plugins,
    path: &Path,
    source: Option<SourceConfig>,
    format: ReportFormat,
) -> Result<ExitCode, Exit> {
    let report = match plugins.load(path, None) {
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
pub(super) fn one_source(mut config: Config, name: Option<&str>) -> Result<SourceConfig, Exit> {
    if let Some(name) = name {
        require_source(&config, name)?;
        config.sources.retain(|source| source.name == name);
    } else if !config.refused.is_empty() {
        return Err(Exit::misused(config.problems().join("\n  ")));
    }
    let several = config.sources.len() > 1;
    let source = config.sources.pop().filter(|_| !several);
    source.ok_or_else(|| Exit::misused("the configuration has several sources; name one with --source"))
}
