//! `headwater check`: tests every partition of every source, and says what to do about what fails.

use std::fmt::Write;

use headwater::Source;
use headwater::model::{Failure, Fault, PartitionInfo};
use headwater::sink::{self, SinkConfig};
use tokio::task::JoinSet;
use tracing::{Instrument, error_span};

use crate::table;
use crate::wrap::wrap;

/// Columns before what was found, which is below the row.
const DETAIL: usize = 8;
/// What is in the place of a partition in the row of a sink. No partition has such a name.
const SINK: &str = "(sink)";

/// What was found about one partition, or about a source as a whole.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    source: String,
    partition: String,
    title: String,
    verdict: Verdict,
    detail: String,
    /// What to do, or what to check.
    hints: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Passed,
    Unavailable,
    Failed,
}

impl Verdict {
    fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "ok",
            Self::Unavailable => "skipped",
            Self::Failed => "failed",
        }
    }
}

/// Checks all sources side by side. Returns a table for people, and whether everything passed.
///
/// `failed` are sources that could not be started, with their problems: they have a row each.
pub async fn check(sources: Vec<(Source, SinkConfig)>, failed: Vec<(String, Vec<String>)>) -> (String, bool) {
    let mut tasks = JoinSet::new();
    for (source, sink) in sources {
        let span = error_span!("source", id = source.name());
        tasks.spawn(check_source(source, sink).instrument(span));
    }
    let mut findings = tasks.join_all().await.concat();
    findings.extend(
        failed
            .into_iter()
            .map(|(source, problems)| Finding::stopped(source, problems)),
    );
    findings.sort();
    let passed = findings.iter().all(|finding| finding.verdict != Verdict::Failed);
    (render(&findings), passed)
}

async fn check_source(source: Source, sink: SinkConfig) -> Vec<Finding> {
    let mut findings = vec![try_sink(&source, &sink).await];
    let found = match source.discover().await {
        Ok(found) if found.is_empty() => Err(Failure::host(Fault::Denied, "empty", "found nothing to read")),
        found => found,
    };
    let found = match found {
        Ok(found) => found,
        Err(failure) => {
            findings.push(Finding::failed(source.name(), "-", "", failure));
            return findings;
        }
    };
    for info in found {
        findings.push(check_partition(&source, info).await);
    }
    findings
}

/// Tries the sink, with its secrets and without events.
async fn try_sink(source: &Source, config: &SinkConfig) -> Finding {
    match sink::try_sink(source.name(), config).await {
        Ok(detail) => Finding {
            source: source.name().to_owned(),
            partition: SINK.to_owned(),
            title: String::new(),
            verdict: Verdict::Passed,
            detail,
            hints: Vec::new(),
        },
        Err(failure) => Finding::failed(source.name(), SINK, "", failure),
    }
}

async fn check_partition(source: &Source, info: PartitionInfo) -> Finding {
    let PartitionInfo {
        id,
        title,
        unavailable,
        ..
    } = info;
    let finding = |verdict, detail, hints| Finding {
        source: source.name().to_owned(),
        partition: id.clone(),
        title: title.clone(),
        verdict,
        detail,
        hints,
    };
    if let Some(reason) = unavailable {
        return finding(Verdict::Unavailable, reason, Vec::new());
    }
    match source.check(&id).await {
        Ok(report) => finding(Verdict::Passed, report.summary, report.warnings),
        Err(failure) => Finding::failed(source.name(), &id, &title, failure),
    }
}

impl Finding {
    /// A source that could not be started.
    fn stopped(source: String, problems: Vec<String>) -> Self {
        let first = problems.first().map(String::as_str).unwrap_or_default();
        let more = match problems.len() {
            0 | 1 => String::new(),
            all => format!(" (and {} more)", all - 1),
        };
        Self {
            source,
            partition: "-".to_owned(),
            title: String::new(),
            verdict: Verdict::Failed,
            detail: format!("cannot be started: {first}{more} [host.start]"),
            hints: problems,
        }
    }

    fn failed(source: &str, partition: &str, title: &str, failure: Failure) -> Self {
        Self {
            source: source.to_owned(),
            partition: partition.to_owned(),
            title: title.to_owned(),
            verdict: Verdict::Failed,
            detail: format!("{} [{}]", failure.message, failure.code),
            hints: failure.hint.into_iter().collect(),
        }
    }
}

fn render(findings: &[Finding]) -> String {
    let head = ["RESULT", "SOURCE", "PARTITION"].map(str::to_owned).to_vec();
    let row = |finding: &Finding| {
        let verdict = finding.verdict.as_str().to_owned();
        vec![verdict, finding.source.clone(), finding.partition.clone()]
    };
    let rows: Vec<_> = std::iter::once(head).chain(findings.iter().map(row)).collect();
    let table = table::layout(&rows);
    let mut lines = table.lines();
    let mut text = format!("{}\n", lines.next().unwrap_or_default());
    for (line, finding) in lines.zip(findings) {
        let title = match finding.title.as_str() {
            "" => String::new(),
            title => format!("{title}: "),
        };
        // Writing to a text cannot fail.
        let _ = write!(
            text,
            "{line}\n{}",
            wrap(&format!("{title}{}", finding.detail), DETAIL)
        );
    }
    let hints = findings
        .iter()
        .flat_map(|finding| finding.hints.iter().map(move |hint| (finding, hint)));
    for (index, (finding, hint)) in hints.enumerate() {
        let heading = if index == 0 { "\nWhat to do:\n" } else { "" };
        let place = format!("{} {}:", finding.source, finding.partition);
        let _ = write!(text, "{heading}  {place}\n{}", wrap(hint, 4));
    }
    let count = |verdict| {
        let found = findings.iter().filter(|finding| finding.verdict == verdict);
        found.count()
    };
    let [passed, failed, skipped] = [Verdict::Passed, Verdict::Failed, Verdict::Unavailable].map(count);
    let _ = writeln!(text, "\n{}", counts(passed, failed, skipped));
    text
}

/// The last line of a report.
pub(crate) fn counts(passed: usize, failed: usize, skipped: usize) -> String {
    match skipped {
        0 => format!("{passed} ok, {failed} failed"),
        skipped => format!("{passed} ok, {failed} failed, {skipped} skipped"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_shows_results_and_then_remedies() {
        let refused =
            Failure::host(Fault::Denied, "role", "may not read the log").with_hint("give it the role Reader");
        let findings = [
            Finding {
                source: "contoso".to_owned(),
                partition: "sub-1".to_owned(),
                title: "Production".to_owned(),
                verdict: Verdict::Passed,
                detail: "read one event".to_owned(),
                hints: Vec::new(),
            },
            Finding::failed("contoso", "sub-2", "", refused),
            Finding::stopped(
                "fabrikam".to_owned(),
                vec![
                    "client_secret: no such file".to_owned(),
                    "ca: no such file".to_owned(),
                ],
            ),
        ];
        insta::assert_snapshot!(render(&findings), @r"
        RESULT  SOURCE    PARTITION
        ok      contoso   sub-1
                Production: read one event
        failed  contoso   sub-2
                may not read the log [host.role]
        failed  fabrikam  -
                cannot be started: client_secret: no such file (and 1 more) [host.start]

        What to do:
          contoso sub-2:
            give it the role Reader
          fabrikam -:
            client_secret: no such file
          fabrikam -:
            ca: no such file

        1 ok, 2 failed
        ");
    }
}
