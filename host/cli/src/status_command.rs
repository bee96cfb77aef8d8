//! `headwater status`: what `/status` of a running host shows, in a terminal.

use std::collections::BTreeMap;
use std::fmt::Write;

use chrono::{DateTime, Utc};
use headwater::redact::printable::printable;
use serde::Deserialize;

use crate::table;
use crate::wrap::wrap_to;

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

/// The columns.
const HEAD: [&str; 7] = [
    "SOURCE",
    "STATE",
    "PARTITIONS",
    "EVENTS",
    "LAST EVENT",
    "LAST SUCCESS",
    "DEAD LETTERS",
];
/// The columns where those do not fit.
const SHORT_HEAD: [&str; 7] = [
    "SOURCE", "STATE", "PARTS", "EVENTS", "NEWEST", "SUCCESS", "LETTERS",
];

/// One problem, and where it is.
#[derive(Default)]
struct Problem<'a> {
    hint: Option<&'a str>,
    since: Option<&'a str>,
    places: Vec<String>,
}

/// A row for each source, failures first, and each distinct problem once. `width` is that of the terminal, if it is one: where
/// times do not fit it, there is how long ago they were.
pub fn render(
    host: &HostStatus,
    sources: &SourceStatuses,
    now: DateTime<Utc>,
    width: Option<usize>,
) -> String {
    let mut text = String::new();
    // Folded for a terminal, with these blanks before each line.
    let line = |words: &str, indent: usize| match width {
        Some(width) => wrap_to(words, indent, width),
        None => format!("{}{words}\n", " ".repeat(indent)),
    };
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
        text += &line(
            &format!(
                "the last reload failed: the host runs with the configuration of {}; the log says why",
                printable(at)
            ),
            0,
        );
    }
    if let Some(cluster) = &host.cluster {
        describe_cluster(&mut text, cluster, line);
    }
    let rows = sorted_rows(host, sources);
    let whole = table(&HEAD, &rows, str::to_owned);
    let fits = width.is_none_or(|width| {
        table::layout(&whole)
            .lines()
            .all(|line| line.chars().count() <= width)
    });
    let shown = if fits {
        whole
    } else {
        table(&SHORT_HEAD, &rows, |time| age(time, now))
    };
    let _ = write!(text, "\n{}", table::fit(&shown, width));
    problems(&mut text, sources, line);
    text
}

fn describe_cluster(text: &mut String, cluster: &Cluster, line: impl Fn(&str, usize) -> String) {
    let others = match cluster.others.as_slice() {
        [] => "none".to_owned(),
        others => others.join(", "),
    };
    let age = cluster.lease_age_seconds;
    let age = age.map_or("never".to_owned(), |age| format!("{age} s ago"));
    *text += &line(
        &format!(
            "cluster {} in {}: {} source(s) here, {} free; leases renewed {age}; other hosts: {}; {} takeover(s), {} commit(s) refused",
            printable(&cluster.name),
            printable(&cluster.database),
            cluster.sources.len(),
            cluster.free,
            printable(&others),
            cluster.takeovers,
            cluster.fenced_commits,
        ),
        0,
    );
    if let Some(problem) = &cluster.problem {
        *text += &line(
            &format!("the leases cannot be renewed: {}", printable(problem)),
            0,
        );
    }
}

/// What is shown of a source.
struct Row {
    /// Its place in [`WORST_FIRST`].
    state: usize,
    name: String,
    /// State, partitions and events.
    facts: [String; 3],
    last_event: Option<String>,
    last_success: Option<String>,
    letters: u64,
    oldest_letter: Option<String>,
}

fn sorted_rows(host: &HostStatus, sources: &SourceStatuses) -> Vec<Row> {
    let mut rows: Vec<Row> = sources.iter().map(|(name, rows)| row(name, rows, host)).collect();
    rows.sort_by(|one, other| (one.state, &one.name).cmp(&(other.state, &other.name)));
    rows
}

