//! Each file has one purpose. Events that are appended to the configuration, a secret or the state would destroy it.

use std::collections::HashMap;
use std::path::Path;

use super::section::Section;
use super::{PluginPlace, SinkConfig, SourceConfig};
use crate::egress::ProxyChoice;
use crate::file_identity::FileIdentity;

/// Notes every file that is to be written to and has another purpose as well, whatever names and links it goes by.
pub(super) fn check(root: &Section<'_>, config: &Path, state: &Path, sources: &[SourceConfig]) {
    let mut read: HashMap<FileIdentity, String> = HashMap::new();
    read.insert(FileIdentity::of(config), "the configuration itself".to_owned());
    for source in sources {
        for (path, purpose) in files_read(source) {
            let purpose = format!("{purpose} of source \"{}\"", source.name);
            read.entry(FileIdentity::of(path)).or_insert(purpose);
        }
    }
    let sinks: HashMap<FileIdentity, &Path> = sources.iter().filter_map(sink_file).collect();
    let dead_letters: HashMap<FileIdentity, &Path> = sources
        .iter()
        .map(|source| {
            (
                FileIdentity::of(&source.dead_letter),
                source.dead_letter.as_path(),
            )
        })
        .collect();
    for (file, path) in &sinks {
        if dead_letters.contains_key(file) {
            let path = path.display();
            root.problem(
                "source",
                format_args!("{path} is the file of a sink and a dead-letter file; give them two names"),
            );
        }
    }
    let state_file = FileIdentity::of(state);
    if sinks.contains_key(&state_file) || dead_letters.contains_key(&state_file) {
        let path = state.display();
        root.problem(
            "state.path",
            format_args!("{path} is also a file for events; give it another name"),
        );
    }
    for (file, path) in sinks.iter().chain(&dead_letters) {
        if let Some(purpose) = read.get(file) {
            let path = path.display();
            root.problem(
                "source",
                format_args!("{path} is {purpose}, and events would be appended to it; use another `path` or `dead_letter`"),
            );
        }
    }
    if let Some(purpose) = read.get(&state_file) {
        let path = state.display();
        root.problem(
            "state.path",
            format_args!("{path} is {purpose}; give it another name"),
        );
    }
}

fn sink_file(source: &SourceConfig) -> Option<(FileIdentity, &Path)> {
    match &source.sink {
        SinkConfig::File { path, .. } => Some((FileIdentity::of(path), path)),
        _ => None,
    }
}

/// The files that a source only reads, and what they are.
fn files_read(source: &SourceConfig) -> Vec<(&Path, &'static str)> {
    let mut secrets = source.config.files();
    let mut authorities: Vec<&Path> = source.outbound.ca.as_deref().into_iter().collect();
    let mut outbounds = vec![&source.outbound];
    match &source.sink {
        SinkConfig::Http { endpoint, .. } | SinkConfig::Otlp { endpoint } => {
            secrets.extend(endpoint.headers.files());
            secrets.extend(endpoint.authorization.iter().filter_map(|login| login.file()));
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
