//! What values of a configuration lead to: files beside it, and helpers for secrets.

use std::path::{Path, PathBuf};
use std::time::Duration;

use headwater::secret::{HelperSettings, Secret, SecretHelper};
use toml::Table;

use super::section::Section;

/// What a secret may be given as.
pub(super) const SECRET_FORMS: &str =
    "must be text, { env = \"…\" }, { file = \"…\" } or { secret = \"…\", key = \"…\" }";
/// Programs take longer than this for nothing at all.
const SHORTEST_TIMEOUT: Duration = Duration::from_millis(100);
/// More often than this, helpers would be run without end.
const SHORTEST_REFRESH: Duration = Duration::from_secs(1);

/// What relative paths are relative to, and the helpers by name.
#[derive(Debug)]
pub(super) struct Places<'a> {
    pub(super) folder: &'a Path,
    pub(super) helpers: &'a [SecretHelper],
}

impl Places<'_> {
    /// The place of a file.
    pub(super) fn join(&self, path: impl AsRef<Path>) -> PathBuf {
        self.folder.join(path)
    }

    /// Where a secret is kept: a table with the single key `env` or `file`, or with `secret` and `key`. None for any other table; the
    /// error is a sentence.
    pub(super) fn reference(&self, table: &Table) -> Option<Result<Secret, String>> {
        let text = |key: &str| table.get(key).and_then(|value| value.as_str());
        match table.len() {
            1 => {
                let env = text("env").map(Secret::env);
                let secret = env.or_else(|| Some(Secret::file(self.join(text("file")?))));
                secret.map(Ok)
            }
            2 => {
                let (name, key) = (text("secret")?, text("key")?);
                let mut helpers = self.helpers.iter();
                let helper = helpers.find(|helper| helper.settings().name == name);
                Some(match helper {
                    Some(helper) => Ok(helper.secret(key)),
                    None => Err(format!(
                        "there is no helper `{name}`; describe it in a table [secrets.{name}]"
                    )),
                })
            }
            _ => None,
        }
    }
}

/// Reads `[secrets.NAME]`. A helper that a running host has with the same settings stays that helper, with what it has said.
pub(super) fn read_helpers(root: &Section<'_>, folder: &Path, running: &[SecretHelper]) -> Vec<SecretHelper> {
    let sections = root.table("secrets").map(|section| section.subtables());
    let sections = sections.unwrap_or_default().into_iter();
    let read = sections.map(|(name, section)| {
        let settings = read_helper(name, section, folder);
        let known = running.iter().find(|helper| *helper.settings() == settings);
        known.cloned().unwrap_or_else(|| SecretHelper::new(settings))
    });
    read.collect()
}

fn read_helper(name: String, section: Section<'_>, folder: &Path) -> HelperSettings {
    let command = section.texts("command");
    let (program, arguments) = match command.split_first() {
        Some((program, arguments)) if !program.is_empty() => (program.clone(), arguments.to_vec()),
        _ => {
            section.problem(
                "command",
                "missing; write for example command = [\"/usr/local/bin/fetch-secrets\"]",
            );
            (String::new(), Vec::new())
        }
    };
    // A bare name is looked for where the system looks for programs.
    let program = match Path::new(&program).components().count() {
        0 | 1 => PathBuf::from(program),
        _ => folder.join(program),
    };
    let mut settings = HelperSettings::new(name, program);
    settings.arguments = arguments;
    if let Some(timeout) = section.duration("timeout") {
        if timeout < SHORTEST_TIMEOUT {
            section.problem("timeout", "is too short for a program; write for example \"10s\"");
        }
        settings.timeout = timeout;
    }
    settings.refresh = section.duration("refresh");
    if settings.refresh.is_some_and(|refresh| refresh < SHORTEST_REFRESH) {
        section.problem("refresh", "is too short; write for example \"15m\"");
    }
    section.finish();
    settings
}
