//! The summary of the demo: events by category and severity, and what the host counted.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use super::screen::Screen;
use super::story::{LADDER, severity};

/// What the host counted, from its log.
#[derive(Default)]
pub struct Totals {
    dropped: u64,
    duplicates: u64,
    rejected: u64,
    requests: u64,
}

impl Totals {
    /// Reads the line with which `run --once` ends.
    pub fn from_log(log: &str) -> Self {
        let mut lines = log
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let Some(last) = lines.rfind(|line| line["requests"].is_u64()) else {
            return Self::default();
        };
        let count = |name: &str| last[name].as_u64().unwrap_or_default();
        Self {
            dropped: count("dropped"),
            duplicates: count("duplicates"),
            rejected: count("rejected"),
            requests: count("requests"),
        }
    }
}

/// Writes the table.
pub fn summarize(
    out: &mut impl Write,
    screen: &Screen,
    events: &[Value],
    totals: &Totals,
    took: Duration,
) -> Result<()> {
    let mut rows: BTreeMap<&str, [usize; LADDER.len()]> = BTreeMap::new();
    for event in events {
        let category = event["azure"]["activity_logs"]["category"].as_str();
        let category = category.unwrap_or("(none)");
        let column = LADDER
            .iter()
            .position(|(_, word)| *word == severity(event))
            .unwrap_or_default();
        rows.entry(category).or_default()[column] += 1;
    }
    write!(out, "{:<16}", "category")?;
    for (_, word) in LADDER {
        write!(out, "{word:>10}")?;
    }
    writeln!(out, "{:>10}", "all")?;
    let mut all = [0; LADDER.len()];
    for (category, counts) in &rows {
        write_row(out, category, counts)?;
        for (sum, count) in all.iter_mut().zip(counts) {
            *sum += count;
        }
    }
    write_row(out, "all", &all)?;
    writeln!(out)?;
    let Totals {
        dropped,
        duplicates,
        rejected,
        requests,
    } = totals;
    let delivered = events.len();
    let summary = format!(
        "{delivered} events delivered, {dropped} dropped by rule, {duplicates} duplicates recognised, {rejected} rejected; \
         {requests} requests in {:.1} s",
        took.as_secs_f64()
    );
    writeln!(out, "{}", screen.wrap(&summary, 0))?;
    writeln!(out)?;
    Ok(())
}

fn write_row(out: &mut impl Write, name: &str, counts: &[usize]) -> Result<()> {
    write!(out, "{name:<16}")?;
    for count in counts {
        if *count == 0 {
            write!(out, "{:>10}", "·")?
        } else {
            write!(out, "{count:>10}")?
        }
    }
    writeln!(out, "{:>10}", counts.iter().sum::<usize>())?;
    Ok(())
}
