//! A configuration whose sources have no sink.

use std::path::{Path, PathBuf};

use headwater::sink::SinkConfig;
use headwater_cli::collector::{Config, ConfigError, RefusedSource};
use thiserror::Error;

/// What an input says in Fluent Bit's configuration.
#[derive(Debug, Default)]
pub struct Properties {
    /// The file.
    pub config: Option<String>,
    /// The one source of it to be read; all of them if there is none.
    pub source: Option<String>,
}

/// Why an input cannot begin, or not with this configuration.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// There is no file.
    #[error("the property `config` is missing; write for example `config /etc/headwater/headwater.toml`")]
    NoFile,
    /// The file cannot be used at all.
    #[error("{0}")]
    File(#[from] ConfigError),
    /// It says what does not fit here.
    #[error("{}: {}", path.display(), problems.join("; "))]
    Unfit {
        /// The file.
        path: PathBuf,
        /// Each problem, beginning with the key it is about.
        problems: Vec<String>,
    },
    /// It has no such source.
    #[error("{} has no source \"{name}\"; it has {}", path.display(), known.join(", "))]
    NoSource {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
}

/// Reads the file of an input: its settings, with the sources that the input reads.
pub fn load(properties: &Properties) -> Result<(PathBuf, Config), SettingsError> {
    let path = properties
        .config
        .as_deref()
        .map(str::trim)
        .filter(|path| !path.is_empty());
    let path = Path::new(path.ok_or(SettingsError::NoFile)?);
    let mut config = Config::load(path)?;
    let problems = unfit(&config);
    let path = path.to_owned();
    if !problems.is_empty() {
        return Err(SettingsError::Unfit { path, problems });
    }
    if let Some(name) = &properties.source {
        select(&mut config, name.trim(), &path)?;
    }
    Ok((path, config))
}

/// What the program obeys and this plugin does not.
fn unfit(config: &Config) -> Vec<String> {
    let sinks = config
        .sources
        .iter()
        .filter(|source| source.sink != SinkConfig::Stdout)
        .map(|source| {
            format!(
                "source \"{}\".sink: remove it (and `[defaults.sink]`), the events go to Fluent Bit",
                source.name
            )
        });
    let listen = config.listen.map(|_| {
        "listen: remove it, Fluent Bit has its own HTTP server; what goes wrong is in its log".to_owned()
    });
    let database = config.database.as_ref().map(|_| {
        "state.url: remove it, and give `path`; inside Fluent Bit cursors are kept in a file, and hosts do not share sources".to_owned()
    });
    listen.into_iter().chain(database).chain(sinks).collect()
}

fn select(config: &mut Config, name: &str, path: &Path) -> Result<(), SettingsError> {
    let path = path.to_owned();
    if let Some(RefusedSource { problems, .. }) = config.refused.iter().find(|refused| refused.name == name) {
        let problems = problems.clone();
        return Err(SettingsError::Unfit { path, problems });
    }
    let sources = std::mem::take(&mut config.sources);
    let known = sources.iter().map(|source| source.name.clone()).collect();
    config.sources = sources.into_iter().filter(|source| source.name == name).collect();
    config.refused.clear();
    if config.sources.is_empty() {
        let name = name.to_owned();
        return Err(SettingsError::NoSource { path, name, known });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(text: &str, source: Option<&str>) -> Result<Vec<String>, String> {
        let folder =
            std::env::temp_dir().join(format!("headwater-settings-{:?}", std::thread::current().id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("headwater.toml");
        std::fs::write(&path, text).unwrap();
        let properties = Properties {
            config: Some(path.display().to_string()),
            source: source.map(str::to_owned),
        };
        let loaded = load(&properties).map_err(|error| error.to_string());
        std::fs::remove_dir_all(&folder).unwrap();
        Ok(loaded?
            .1
            .sources
            .into_iter()
            .map(|source| source.name.clone())
            .collect())
    }

    const TWO: &str =
        "[[source]]\nname = \"a\"\nplugin = \"x.wasm\"\n[[source]]\nname = \"b\"\nplugin = \"x.wasm\"\n";

    #[test]
    fn all_sources_are_read_or_the_one_that_is_named() {
        assert_eq!(loaded(TWO, None).unwrap(), ["a", "b"]);
        assert_eq!(loaded(TWO, Some("b")).unwrap(), ["b"]);
        let unknown = loaded(TWO, Some("c")).unwrap_err();
        assert!(unknown.contains("has no source \"c\"; it has a, b"), "{unknown}");
    }

    #[test]
    fn what_does_not_fit_into_fluent_bit_is_refused_by_key() {
        for (text, words) in [
            (
                format!("{TWO}[source.sink]\ntype = \"file\"\npath = \"x\""),
                "source \"b\".sink: remove it",
            ),
            (
                format!("{TWO}[listen]\naddress = \"127.0.0.1:1\""),
                "listen: remove it",
            ),
            (
                format!("[state]\nurl = {{ env = \"DATABASE_URL\" }}\n{TWO}"),
                "state.url: remove it",
            ),
            (format!("{TWO}interval = 7"), ""),
        ] {
            let found = loaded(&text, None);
            assert_eq!(found.is_err(), !words.is_empty(), "{text}");
            assert!(found.err().unwrap_or_default().contains(words), "{text}");
        }
        let refused = loaded(&format!("{TWO}interval = 7"), Some("b")).unwrap_err();
        assert!(refused.contains("interval"), "{refused}");
        assert!(
            load(&Properties::default())
                .unwrap_err()
                .to_string()
                .contains("`config` is missing")
        );
    }
}
