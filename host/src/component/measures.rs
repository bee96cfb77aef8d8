//! A plugin's numbers for metrics, checked: names and labels become series, which everybody who looks at metrics sees.

use crate::model::{Failure, Fault, Measure};
use crate::redact::Redactor;

/// Measures of one call; the contract knows eleven, some with a label.
const MOST_MEASURES: usize = 1_000;
/// Longest name.
const LONGEST_NAME: usize = 64;
/// Longest label, in letters.
pub(crate) const LONGEST_LABEL: usize = 120;

/// Checks measures. Those without a proper name, and those over the bound, are left out: they are numbers about a batch,
/// and no reason to lose it. A secret among them is a reason.
pub(crate) fn check(measures: Vec<Measure>, redactor: &Redactor) -> Result<Vec<Measure>, Failure> {
    let kept = measures.into_iter().take(MOST_MEASURES);
    let kept = kept.filter(|measure| is_name(&measure.name));
    kept.map(|measure| {
        let given_away = [&measure.name, &measure.label]
            .into_iter()
            .any(|text| redactor.is_given_away_by(text.as_bytes()));
        if given_away {
            let message = "the plugin returned a measure that holds a secret; nothing was stored";
            return Err(Failure::host(Fault::Broken, "measure", message)
                .with_hint("this is a defect of the plugin; report it to its author"));
        }
        Ok(Measure {
            label: redactor
                .clean(&measure.label)
                .chars()
                .take(LONGEST_LABEL)
                .collect(),
            ..measure
        })
    })
    .collect()
}

fn is_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    !name.is_empty() && name.len() <= LONGEST_NAME && name.bytes().all(is_letter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::MeasureKind;

    fn measure(name: &str, label: &str) -> Measure {
        Measure {
            name: name.to_owned(),
            kind: MeasureKind::Counter,
            label: label.to_owned(),
            value: 1,
        }
    }

    #[test]
    fn only_proper_names_become_series_and_labels_are_cleaned() {
        let given = ["requests", "", "Requests", "a b", "a\u{1b}", &"x".repeat(65)]
            .map(|name| measure(name, "*\n\u{1b}"));
        let kept = check(given.to_vec(), &Redactor::default()).unwrap();
        assert_eq!(kept.len(), 1);
        assert_eq!(
            (kept[0].name.as_str(), kept[0].label.as_str()),
            ("requests", "* \u{fffd}")
        );
        assert_eq!(
            check(vec![measure("x", ""); 5_000], &Redactor::default())
                .unwrap()
                .len(),
            MOST_MEASURES
        );
    }

    #[test]
    fn a_measure_that_holds_a_secret_refuses_the_call() {
        let redactor = Redactor::new(["s3cret_value".to_owned()]);
        for (name, label) in [
            ("s3cret_value", ""),
            ("dropped", "rule s3cret_value"),
            ("dropped", "s3cret%5fvalue"),
        ] {
            let failure = check(vec![measure(name, label)], &redactor).unwrap_err();
            assert!(!failure.to_string().contains("s3cret"), "{failure}");
        }
    }
}
