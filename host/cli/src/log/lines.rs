//! What log lines look like: a sentence for people, or a JSON object with everything at its top.

use std::fmt::{self, Write};

use chrono::{SecondsFormat, Utc};
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::place::Place;

/// `2026-01-31T23:59:59Z  WARN contoso, Production: no progress: … (code="host.sink" next="1s")`
#[derive(Debug)]
pub(super) struct TextLines;

/// `{"timestamp": …, "level": …, "source": …, "partition": …, "title": …, "message": …, and the fields of the line}`
#[derive(Debug)]
pub(super) struct JsonLines;

impl<S, N> FormatEvent<S, N> for TextLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let level = *event.metadata().level();
        let colour = match level {
            Level::ERROR => 31,
            Level::WARN => 33,
            Level::INFO => 32,
            _ => 34,
        };
        let (dim, coloured, plain) = match writer.has_ansi_escapes() {
            true => ("\u{1b}[2m".to_owned(), format!("\u{1b}[{colour}m"), "\u{1b}[0m"),
            false => (String::new(), String::new(), ""),
        };
        let time = Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true);
        write!(writer, "{dim}{time}{plain} {coloured}{level:>5}{plain} ")?;
        let Place {
            source,
            partition,
            title,
        } = Place::of(context.event_scope());
        // A title is for people; a name that nobody has given one is all that there is.
        let partition = if title.is_empty() { partition } else { title };
        match (source.as_str(), partition.as_str()) {
            ("", "") => {}
            (source, "") => write!(writer, "{source}: ")?,
            (source, partition) => write!(writer, "{source}, {partition}: ")?,
        }
        let mut fields = TextFields::default();
        event.record(&mut fields);
        writer.write_str(&fields.message)?;
        if !fields.others.is_empty() {
            write!(writer, " {dim}({}){plain}", fields.others.trim_end())?;
        }
        writeln!(writer)
    }
}

/// The message, and all other fields as `name=value`.
#[derive(Default)]
struct TextFields {
    message: String,
    others: String,
}

impl Visit for TextFields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to text cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.others, "{name}={value:?} "),
        };
    }
}

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let Place {
            source,
            partition,
            title,
        } = Place::of(context.event_scope());
        let mut fields = JsonFields(Map::new());
        let time = Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true);
        let place = [("source", source), ("partition", partition), ("title", title)];
        for (name, value) in place.into_iter().filter(|(_, value)| !value.is_empty()) {
            fields.0.insert(name.to_owned(), value.into());
        }
        event.record(&mut fields);
        fields.0.insert("timestamp".to_owned(), time.into());
        fields
            .0
            .insert("level".to_owned(), event.metadata().level().as_str().into());
        writeln!(writer, "{}", Value::Object(fields.0))
    }
}

struct JsonFields(Map<String, Value>);

impl JsonFields {
    fn set(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for JsonFields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing::{error_span, info, warn};
    use tracing_subscriber::fmt::MakeWriter;
    use tracing_subscriber::prelude::*;

    use super::super::place::NotePlaces;
    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Kept {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    /// What is said within the spans of a partition, and outside of them.
    fn said(
        format: impl FormatEvent<
            tracing_subscriber::layer::Layered<NotePlaces, tracing_subscriber::Registry>,
            tracing_subscriber::fmt::format::DefaultFields,
        > + Send
        + Sync
        + 'static,
    ) -> String {
        let kept = Kept::default();
        let layer = tracing_subscriber::fmt::layer()
            .event_format(format)
            .with_ansi(false)
            .with_writer(kept.clone());
        let subscriber = tracing_subscriber::registry().with(NotePlaces).with(layer);
        tracing::subscriber::with_default(subscriber, || {
            let _source = error_span!("source", id = "contoso").entered();
            info!(number = 7, "begins");
            let _partition = error_span!("partition", id = "subscriptions/1", title = "Production").entered();
            warn!(
                code = "host.sink",
                lost = false,
                "no progress: {}",
                "the receiver is unavailable"
            );
        });
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_line_for_people_is_a_sentence_about_a_source_and_a_partition() {
        let said = said(TextLines);
        let lines: Vec<&str> = said.lines().map(|line| &line[21..]).collect();
        assert_eq!(
            lines,
            [
                " INFO contoso: begins (number=7)",
                " WARN contoso, Production: no progress: the receiver is unavailable (code=\"host.sink\" lost=false)",
            ]
        );
    }

    #[test]
    fn a_line_for_machines_says_at_its_top_whom_it_is_about() {
        let said = said(JsonLines);
        let lines: Vec<Value> = said
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(
            (&lines[0]["source"], &lines[0]["number"]),
            (&"contoso".into(), &7.into())
        );
        assert_eq!(lines[0].get("partition"), None);
        assert_eq!(lines[1]["partition"], "subscriptions/1");
        assert_eq!(lines[1]["title"], "Production");
        assert_eq!(lines[1]["message"], "no progress: the receiver is unavailable");
        assert_eq!(
            (&lines[1]["level"], &lines[1]["lost"]),
            (&"WARN".into(), &false.into())
        );
        assert!(
            lines[1]["timestamp"]
                .as_str()
                .is_some_and(|time| time.ends_with('Z'))
        );
    }
}
