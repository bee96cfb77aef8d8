//! `headwater describe`: what a plugin is, what it needs, how it is configured.

use std::path::Path;
use std::time::Duration;

use headwater::model::{Failure, Key, Manifest};
use headwater::plugin::PluginError;
use headwater::redact::Redactor;
use headwater::redact::printable::printable;
use headwater::{Host, Plugin};

use crate::table;

/// Formats that are shown.
const MOST_FORMATS: usize = 100;

/// Why a plugin cannot be described.
#[derive(Debug, thiserror::Error)]
pub enum DescribeError {
    /// It cannot be loaded.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// It does not answer.
    #[error(transparent)]
    Call(#[from] Failure),
}

/// Loads a plugin, asks it what it is, and writes that down for people.
pub async fn describe(path: &Path, host: &Host) -> Result<String, DescribeError> {
    let plugin = host.load(path).await?;
    let manifest = plugin.describe().await?;
    Ok(render(&plugin, &manifest))
}

fn render(plugin: &Plugin, manifest: &Manifest) -> String {
    let formats: Vec<&str> = manifest
        .formats
        .iter()
        .take(MOST_FORMATS)
        .map(String::as_str)
        .collect();
    // The plugin is a stranger until it has been described, and strangers do not write to terminals unchecked.
    let clean = |text: &str| Redactor::default().clean(text);
    let fact = |name: &str, value: String| vec![name.to_owned(), value];
    let every = |duration: Duration| humantime::format_duration(duration).to_string();
    let mut facts = vec![
        fact("File", plugin.path().display().to_string()),
        fact("Size", format!("{} KiB", plugin.size().div_ceil(1024))),
        fact("Digest", format!("sha256:{}", plugin.digest())),
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
    ];
    if !manifest.homepage.is_empty() {
        facts.insert(0, fact("Homepage", clean(&manifest.homepage)));
    }
    let facts = table::layout(&facts);
    format!(
        "{} {}: {}\n\n{facts}\nConfiguration:\n{}\nImports:\n{}\nExports:\n{}",
        clean(&manifest.name),
        clean(&manifest.version),
        clean(&manifest.summary),
        table_of(&manifest.keys),
        list(plugin.imports()),
        list(plugin.exports()),
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
