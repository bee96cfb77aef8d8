//! Numbers for Prometheus: families with fixed names, series per source.
//!
//! Not with the crate `prometheus-client`: a page is made of the copy of one source at a time and has a bound in bytes, series of a
//! source have a bound in number, and one source's series are removed together. Its registry renders itself as a whole,
//! under one lock, and knows no bounds.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt::Write;

use super::LARGEST_PAGE;
use super::families::{
    BUILD, CALL_MEMORY, CALL_MEMORY_LIMIT, CALLS_WAITING, Family, KNOWN, LOG_DROPPED, OMITTED, OTHER_COUNTER,
    OTHER_GAUGE, PARTITION_INFO, PARTITION_STATE, RELOAD_SUCCESSFUL, RELOAD_TIME,
};
use crate::component::measures::LONGEST_LABEL;
use crate::model::{Measure, MeasureKind};
use crate::redact::printable::visible;
use crate::work::fair_slots::SlotUse;

/// Series of one source. A plugin chooses labels, and must not fill the memory of the process with them.
const MOST_SERIES_PER_SOURCE: usize = 20_000;
/// Those among them whose names or labels the plugin chooses; the others are a handful for each partition.
const MOST_CHOSEN_SERIES: usize = 2_000;

/// All numbers of the process.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    sources: BTreeMap<String, OfSource>,
}

#[derive(Debug, Default)]
struct OfSource {
    /// By family and written labels.
    series: BTreeMap<(&'static str, String), Series>,
    /// Those among them whose labels the plugin chose.
    chosen: usize,
}

#[derive(Debug)]
struct Series {
    family: &'static Family,
    value: f64,
}

impl Metrics {
    /// Adds to a gauge.
    pub(super) fn shift(&mut self, family: &'static Family, source: &str, by: f64) {
        self.add(family, source, &[], by);
    }

    /// Adds to a counter.
    pub(super) fn add(&mut self, family: &'static Family, source: &str, labels: &[(&str, &str)], value: f64) {
        if let Some(series) = self.series(family, source, labels) {
            series.value += value;
        }
    }

    /// Sets a gauge.
    pub(super) fn set(&mut self, family: &'static Family, source: &str, labels: &[(&str, &str)], value: f64) {
        if let Some(series) = self.series(family, source, labels) {
            series.value = value;
        }
    }

    /// The series, made if there is room.
    fn series(
        &mut self,
        family: &'static Family,
        source: &str,
        labels: &[(&str, &str)],
    ) -> Option<&mut Series> {
        if !self.sources.contains_key(source) {
            self.sources.insert(source.to_owned(), OfSource::default());
        }
        let OfSource { series, chosen } = self.sources.get_mut(source)?;
        let is_chosen = is_chosen(labels);
        let room = series.len() < MOST_SERIES_PER_SOURCE && !(is_chosen && *chosen >= MOST_CHOSEN_SERIES);
        match series.entry((family.name, written(source, labels))) {
            Entry::Occupied(entry) => Some(entry.into_mut()),
            Entry::Vacant(entry) if room => {
                *chosen += usize::from(is_chosen);
                Some(entry.insert(Series { family, value: 0.0 }))
            }
            Entry::Vacant(_) => None,
        }
    }

    /// Removes the series of a source.
    pub(super) fn forget(&mut self, source: &str) {
        self.sources.remove(source);
    }

    /// The sources that have series.
    pub(super) fn source_names(&self) -> Vec<String> {
        self.sources.keys().cloned().collect()
    }

    /// The series of a source.
    pub(super) fn copy(&self, source: &str) -> Vec<Written> {
        let series = self.sources.get(source).into_iter();
        series
            .flat_map(|of_source| &of_source.series)
            .map(|((_, labels), series)| (series.family, labels.clone(), series.value))
            .collect()
    }

    /// Everything in Prometheus' text format.
    #[cfg(test)]
    fn render(&self) -> String {
        let mut page = MetricsPage::default();
        for source in self.source_names() {
            page.add(&self.copy(&source));
        }
        page.finish(0)
    }
}

impl Metrics {
    /// Enters a plugin's measure: under its own name where the contract knows it, under a common one otherwise.
    pub(super) fn measure(&mut self, source: &str, partition: &str, measure: &Measure) {
        let Measure {
            name,
            kind,
            label,
            value,
        } = measure;
        let partition = ("partition", partition);
        let value = *value as f64;
        match KNOWN.iter().find(|known| known.measure == name) {
            Some(known) if known.label.is_empty() => {
                self.enter(*kind, &known.family, source, &[partition], value)
            }
            Some(known) => self.enter(
                *kind,
                &known.family,
                source,
                &[partition, (known.label, label)],
                value,
            ),
            None => {
                let labels = [partition, ("name", name.as_str()), ("label", label)];
                let family = match kind {
                    MeasureKind::Counter => &OTHER_COUNTER,
                    MeasureKind::Gauge => &OTHER_GAUGE,
                };
                self.enter(*kind, family, source, &labels, value);
            }
        }
    }

