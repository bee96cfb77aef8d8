//! The policies that took part in a decision.

use crate::json::{Scanner, Shape};
use crate::record::{Part, Record};

/// What is kept of each policy: Azure's name, ours.
pub const FIELDS: [(&str, &str); 9] = [
    ("policyDefinitionId", "definition_id"),
    ("policyDefinitionName", "definition_name"),
    ("policyDefinitionDisplayName", "definition_display_name"),
    ("policyDefinitionEffect", "effect"),
    ("policyAssignmentId", "assignment_id"),
    ("policyAssignmentName", "assignment_name"),
    ("policyAssignmentDisplayName", "assignment_display_name"),
    ("policyAssignmentScope", "assignment_scope"),
    ("policySetDefinitionId", "set_definition_id"),
];

/// One policy that took part in a decision.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// Texts in the order of [`FIELDS`], decoded; empty where the policy has none.
    pub texts: [Vec<u8>; FIELDS.len()],
}

impl Policy {
    /// Reads the list in `properties.policies`, which is JSON text, or now and then a real list. What cannot be read
    /// yields the policies before it; the text itself stays among the properties.
    pub fn list(record: &Record<'_>) -> Vec<Policy> {
        let mut policies = Vec::new();
        // An error ends the list early, which is what is wanted.
        let _ = match record.member_of(Part::Properties, "policies").shape() {
            Shape::Text(text) => read(&text.decoded(), &mut policies),
            Shape::Array(raw) => read(raw, &mut policies),
            _ => Some(()),
        };
        policies
    }

    /// The text of one of our field names; empty if there is none.
    pub fn text(&self, name: &str) -> &[u8] {
        let index = FIELDS.iter().position(|(_, ours)| *ours == name);
        index.map_or(&[], |index| &self.texts[index])
    }

    /// What people call it: its display name, else its name.
    pub fn title(&self) -> &[u8] {
        let display = self.text("definition_display_name");
        if display.is_empty() {
            self.text("definition_name")
        } else {
            display
        }
    }
}

fn read(list: &[u8], policies: &mut Vec<Policy>) -> Option<()> {
    Scanner::new(list).elements(|scanner| {
        if scanner.peek() != Some(b'{') {
            return scanner.value().map(|_| ());
        }
        let mut policy = Policy::default();
        scanner.members(|scanner, key| {
            let value = scanner.value()?;
            if let Some(index) = key.place_among(&FIELDS.map(|(theirs, _)| theirs)) {
                policy.texts[index] = value
                    .text()
                    .map(|text| text.decoded().into_owned())
                    .unwrap_or_default();
            }
            Some(())
        })?;
        policies.push(policy);
        Some(())
    })
}
