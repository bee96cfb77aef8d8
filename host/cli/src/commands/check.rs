//! `headwater check` and `headwater validate`: test a configuration, with and without the network.

#![expect(
    clippy::disallowed_methods,
    reason = "runs on the main thread, which is not a worker"
)]

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use headwater::Source;
use headwater::sink::SinkConfig;

use super::{Exit, FAILED, MISUSED, loader, print, require_source};
use crate::check;
use crate::config::{Config, PluginPlace, RefusedSource};
use crate::loading::{LoadError, Loader};

/// Checks all sources, or the one of this name.
pub(super) async fn check(path: &Path, name: Option<&str>) -> Result<ExitCode, Exit> {
    let config = selected(path, name)?;
    let loader = loader(&config)?;
    let Loaded { sources, failed } = load(config, loader).await;
    if sources.is_empty() {
        return Err(Exit::unusable(problems(&failed)));
    }
    let failed = failed.into_iter().map(|(source, error)| (source, error.problems));
    let (text, passed) = check::check(sources, failed.collect()).await;
    print(&text)?;
    Ok(if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    })
}

/// Judges everything that can be judged without the network.
pub(super) async fn validate(path: &Path) -> Result<ExitCode, Exit> {
    let mut config = Config::load(path).map_err(Exit::misused)?;
    let mut text = String::new();
    let mut skipped = 0;
    config.sources.retain(|source| {
        let fetched = match &source.plugin {
            PluginPlace::File(_) => true,
            PluginPlace::Registry(reference, folder) => {
                folder.join(format!("{}.json", reference.digest)).exists()
            }
        };
        if !fetched {
            skipped += 1;
            // Writing to text cannot fail.
            let _ = writeln!(
                text,
                "{}: not examined by its plugin, which has not been fetched from its registry yet",
                source.name
            );
        }
        fetched
    });
    let loader = loader(&config)?;
    let Loaded { sources, failed } = load(config, loader).await;
    for (source, _) in &sources {
        let _ = writeln!(text, "{}: ok", source.name());
    }
    for (source, error) in &failed {
        for problem in &error.problems {
            let _ = writeln!(text, "{source}: {problem}");
        }
    }
    let counts = check::counts(sources.len(), failed.len(), skipped);
    let _ = writeln!(text, "\n{counts}");
    print(&text)?;
    Ok(if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(MISUSED)
    })
}

/// The configuration with the source of this name alone, if one is given.
fn selected(path: &Path, name: Option<&str>) -> Result<Config, Exit> {
    let mut config = Config::load(path).map_err(Exit::misused)?;
    if let Some(name) = name {
        require_source(&config, name)?;
        config.sources.retain(|source| source.name == name);
        config.refused.clear();
    }
    Ok(config)
}

/// The sources of a configuration, those that work and those that do not.
struct Loaded {
    sources: Vec<(Source, SinkConfig)>,
    failed: Vec<(String, LoadError)>,
}

/// Makes all sources ready, but opens no sink.
async fn load(config: Config, loader: Loader) -> Loaded {
    let refused = |RefusedSource { name, problems }| (name, LoadError::of_config(problems));
    let mut failed: Vec<_> = config.refused.into_iter().map(refused).collect();
    let mut sources = Vec::new();
    for (config, loaded) in Arc::new(loader).load_all(config.sources).await {
        match loaded {
            Ok(source) => sources.push((source, config.sink.clone())),
            Err(error) => failed.push((config.name.clone(), error)),
        }
    }
    failed.sort_by(|(one, _), (other, _)| one.cmp(other));
    Loaded { sources, failed }
}

fn problems(failed: &[(String, LoadError)]) -> (String, bool) {
    let lines = failed.iter().flat_map(|(source, error)| error.lines(source));
    let may_pass = failed.iter().all(|(_, error)| error.may_pass);
    (lines.collect::<Vec<_>>().join("\n  "), may_pass)
}
