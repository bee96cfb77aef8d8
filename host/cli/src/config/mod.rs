//! The configuration file: TOML in, checked types out, every problem named at once.

mod cluster;
mod compile;
mod dead_letter;
mod defaults;
mod error;
mod files;
mod fill;
mod found;
mod http;
mod include;
mod limits;
mod nearest;
mod outbound;
mod places;
mod rotation;
mod section;
mod sink;
mod source;
mod table_file;
mod tables;
mod templates;
mod unit;
mod url;
mod written;

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use headwater::egress::Outbound;
use headwater::model::{Limits, is_source_name};
use headwater::plugin::CompileSettings;
use headwater::plugin::registry::Reference;
use headwater::secret::SecretHelper;
use headwater::sink::SinkConfig;
use headwater::work::machine_memory::usual_memory;

pub use self::cluster::DatabaseConfig;
pub use self::compile::{usual_compile, with_bounds};
pub use self::dead_letter::DeadLetterPlace;
pub use self::error::ConfigError;
pub use self::found::MATCHING;
use self::include::Included;
use self::places::Places;
use self::section::{Problems, Section};
use self::table_file::read_table_of;
use self::tables::SourceTable;
use self::written::Written;

/// A whole configuration file.
#[derive(Debug)]
pub struct Config {
    /// The state file; with a database only the place beside which other files are by default.
    pub state: PathBuf,
    /// The database that takes the place of the state file.
    pub database: Option<DatabaseConfig>,
    /// Where operators look at the host; none switches that off.
    pub listen: Option<SocketAddr>,
    /// Names under which requests may ask for what is shown there, besides its addresses.
    pub listen_hosts: Vec<String>,
    /// Whether metrics are of sources only, and not of partitions.
    pub metrics_by_source: bool,
    /// How plugins are compiled.
    pub compile: CompileSettings,
    /// Bytes that all calls into plugins may take together.
    pub memory: u64,
    /// The sources that can be used, each name once.
    pub sources: Vec<Arc<SourceConfig>>,
    /// The sources whose tables are wrong, and files of sources that cannot be read. They do not concern the others.
    pub refused: Vec<RefusedSource>,
    /// The programs that know secrets.
    pub helpers: Vec<SecretHelper>,
    /// Whether it is read again when one of its files has changed.
    pub watch: bool,
    /// The files that it was read from, itself aside.
    pub included: Vec<PathBuf>,
    /// The patterns that those were found by, from the root of the file system.
    pub patterns: Vec<glob::Pattern>,
}

/// A `[[source]]` that cannot be used as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedSource {
    /// Its name; where that is missing or used twice, its place in the file; for a file that cannot be read, the file's name
    /// in parentheses.
    pub name: String,
    /// Each problem, beginning with the key it is about.
    pub problems: Vec<String>,
}

/// One `[[source]]`.
#[derive(Debug, Clone, PartialEq)]
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
    pub dead_letter: DeadLetterPlace,
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

impl Config {
    /// Reads a configuration file. Relative paths in it are relative to its folder.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::load_beside(path, None)
    }

    /// Reads it again for a host that runs with this configuration: what is beside the state file by default stays beside the
    /// present one, and helpers for secrets keep what they have said.
    pub fn reload(path: &Path, running: &Self) -> Result<Self, ConfigError> {
        Self::load_beside(path, Some(running))
    }

    fn load_beside(path: &Path, running: Option<&Self>) -> Result<Self, ConfigError> {
        let table = read_table_of(path)?;
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        Self::judge(&table, path, folder, running)
    }

    fn judge(
        table: &toml::Table,
        path: &Path,
        folder: &Path,
        running: Option<&Self>,
    ) -> Result<Self, ConfigError> {
        let problems = Problems::default();
        let config = read(table, path, folder, running, &problems);
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

    /// Takes over what a running host has until it is restarted.
    pub fn keep_host_of(&mut self, running: &Self) {
        let Self {
            state,
            database,
            listen,
            listen_hosts,
            metrics_by_source,
            compile,
            memory,
            ..
        } = running;
        self.state.clone_from(state);
        self.database.clone_from(database);
        self.listen = *listen;
        self.listen_hosts.clone_from(listen_hosts);
        self.metrics_by_source = *metrics_by_source;
        self.compile.clone_from(compile);
        self.memory = *memory;
    }

    /// The problems of all sources that are refused.
    pub fn problems(&self) -> Vec<String> {
        // One in `[defaults]` is that of every source.
        let mut named = HashSet::new();
        let all = self.refused.iter().flat_map(|refused| &refused.problems);
        all.filter(|problem| named.insert(problem.as_str()))
            .cloned()
            .collect()
    }
}

