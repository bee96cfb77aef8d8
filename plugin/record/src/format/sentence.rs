//! One sentence about a record, for people.

use crate::facts::{Category, Facts};
use crate::json::{Text, Writer};
use crate::record::{Field, LocalizableString, Part, Record};

/// Writes `message` with a sentence about the record. Missing parts are left out.
pub fn write(output: &mut Writer, record: &Record<'_>, facts: &Facts<'_>) {
    write_as(output, "message", record, facts);
}

/// Writes it under another name.
#[inline(never)]
pub fn write_as(output: &mut Writer, name: &'static str, record: &Record<'_>, facts: &Facts<'_>) {
    let mut sentence = Sentence::begin(output, name);
    match facts.category {
        Category::Alert | Category::Security => alert(&mut sentence, record, facts),
        Category::ServiceHealth | Category::ResourceHealth => health(&mut sentence, record, facts),
        Category::Autoscale | Category::Recommendation => advice(&mut sentence, record, facts),
        Category::Policy => policy(&mut sentence, record, facts),
        Category::Administrative | Category::Other => request(&mut sentence, record, facts),
    }
    sentence.end();
}

/// Who did what to which resource, from where, with which result.
fn request(sentence: &mut Sentence<'_>, record: &Record<'_>, facts: &Facts<'_>) {
    sentence.part("", facts.principal.name());
    sentence.part(
        ": ",
        facts
            .operation
            .text
            .or(record.label(LocalizableString::OPERATION_NAME).localized()),
    );
    sentence.part(" on ", facts.resource.id);
    if let Some(address) = facts.client.or(facts.token_client()) {
        sentence.bytes(" from ", &address.text);
    }
    result(sentence, record, facts);
}

/// Effect, operation, resource.
fn policy(sentence: &mut Sentence<'_>, record: &Record<'_>, facts: &Facts<'_>) {
    sentence.bytes("Policy ", facts.operation.policy_effect().unwrap_or_default());
    if let Some(policy) = facts.policies.first() {
        sentence.bytes(" by ", policy.title());
    }
    sentence.part(
        ": ",
        record
            .text_of(Part::Authorization, "action")
            .or(facts.operation.text),
    );
    sentence.part(" on ", facts.resource.id);
    result(sentence, record, facts);
}

/// The description, of an operator's own alert also the resource.
fn alert(sentence: &mut Sentence<'_>, record: &Record<'_>, facts: &Facts<'_>) {
    let title = [
        record.text(Field::Description),
        record.text_of(Part::Properties, "RuleDescription"),
        record.text_of(Part::Properties, "RuleName"),
        record.label(LocalizableString::EVENT_NAME).value(),
        facts.operation.text,
    ];
    sentence.part("", title.into_iter().flatten().next());
    if facts.category == Category::Alert {
        sentence.part(" – ", facts.resource.id);
    }
}

/// The title and the status.
fn health(sentence: &mut Sentence<'_>, record: &Record<'_>, facts: &Facts<'_>) {
    let title = [
        record.text_of(Part::Properties, "title"),
        record.text(Field::Description),
        record.label(LocalizableString::OPERATION_NAME).localized(),
        facts.operation.text,
    ];
    sentence.part("", title.into_iter().flatten().next());
    result(sentence, record, facts);
}

/// The description, else the kind and weight of the advice.
fn advice(sentence: &mut Sentence<'_>, record: &Record<'_>, facts: &Facts<'_>) {
    let description = record
        .text(Field::Description)
        .or(record.text_of(Part::Properties, "Description"));
    if description.is_some() {
        sentence.part("", description);
    } else {
        sentence.part(
            "",
            record
                .text_of(Part::Properties, "recommendationCategory")
                .or(facts.operation.text),
        );
        sentence.part(
            ", impact ",
            record.text_of(Part::Properties, "recommendationImpact"),
        );
        sentence.part(" for ", facts.resource.id);
    }
}

fn result(sentence: &mut Sentence<'_>, record: &Record<'_>, facts: &Facts<'_>) {
    sentence.part(", ", facts.status);
    sentence.part(
        " ",
        record
            .label(LocalizableString::SUB_STATUS)
            .value()
            .filter(|_| facts.status.is_some()),
    );
}

/// A sentence under way, inside a JSON string.
struct Sentence<'o> {
    output: &'o mut Writer,
    before: usize,
    inside: usize,
}

impl<'o> Sentence<'o> {
    fn begin(output: &'o mut Writer, name: &'static str) -> Self {
        let before = output.len();
        output.key(name);
        output.byte(b'"');
        let inside = output.len();
        Sentence {
            output,
            before,
            inside,
        }
    }

    /// Adds text, led in by some words unless it is the first.
    fn part(&mut self, lead: &str, text: Option<Text<'_>>) {
        if let Some(text) = text {
            self.lead(lead);
            self.output.text_inside(text);
        }
    }

    /// Adds decoded bytes, led in by some words unless they are the first.
    fn bytes(&mut self, lead: &str, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.lead(lead);
            self.output.escaped(bytes);
        }
    }

    /// A lead that begins with a blank or a mark joins; at the start of the sentence only a word makes sense.
    fn lead(&mut self, lead: &str) {
        let first = self.output.len() == self.inside;
        if !first || lead.starts_with(|letter: char| letter.is_ascii_uppercase()) {
            self.output.copy(lead.as_bytes());
        }
    }

    /// Closes the string; without any part there is no `message`.
    fn end(self) {
        if self.output.len() == self.inside {
            self.output.truncate(self.before);
        } else {
            self.output.byte(b'"');
        }
    }
}
