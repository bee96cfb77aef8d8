//! The configuration file: TOML in, checked types out, every problem named at once.

mod compile;
mod files;
mod http;
mod limits;
mod nearest;
mod outbound;
mod section;
mod sink;
mod unit;
mod url;
mod written;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use headwater::egress::{Grant, Origin, Outbound};
use headwater::file::small_file::{self, Purpose};
use headwater::model::{Limits, SOURCE_NAME_RULE, is_source_name};
use headwater::plugin::CompileSettings;
use headwater::plugin::registry::Reference;
use headwater::secret::Template;
use headwater::sink::SinkConfig;
use headwater::work::machine_memory::usual_memory;
use thiserror::Error;

pub use self::compile::with_bounds;
use self::section::{Problems, Section};
use self::written::Written;

/// Where plugins from registries are kept, beside the state file.
const PLUGIN_FOLDER: &str = "plugins";

/// A whole configuration file.
#[derive(Debug)]
pub struct Config {
    /// The state file.
    pub state: PathBuf,
    /// Where operators look at the host; none switches that off.
    pub listen: Option<SocketAddr>,
    /// Names under which requests may ask for what is shown there, besides its addresses.
    pub listen_hosts: Vec<String>,
    /// How plugins are compiled.
    pub compile: CompileSettings,
    /// Bytes that all calls into plugins may take together.
    pub memory: u64,
    /// The sources that can be used, each name once.
    pub sources: Vec<SourceConfig>,
    /// The sources whose tables are wrong. They do not concern the others.
    pub refused: Vec<RefusedSource>,
}

/// A `[[source]]` that cannot be used as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedSource {
    /// Its name; where that is missing or used twice, its place in the file.
    pub name: String,
    /// Each problem, beginning with the key it is about.
    pub problems: Vec<String>,
}

/// One `[[source]]`.
#[derive(Debug, Clone)]
pub struct SourceConfig {
    /// Names its state, its metrics and its log lines.
    pub name: String,
    /// The component.
    pub plugin: PluginPlace,
    /// The component's SHA-256 as lower-case hexadecimal, if the operator pins it.
    pub digest: Option<String>,
    /// How often to poll; none leaves it to the plugin.
    pub interval: Option<Duration>,
    /// The origins that the plugin may reach.
    pub allow: Vec<String>,
    /// Whether those may have addresses that are not public.
    pub allow_private: bool,
    /// How it gets there.
    pub outbound: Outbound,
    /// Where rejected items are kept.
    pub dead_letter: PathBuf,
    /// The plugin's own configuration, secrets not yet filled in.
    pub config: Written,
    /// Bounds of one poll.
    pub limits: Limits,
    /// Where events go.
    pub sink: SinkConfig,
}

/// Where a plugin is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PluginPlace {
    /// In a file.
    File(PathBuf),
    /// In a registry, from which it is fetched into a folder.
    Registry(Reference, PathBuf),
}

/// Why a configuration file cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {source}; check --config", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file is no TOML.
    #[error("{}, line {line}: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line of the mistake, from 1.
        line: usize,
        /// What the parser says. Not its excerpt of the line, which may show a secret.
        message: String,
    },
    /// The file says something that cannot be, and it concerns all sources.
    #[error("{} has {} problem(s):\n  {}", path.display(), problems.len(), problems.join("\n  "))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Each problem, beginning with the key it is about.
        problems: Vec<String>,
    },
}

impl Config {
    /// Reads a configuration file. Relative paths in it are relative to its folder.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = small_file::read_blocking(path, Purpose::CONFIGURATION)
            .and_then(|bytes| {
                String::from_utf8(bytes).map_err(|_| std::io::Error::other("it is not UTF-8 text"))
            })
            .map_err(|source| ConfigError::Unreadable {
                path: path.to_owned(),
                source,
            })?;
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        Self::parse(&text, path, folder)
    }

    fn parse(text: &str, path: &Path, folder: &Path) -> Result<Self, ConfigError> {
        let table: toml::Table = text
            .parse()
            .map_err(|error: toml::de::Error| ConfigError::Syntax {
                path: path.to_owned(),
                line: error
                    .span()
                    .map_or(1, |span| 1 + text[..span.start].matches('\n').count()),
                message: error.message().to_owned(),
            })?;
        let problems = Problems::default();
        let config = read(&table, path, folder, &problems);
        let mut problems = problems.into_inner();
        if problems.is_empty() && !config.sources.is_empty() {
            return Ok(config);
        }
        problems.extend(config.problems());
        Err(ConfigError::Invalid {
            path: path.to_owned(),
            problems,
        })
    }

    /// The problems of all sources that are refused.
    pub fn problems(&self) -> Vec<String> {
        let problems = self.refused.iter().map(|refused| refused.problems.as_slice());
        problems.collect::<Vec<_>>().concat()
    }
}

