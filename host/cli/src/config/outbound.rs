//! `ca` and `proxy`: the way out, of a source or of its sink.

use std::path::Path;

use toml::Value;

use super::section::Section;
use super::written::read_secret_text;
use headwater::egress::{Outbound, ProxyChoice};

/// Reads the keys; problems are noted in the section.
pub(super) fn read(section: &Section<'_>, folder: &Path) -> Outbound {
    Outbound {
        ca: section.text("ca").map(|path| folder.join(path)),
        proxy: read_proxy(section, folder),
    }
}

fn read_proxy(section: &Section<'_>, folder: &Path) -> ProxyChoice {
    match section.value("proxy") {
        None => ProxyChoice::Environment,
        Some(Value::Boolean(false)) => ProxyChoice::Direct,
        Some(Value::String(text)) if text.is_empty() => ProxyChoice::Direct,
        Some(value) => match read_secret_text(value, folder) {
            Some(url) => {
                if let Some(problem) = url.problem() {
                    section.problem("proxy", problem);
                }
                ProxyChoice::Url(url)
            }
            None => {
                section.problem(
                    "proxy",
                    "must be \"http://host:port\", { env = \"…\" }, { file = \"…\" }, or false for none",
                );
                ProxyChoice::Direct
            }
        },
    }
}
