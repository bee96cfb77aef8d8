//! Whom a log line is about: noted with the spans of sources and partitions, so that lines can say it.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, Scope};

/// Notes what spans say.
#[derive(Debug)]
pub(super) struct NotePlaces;

/// What one span says.
struct Part {
    is_source: bool,
    id: String,
    title: String,
}

/// The source, and the partition with its title for people; each empty if the line is not about one.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) source: String,
    pub(super) partition: String,
    pub(super) title: String,
}

impl Place {
    /// What a line is about.
    pub(super) fn of<'a, R: LookupSpan<'a>>(scope: Option<Scope<'a, R>>) -> Self {
        let mut place = Self::default();
        for span in scope.into_iter().flat_map(Scope::from_root) {
            let extensions = span.extensions();
            let Some(Part { is_source, id, title }) = extensions.get::<Part>() else {
                continue;
            };
            if *is_source {
                place.source.clone_from(id);
            } else {
                place.partition.clone_from(id);
                place.title.clone_from(title);
            }
        }
        place
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for NotePlaces {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let is_source = match attributes.metadata().name() {
            "source" => true,
            "partition" => false,
            _ => return,
        };
        let mut part = Part {
            is_source,
            id: String::new(),
            title: String::new(),
        };
        attributes.record(&mut part);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(part);
        }
    }

    fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {}
}

impl Visit for Part {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "id" => value.clone_into(&mut self.id),
            "title" => value.clone_into(&mut self.title),
            _ => {}
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}
