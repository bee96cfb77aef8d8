//! Fewer series for whoever has very many partitions: one for each source instead of one for each partition.

use std::collections::BTreeMap;

use super::families::{FAILING_SINCE, Family, PARTITION_INFO, PARTITION_STATE};
use super::metrics::Written;

/// The series without their partitions: counters are added up, of gauges the largest counts, and of failures the oldest.
pub(super) fn fold(series: Vec<Written>) -> Vec<Written> {
    let mut folded: BTreeMap<(&'static str, String), (&'static Family, f64)> = BTreeMap::new();
    for (family, labels, value) in series {
        if family == &PARTITION_INFO || family == &PARTITION_STATE {
            continue;
        }
        folded
            .entry((family.name, without_partition(&labels)))
            .and_modify(|(_, sum)| {
                *sum = match (family.is_gauge(), family == &FAILING_SINCE) {
                    (false, _) => *sum + value,
                    // Zero is no failure.
                    (true, true) if *sum == 0.0 || value == 0.0 => sum.max(value),
                    (true, true) => sum.min(value),
                    (true, false) => sum.max(value),
                };
            })
            .or_insert((family, value));
    }
    let folded = folded.into_iter();
    folded
        .map(|((_, labels), (family, value))| (family, labels, value))
        .collect()
}

/// Labels as they are written, without that of the partition.
fn without_partition(labels: &str) -> String {
    let start = ",partition=\"";
    let Some((before, rest)) = labels.split_once(start) else {
        return labels.to_owned();
    };
    let mut escaped = false;
    let end = rest.find(|letter| {
        let ends = letter == '"' && !escaped;
        escaped = letter == '\\' && !escaped;
        ends
    });
    format!("{before}{}", end.map_or("", |end| &rest[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::super::families::{EVENTS, LAST_COMMIT, POLLS};
    use super::*;

    #[test]
    fn partitions_are_taken_out_of_labels_whatever_they_are_called() {
        for (labels, expected) in [
            ("{source=\"a\"}", "{source=\"a\"}"),
            ("{source=\"a\",partition=\"p\"}", "{source=\"a\"}"),
            (
                "{source=\"a\",partition=\"p\\\"}\",result=\"x\"}",
                "{source=\"a\",result=\"x\"}",
            ),
            (
                "{source=\"a\",partition=\"\\\\\",result=\"x\"}",
                "{source=\"a\",result=\"x\"}",
            ),
            ("", ""),
        ] {
            assert_eq!(without_partition(labels), expected, "{labels}");
        }
    }

    #[test]
    fn counters_are_added_up_and_the_oldest_failure_counts() {
        let of = |partition: &str| format!("{{source=\"a\",partition=\"{partition}\"}}");
        let series = [
            (&EVENTS, 1.0, 2.0),
            (&LAST_COMMIT, 7.0, 5.0),
            (&FAILING_SINCE, 0.0, 9.0),
            (&POLLS, 0.0, 0.0),
        ];
        let series = series
            .into_iter()
            .flat_map(|(family, p, q)| [(family, of("p"), p), (family, of("q"), q)]);
        let mut folded: Vec<_> = fold(series.collect())
            .into_iter()
            .map(|(family, labels, value)| (family.name, labels, value))
            .collect();
        folded.sort_by_key(|(name, ..)| *name);
        let one = || "{source=\"a\"}".to_owned();
        assert_eq!(
            folded,
            [
                ("events_total", one(), 3.0),
                ("failing_since_timestamp_seconds", one(), 9.0),
                ("last_commit_timestamp_seconds", one(), 7.0),
                ("polls_total", one(), 0.0),
            ]
        );
    }
}