    fn enter(
        &mut self,
        kind: MeasureKind,
        family: &'static Family,
        source: &str,
        labels: &[(&str, &str)],
        value: f64,
    ) {
        match kind {
            MeasureKind::Counter => self.add(family, source, labels, value),
            MeasureKind::Gauge => self.set(family, source, labels, value),
        }
    }
}

/// What calls of all sources together take.
pub(super) fn of_calls(used: SlotUse) -> [Written; 3] {
    [
        (&CALL_MEMORY, String::new(), used.reserved as f64),
        (&CALL_MEMORY_LIMIT, String::new(), used.bound as f64),
        (&CALLS_WAITING, String::new(), used.waiting as f64),
    ]
}

/// What a partition is called, and how it is doing.
pub(super) fn of_partition(source: &str, partition: &str, title: &str, state: &str) -> [Written; 2] {
    let name = ("partition", partition);
    [
        (&PARTITION_INFO, written(source, &[name, ("title", title)]), 1.0),
        (&PARTITION_STATE, written(source, &[name, ("state", state)]), 1.0),
    ]
}

/// What came of reading the configuration.
pub(super) fn of_reload(successful: bool, at: f64) -> [Written; 2] {
    [
        (&RELOAD_SUCCESSFUL, String::new(), f64::from(u8::from(successful))),
        (&RELOAD_TIME, String::new(), at),
    ]
}

/// A series with its labels as they are written.
pub(super) type Written = (&'static Family, String, f64);

/// The series of all sources on their way to one text in Prometheus' format.
#[derive(Debug, Default)]
pub(super) struct MetricsPage {
    families: BTreeMap<&'static str, (&'static Family, String)>,
    bytes: usize,
    omitted: u64,
}

impl MetricsPage {
    /// Adds series, as many as there is room for.
    pub(super) fn add(&mut self, series: &[Written]) {
        for (family, labels, value) in series {
            if self.bytes > LARGEST_PAGE {
                self.omitted += 1;
                continue;
            }
            let (_, lines) = self
                .families
                .entry(family.name)
                .or_insert((family, String::new()));
            let before = lines.len();
            // Writing to a text cannot fail.
            let _ = writeln!(lines, "{}{labels} {value}", family.full_name());
            self.bytes += lines.len() - before;
        }
    }

    /// The text.
    pub(super) fn finish(mut self, dropped_lines: u64) -> String {
        let build = format!(
            "headwater_build_info{{version=\"{}\"}} 1\n",
            env!("CARGO_PKG_VERSION")
        );
        self.families.insert(BUILD.name, (&BUILD, build));
        let omitted = format!("headwater_{} {}\n", OMITTED.name, self.omitted);
        self.families.insert(OMITTED.name, (&OMITTED, omitted));
        let dropped = format!("headwater_log_dropped_lines_total {dropped_lines}\n");
        self.families.insert(LOG_DROPPED.name, (&LOG_DROPPED, dropped));
        let mut text = String::with_capacity(self.bytes + 16_384);
        for (family, lines) in self.families.into_values() {
            let (name, kind, help) = (family.full_name(), family.kind(), family.help);
            let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{lines}");
        }
        text
    }
}

/// Whether a plugin chooses what tells these series apart: everything but the host's own labels.
fn is_chosen(labels: &[(&str, &str)]) -> bool {
    let own = ["partition", "result", "fault", "origin", "status"];
    labels.iter().any(|(name, _)| !own.contains(name))
}

/// Labels as they are written: `{source="a",partition="b"}`.
fn written(source: &str, labels: &[(&str, &str)]) -> String {
    let all = || std::iter::once(("source", source)).chain(labels.iter().copied());
    // It is kept for as long as the series, of which there are very many: no longer than it is.
    let length = all()
        .map(|(name, value)| name.len() + value.len() + 4)
        .sum::<usize>()
        + 1;
    let mut text = String::with_capacity(length);
    for (number, (name, value)) in all().enumerate() {
        text.push_str(if number == 0 { "{" } else { "," });
        text.push_str(name);
        text.push_str("=\"");
        escape(value, &mut text);
        text.push('"');
    }
    text.push('}');
    text
}

/// Writes the value of a label.
fn escape(value: &str, text: &mut String) {
    for letter in value.chars().map(visible).take(LONGEST_LABEL) {
        if matches!(letter, '"' | '\\') {
            text.push('\\');
        }
        text.push(letter);
    }
}

#[cfg(test)]
mod tests;
