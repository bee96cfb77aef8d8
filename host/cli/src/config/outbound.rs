//! `ca` and `proxy`: the way out, of a source or of its sink.

use toml::Value;

use super::places::Places;
use super::section::Section;
use super::written::read_secret_text;
use headwater::egress::{Outbound, ProxyChoice};

/// Reads the keys; problems are noted in the section.
pub(super) fn read(section: &Section<'_>, places: &Places<'_>) -> Outbound {
    Outbound {
        ca: section.text("ca").map(|path| places.join(path)),
        proxy: read_proxy(section, places),
    }
}

fn read_proxy(section: &Section<'_>, places: &Places<'_>) -> ProxyChoice {
    match section.value("proxy") {
        None => ProxyChoice::Environment,
        Some(Value::Boolean(false)) => ProxyChoice::Direct,
        Some(Value::String(text)) if text.is_empty() => ProxyChoice::Direct,
        // Read once, where nothing can wait for a helper.
        Some(Value::Table(table)) if table.contains_key("secret") => {
            section.problem(
                "proxy",
                "cannot come from a helper; use { env = \"…\" } or { file = \"…\" }",
            );
            ProxyChoice::Direct
        }
        Some(value) => match read_secret_text(value, places) {
            Ok(url) => {
                if let Some(problem) = url.problem() {
                    section.problem("proxy", problem);
                }
                ProxyChoice::Url(url)
            }
            Err(_) => {
                section.problem(
                    "proxy",
                    "must be \"http://host:port\", { env = \"…\" }, { file = \"…\" }, or false for none",
                );
                ProxyChoice::Direct
            }
        },
    }
}
