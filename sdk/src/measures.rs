//! Counts what a call did, for the contract's measures.

use crate::contract::{Measure, MeasureKind, Nanos};
use crate::duration::SECOND;

/// Upper bounds of the lateness classes in seconds.
const LATENESS_BOUNDS: [u64; 9] = [10, 30, 60, 180, 300, 600, 1200, 1800, 3600];

/// Counters and gauges by name and label.
#[derive(Debug, Default)]
pub struct Measures {
    /// By class of [`LATENESS_BOUNDS`], and beyond: counted for each record, so apart from the rest.
    lateness: [u64; LATENESS_BOUNDS.len() + 1],
    /// In the order of names and labels.
    measures: Vec<Measure>,
}

impl Measures {
    /// Adds to a counter without a label.
    pub fn add(&mut self, name: &'static str, amount: u64) {
        self.add_labelled(name, "", amount);
    }

    /// Adds to the counter of that label.
    pub fn add_labelled(&mut self, name: &'static str, label: &str, amount: u64) {
        if amount > 0 {
            *self.value(name, label, MeasureKind::Counter) += amount;
        }
    }

    /// Sets a gauge.
    pub fn set(&mut self, name: &'static str, value: u64) {
        *self.value(name, "", MeasureKind::Gauge) = value;
    }

    /// The value of that name and label, zero if it is new.
    fn value(&mut self, name: &'static str, label: &str, kind: MeasureKind) -> &mut u64 {
        let key = |measure: &Measure| (measure.name, measure.label.as_str()).cmp(&(name, label));
        let index = self.measures.binary_search_by(key).unwrap_or_else(|index| {
            let new = Measure {
                name,
                kind,
                label: label.to_owned(),
                value: 0,
            };
            self.measures.insert(index, new);
            index
        });
        &mut self.measures[index].value
    }

    /// Counts a record by how long it took to become readable. Each record counts once, at its own class.
    pub fn lateness(&mut self, late: Nanos) {
        let within = |bound: &u64| late <= bound * SECOND;
        let class = LATENESS_BOUNDS.iter().position(within);
        self.lateness[class.unwrap_or(LATENESS_BOUNDS.len())] += 1;
    }

    /// All measures, in a stable order.
    pub fn into_list(mut self) -> Vec<Measure> {
        let bounds = LATENESS_BOUNDS.iter().map(u64::to_string);
        let labels = bounds.chain(["+Inf".to_owned()]);
        for (label, count) in labels.zip(self.lateness) {
            self.add_labelled("lateness_seconds", &label, count);
        }
        self.measures
    }
}
