//! Counts what a call did, for the contract's measures.

use std::collections::BTreeMap;

use crate::contract::{Measure, MeasureKind, Nanos};
use crate::span::SECOND;

/// Upper bounds of the lateness classes in seconds: Microsoft names 3 to 20 minutes as usual.
const LATENESS_BOUNDS: [u64; 9] = [10, 30, 60, 180, 300, 600, 1200, 1800, 3600];

/// Counters and gauges by name and label.
#[derive(Debug, Default)]
pub struct Tally {
    measures: BTreeMap<(&'static str, String), (MeasureKind, u64)>,
}

impl Tally {
    /// Adds to a counter without a label.
    pub fn add(&mut self, name: &'static str, amount: u64) {
        self.add_labelled(name, "", amount);
    }

    /// Adds to the counter of that label.
    pub fn add_labelled(&mut self, name: &'static str, label: &str, amount: u64) {
        if amount > 0 {
            let entry = self.measures.entry((name, label.to_owned()));
            entry.or_insert((MeasureKind::Counter, 0)).1 += amount;
        }
    }

    /// Sets a gauge.
    pub fn set(&mut self, name: &'static str, value: u64) {
        self.measures
            .insert((name, String::new()), (MeasureKind::Gauge, value));
    }

    /// Counts a record by how long it took to become readable. Each record counts once, at its own class.
    pub fn lateness(&mut self, late: Nanos) {
        let seconds = late.div_ceil(SECOND);
        match LATENESS_BOUNDS.iter().find(|bound| seconds <= **bound) {
            Some(bound) => self.add_labelled("lateness_seconds", &bound.to_string(), 1),
            None => self.add_labelled("lateness_seconds", "+Inf", 1),
        }
    }

    /// All measures, in a stable order.
    pub fn measures(self) -> Vec<Measure> {
        let measure = |((name, label), (kind, value))| Measure {
            name,
            kind,
            label,
            value,
        };
        self.measures.into_iter().map(measure).collect()
    }
}