fn read(table: &toml::Table, path: &Path, folder: &Path, problems: &Problems) -> Config {
    let root = Section::new(table, "", problems);
    let state = read_state(&root, folder);
    let (listen, listen_hosts) = root.table("listen").map(read_listen).unwrap_or_default();
    let compile = compile::read(&root, folder);
    let memory = limits::read_memory(&root);
    let state_folder = state.parent().unwrap_or(folder).to_owned();
    let sections = root.tables("source");
    if sections.is_empty() {
        root.problem("source", "missing; a configuration needs at least one [[source]]");
    }
    let mut names = HashSet::new();
    let mut judged = Vec::new();
    for (index, (label, table)) in sections.into_iter().enumerate() {
        // Of its own, because the mistakes of one tenant are nobody else's.
        let found = Problems::default();
        let section = Section::new(table, label.as_str(), &found);
        let source = read_source(section, folder, &state_folder);
        limits::check_memory(&source.limits, memory, &label, &found);
        let is_first = names.insert(source.name.to_lowercase());
        if !is_first {
            found.add(
                &format!("{label}.name"),
                "another source above has this name; give each a name of its own, letter case does not count",
            );
        }
        let number = index + 1;
        let name = match (source.name.as_str(), is_first) {
            (name, _) if !is_source_name(name) => format!("(source number {number})"),
            (name, true) => name.to_owned(),
            (name, false) => format!("{name} (source number {number})"),
        };
        judged.push((name, label, source, found));
    }
    // A path that is missing or wrong leads nowhere that could be judged.
    let usable = judged.iter().filter(|(_, _, _, found)| found.is_empty());
    let usable: Vec<files::Written<'_>> = usable
        .map(|(_, label, source, found)| files::Written {
            label,
            source,
            problems: found,
        })
        .collect();
    files::check(&root, path, &state, &usable);
    let mut sources = Vec::new();
    let mut refused = Vec::new();
    for (name, _, source, found) in judged {
        let problems = found.into_inner();
        if problems.is_empty() {
            sources.push(source);
        } else {
            refused.push(RefusedSource { name, problems });
        }
    }
    root.finish();
    Config {
        state,
        listen,
        listen_hosts,
        compile,
        memory: memory.unwrap_or_else(usual_memory),
        sources,
        refused,
    }
}

fn read_state(root: &Section<'_>, folder: &Path) -> PathBuf {
    let path = root.table("state").and_then(|section| {
        let path = section.text("path");
        section.finish();
        path
    });
    folder.join(path.unwrap_or_else(|| "state.redb".to_owned()))
}

fn read_listen(section: Section<'_>) -> (Option<SocketAddr>, Vec<String>) {
    let text = section.required_text("address", "127.0.0.1:9598");
    let address = text.parse();
    if address.is_err() && !text.is_empty() {
        section.problem(
            "address",
            "must be an IP address and a port, for example \"127.0.0.1:9598\"",
        );
    }
    let hosts = section.texts("hosts");
    for host in hosts
        .iter()
        .filter(|host| host.is_empty() || host.contains(['/', ':', ' ']))
    {
        section.problem(
            "hosts",
            format_args!(
                "\"{host}\" is not a host name; write it without scheme and port, for example \"status.example\""
            ),
        );
    }
    section.finish();
    (address.ok(), hosts)
}

