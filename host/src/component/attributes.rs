//! Attributes of partitions and events, checked: they become part of what receivers index.

use std::collections::HashSet;

use crate::model::Attribute;
use crate::redact::Redactor;

/// Attributes of one partition or event.
const MOST: usize = 32;
/// Longest name, in bytes.
const LONGEST_NAME: usize = 128;
/// Longest value, in bytes.
const LONGEST_VALUE: usize = 1_024;

/// What is wrong with attributes by the contract, if anything is. The text completes "it has …".
pub fn attribute_problem(attributes: &[Attribute]) -> Option<&'static str> {
    let mut names = HashSet::new();
    if attributes.len() > MOST {
        Some("more than 32 attributes")
    } else if attributes.iter().any(|attribute| !is_name(&attribute.name)) {
        Some(
            "an attribute whose name is not made of dotted words of lower-case letters, digits and underscores",
        )
    } else if attributes
        .iter()
        .any(|attribute| attribute.value.len() > LONGEST_VALUE)
    {
        Some("an attribute whose value has more than 1,024 bytes")
    } else if attributes.iter().any(|attribute| !names.insert(&attribute.name)) {
        Some("an attribute that is given twice")
    } else {
        None
    }
}

/// Attributes that keep the contract, without secrets. What does not is left out: it tells about an event, and is no reason to
/// lose it.
pub(super) fn clean(mut attributes: Vec<Attribute>, redactor: &Redactor) -> Vec<Attribute> {
    // Nearly always.
    if attributes.is_empty() {
        return attributes;
    }
    let mut names = HashSet::new();
    attributes.truncate(MOST);
    attributes.retain(|attribute| {
        is_name(&attribute.name)
            && !redactor.is_given_away_by(attribute.name.as_bytes())
            && names.insert(attribute.name.clone())
    });
    for attribute in &mut attributes {
        // A cut could leave a part of a secret, so secrets are looked for before it.
        let mut value = redactor.clean(&attribute.value);
        value.truncate(value.floor_char_boundary(LONGEST_VALUE));
        value.shrink_to_fit();
        attribute.value = value;
    }
    // A plugin may have given a million: what held those must not stay with the few that are kept.
    attributes.shrink_to_fit();
    attributes
}

fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    name.len() <= LONGEST_NAME
        && name
            .split('.')
            .all(|word| !word.is_empty() && word.bytes().all(fits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(name: &str, value: &str) -> Attribute {
        Attribute {
            name: name.to_owned(),
            value: value.to_owned(),
        }
    }

    #[test]
    fn what_breaks_the_contract_is_named_and_left_out() {
        let good = attribute("cloud.account.id", "11111111-2222-3333-4444-555555555555");
        assert_eq!(attribute_problem(std::slice::from_ref(&good)), None);
        for (name, value) in [
            ("", "x"),
            ("Tenant", "x"),
            ("a..b", "x"),
            ("a b", "x"),
            (&"x".repeat(129), "x"),
            ("cloud.account.id", "again"),
        ] {
            let given = vec![good.clone(), attribute(name, value)];
            assert!(attribute_problem(&given).is_some(), "{name}");
            assert_eq!(
                clean(given, &Redactor::default()),
                std::slice::from_ref(&good),
                "{name}"
            );
        }
        let many: Vec<_> = (0..40)
            .map(|number| attribute(&format!("a{number}"), "x"))
            .collect();
        assert!(attribute_problem(&many).is_some());
        assert_eq!(clean(many, &Redactor::default()).len(), MOST);
        let bomb = vec![attribute("", ""); 100_000];
        assert_eq!(clean(bomb, &Redactor::default()).capacity(), 0);
        let mut bomb = vec![attribute("a", &"x".repeat(100_000))];
        bomb.resize(100_000, attribute("", ""));
        let kept = clean(bomb, &Redactor::default());
        assert!(kept.capacity() < MOST && kept[0].value.capacity() <= LONGEST_VALUE);
        let long = vec![attribute("a", &"ä".repeat(1_000))];
        assert!(attribute_problem(&long).is_some());
        assert_eq!(clean(long, &Redactor::default())[0].value.len(), LONGEST_VALUE);
    }

    #[test]
    fn secrets_stay_out_of_attributes() {
        let redactor = Redactor::new(["s3cret_value".to_owned()]);
        let given = vec![
            attribute("tenant", "of s3cret_value"),
            attribute("s3cret_value", "x"),
        ];
        assert_eq!(clean(given, &redactor), [attribute("tenant", "of [secret]")]);
    }
}
