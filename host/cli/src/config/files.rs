//! Each file has one purpose. Events that are appended to the configuration, a secret or the state would destroy it.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::section::{Problems, Section};
use super::{PluginPlace, SourceConfig};
use headwater::egress::ProxyChoice;
use headwater::file::identity::{self, FileIdentity};
use headwater::sink::SinkConfig;

/// A source that writes files, and where problems with them are noted.
pub(super) struct Written<'a> {
    /// What the source is called in problems.
    pub(super) label: &'a str,
    pub(super) source: &'a SourceConfig,
    pub(super) problems: &'a Problems,
}

/// Notes every file that is to be written to and has another purpose as well, whatever names and links it goes by: with the
/// source that would write it, the later one of two that do.
pub(super) fn check(
    root: &Section<'_>,
    config: &Path,
    included: &[PathBuf],
    state: &Path,
    sources: &[Written<'_>],
) {
    // Beside the state, to say that there is one.
    let begun = state.with_added_extension("begun");
    let all = sources.iter().flat_map(|Written { source, .. }| {
        let read = files_read(source).into_iter().map(|(path, _)| path);
        read.chain(
            [source.dead_letter.file(), sink_file(source)]
                .into_iter()
                .flatten(),
        )
    });
    let included = included.iter().map(PathBuf::as_path);
    let host = [config, state, &begun].into_iter();
    let identities = identity::of_all(host.chain(included.clone()).chain(all));
    // Each of them has been asked for.
    let identity_of = |path: &Path| {
        identities
            .get(path)
            .cloned()
            .unwrap_or_else(|| FileIdentity::Name(path.to_owned()))
    };
    let mut read: HashMap<FileIdentity, String> = HashMap::new();
    for path in included {
        read.insert(identity_of(path), "an included configuration".to_owned());
    }
    read.insert(identity_of(config), "the configuration itself".to_owned());
    for Written { source, .. } in sources {
        for (path, purpose) in files_read(source) {
            let purpose = format!("{purpose} of source \"{}\"", source.name);
            read.entry(identity_of(path)).or_insert(purpose);
        }
    }
    let state_file = identity_of(state);
    let state_files = [state_file.clone(), identity_of(&begun)];
    if let Some(purpose) = read.get(&state_file) {
        let path = state.display();
        root.problem(
            "state.path",
            format_args!("{path} is {purpose}; give it another name"),
        );
    }
    let mut sinks = HashSet::new();
    let mut dead_letters = HashSet::new();
    for Written {
        label,
        source,
        problems,
    } in sources
    {
        let files = [
            ("dead_letter", source.dead_letter.file()),
            ("sink.path", sink_file(source)),
        ];
        let files = files.into_iter().filter_map(|(key, path)| Some((key, path?)));
        for (key, path) in files {
            let file = identity_of(path);
            // What the sources before write of the other kind, and this one itself.
            let (same, other) = match key {
                "dead_letter" => (&mut dead_letters, &sinks),
                _ => (&mut sinks, &dead_letters),
            };
            let is_mixed = other.contains(&file);
            same.insert(file.clone());
            let (key, path) = (format!("{label}.{key}"), path.display());
            if state_files.contains(&file) {
                problems.add(&key, format_args!("{path} is the state file and must not be also a file for events; give it another name"));
            }
            if let Some(purpose) = read.get(&file) {
                let problem =
                    format_args!("{path} is {purpose}, and events would be appended to it; use another file");
                problems.add(&key, problem);
            }
            if is_mixed {
                let problem =
                    format_args!("{path} is the file of a sink and a dead-letter file; give them two names");
                problems.add(&key, problem);
            }
        }
    }
}

fn sink_file(source: &SourceConfig) -> Option<&Path> {
    match &source.sink {
        SinkConfig::File { path, .. } => Some(path),
        _ => None,
    }
}

/// The files that a source only reads, and what they are.
fn files_read(source: &SourceConfig) -> Vec<(&Path, &'static str)> {
    let written = source.config.secrets.iter();
    let mut secrets: Vec<&Path> = written.filter_map(|(_, secret)| secret.path()).collect();
    let mut authorities: Vec<&Path> = source.outbound.ca.as_deref().into_iter().collect();
    let mut outbounds = vec![&source.outbound];
    match &source.sink {
        SinkConfig::Http { endpoint, .. } | SinkConfig::Otlp { endpoint } => {
            secrets.extend(endpoint.headers.files());
            secrets.extend(endpoint.authorization.iter().filter_map(|login| login.file()));
            secrets.extend(endpoint.oauth2.iter().filter_map(|login| login.file()));
            authorities.extend(endpoint.outbound.ca.as_deref());
            outbounds.push(&endpoint.outbound);
        }
        SinkConfig::Forward(receiver) => {
            secrets.extend(receiver.login.files());
            authorities.extend(receiver.ca.as_deref());
        }
        SinkConfig::Stdout | SinkConfig::File { .. } => {}
    }
    secrets.extend(
        outbounds
            .into_iter()
            .filter_map(|outbound| match &outbound.proxy {
                ProxyChoice::Url(url) => url.file(),
                ProxyChoice::Environment | ProxyChoice::Direct => None,
            }),
    );
    let plugin = match &source.plugin {
        PluginPlace::File(path) => Some((path.as_path(), "the plugin")),
        PluginPlace::Registry(..) => None,
    };
    let secrets = secrets.into_iter().map(|path| (path, "a secret"));
    let authorities = authorities.into_iter().map(|path| (path, "the certificate file"));
    plugin.into_iter().chain(secrets).chain(authorities).collect()
}
