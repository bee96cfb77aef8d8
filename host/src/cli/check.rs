//! `headwater check`: test every access that a configuration needs.

use std::path::Path;
use std::process::ExitCode;

use super::run::{load, probe_outlets};
use super::{Exit, FAILED, print, require_source};
use crate::check;
use crate::config::Config;

/// Checks all sources, or the one of this name.
pub(super) async fn check(path: &Path, name: Option<&str>) -> Result<ExitCode, Exit> {
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