fn row(name: &str, rows: &BTreeMap<String, PartitionStatus>, host: &HostStatus) -> Row {
    let place = |health: &str| WORST_FIRST.iter().position(|known| *known == health).unwrap_or(0);
    let worst = rows.values().map(|row| place(&row.health)).min();
    let partitions = rows.keys().filter(|id| !id.is_empty()).count();
    let events = rows.values().map(|row| row.events).sum::<u64>();
    let latest =
        |time: fn(&PartitionStatus) -> Option<&String>| rows.values().filter_map(time).max().cloned();
    let letters = host.dead_letters.get(name);
    Row {
        state: worst.unwrap_or(WORST_FIRST.len()),
        name: name.to_owned(),
        facts: [
            worst.map_or("-", |worst| WORST_FIRST[worst]).to_owned(),
            partitions.to_string(),
            events.to_string(),
        ],
        last_event: latest(|row| row.newest.as_ref()),
        last_success: latest(|row| row.committed.as_ref()),
        letters: letters.map_or(0, |letters| letters.count),
        oldest_letter: letters.and_then(|letters| letters.oldest.clone()),
    }
}

/// Heading and rows, with times as `shown` gives them.
fn table(head: &[&str; 7], rows: &[Row], shown: impl Fn(&str) -> String) -> Vec<Vec<String>> {
    let time = |time: &Option<String>| time.as_deref().map_or_else(|| "-".to_owned(), &shown);
    let letters = |row: &Row| match (row.letters, &row.oldest_letter) {
        (0, _) => "-".to_owned(),
        (count, Some(oldest)) => format!("{count} since {}", shown(oldest)),
        (count, None) => count.to_string(),
    };
    let cells = |row: &Row| {
        let mut cells = vec![row.name.clone()];
        cells.extend_from_slice(&row.facts);
        cells.extend([time(&row.last_event), time(&row.last_success), letters(row)]);
        cells
    };
    std::iter::once(head.map(str::to_owned).to_vec())
        .chain(rows.iter().map(cells))
        .collect()
}

/// How long ago a time was, in its largest unit: `5m ago`. What is no time is shown as it is.
fn age(time: &str, now: DateTime<Utc>) -> String {
    let Ok(time_of) = DateTime::parse_from_rfc3339(time) else {
        return time.to_owned();
    };
    let seconds = now.signed_duration_since(time_of).num_seconds().max(0);
    match seconds {
        0..60 => format!("{seconds}s ago"),
        60..3_600 => format!("{}m ago", seconds / 60),
        3_600..86_400 => format!("{}h ago", seconds / 3_600),
        _ => format!("{}d ago", seconds / 86_400),
    }
}

/// Equal problems are one, wherever they are.
fn problems(text: &mut String, sources: &SourceStatuses, line: impl Fn(&str, usize) -> String) {
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
        if index == 0 {
            *text += "\nProblems:\n";
        }
        let since = problem
            .since
            .map(|since| format!(" (since {since})"))
            .unwrap_or_default();
        *text += &line(&format!("{}{}", printable(error), printable(&since)), 2);
        if let Some(hint) = problem.hint {
            *text += &line(&format!("to do: {}", printable(hint)), 4);
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
        *text += &line(&format!("at: {}{more}", printable(&named)), 4);
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
        let now = DateTime::parse_from_rfc3339("2026-01-31T13:10:00Z")
            .unwrap()
            .to_utc();
        insta::assert_snapshot!(render(&host, &sources, now, None), @r"
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
        // The same in a terminal that is too narrow for times.
        insta::assert_snapshot!(render(&host, &sources, now, Some(80)), @r"
        headwater 0.1.0, up 2h 3m: 3 source(s), 2 with problems
        the last reload failed: the host runs with the configuration of
        2026-01-31T12:00:00Z; the log says why

        SOURCE  STATE    PARTS  EVENTS  NEWEST   SUCCESS  LETTERS
        b       refused  2      7       10m ago  5m ago   3 since 3h ago
        c       refused  0      0       -        -        -
        a       flowing  2      14      10m ago  5m ago   -

        Problems:
          may not read [azure.denied] (since 2026-01-31T10:30:00Z)
            to do: give it the role
            at: b q, c
        ");
    }
}
