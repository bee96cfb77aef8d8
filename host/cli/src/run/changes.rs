//! What a new configuration changes: found out first, as a value, and carried out then.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::config::{Config, SourceConfig};

/// The difference between the configuration of a running host and a new one.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Changes {
    /// Sources that begin.
    pub added: Vec<Arc<SourceConfig>>,
    /// Sources that go on from their cursors with other settings.
    pub changed: Vec<Arc<SourceConfig>>,
    /// Sources, and rows of what was refused, that are not there any more. Cursors are kept.
    pub removed: Vec<String>,
    /// Sources that are not touched.
    pub unchanged: usize,
    /// Keys that take effect with the next start only.
    pub restart: Vec<&'static str>,
}

impl Changes {
    /// What has to be done so that a host that runs `old` runs `new`.
    pub fn between(old: &Config, new: &Config) -> Self {
        let before: HashMap<&str, &Arc<SourceConfig>> = old
            .sources
            .iter()
            .map(|source| (source.name.as_str(), source))
            .collect();
        let mut changes = Self {
            restart: restart_keys(old, new),
            ..Self::default()
        };
        for source in &new.sources {
            match before.get(source.name.as_str()) {
                None => changes.added.push(source.clone()),
                Some(before) if *before != source => changes.changed.push(source.clone()),
                Some(_) => changes.unchanged += 1,
            }
        }
        let after: HashSet<&str> = new.sources.iter().map(|source| source.name.as_str()).collect();
        let rows = old.sources.iter().map(|source| source.name.as_str());
        let rows = rows.chain(old.refused.iter().map(|refused| refused.name.as_str()));
        let gone = rows.filter(|name| !after.contains(name));
        changes.removed = gone.map(str::to_owned).collect();
        changes
    }

    /// The sources that were not there before, or not like that.
    pub fn fresh(&self) -> impl Iterator<Item = &Arc<SourceConfig>> {
        self.added.iter().chain(&self.changed)
    }
}

/// The keys of the host itself that differ.
fn restart_keys(old: &Config, new: &Config) -> Vec<&'static str> {
    let differs = [
        ("[state]", old.state != new.state),
        ("[state] and [cluster]", old.database != new.database),
        (
            "[listen]",
            (old.listen, &old.listen_hosts, old.metrics_by_source)
                != (new.listen, &new.listen_hosts, new.metrics_by_source),
        ),
        ("[compile] and [cache]", old.compile != new.compile),
        ("[limits]", old.memory != new.memory),
    ];
    let differs = differs.into_iter().filter(|(_, differs)| *differs);
    differs.map(|(key, _)| key).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// A configuration of these sources, each a name and further keys.
    #[expect(clippy::disallowed_methods, reason = "a test may wait")]
    fn config(host: &str, sources: &[(&str, &str)]) -> Config {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("headwater.toml");
        let sources: String = sources
            .iter()
            .map(|(name, keys)| format!("[[source]]\nname = \"{name}\"\nplugin = \"/p.wasm\"\n{keys}\n"))
            .collect();
        std::fs::write(&path, format!("state.path = \"/s.redb\"\n{host}\n{sources}")).unwrap();
        Config::load(Path::new(&path)).unwrap()
    }

    fn names(sources: &[Arc<SourceConfig>]) -> Vec<&str> {
        sources.iter().map(|source| source.name.as_str()).collect()
    }

    #[test]
    fn the_same_again_changes_nothing() {
        let sources = [("a", "config.x = { file = \"/s\" }"), ("b", "interval = \"1s\"")];
        let changes = Changes::between(&config("", &sources), &config("# a comment", &sources));
        assert_eq!(
            changes,
            Changes {
                unchanged: 2,
                ..Changes::default()
            }
        );
    }

    #[test]
    fn each_source_is_added_removed_changed_or_left_alone() {
        let old = config("", &[("a", ""), ("b", ""), ("c", "interval = \"1s\""), ("d", "")]);
        let new = config(
            "",
            &[
                ("e", ""),
                ("c", "interval = \"2s\""),
                ("a", ""),
                ("d", "sink = { type = \"file\", path = \"/x\" }"),
            ],
        );
        let changes = Changes::between(&old, &new);
        assert_eq!(names(&changes.added), ["e"]);
        assert_eq!(names(&changes.changed), ["c", "d"]);
        assert_eq!(changes.removed, ["b"]);
        assert_eq!(changes.unchanged, 1);
    }

    #[test]
    fn a_refused_source_is_added_when_it_is_repaired_and_its_row_goes_when_it_is_removed() {
        let old = config("", &[("a", ""), ("b", "intervall = 1"), ("c", "intervall = 1")]);
        let new = config("", &[("a", ""), ("b", "")]);
        let changes = Changes::between(&old, &new);
        assert_eq!(names(&changes.added), ["b"]);
        assert_eq!(changes.removed, ["c"]);
    }

    #[test]
    fn what_needs_a_restart_is_said_and_does_not_touch_sources() {
        let old = config("", &[("a", "dead_letter = \"/d\"")]);
        let new = config(
            "listen.address = \"127.0.0.1:1\"\nlimits.memory = \"1GiB\"",
            &[("a", "dead_letter = \"/d\"")],
        );
        let changes = Changes::between(&old, &new);
        assert_eq!(changes.restart, ["[listen]", "[limits]"]);
        assert_eq!(changes.unchanged, 1, "{changes:?}");
    }
}
