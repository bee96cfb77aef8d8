//! `headwater conformance`: examine whether a plugin keeps the contract.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::ValueEnum;

use headwater::Host;
use headwater::egress::{Grant, Origin};
use headwater_conformance::SourceSettings;

use super::{Exit, FAILED, print, require_source};
use crate::config::{Config, SourceConfig};

/// How a report looks.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum ReportFormat {
    /// A table for people.
    Text,
    /// One JSON document.
    Json,
}

/// Examines a plugin. Whatever was found is printed; a file that is not a plugin is a mistake of the command line.
pub(super) async fn examine(
    host: &Host,
    path: &Path,
    source: Option<Arc<SourceConfig>>,
    format: ReportFormat,
) -> Result<ExitCode, Exit> {
    let report = match host.load(path).await {
        Ok(plugin) => headwater_conformance::examine(&plugin, source.as_deref().map(settings)).await,
        Err(error) => headwater_conformance::report_unloadable(error).map_err(Exit::misused)?,
    };
    print(&match format {
        ReportFormat::Text => report.to_string(),
        ReportFormat::Json => serde_json::to_string_pretty(&report).map_err(Exit::failed)? + "\n",
    })?;
    Ok(if report.passed() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    })
}

/// What the kit needs of a source. Reading the configuration has judged its origins and its secrets.
fn settings(source: &SourceConfig) -> SourceSettings {
    let origins = source
        .allow
        .iter()
        .filter_map(|text| Origin::parse_grant(text).ok());
    SourceSettings {
        grant: Grant::new(origins, source.allow_private),
        config: source.config.template("config").unwrap_or_default(),
        outbound: source.outbound.clone(),
        limits: source.limits,
    }
}

/// The named source of a configuration, or its only one.
pub(super) fn one_source(mut config: Config, name: Option<&str>) -> Result<Arc<SourceConfig>, Exit> {
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