fn read(
    table: &toml::Table,
    path: &Path,
    folder: &Path,
    running: Option<&Config>,
    problems: &Problems,
) -> Config {
    let root = Section::new(table, "", problems);
    let state = read_state(&root, folder);
    let Listen {
        address,
        hosts,
        by_source,
    } = root.table("listen").map(read_listen).unwrap_or_default();
    let compile = compile::read(&root, folder);
    let memory = limits::read_memory(&root);
    let watch = root.table("reload").and_then(read_reload).unwrap_or(false);
    let state_folder = running.map_or(&state, |running| &running.state).parent();
    let state_folder = state_folder.unwrap_or(folder).to_owned();
    let known = running.map_or(&[][..], |running| &running.helpers);
    let helpers = places::read_helpers(&root, folder, known);
    let places = Places {
        folder,
        helpers: &helpers,
    };
    let database = cluster::read(&root, &places);
    // What a running host has, it has until it is restarted.
    let has_database = running.map_or(&database, |running| &running.database).is_some();
    let included = include::read(&root, path, folder);
    let defaults = tables::read_defaults(&root);
    let tables = tables::gather(&root, &included, &defaults);
    // Anything but an empty list is judged where it is read.
    let has_none = match root.value("source") {
        None => true,
        Some(value) => value.as_array().is_some_and(Vec::is_empty),
    };
    if tables.is_empty() && included.broken.is_empty() && has_none {
        root.problem("source", "missing; a configuration needs at least one [[source]]");
    }
    let mut names = HashMap::new();
    let mut judged = Vec::new();
    for table in tables {
        let SourceTable {
            label,
            problems: found,
            ..
        } = &table;
        let section = Section::new(&table.table, label.as_str(), found);
        let source = source::read_source(section, &places, &state_folder, has_database);
        limits::check_memory(&source.limits, memory, label, found);
        let name = row_name(&table, &source.name, &mut names);
        judged.push((name, table, source));
    }
    // A path that is missing or wrong leads nowhere that could be judged.
    let usable = judged.iter().filter(|(_, table, _)| table.problems.is_empty());
    let usable: Vec<files::Written<'_>> = usable
        .map(|(_, table, source)| files::Written {
            label: &table.label,
            source,
            problems: &table.problems,
        })
        .collect();
    let Included {
        files,
        broken,
        patterns,
    } = included;
    let included: Vec<PathBuf> = files.into_iter().map(|file| file.path).collect();
    files::check(&root, path, &included, &state, &usable);
    let mut sources = Vec::new();
    let mut refused = broken;
    for (name, table, source) in judged {
        let problems = table.into_problems(&defaults);
        if problems.is_empty() {
            sources.push(Arc::new(source));
        } else {
            refused.push(RefusedSource { name, problems });
        }
    }
    root.finish();
    Config {
        state,
        database,
        listen: address,
        listen_hosts: hosts,
        metrics_by_source: by_source,
        compile,
        memory: memory.unwrap_or_else(usual_memory),
        sources,
        refused,
        helpers,
        watch,
        included,
        patterns,
    }
}

/// What a source is called in its row: its name, if that is valid and its own. Names are told apart without letter case,
/// because files are named after them.
fn row_name(table: &SourceTable, name: &str, names: &mut HashMap<String, Option<String>>) -> String {
    let place = table.place();
    if !is_source_name(name) {
        return format!("({place})");
    }
    let Some(first) = names.get(&name.to_lowercase()) else {
        names.insert(name.to_lowercase(), table.file.clone());
        return name.to_owned();
    };
    let other = match first {
        Some(file) if *first != table.file => format!("a source of {file}"),
        None if table.file.is_some() => "a source of the main configuration".to_owned(),
        _ => "another source above".to_owned(),
    };
    table.problems.add(
        &format!("{}.name", table.label),
        format_args!("{other} has this name; give each a name of its own, letter case does not count"),
    );
    format!("{name} ({place})")
}

fn read_state(root: &Section<'_>, folder: &Path) -> PathBuf {
    // The rest of the table is read with the cluster.
    let path = root.table("state").and_then(|section| section.text("path"));
    folder.join(path.unwrap_or_else(|| "state.redb".to_owned()))
}

fn read_reload(section: Section<'_>) -> Option<bool> {
    let watch = section.flag("watch");
    section.finish();
    watch
}

/// `[listen]`.
#[derive(Default)]
struct Listen {
    address: Option<SocketAddr>,
    hosts: Vec<String>,
    by_source: bool,
}

fn read_listen(section: Section<'_>) -> Listen {
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
    let metrics = section.text("metrics");
    if !matches!(metrics.as_deref(), None | Some("partition" | "source")) {
        section.problem("metrics", "must be \"partition\" or \"source\"");
    }
    section.finish();
    Listen {
        address: address.ok(),
        hosts,
        by_source: metrics.as_deref() == Some("source"),
    }
}

#[cfg(test)]
mod tests;
