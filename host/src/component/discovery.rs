//! What a discovery found, checked before anything is made of it: names become keys of the state, series of metrics and
//! rows of the status page.

use std::collections::HashSet;

use super::{attributes, raw};
use crate::model::{Failure, Fault, MOST_PARTITIONS, PartitionInfo};
use crate::redact::Redactor;

/// The contract's bound for a partition's name.
const LONGEST_PARTITION: usize = 256;
/// Names that earlier versions of a plugin gave a partition.
const MOST_FORMER_NAMES: usize = 8;
/// Titles are names of subscriptions and the like.
const LONGEST_TITLE: usize = 200;

/// Checks a discovery and cleans its texts.
pub(crate) fn judge(found: raw::Discovery, redactor: &Redactor) -> Result<Vec<PartitionInfo>, Failure> {
    let mut partitions = found.partitions;
    check_partitions(&partitions)?;
    for info in &mut partitions {
        if redactor.is_given_away_by(info.id.as_bytes()) {
            return Err(misnamed("a name that holds a secret"));
        }
        let title = redactor.clean(&info.title);
        info.title = title.chars().take(LONGEST_TITLE).collect();
        info.attributes = attributes::clean(std::mem::take(&mut info.attributes), redactor);
        info.unavailable = info.unavailable.take().map(|reason| redactor.clean(&reason));
    }
    Ok(partitions)
}

/// Checks what the contract says about the names of partitions, and how many there are.
///
/// # Errors
///
/// There are too many, or a name, a former one included, is empty, too long, used twice or more than printable ASCII.
pub fn check_partitions(partitions: &[PartitionInfo]) -> Result<(), Failure> {
    if partitions.len() > MOST_PARTITIONS {
        let message = format!(
            "the plugin found {} partitions; a source may have {MOST_PARTITIONS} at most",
            partitions.len()
        );
        return Err(Failure::host(Fault::Broken, "partitions", message)
            .with_hint("spread them over several sources, each with a part of them in its configuration"));
    }
    let mut seen = HashSet::new();
    let names = partitions
        .iter()
        .flat_map(|info| std::iter::once(&info.id).chain(&info.formerly));
    for name in names {
        let problem = if name.is_empty() || name.len() > LONGEST_PARTITION {
            "an empty or too long name"
        } else if !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            "a name with other than printable ASCII letters"
        } else if !seen.insert(name) {
            "a name that it used twice"
        } else {
            continue;
        };
        return Err(misnamed(problem));
    }
    if partitions
        .iter()
        .any(|info| info.formerly.len() > MOST_FORMER_NAMES)
    {
        return Err(misnamed("more than 8 former names"));
    }
    Ok(())
}

fn misnamed(problem: &str) -> Failure {
    let message = format!("the plugin gave a partition {problem}");
    Failure::host(Fault::Broken, "partition", message)
        .with_hint("this is a defect of the plugin; report it to its author")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(ids: impl IntoIterator<Item = impl Into<String>>) -> Vec<PartitionInfo> {
        let info = |id: String| PartitionInfo {
            id,
            formerly: Vec::new(),
            attributes: Vec::new(),
            title: "a\u{1b}title of s3cret-value".to_owned(),
            unavailable: Some("s3cret-value\n".to_owned()),
        };
        ids.into_iter().map(|id| info(id.into())).collect()
    }

    fn discovery(partitions: Vec<PartitionInfo>) -> raw::Discovery {
        raw::Discovery {
            partitions,
            session: raw::SessionChange::Keep,
            measures: Vec::new(),
        }
    }

    #[test]
    fn partitions_are_named_as_the_contract_says() {
        assert!(check_partitions(&named(["a", "b/c", "tenant"])).is_ok());
        for ids in [
            &["a", "a"][..],
            &[""],
            &["a b"],
            &["ä"],
            &["\u{1b}[2J"],
            &[&"x".repeat(257)],
        ] {
            assert!(check_partitions(&named(ids.iter().copied())).is_err(), "{ids:?}");
        }
    }

    #[test]
    fn more_partitions_than_a_source_may_have_are_refused_with_the_bound() {
        let many = |count: usize| named((0..count).map(|number| number.to_string()));
        assert!(check_partitions(&many(MOST_PARTITIONS)).is_ok());
        let failure = check_partitions(&many(MOST_PARTITIONS + 1)).unwrap_err();
        assert_eq!(failure.code, "host.partitions");
        assert!(
            failure.message.contains("10001") && failure.message.contains("10000"),
            "{failure}"
        );
    }

    #[test]
    fn a_name_that_holds_a_secret_is_refused_and_texts_are_cleaned() {
        let redactor = Redactor::new(["s3cret-value".to_owned()]);
        for id in [
            "s3cret-value",
            "a/s3cret-value",
            "s3cret%2Dvalue",
            "czNjcmV0LXZhbHVl",
        ] {
            let failure = judge(discovery(named([id])), &redactor).unwrap_err();
            assert_eq!(
                (failure.fault, failure.code.as_str()),
                (Fault::Broken, "host.partition"),
                "{id}"
            );
            assert!(!failure.to_string().contains("s3cret"), "{failure}");
        }
        let judged = judge(discovery(named(["only"])), &redactor).unwrap();
        assert_eq!(judged[0].title, "a\u{fffd}title of [secret]");
        assert_eq!(judged[0].unavailable.as_deref(), Some("[secret] "));
    }
}
