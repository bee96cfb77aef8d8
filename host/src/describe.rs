//! `headwater describe`: what a plugin is, what it needs, how it is configured.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::caller::Caller;
use crate::config::Limits;
use crate::egress::{Grant, Outbound, OutboundError, Sender};
use crate::failure::Failure;
use crate::manifest::{Described, Key};
use crate::plugin::{Plugin, PluginError, Plugins};
use crate::printable::printable;
use crate::redact::Redactor;
use crate::table;

/// Formats that are shown.
const MOST_FORMATS: usize = 100;

/// Why a plugin cannot be described.
#[derive(Debug, thiserror::Error)]
pub enum DescribeError {
    /// It cannot be loaded.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// The system's certificates cannot be had.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    /// It does not answer.
    #[error(transparent)]
    Call(#[from] Failure),
}

/// Loads a plugin, asks it what it is, and writes that down for people.
pub async fn describe(path: &Path, plugins: &Plugins) -> Result<String, DescribeError> {
    let plugin = plugins.load(path, None)?;
    let grant = Arc::new(Grant::default());
    let caller = Caller::new(
        plugin.clone(),
        grant.clone(),
        Arc::new(Sender::new(grant, &Outbound::default().route().await?)),
        Limits::default(),
    );
    let described = caller.describe().await?;
    Ok(render(&plugin, &described))
}

fn render(plugin: &Plugin, Described { manifest, keys }: &Described) -> String {
    let formats: Vec<&str> = manifest
        .formats
        .iter()
        .take(MOST_FORMATS)
        .map(String::as_str)
        .collect();
    // The plugin is a stranger until it has been described, and strangers do not write to terminals unchecked.
    let clean = |text: &str| Redactor::default().clean(text);
    let fact = |name: &str, value: String| vec![name.to_owned(), value];
    let every = |nanoseconds| humantime::format_duration(Duration::from_nanos(nanoseconds)).to_string();
    let facts = table::layout(&[
        fact("Homepage", clean(&manifest.homepage)),
        fact("File", plugin.path.display().to_string()),
        fact("Size", format!("{} KiB", plugin.size.div_ceil(1024))),
        fact("Digest", format!("sha256:{}", plugin.digest)),
        fact("Formats", clean(&formats.join(", "))),
        fact(
            "Interval",
            format!(
                "{} (at least {})",
                every(manifest.default_interval),
                every(manifest.minimum_interval)
            ),
        ),
        fact("Cursor", format!("format {}", manifest.cursor_format)),
    ]);
    format!(
        "{} {}: {}\n\n{facts}\nConfiguration:\n{}\nImports:\n{}\nExports:\n{}",
        clean(&manifest.name),
        clean(&manifest.version),
        clean(&manifest.summary),
        table_of(keys),
        list(&plugin.imports),
        list(&plugin.exports),
    )
}

fn table_of(keys: &[Key]) -> String {
    let rows: Vec<Vec<String>> = keys
        .iter()
        .map(|key| {
            let value = match (&key.default, key.required) {
                (Some(default), _) => format!("= {default}"),
                (None, true) => "required".to_owned(),
                (None, false) => String::new(),
            };
            let secret = if key.secret { "Secret. " } else { "" };
            let clean = |text: &str| Redactor::default().clean(text);
            let description = clean(&format!("{secret}{}", key.description));
            vec![format!("  {}", clean(&key.name)), clean(&value), description]
        })
        .collect();
    table::layout(&rows)
}

fn list(names: &[String]) -> String {
    names
        .iter()
        .map(|name| format!("  {}\n", printable(name)))
        .collect()
}
