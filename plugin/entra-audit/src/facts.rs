//! What a record says, as far as it is there and of the type that it should be.
//!
//! Source of the names: Microsoft Graph, "directoryAudit resource type" and those that it refers to.

use serde_json::Value;

/// How an activity ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// `success`.
    Success,
    /// `failure`.
    Failure,
    /// `timeout`, or nothing that is known.
    Unknown,
}

impl Outcome {
    /// ECS `event.outcome`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Unknown => "unknown",
        }
    }
}

/// A record, looked at.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    record: &'a Value,
}

/// Something that was changed.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a>(&'a Value);

/// What was changed of it.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a>(&'a Value);

impl<'a> Facts<'a> {
    /// Looks at a record.
    pub fn of(record: &'a Value) -> Self {
        Self { record }
    }

    /// A text at a JSON Pointer, unless it is blank.
    pub fn text(&self, pointer: &str) -> Option<&'a str> {
        text(self.record.pointer(pointer)?)
    }

    /// Anything at a JSON Pointer.
    pub fn value(&self, pointer: &str) -> Option<&'a Value> {
        self.record.pointer(pointer)
    }

    /// The activity's name, as operators know it.
    pub fn activity(&self) -> &'a str {
        self.text("/activityDisplayName").unwrap_or_default()
    }

    /// How it ended.
    pub fn outcome(&self) -> Outcome {
        match self.text("/result").map(str::to_ascii_lowercase).as_deref() {
            Some("success") => Outcome::Success,
            Some("failure") => Outcome::Failure,
            _ => Outcome::Unknown,
        }
    }

    /// What was changed.
    pub fn targets(&self) -> impl Iterator<Item = Target<'a>> {
        list(self.record.get("targetResources")).map(Target)
    }

    /// What was changed of anything.
    pub fn changes(&self) -> impl Iterator<Item = Change<'a>> {
        self.targets().flat_map(|target| target.changes())
    }

    /// The first target of one of these types.
    pub fn target(&self, kinds: &[&str]) -> Option<Target<'a>> {
        self.targets().find(|target| {
            let kind = target.kind().unwrap_or_default();
            kinds.iter().any(|known| kind.eq_ignore_ascii_case(known))
        })
    }

    /// The directory role that was given or taken: from what was changed, or from what is the target in Privileged Identity
    /// Management.
    pub fn role(&self) -> Option<String> {
        let named = self
            .changes()
            .filter(|change| change.name() == "Role.DisplayName")
            .find_map(|change| {
                let new = change.new_value().map(unquoted).filter(|name| !name.is_empty());
                new.or_else(|| change.old_value().map(unquoted).filter(|name| !name.is_empty()))
            });
        named.or_else(|| Some(self.target(&["Role"])?.text("displayName")?.to_owned()))
    }

    /// The value of an additional detail.
    pub fn detail(&self, key: &str) -> Option<&'a str> {
        list(self.record.get("additionalDetails"))
            .find(|detail| {
                detail["key"]
                    .as_str()
                    .is_some_and(|name| name.eq_ignore_ascii_case(key))
            })
            .and_then(|detail| text(&detail["value"]))
    }
}

impl<'a> Target<'a> {
    /// A member that is text, unless it is blank.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        text(self.0.get(name)?)
    }

    /// `User`, `Group`, `Role`, `Application`, …; documented examples have the name with a capital letter.
    pub fn kind(&self) -> Option<&'a str> {
        self.text("type").or_else(|| self.text("Type"))
    }

    /// What was changed of it.
    pub fn changes(&self) -> impl Iterator<Item = Change<'a>> + use<'a> {
        list(self.0.get("modifiedProperties")).map(Change)
    }
}

impl<'a> Change<'a> {
    /// The property.
    pub fn name(&self) -> &'a str {
        self.0.get("displayName").and_then(text).unwrap_or_default()
    }

    /// Its value before, which is JSON as text.
    pub fn old_value(&self) -> Option<&'a str> {
        text(self.0.get("oldValue")?)
    }

    /// Its value afterwards, which is JSON as text.
    pub fn new_value(&self) -> Option<&'a str> {
        text(self.0.get("newValue")?)
    }
}

fn text(value: &Value) -> Option<&str> {
    value.as_str().map(str::trim).filter(|text| !text.is_empty())
}

fn list(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
        .iter()
}

/// The text of a JSON string in a text, or the text as it is.
fn unquoted(text: &str) -> String {
    serde_json::from_str::<String>(text).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_role_is_named_by_what_changed_or_by_the_target() {
        let changed = json!({ "targetResources": [{ "type": "User", "modifiedProperties": [
            { "displayName": "Role.DisplayName", "oldValue": null, "newValue": "\"Global Administrator\"" },
        ] }] });
        let taken = json!({ "targetResources": [{ "type": "User", "modifiedProperties": [
            { "displayName": "Role.DisplayName", "oldValue": "\"Security Reader\"", "newValue": "\"\"" },
        ] }] });
        let target = json!({ "targetResources": [{ "Type": "Role", "displayName": "User Administrator" }] });
        for (record, role) in [
            (&changed, Some("Global Administrator")),
            (&taken, Some("Security Reader")),
            (&target, Some("User Administrator")),
            (&json!({}), None),
            (&json!({ "targetResources": 7 }), None),
        ] {
            assert_eq!(Facts::of(record).role().as_deref(), role, "{record}");
        }
    }
}
