//! `[state] url` and `[cluster]`: the database in which hosts keep cursors and share sources.

use std::path::PathBuf;
use std::time::Duration;

use headwater::model::{SOURCE_NAME_RULE, is_source_name};
use headwater::secret::SecretText;

use super::places::Places;
use super::section::Section;
use super::written::read_secret_text;

/// The cluster of hosts that name none.
const USUAL_NAME: &str = "default";
const USUAL_LEASE: Duration = Duration::from_secs(30);
/// Renewals come three times within a lease, and a database may need a second now and then.
const SHORTEST_LEASE: Duration = Duration::from_secs(3);
/// Nobody waits longer for a takeover.
const LONGEST_LEASE: Duration = Duration::from_secs(60 * 60);

/// The database, and which of the hosts in it share sources.
#[derive(Debug, Clone, PartialEq)]
pub struct DatabaseConfig {
    /// Its URL, with user and password.
    pub url: SecretText,
    /// Authorities that its certificate may be signed by, beside the system's.
    pub ca: Option<PathBuf>,
    /// Hosts of one name share their sources.
    pub cluster: String,
    /// How long a host may be silent before others take its sources over.
    pub lease: Duration,
}

/// Reads both tables; none where there is no `state.url`.
pub(super) fn read(root: &Section<'_>, places: &Places<'_>) -> Option<DatabaseConfig> {
    let state = root.table("state");
    let (mut url, mut ca) = (None, None);
    if let Some(section) = state {
        let has_path = section.value("path").is_some();
        if let Some(value) = section.value("url") {
            match read_secret_text(value, places) {
                Ok(text) => url = Some(text),
                Err(problem) => section.problem("url", problem),
            }
            if has_path {
                section.problem(
                    "url",
                    "is used together with `path`; keep one: `headwater state copy` moves the cursors",
                );
            }
            if !cfg!(feature = "postgres") {
                section.problem(
                    "url",
                    "needs a headwater that is built with its feature `postgres`; use `path`, or such a build",
                );
            }
        }
        ca = section.text("ca").map(|path| places.join(path));
        if ca.is_some() && url.is_none() {
            section.problem("ca", "belongs to `url`, which is not set; remove it");
        }
        section.finish();
    }
    let cluster = root.table("cluster");
    if let Some(section) = &cluster
        && url.is_none()
    {
        section.problem(
            "name",
            "hosts share sources in a database; name it in `state.url`, or remove [cluster]",
        );
    }
    let (name, lease) = cluster.map(read_cluster).unwrap_or_default();
    Some(DatabaseConfig {
        url: url?,
        ca,
        cluster: name.unwrap_or_else(|| USUAL_NAME.to_owned()),
        lease: lease.unwrap_or(USUAL_LEASE),
    })
}

fn read_cluster(section: Section<'_>) -> (Option<String>, Option<Duration>) {
    let name = section.text("name");
    if name.as_deref().is_some_and(|name| !is_source_name(name)) {
        section.problem("name", SOURCE_NAME_RULE);
    }
    let lease = section.duration("lease");
    if lease.is_some_and(|lease| !(SHORTEST_LEASE..=LONGEST_LEASE).contains(&lease)) {
        section.problem("lease", "must be from \"3s\" to \"1h\"; \"30s\" is usual");
    }
    section.finish();
    (name, lease)
}
