//! The events of the demo, a line each, oldest first.

use std::io::Write;

use anyhow::Result;
use serde_json::Value;

use super::screen::Screen;

/// Blanks before what belongs to the line before.
const INDENT: usize = 4;

/// The severities of `event.severity`, lowest first.
pub const LADDER: [(u64, &str); 5] = [
    (1, "info"),
    (21, "low"),
    (47, "medium"),
    (73, "high"),
    (99, "critical"),
];

/// The word for an event's `event.severity`.
pub fn severity(event: &Value) -> &'static str {
    let number = event["event"]["severity"].as_u64().unwrap_or_default();
    LADDER
        .iter()
        .rev()
        .find(|(least, _)| number >= *least)
        .map_or("info", |(_, word)| word)
}

/// Tells the hour: how each operation that matters ended, and why it matters; the rest as a count.
pub fn tell(out: &mut impl Write, screen: &Screen, events: &[Value]) -> Result<()> {
    let mut events: Vec<&Value> = events.iter().collect();
    events.sort_by_key(|event| event["@timestamp"].as_str().unwrap_or_default());
    let mut skipped = 0;
    writeln!(out)?;
    for event in events {
        let severity = severity(event);
        let under_way = matches!(
            event["azure"]["activity_logs"]["phase"].as_str(),
            Some("start" | "accepted")
        );
        if severity == "info" || under_way {
            skipped += 1;
            continue;
        }
        tell_skipped(out, &mut skipped)?;
        // `2026-01-31T23:59:59…`: to the second, in UTC.
        let time = event["@timestamp"].as_str().and_then(|time| time.get(..19));
        let time = time.unwrap_or_default().replace('T', " ");
        let category = event["azure"]["activity_logs"]["category"]
            .as_str()
            .unwrap_or_default();
        writeln!(out, "{time}  {}  {category}", screen.paint(severity))?;
        writeln!(out, "{}", screen.wrap(&sentence(event), INDENT))?;
    }
    tell_skipped(out, &mut skipped)?;
    writeln!(out)?;
    Ok(())
}

/// Shows the event that matters most, whole; a line that does not fit is cut.
pub fn show_one(out: &mut impl Write, screen: &Screen, events: &[Value]) -> Result<()> {
    let rank = |event: &&Value| {
        let is_end = event["azure"]["activity_logs"]["phase"] == "end";
        (event["event"]["severity"].as_u64(), is_end)
    };
    let Some(event) = events.iter().max_by_key(rank) else {
        return Ok(());
    };
    writeln!(out, "One event, whole:\n")?;
    for line in serde_json::to_string_pretty(event)?.lines() {
        writeln!(out, "{}", screen.cut(line))?;
    }
    writeln!(out)?;
    Ok(())
}

/// What happened, and why it is rated so where a row of the table says it.
fn sentence(event: &Value) -> String {
    let details = &event["azure"]["activity_logs"];
    let text = |value: &Value| value.as_str().unwrap_or_default().replace(['\r', '\n'], " ");
    if details["category"] != "Administrative" {
        return text(&event["message"]);
    }
    let resource = text(&details["resource"]["id"]);
    let resource = resource.rsplit('/').next().unwrap_or_default();
    let (action, user, status) = (
        &event["event"]["action"],
        &event["user"]["name"],
        &details["status"],
    );
    let action = text(action);
    let action = action.strip_prefix("Microsoft.").unwrap_or(&action);
    let told = format!("{action} {resource}, by {}: {}", text(user), text(status));
    match details["severity"]["reason"].as_str() {
        Some(reason) => format!("{told} ({reason})"),
        None => told,
    }
}

fn tell_skipped(out: &mut impl Write, skipped: &mut u32) -> Result<()> {
    if *skipped > 0 {
        writeln!(out, "    … {skipped} routine or under way")?;
    }
    *skipped = 0;
    Ok(())
}

impl Screen {
    fn paint(&self, severity: &str) -> String {
        let colour = match severity {
            "critical" => "1;35",
            "high" => "1;31",
            "medium" => "33",
            _ => "36",
        };
        if self.colour {
            format!("\u{1b}[{colour}m{severity:<8}\u{1b}[0m")
        } else {
            format!("{severity:<8}")
        }
    }
}
