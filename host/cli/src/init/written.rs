//! The file that is written.

#![expect(
    clippy::disallowed_methods,
    reason = "runs on the main thread, which is not a worker"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;

use serde_json::{Map, Value};

use super::InitError;
use super::question::{Question, SecretPlace};

/// What goes into the file.
pub(super) struct Written<'a> {
    pub(super) plugin: &'a Path,
    pub(super) name: &'a str,
    pub(super) allow: &'a [String],
    pub(super) questions: &'a [Question],
    pub(super) values: &'a Map<String, Value>,
    pub(super) secrets: &'a BTreeMap<String, SecretPlace>,
}

impl Written<'_> {
    /// Writes the file, for its owner only; never over another one.
    pub(super) fn save(&self, path: &Path) -> Result<(), InitError> {
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(0o600);
        }
        let mut file = options.open(path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => InitError::Exists(path.to_owned()),
            _ => InitError::Io(format!("cannot write {}: {error}", path.display())),
        })?;
        let written = file
            .write_all(self.text().as_bytes())
            .and_then(|()| file.sync_all());
        written.map_err(|error| {
            // Half a configuration helps nobody.
            let _ = std::fs::remove_file(path);
            InitError::Io(format!("cannot write {}: {error}", path.display()))
        })
    }

    fn text(&self) -> String {
        let mut text = String::from(
            "# Written by `headwater init`. Every key: docs/configuration.md, and `headwater describe PLUGIN`.\n\n\
             [state]\npath = \"state.redb\"   # the position of reading; keep this file\n\n[[source]]\n",
        );
        let allow: Vec<String> = self.allow.iter().map(|origin| quoted(origin)).collect();
        // Writing to text cannot fail.
        let _ = write!(
            text,
            "name = {}\nplugin = {}\n# The only addresses that the plugin may reach.\nallow = [{}]\n\n[source.config]\n",
            quoted(self.name),
            quoted(&self.plugin.display().to_string()),
            allow.join(", "),
        );
        for question in self.questions {
            let value = match self.secrets.get(&question.key) {
                Some(SecretPlace::Env(name)) => format!("{{ env = {} }}", quoted(name)),
                Some(SecretPlace::File(path)) => format!("{{ file = {} }}", quoted(path)),
                None => match self.values.get(&question.key) {
                    Some(value) => toml_value(value),
                    None => continue,
                },
            };
            let _ = writeln!(text, "{} = {value}", key(&question.key));
        }
        let _ = write!(
            text,
            "\n# Where events go: one JSON document a line. Other receivers: docs/sinks.md.\n\
             [source.sink]\ntype = \"file\"\npath = {}\n",
            quoted(&format!("{}.ndjson", self.name)),
        );
        text
    }

    /// What to do now.
    pub(super) fn next_steps(&self, path: &Path) -> String {
        let mut text = format!("Wrote {}.", path.display());
        for place in self.secrets.values() {
            let _ = match place {
                SecretPlace::Env(name) => write!(text, " Put the secret into the variable {name}."),
                SecretPlace::File(file) => write!(text, " Put the secret into the file {file}."),
            };
        }
        let config = match path.to_str() {
            Some("headwater.toml") => String::new(),
            _ => format!(" --config {}", path.display()),
        };
        let _ = write!(
            text,
            " Then:\n  headwater check{config}       # tries the login, the log and the file\n  headwater run{config}         # \
             reads until it is stopped\n"
        );
        text
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn key(name: &str) -> String {
    let is_bare = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if is_bare { name.to_owned() } else { quoted(name) }
}

fn toml_value(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(toml_value).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(members) => {
            let members: Vec<String> = members
                .iter()
                .map(|(name, value)| format!("{} = {}", key(name), toml_value(value)))
                .collect();
            format!("{{ {} }}", members.join(", "))
        }
        // There is no null in TOML, and none is asked for.
        other => other.to_string(),
    }
}
