//! What can be examined without a configuration: the self-description, and the judgement of configurations.

use std::time::Duration;

use serde_json::Value;

use super::check::Check;
use super::inspect::is_sentence;
use super::lab::{Lab, Returned, World};
use crate::bindings::exports::headwater::source::descriptor::Manifest;
use crate::bindings::exports::headwater::source::source as wit;

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
pub(super) async fn describe(lab: &Lab, world: &World) -> Option<Manifest> {
    let (manifest, _) = ask(lab, world).await?;
    let later = World {
        now: world.now + ANOTHER_DAY,
        ..world.clone()
    };
    let (again, cost) = ask(lab, &later).await?;
    lab.expect(Check::Describe, again == manifest && cost.requests == 0, || {
        "it describes itself differently each time, or uses the network for it".to_owned()
    });
    for (holds, problem) in words(&manifest) {
        lab.expect(Check::Describe, holds, || problem.to_owned());
    }
    for problem in undescribed(&manifest.config_schema) {
        lab.expect(Check::Describe, false, || problem);
    }
    Some(manifest)
}

async fn ask(lab: &Lab, world: &World) -> Returned<Manifest> {
    lab.call(world, "describe", |source, store| {
        Box::pin(async move { source.headwater_source_descriptor().call_describe(store).await })
    })
    .await
}

/// What the contract says about each word of a manifest.
fn words(manifest: &Manifest) -> [(bool, &'static str); 7] {
    let is_name = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == b'-';
    let homepage = &manifest.homepage;
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
            homepage.starts_with("https://") || homepage.starts_with("http://"),
            "`homepage` is not an http or https URL",
        ),
        (
            !manifest.formats.is_empty(),
            "`formats` is empty; name at least one",
        ),
        (manifest.minimum_interval > 0, "`minimum-interval` is zero"),
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
pub(super) async fn validate(lab: &Lab, world: &World, manifest: &Manifest) {
    for (what, config) in MISTAKES {
        let Some(judged) = judge(lab, world, what, config).await else {
            continue;
        };
        if config == "{}" {
            let schema: Value = serde_json::from_str(&manifest.config_schema).unwrap_or_default();
            let needs_keys = schema["required"].as_array().is_some_and(|keys| !keys.is_empty());
            lab.expect(Check::Validate, judged.is_err() || !needs_keys, || {
                "it accepts an empty configuration although its schema requires keys".to_owned()
            });
        }
    }
}

/// Has a configuration judged on two days, and looks at the judgement.
pub(super) async fn judge(
    lab: &Lab,
    world: &World,
    what: &str,
    config: &str,
) -> Option<Result<wit::Plan, Vec<wit::Issue>>> {
    let mut judgements = Vec::new();
    for now in [world.now, world.now + ANOTHER_DAY] {
        let world = World { now, ..world.clone() };
        let config = config.to_owned();
        let (judged, cost) = lab
            .call(&world, &format!("validate of {what}"), move |source, store| {
                Box::pin(async move {
                    source
                        .headwater_source_source()
                        .call_validate(store, &config)
                        .await
                })
            })
            .await?;
        lab.expect(Check::Validate, cost.requests == 0, || {
            format!("validate of {what} uses the network")
        });
        judgements.push(judged);
    }
    let judged = judgements.pop()?;
    lab.expect(Check::Validate, judgements.contains(&judged), || {
        format!("validate of {what} gives another answer on another day")
    });
    let issues = match &judged {
        Ok(plan) => &plan.warnings,
        Err(issues) => issues,
    };
    lab.expect(Check::Validate, judged.is_ok() || !issues.is_empty(), || {
        format!("validate of {what} refuses without saying why")
    });
    for issue in issues {
        lab.guard(&world.secrets, format_args!("an issue of {what}"), &issue.message);
        let pointer = issue.pointer.is_empty() || issue.pointer.starts_with('/');
        lab.expect(Check::Validate, pointer && is_sentence(&issue.message), || {
            format!(
                "validate of {what}: \"{}\" is not a JSON Pointer, or its message is not one line of text",
                issue.pointer
            )
        });
    }
    Some(judged)
}

#[cfg(test)]
mod tests {
    use super::*;

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