fn read_source(section: Section<'_>, folder: &Path, state_folder: &Path) -> SourceConfig {
    let name = section.required_text("name", "contoso");
    check_name(&section, &name);
    let plugin = read_plugin(&section, folder, state_folder);
    let digest = section
        .text("digest")
        .and_then(|text| read_digest(&section, &text));
    let interval = section.duration("interval");
    if interval.is_some_and(|interval| interval.is_zero()) {
        section.problem("interval", "must be longer than zero; write for example \"300s\"");
    }
    let grant = read_grant(&section);
    let (allow, allow_private) = (section.texts("allow"), grant.allows_private());
    let outbound = outbound::read(&section, folder);
    let dead_letter = match section.text("dead_letter") {
        Some(path) => folder.join(path),
        None => state_folder.join(format!("{name}.dead.ndjson")),
    };
    let config = read_written(&section, "config", folder);
    let template: Template = config
        .template("config")
        .unwrap_or_else(|found| note(&section, found));
    note::<()>(&section, template.ungranted(&grant));
    let limits = section.table("limits").map(limits::read).unwrap_or_default();
    let sink = match section.table("sink") {
        Some(sink) => sink::read(sink, folder),
        None => SinkConfig::Stdout,
    };
    section.finish();
    SourceConfig {
        name,
        plugin,
        digest,
        interval,
        allow,
        allow_private,
        outbound,
        dead_letter,
        config,
        limits,
        sink,
    }
}

fn read_plugin(section: &Section<'_>, folder: &Path, state_folder: &Path) -> PluginPlace {
    let text = section.required_text("plugin", "source.wasm");
    match Reference::parse(&text) {
        None => PluginPlace::File(folder.join(text)),
        Some(Ok(reference)) => PluginPlace::Registry(reference, state_folder.join(PLUGIN_FOLDER)),
        Some(Err(problem)) => {
            section.problem("plugin", problem);
            PluginPlace::File(PathBuf::new())
        }
    }
}

fn check_name(section: &Section<'_>, name: &str) {
    if section.value("name").is_some() && !is_source_name(name) {
        section.problem("name", SOURCE_NAME_RULE);
    }
}

fn read_digest(section: &Section<'_>, text: &str) -> Option<String> {
    let hex = text.strip_prefix("sha256:").map(str::to_lowercase);
    let hex = hex.filter(|hex| hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if hex.is_none() {
        section.problem(
            "digest",
            "must be `sha256:` and 64 hexadecimal digits; `headwater describe` prints it",
        );
    }
    hex
}

fn read_grant(section: &Section<'_>) -> Grant {
    let mut origins = Vec::new();
    for text in section.texts("allow") {
        match Origin::parse_grant(&text) {
            Ok(origin) => origins.push(origin),
            Err(problem) => section.problem("allow", problem),
        }
    }
    Grant::new(origins, section.flag("allow_private").unwrap_or(false))
}

/// A table whose values may be secrets kept elsewhere.
fn read_written(section: &Section<'_>, key: &'static str, folder: &Path) -> Written {
    let table = read_table(section, key);
    Written::new(&table, key, folder).unwrap_or_else(|found| note(section, found))
}

/// Notes problems, and stands in for what has them.
fn note<T: Default>(section: &Section<'_>, found: Vec<written::Problem>) -> T {
    for (key, problem) in found {
        section.problem(&key, problem);
    }
    T::default()
}

/// A table as it stands there; empty when it is missing.
fn read_table(section: &Section<'_>, key: &'static str) -> toml::Table {
    let table = section.value(key).map(|value| value.as_table().cloned());
    table
        .unwrap_or_else(|| Some(toml::Table::new()))
        .unwrap_or_else(|| {
            section.problem(key, "must be a table");
            toml::Table::new()
        })
}

/// What a sink fills in at each use. Its secrets never reach a source, so there is nothing to bind.
fn make_template(section: &Section<'_>, key: &'static str, table: &toml::Table, folder: &Path) -> Template {
    let made = Written::new(table, key, folder).and_then(|written| written.template(key));
    let template: Template = made.unwrap_or_else(|found| note(section, found));
    for (path, _) in template.bindings() {
        let path = path.strip_prefix("sink.").unwrap_or(path);
        section.problem(
            &format!("{path}.bound_to"),
            "is for secrets in `source.config`; remove it, a source never sees those of its sink",
        );
    }
    template
}

#[cfg(test)]
mod tests;
