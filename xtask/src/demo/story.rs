//! The events of the demo, a line each, oldest first.

use std::io::Write;

use anyhow::Result;
use serde_json::Value;

/// Characters of a message that fit beside the other columns on a wide terminal.
const MESSAGE_WIDTH: usize = 120;

/// How to write on this terminal or pipe.
pub struct Screen {
    /// Whether escape sequences are understood.
    pub colour: bool,
}

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

/// Tells the hour: what matters in full, routine as a count.
pub fn tell(out: &mut impl Write, screen: &Screen, events: &[Value]) -> Result<()> {
    let mut events: Vec<&Value> = events.iter().collect();
    events.sort_by_key(|event| event["@timestamp"].as_str().unwrap_or_default());
    let mut routine = 0;
    writeln!(out)?;
    for event in events {
        let severity = severity(event);
        if severity == "info" {
            routine += 1;
            continue;
        }
        tell_skipped(out, &mut routine)?;
        let time = event["@timestamp"]
            .as_str()
            .and_then(|time| time.get(11..19))
            .unwrap_or("        ");
        let category = event["event"]["dataset"].as_str().unwrap_or_default();
        let message = event["message"].as_str().unwrap_or_default();
        let message: String = message.chars().take(MESSAGE_WIDTH).collect();
        writeln!(
            out,
            "{time}  {}  {category:<14}  {message}",
            screen.paint(severity)
        )?;
    }
    tell_skipped(out, &mut routine)?;
    writeln!(out)?;
    Ok(())
}

fn tell_skipped(out: &mut impl Write, routine: &mut u32) -> Result<()> {
    if *routine > 0 {
        writeln!(out, "          … {routine} routine")?;
    }
    *routine = 0;
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
