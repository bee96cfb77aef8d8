//! The JSON that hosts and sources are opened with.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use library::egress::{Origin, ProxyChoice};
use library::model::Limits;
use library::plugin::{CachePlace, CompileSettings};
use library::secret::{Secret, SecretText};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::HeadwaterError;

/// Options of a host.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct HostOptions {
    /// The state file, where cursors are not kept by callbacks.
    pub(crate) state: Option<PathBuf>,
    /// Bytes that all calls into plugins may take together.
    pub(crate) memory: Option<u64>,
    /// Where compiled plugins are kept; empty for nowhere.
    cache: Option<PathBuf>,
    /// Threads that run tasks.
    pub(crate) threads: Option<usize>,
}

/// Options of a source.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SourceOptions {
    /// Its name.
    pub(crate) name: String,
    /// The component file.
    pub(crate) plugin: PathBuf,
    /// The component's digest, if it is pinned.
    pub(crate) digest: Option<String>,
    /// The plugin's configuration.
    #[serde(default)]
    pub(crate) config: Map<String, Value>,
    /// Secrets by the JSON Pointers to their places in the configuration.
    #[serde(default)]
    secrets: BTreeMap<String, SecretOptions>,
    /// Origins that it may reach.
    #[serde(default)]
    pub(crate) allow: Vec<String>,
    /// Whether those may have addresses that are not public.
    #[serde(default)]
    pub(crate) allow_private: bool,
    /// How often to poll.
    interval: Option<String>,
    /// `"environment"`, or the address of a proxy.
    proxy: Option<String>,
    /// Certificate authorities to trust instead of the system's.
    pub(crate) ca: Option<PathBuf>,
    #[serde(default)]
    limits: LimitOptions,
    /// The file for rejected items.
    pub(crate) dead_letter: Option<PathBuf>,
    /// Whether to read only until everything has been read.
    #[serde(default)]
    pub(crate) once: bool,
}

/// Where a secret is: exactly one of the first three.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SecretOptions {
    text: Option<String>,
    env: Option<String>,
    file: Option<PathBuf>,
    bound_to: Option<String>,
}

/// Shows no secret.
impl std::fmt::Debug for SecretOptions {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SecretOptions").finish_non_exhaustive()
    }
}

/// Bounds, as in `[source.limits]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LimitOptions {
    memory: Option<u64>,
    host_memory: Option<u64>,
    poll_timeout: Option<String>,
    cpu: Option<u32>,
    response: Option<u64>,
    batch_events: Option<u32>,
}

/// Reads options. What the reader says about a text is its place, never the text: it may hold a secret.
pub(crate) fn read<T: DeserializeOwned>(text: &str, what: &str) -> Result<T, HeadwaterError> {
    let value: Value = serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        HeadwaterError::new(
            "options",
            format_args!("{what} are not JSON: line {line}, column {column}"),
        )
    })?;
    T::deserialize(value).map_err(|error| HeadwaterError::new("options", format_args!("{what}: {error}")))
}

impl HostOptions {
    pub(crate) fn compile(&self) -> CompileSettings {
        CompileSettings {
            cache: match &self.cache {
                None => CachePlace::Usual,
                Some(folder) if folder.as_os_str().is_empty() => CachePlace::Off,
                Some(folder) => CachePlace::Folder(folder.clone()),
            },
            ..CompileSettings::default()
        }
    }
}

impl SourceOptions {
    pub(crate) fn interval(&self) -> Result<Option<Duration>, HeadwaterError> {
        let text = self.interval.as_deref();
        text.map(|text| duration("interval", text)).transpose()
    }

    pub(crate) fn proxy(&self) -> ProxyChoice {
        match self.proxy.as_deref() {
            None => ProxyChoice::Direct,
            Some("environment") => ProxyChoice::Environment,
            Some(address) => ProxyChoice::Url(SecretText::written(address.to_owned())),
        }
    }

