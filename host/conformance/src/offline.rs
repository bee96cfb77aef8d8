//! What can be examined without a configuration: the self-description, and the judgement of configurations.

use std::time::Duration;

use headwater::component::judge_manifest;
use headwater::component::raw::{Manifest, Plan};
use headwater::model::Issue;
use serde_json::Value;

use super::check::Check;
use super::harness::{Harness, Setting};
use super::inspect::is_sentence;

/// Answers that need no clock are the same on another day.
const ANOTHER_DAY: Duration = Duration::from_secs(86_400);

/// Configurations that a person may write by mistake: none may crash a source.
const MISTAKES: [(&str, &str); 5] = [
    ("an empty object", "{}"),
    ("a list", "[]"),
    ("null", "null"),
    ("text that is not JSON", "{\"a\": "),
    ("nothing", ""),
];

/// Examines `describe`. None when the source cannot say what it is.
pub(super) async fn describe(harness: &Harness<'_>, setting: &Setting) -> Option<Manifest> {
    let (manifest, _) = ask(harness, setting).await?;
    let (again, requests) = ask(harness, &another_day(setting)).await?;
    harness.expect(Check::Describe, again == manifest && requests == 0, || {
        "it describes itself differently each time, or uses the network for it".to_owned()
    });
    for (holds, problem) in words(&manifest) {
        harness.expect(Check::Describe, holds, || problem.to_owned());
    }
    for problem in undescribed(&manifest.config_schema) {
        harness.expect(Check::Describe, false, || problem);
    }
    let judged = judge_manifest(manifest.clone());
    harness.expect(Check::Describe, judged.is_ok(), || {
        judged.err().map(|failure| failure.message).unwrap_or_default()
    });
    Some(manifest)
}

/// What it says, and how many requests it sent for that.
async fn ask(harness: &Harness<'_>, setting: &Setting) -> Option<(Manifest, u32)> {
    let mut instance = harness.instance(setting);
    let described = instance.describe().await;
    let manifest = harness.returned(setting, "describe", &mut instance, described)?;
    Some((manifest, instance.usage().traffic.requests))
}

fn another_day(setting: &Setting) -> Setting {
    let mut setting = setting.clone();
    setting.surroundings.now = setting.surroundings.now.map(|now| now + ANOTHER_DAY);
    setting
}

/// A source may be published nowhere yet.
fn is_homepage(text: &str) -> bool {
    text.is_empty() || text.starts_with("https://") || text.starts_with("http://")
}

/// What the contract says about each word of a manifest.
fn words(manifest: &Manifest) -> [(bool, &'static str); 7] {
    let is_name = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == b'-';
    [
        (
            !manifest.name.is_empty() && manifest.name.bytes().all(is_name),
            "`name` has other characters than lower-case letters, digits and dashes",
        ),
        (
            semver::Version::parse(&manifest.version).is_ok(),
            "`version` is not a semantic version",
        ),
        (
            is_sentence(&manifest.summary),
            "`summary` is not one line of text",
        ),
        (
            is_homepage(&manifest.homepage),
            "`homepage` is not an http or https URL; leave it empty while there is none",
        ),
        (
            !manifest.formats.is_empty(),
            "`formats` is empty; name at least one",
        ),
        (!manifest.minimum_interval.is_zero(), "`minimum-interval` is zero"),
        (
            manifest.minimum_interval <= manifest.default_interval,
            "`default-interval` is shorter than `minimum-interval`",
        ),
    ]
}

/// Properties of the configuration's schema that lack a title or a description.
fn undescribed(schema: &str) -> Vec<String> {
    match serde_json::from_str(schema) {
        Ok(Value::Object(schema)) => {
            let properties = schema.get("properties").and_then(Value::as_object);
            let lacks = |property: &Value, key: &str| property[key].as_str().is_none_or(str::is_empty);
            properties
                .into_iter()
                .flatten()
                .filter(|(_, property)| lacks(property, "title") || lacks(property, "description"))
                .map(|(name, _)| format!("`config-schema`: \"{name}\" lacks a title or a description"))
                .collect()
        }
        _ => vec!["`config-schema` is not a JSON object".to_owned()],
    }
}

/// Examines `validate` with mistakes.
pub(super) async fn validate(harness: &Harness<'_>, setting: &Setting, manifest: &Manifest) {
    for (what, config) in MISTAKES {
        let Some(judged) = judge(harness, setting, what, config).await else {
            continue;
        };
        if config == "{}" {
            let schema: Value = serde_json::from_str(&manifest.config_schema).unwrap_or_default();
            let needs_keys = schema["required"].as_array().is_some_and(|keys| !keys.is_empty());
            harness.expect(Check::Validate, judged.is_err() || !needs_keys, || {
                "it accepts an empty configuration although its schema requires keys".to_owned()
            });
        }
    }
}

/// Has a configuration judged on two days, and looks at the judgement.
pub(super) async fn judge(
    harness: &Harness<'_>,
    setting: &Setting,
    what: &str,
    config: &str,
) -> Option<Result<Plan, Vec<Issue>>> {
    let what = format!("validate of {what}");
    let mut judgements = Vec::new();
    for setting in [setting, &another_day(setting)] {
        let mut instance = harness.instance(setting);
        let judged = instance.validate(config).await;
        let judged = harness.returned(setting, &what, &mut instance, judged)?;
        harness.expect(Check::Validate, instance.usage().traffic.requests == 0, || {
            format!("{what} uses the network")
        });
        judgements.push(judged);
    }
    let judged = judgements.pop()?;
    harness.expect(Check::Validate, judgements.contains(&judged), || {
        format!("{what} gives another answer on another day")
    });
    let issues = match &judged {
        Ok(plan) => &plan.warnings,
        Err(issues) => issues,
    };
    harness.expect(Check::Validate, judged.is_ok() || !issues.is_empty(), || {
        format!("{what} refuses without saying why")
    });
    for Issue { pointer, message } in issues {
        harness.guard(&setting.secrets, format_args!("an issue of {what}"), message);
        let pointer = pointer.as_deref().unwrap_or_default();
        let is_pointer = pointer.is_empty() || pointer.starts_with('/');
        harness.expect(Check::Validate, is_pointer && is_sentence(message), || {
            format!("{what}: \"{pointer}\" is not a JSON Pointer, or its message is not one line of text")
        });
    }
    Some(judged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_homepage_is_an_address_or_empty() {
        for (homepage, is_right) in [
            ("", true),
            ("https://example.com", true),
            ("http://localhost", true),
            ("example.com", false),
        ] {
            assert_eq!(is_homepage(homepage), is_right, "{homepage:?}");
        }
    }

    #[test]
    fn keys_without_explanation_are_named() {
        let schema =
            r#"{"properties": {"good": {"title": "A", "description": "B."}, "bare": {"title": "A"}}}"#;
        assert_eq!(
            undescribed(schema),
            ["`config-schema`: \"bare\" lacks a title or a description"]
        );
        assert_eq!(undescribed("[]"), ["`config-schema` is not a JSON object"]);
    }
}
