//! How many log lines a source may cause. Its plugin, its upstream and its sink can each bring about lines of the host,
//! refusals above all, as fast as they like.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Metadata, Subscriber, warn};
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::LookupSpan;

use crate::stderr;

/// Lines of one source in a minute, at `info` and above. Whoever asks for `debug` wants to see everything.
const LINES_PER_MINUTE: u32 = 3_000;
const MINUTE: Duration = Duration::from_secs(60);

/// Lets a source's lines pass up to their number. What a source is shows in the span that it runs in.
#[derive(Debug, Default)]
pub(super) struct Quota(());

/// Lines of one source, kept with its span.
struct Lines {
    source: String,
    minute: Mutex<Minute>,
}

#[derive(Default)]
struct Minute {
    began: Option<Instant>,
    lines: u32,
}

/// What becomes of a line.
#[derive(Debug, PartialEq, Eq)]
struct Passage {
    passes: bool,
    /// Whether it is the first one that does not pass.
    is_first_excess: bool,
    /// Lines that did not pass in the minute that has just ended.
    suppressed_before: u32,
}

impl Minute {
    fn count(&mut self, now: Instant) -> Passage {
        let mut suppressed_before = 0;
        if self.began.is_none_or(|began| now.duration_since(began) >= MINUTE) {
            suppressed_before = self.lines.saturating_sub(LINES_PER_MINUTE);
            *self = Self {
                began: Some(now),
                lines: 0,
            };
        }
        self.lines = self.lines.saturating_add(1);
        Passage {
            passes: self.lines <= LINES_PER_MINUTE,
            is_first_excess: self.lines == LINES_PER_MINUTE + 1,
            suppressed_before,
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Filter<S> for Quota {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &Event<'_>, context: &Context<'_, S>) -> bool {
        if *event.metadata().level() > Level::INFO {
            return true;
        }
        let Some(mut scope) = context.event_scope(event) else {
            return true;
        };
        let judged = scope.find_map(|span| {
            let extensions = span.extensions();
            let lines = extensions.get::<Lines>()?;
            let passage = lines
                .minute
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .count(Instant::now());
            Some((passage, lines.source.clone()))
        });
        let Some((passage, source)) = judged else {
            return true;
        };
        // Said from elsewhere: no line begins inside of another.
        if passage.is_first_excess {
            stderr::draw(move || {
                warn!(
                    source,
                    limit = LINES_PER_MINUTE,
                    "the source causes more log lines than it may in one minute; the rest of the minute is suppressed"
                );
            });
        } else if passage.suppressed_before > 0 {
            let lines = passage.suppressed_before;
            stderr::draw(move || {
                warn!(
                    source,
                    lines, "suppressed log lines of the source in the minute before"
                )
            });
        }
        passage.passes
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if attributes.metadata().name() != "source" {
            return;
        }
        let mut name = Name(String::new());
        attributes.record(&mut name);
        if let Some(span) = context.span(id) {
            span.extensions_mut().replace(Lines {
                source: name.0,
                minute: Mutex::default(),
            });
        }
    }
}

/// Reads the field `id` of a source's span.
struct Name(String);

impl Visit for Name {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "id" {
            value.clone_into(&mut self.0);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_beyond_the_minute_are_counted_and_said_once() {
        let mut minute = Minute::default();
        let start = Instant::now();
        for _ in 0..LINES_PER_MINUTE {
            assert!(minute.count(start).passes);
        }
        let excess = |is_first_excess| Passage {
            passes: false,
            is_first_excess,
            suppressed_before: 0,
        };
        assert_eq!(minute.count(start), excess(true));
        assert_eq!(minute.count(start), excess(false));
        let next = minute.count(start + MINUTE);
        assert_eq!((next.passes, next.suppressed_before), (true, 2));
        assert_eq!(minute.count(start + 2 * MINUTE).suppressed_before, 0);
    }

    #[test]
    fn a_noisy_source_costs_another_nothing() {
        use std::io::Write;
        use std::sync::Arc;
        use tracing_subscriber::prelude::*;

        #[derive(Clone, Default)]
        struct Kept(Arc<Mutex<Vec<u8>>>);
        impl Write for Kept {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0.lock().unwrap().write(bytes)
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let kept = Kept::default();
        let writer = kept.clone();
        let layer = tracing_subscriber::fmt::layer().with_writer(move || writer.clone());
        let subscriber = tracing_subscriber::registry().with(layer.with_filter(Quota::default()));
        tracing::subscriber::with_default(subscriber, || {
            for source in ["noisy", "quiet"] {
                let span = tracing::error_span!("source", id = source);
                let _entered = span.enter();
                let inner = tracing::error_span!("partition", id = "p");
                let _entered = inner.enter();
                let count = if source == "noisy" {
                    2 * LINES_PER_MINUTE
                } else {
                    10
                };
                for _ in 0..count {
                    tracing::info!("a line");
                }
            }
        });
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        let count = |source: &str| text.lines().filter(|line| line.contains(source)).count();
        assert_eq!((count("noisy"), count("quiet")), (LINES_PER_MINUTE as usize, 10));
    }
}
