//! `headwater status`: what `/status` of a running host shows, in a terminal.

use std::collections::BTreeMap;
use std::fmt::Write;

use headwater::redact::printable::printable;
use serde::Deserialize;

use crate::table;

/// Names that are listed with one problem; of more there is the number.
const NAMED: usize = 5;

/// What `/host.json` says.
#[derive(Debug, Deserialize)]
pub struct HostStatus {
    version: String,
    uptime_seconds: u64,
    reload: Option<Reload>,
    dead_letters: BTreeMap<String, Letters>,
    cluster: Option<Cluster>,
}

/// What `/host.json` says of the hosts that share the sources.
#[derive(Debug, Deserialize)]
struct Cluster {
    name: String,
    database: String,
    sources: Vec<String>,
    others: Vec<String>,
    free: u64,
    takeovers: u64,
    fenced_commits: u64,
    lease_age_seconds: Option<u64>,
    problem: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Reload {
    successful: bool,
    at: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Letters {
    count: u64,
    oldest: Option<String>,
}

/// What `/status.json` says of a partition.
#[derive(Debug, Deserialize)]
pub struct PartitionStatus {
    title: String,
    health: String,
    events: u64,
    newest: Option<String>,
    committed: Option<String>,
    error: Option<String>,
    hint: Option<String>,
    since: Option<String>,
}

/// By source, then by partition.
pub type SourceStatuses = BTreeMap<String, BTreeMap<String, PartitionStatus>>;

/// States from the worst to the best.
const WORST_FIRST: [&str; 9] = [
    "stopped",
    "refused",
    "gone",
    "unavailable",
    "retrying",
    "rejecting",
    "waiting",
    "flowing",
    "quiet",
];

/// One problem, and where it is.
#[derive(Default)]
struct Problem<'a> {
    hint: Option<&'a str>,
    since: Option<&'a str>,
    places: Vec<String>,
}

/// A line for each source, failures first, and each distinct problem once.
pub fn render(host: &HostStatus, sources: &SourceStatuses) -> String {
    let mut text = String::new();
    let failing = sources
        .values()
        .filter(|rows| rows.values().any(|row| row.error.is_some()))
        .count();
    // Writing to text cannot fail.
    let _ = writeln!(
        text,
        "headwater {}, up {}: {} source(s), {failing} with problems",
        printable(&host.version),
        humantime::format_duration(std::time::Duration::from_secs(host.uptime_seconds)),
        sources.len(),
    );
    if let Some(Reload {
        successful: false,
        at,
    }) = &host.reload
    {
        let at = at.as_deref().unwrap_or("the start");
        let _ = writeln!(
            text,
            "the last reload failed: the host runs with the configuration of {}; the log says why",
            printable(at)
        );
    }
    if let Some(cluster) = &host.cluster {
        describe_cluster(&mut text, cluster);
    }
    let mut rows: Vec<(usize, Vec<String>)> =
        sources.iter().map(|(name, rows)| row(name, rows, host)).collect();
    rows.sort();
    let head = [
        "SOURCE",
        "STATE",
        "PARTITIONS",
        "EVENTS",
        "LAST EVENT",
        "LAST SUCCESS",
        "DEAD LETTERS",
    ];
    let rows = rows.into_iter().map(|(_, row)| row);
    let all: Vec<Vec<String>> = std::iter::once(head.map(str::to_owned).to_vec())
        .chain(rows)
        .collect();
    let _ = write!(text, "\n{}", table::layout(&all));
    problems(&mut text, sources);
    text
}

fn describe_cluster(text: &mut String, cluster: &Cluster) {
    let others = match cluster.others.as_slice() {
        [] => "none".to_owned(),
        others => others.join(", "),
    };
    let age = cluster.lease_age_seconds;
    let age = age.map_or("never".to_owned(), |age| format!("{age} s ago"));
    let _ = writeln!(
        text,
        "cluster {} in {}: {} source(s) here, {} free; leases renewed {age}; other hosts: {}; {} takeover(s), {} commit(s) refused",
        printable(&cluster.name),
        printable(&cluster.database),
        cluster.sources.len(),
        cluster.free,
        printable(&others),
        cluster.takeovers,
        cluster.fenced_commits,
    );
    if let Some(problem) = &cluster.problem {
        let _ = writeln!(text, "the leases cannot be renewed: {}", printable(problem));
    }
}

fn row(name: &str, rows: &BTreeMap<String, PartitionStatus>, host: &HostStatus) -> (usize, Vec<String>) {
    let place = |health: &str| WORST_FIRST.iter().position(|known| *known == health).unwrap_or(0);
    let worst = rows.values().map(|row| place(&row.health)).min();
    let state = worst.map_or("-", |worst| WORST_FIRST[worst]);
    let partitions = rows.keys().filter(|id| !id.is_empty()).count();
    let latest = |time: fn(&PartitionStatus) -> Option<&String>| {
        let latest = rows.values().filter_map(time).max();
        latest.map_or("-", String::as_str).to_owned()
    };
    let letters = host.dead_letters.get(name).filter(|letters| letters.count > 0);
    let letters = letters.map_or_else(
        || "-".to_owned(),
        |Letters { count, oldest }| match oldest {
            Some(oldest) => format!("{count} since {oldest}"),
            None => count.to_string(),
        },
    );
    let cells = vec![
        name.to_owned(),
        state.to_owned(),
        partitions.to_string(),
        rows.values().map(|row| row.events).sum::<u64>().to_string(),
        latest(|row| row.newest.as_ref()),
        latest(|row| row.committed.as_ref()),
        letters,
    ];
    (worst.unwrap_or(WORST_FIRST.len()), cells)
}

/// Equal problems are one, wherever they are.
fn problems(text: &mut String, sources: &SourceStatuses) {
    let mut problems: BTreeMap<&str, Problem<'_>> = BTreeMap::new();
    for (source, rows) in sources {
        for (partition, row) in rows {
            let Some(error) = &row.error else { continue };
            let problem = problems.entry(error).or_default();
            problem.hint = problem.hint.or(row.hint.as_deref());
            let since = row.since.as_deref();
            problem.since = [problem.since, since].into_iter().flatten().min();
            let name = if row.title.is_empty() {
                partition
            } else {
                &row.title
            };
            problem
                .places
                .push(format!("{source} {name}").trim_end().to_owned());
        }
    }
    for (index, (error, problem)) in problems.iter().enumerate() {
        let heading = if index == 0 { "\nProblems:\n" } else { "" };
        let since = problem
            .since
            .map(|since| format!(" (since {since})"))
            .unwrap_or_default();
        let _ = writeln!(text, "{heading}  {}{}", printable(error), printable(&since));
        if let Some(hint) = problem.hint {
            let _ = writeln!(text, "    to do: {}", printable(hint));
        }
        let named = problem
            .places
            .iter()
            .take(NAMED)
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(", ");
        let more = problem.places.len().saturating_sub(NAMED);
        let more = if more > 0 {
            format!(", and {more} more")
        } else {
            String::new()
        };
        let _ = writeln!(text, "    at: {}{more}", printable(&named));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_folded_failures_come_first_and_equal_problems_are_one() {
        let host: HostStatus = serde_json::from_str(
            r#"{"version": "0.1.0", "uptime_seconds": 7380, "reload": {"successful": false, "at": "2026-01-31T12:00:00Z"},
                "dead_letters": {"b": {"count": 3, "oldest": "2026-01-31T10:00:00Z"}}}"#,
        )
        .unwrap();
        let good = r#"{"title": "Prod", "health": "flowing", "events": 7, "newest": "2026-01-31T13:00:00Z", "committed": "2026-01-31T13:05:00Z", "error": null, "hint": null, "since": null}"#;
        let bad = |since: &str| {
            format!(
                r#"{{"title": "", "health": "refused", "events": 0, "newest": null, "committed": null, "error": "may not read [azure.denied]", "hint": "give it the role", "since": "{since}"}}"#
            )
        };
        let sources: SourceStatuses = serde_json::from_str(&format!(
            r#"{{"a": {{"p": {good}, "q": {good}}}, "b": {{"p": {good}, "q": {}}}, "c": {{"": {}}}}}"#,
            bad("2026-01-31T11:00:00Z"),
            bad("2026-01-31T10:30:00Z")
        ))
        .unwrap();
        insta::assert_snapshot!(render(&host, &sources), @r"
        headwater 0.1.0, up 2h 3m: 3 source(s), 2 with problems
        the last reload failed: the host runs with the configuration of 2026-01-31T12:00:00Z; the log says why

        SOURCE  STATE    PARTITIONS  EVENTS  LAST EVENT            LAST SUCCESS          DEAD LETTERS
        b       refused  2           7       2026-01-31T13:00:00Z  2026-01-31T13:05:00Z  3 since 2026-01-31T10:00:00Z
        c       refused  0           0       -                     -                     -
        a       flowing  2           14      2026-01-31T13:00:00Z  2026-01-31T13:05:00Z  -

        Problems:
          may not read [azure.denied] (since 2026-01-31T10:30:00Z)
            to do: give it the role
            at: b q, c
        ");
    }
}