    pub(crate) fn limits(&self) -> Result<Limits, HeadwaterError> {
        let (given, usual) = (&self.limits, Limits::default());
        let limits = Limits {
            memory: given.memory.unwrap_or(usual.memory),
            host_memory: given.host_memory.unwrap_or(usual.host_memory),
            poll_timeout: match &given.poll_timeout {
                Some(text) => duration("limits.poll_timeout", text)?,
                None => usual.poll_timeout,
            },
            cpu: given.cpu.unwrap_or(usual.cpu),
            response: given.response.unwrap_or(usual.response),
            batch_events: given.batch_events.unwrap_or(usual.batch_events),
        };
        let least = [
            ("memory", limits.memory, 1 << 20),
            ("host_memory", limits.host_memory, 1 << 20),
            ("cpu", limits.cpu.into(), 1),
            ("batch_events", limits.batch_events.into(), 1),
            ("poll_timeout in seconds", limits.poll_timeout.as_secs(), 1),
        ];
        match least.iter().find(|(_, value, least)| value < least) {
            Some((key, value, least)) => Err(HeadwaterError::new(
                "options",
                format_args!("limits.{key}: {value} is too small; give at least {least}"),
            )),
            None => Ok(limits),
        }
    }

    pub(crate) fn secrets(&mut self) -> Result<Vec<(String, Secret)>, HeadwaterError> {
        let secrets = std::mem::take(&mut self.secrets);
        let secrets = secrets.into_iter().map(|(pointer, options)| {
            let problem = |what: &dyn std::fmt::Display| {
                HeadwaterError::new("options", format_args!("secrets.{pointer}: {what}"))
            };
            let secret = match (options.text, options.env, options.file) {
                (Some(text), None, None) => Secret::text(text),
                (None, Some(name), None) => Secret::env(name),
                (None, None, Some(path)) => Secret::file(path),
                _ => return Err(problem(&"give exactly one of `text`, `env` and `file`")),
            };
            let secret = match options.bound_to {
                None => secret,
                Some(origin) => {
                    let origin = Origin::parse_grant(&origin);
                    secret.bound_to(origin.map_err(|error| problem(&format_args!("bound_to: {error}")))?)
                }
            };
            Ok((pointer, secret))
        });
        secrets.collect()
    }
}

fn duration(key: &str, text: &str) -> Result<Duration, HeadwaterError> {
    humantime::parse_duration(text).map_err(|_| {
        HeadwaterError::new(
            "options",
            format_args!("{key}: \"{text}\" is not a duration; write for example \"300s\""),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal<T: DeserializeOwned + std::fmt::Debug>(text: &str) -> String {
        read::<T>(text, "options").unwrap_err().to_sentence()
    }

    #[test]
    fn what_is_wrong_with_options_is_named_without_quoting_a_secret() {
        for (text, words) in [
            ("{", "line 1, column 1"),
            (r#"{"memory": -1}"#, "invalid value"),
            (
                r#"{"stat": "x"}"#,
                "unknown field `stat`, expected one of `state`",
            ),
        ] {
            let refusal = refusal::<HostOptions>(text);
            assert!(refusal.contains(words), "{refusal}");
        }
        let broken = refusal::<SourceOptions>("{\"secrets\": {\"/a\": {\"text\": \"hush");
        assert!(!broken.contains("hush"), "{broken}");
        assert!(refusal::<SourceOptions>("{}").contains("missing field `name`"));
    }

    #[test]
    fn a_secret_has_one_place_and_limits_have_bounds() {
        let options = |more: &str| {
            read::<SourceOptions>(&format!(r#"{{"name":"a","plugin":"b"{more}}}"#), "options").unwrap()
        };
        let secrets =
            options(r#","secrets":{"/a":{"text":"x"},"/b":{"file":"f"},"/c":{"env":"E"}}"#).secrets();
        assert_eq!(
            secrets.unwrap(),
            [
                ("/a".to_owned(), Secret::text("x")),
                ("/b".to_owned(), Secret::file("f")),
                ("/c".to_owned(), Secret::env("E")),
            ]
        );
        for (more, words) in [
            (r#","secrets":{"/a":{}}"#, "secrets./a: give exactly one"),
            (r#","secrets":{"/a":{"env":"A","file":"b"}}"#, "exactly one"),
            (
                r#","secrets":{"/a":{"env":"A","bound_to":"x"}}"#,
                "secrets./a: bound_to: ",
            ),
        ] {
            let error = options(more).secrets().unwrap_err().to_sentence();
            assert!(error.contains(words), "{error}");
        }
        for (more, words) in [
            (
                r#","limits":{"cpu":0}"#,
                "limits.cpu: 0 is too small; give at least 1",
            ),
            (
                r#","limits":{"poll_timeout":"soon"}"#,
                "limits.poll_timeout: \"soon\" is not a duration",
            ),
        ] {
            let error = options(more).limits().unwrap_err().to_sentence();
            assert!(error.contains(words), "{error}");
        }
        assert_eq!(options("").limits().unwrap(), Limits::default());
        assert!(options(r#","interval":"300""#).interval().is_err());
    }
}
