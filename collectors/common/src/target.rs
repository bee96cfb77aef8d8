//! Where log lines go.

use std::sync::{Once, PoisonError, RwLock};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use crate::line::{Line, Text};

/// Modules whose lines are shown. Others log what they return as errors anyway, and HTTP libraries log what they send.
const SHOWN: &str = "headwater";

struct Target {
    level: LevelFilter,
    write: Box<dyn Fn(&Line<'_>) + Send + Sync>,
}

static TARGET: RwLock<Option<Target>> = RwLock::new(None);

/// Sends log lines up to this level to `write` from now on, and to nobody else. It is called on any thread, on several at
/// once, and must not log itself.
pub fn log_to(level: LevelFilter, write: impl Fn(&Line<'_>) + Send + Sync + 'static) {
    static BEGUN: Once = Once::new();
    set(Some(Target {
        level,
        write: Box::new(write),
    }));
    BEGUN.call_once(|| {
        let subscriber = tracing_subscriber::registry().with(ToTarget);
        // A Rust program that links this and logs already keeps its own way.
        let _ = tracing::subscriber::set_global_default(subscriber);
    });
}

/// Discards log lines from now on. When this returns, nobody is in a call of what [`log_to`] was given, and nobody will be.
pub fn stop_logging() {
    set(None);
}

fn set(target: Option<Target>) {
    *TARGET.write().unwrap_or_else(PoisonError::into_inner) = target;
}

/// The layer that hands lines over.
struct ToTarget;

/// The name of a source or of a partition, kept with its span.
struct Name(String);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for ToTarget {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        if metadata.is_span() {
            return true;
        }
        let target = TARGET.read().unwrap_or_else(PoisonError::into_inner);
        target
            .as_ref()
            .is_some_and(|target| *metadata.level() <= target.level && metadata.target().starts_with(SHOWN))
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if !matches!(attributes.metadata().name(), "source" | "partition") {
            return;
        }
        let mut name = Name(String::new());
        attributes.record(&mut name);
        if let Some(span) = context.span(id) {
            span.extensions_mut().replace(name);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let name_of = |kind: &str| {
            let mut scope = context.event_scope(event)?;
            let span = scope.find(|span| span.name() == kind)?;
            let extensions = span.extensions();
            Some(extensions.get::<Name>()?.0.clone())
        };
        let mut text = Text::default();
        event.record(&mut text);
        let (source, partition) = text.names();
        let source = source.or_else(|| name_of("source")).unwrap_or_default();
        let partition = partition.or_else(|| name_of("partition")).unwrap_or_default();
        let text = text.finish();
        let line = Line {
            level: *event.metadata().level(),
            source: &source,
            partition: &partition,
            text: &text,
        };
        let target = TARGET.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(target) = target.as_ref() {
            (target.write)(&line);
        }
    }
}

/// Reads the field `id` of a span.
impl Visit for Name {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "id" {
            value.clone_into(&mut self.0);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "id" {
            self.0 = format!("{value:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn lines_name_their_source_and_partition_and_only_those_of_the_library_up_to_the_level_are_shown() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = lines.clone();
        log_to(LevelFilter::INFO, move |line| {
            let Line {
                level,
                source,
                partition,
                text,
            } = line;
            kept.lock()
                .unwrap()
                .push(format!("{level} {source}|{partition}|{text}"));
        });
        let source = tracing::error_span!("source", id = "contoso");
        let _source = source.enter();
        tracing::warn!(file = "a b", count = 7, "a line");
        let partition = tracing::error_span!("partition", id = "p", title = "P");
        let _partition = partition.enter();
        tracing::info!("within {}", 1);
        tracing::debug!("below the level");
        tracing::error!(target: "hyper", "of somebody else");
        tracing::error!(source = "fabrikam", "named by the line");
        stop_logging();
        tracing::error!("nobody listens");
        assert_eq!(
            *lines.lock().unwrap(),
            [
                "WARN contoso||a line file=\"a b\" count=7",
                "INFO contoso|p|within 1",
                "ERROR fabrikam|p|named by the line",
            ]
        );
    }
}
