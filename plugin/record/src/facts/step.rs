use super::{Category, Operation, Phase, Resource, status};
use crate::json::{Text, bytes};
use crate::record::{Field, LocalizableString, Part, Record};

/// Which record of which operation a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The same for all records of one operation.
    pub operation: u64,
    /// Where in the operation's life the record stands.
    pub phase: Phase,
}

impl Step {
    /// Finds it out; none for a record that belongs to no operation, or does not say to which.
    // Apart from `Facts`, since most records that are asked for it are written only later, or never.
    #[inline(never)]
    pub fn of(record: &Record<'_>) -> Option<Step> {
        if record.is_packed() {
            let unpacked = record.unpacked();
            let unpacked = record.read_unpacked(&unpacked);
            return Step::of_plain(&unpacked);
        }
        Step::of_plain(record)
    }

    fn of_plain(record: &Record<'_>) -> Option<Step> {
        let named = record.label(LocalizableString::OPERATION_NAME).value();
        let operation = Operation::of(named.or_else(|| record.text_of(Part::Authorization, "action")));
        let category = Category::named(record.label(LocalizableString::CATEGORY).value())
            .unwrap_or_else(|| Category::of_operation(&operation.lower));
        let (outcome, named_phase) = status::meaning(record.label(LocalizableString::STATUS).value());
        let event_name = record.label(LocalizableString::EVENT_NAME).value();
        let phase = Phase::of(category, event_name, named_phase, outcome)?;
        let correlation = record.text(Field::CorrelationId)?;
        // An operation may begin others under its own correlation id, and a correlation id may have the same operation on
        // several resources. What differs between two records in any of these keeps them apart.
        let texts = [
            Some(correlation),
            record.text(Field::OperationId),
            Resource::of(record).id,
        ];
        let mut key = operation.lower;
        for text in texts {
            key.push(0);
            key.extend(bytes::lower(&text.map(Text::decoded).unwrap_or_default()));
        }
        Some(Step {
            operation: bytes::hash(&key),
            phase,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(change: &str) -> Option<Step> {
        let record = format!(
            r#"{{"correlationId":"C1","operationName":{{"value":"Microsoft.Compute/virtualMachines/write"}},
                "operationId":"O1","resourceId":"/subscriptions/s/vm1","status":{{"value":"Started"}},{change}"#
        );
        Step::of(&Record::read(record.as_bytes()))
    }

    #[test]
    fn records_of_one_operation_have_one_key_whatever_their_letter_case() {
        let start = step("\"x\":1}").unwrap();
        assert_eq!(start.phase, Phase::Start);
        for (change, phase) in [
            (r#""status":{"value":"Accepted"}}"#, Phase::Accepted),
            (
                r#""status":{"value":"Failed"},"eventName":{"value":"EndRequest"}}"#,
                Phase::End,
            ),
            (
                r#""status":"Succeeded","resourceId":"/SUBSCRIPTIONS/s/VM1"}"#,
                Phase::End,
            ),
            (
                r#""status":"Canceled","operationName":"MICROSOFT.COMPUTE/virtualmachines/write"}"#,
                Phase::End,
            ),
        ] {
            let other = step(change).unwrap();
            assert_eq!(
                (other.operation, other.phase),
                (start.operation, phase),
                "{change}"
            );
        }
    }

    #[test]
    fn records_of_two_operations_have_two_keys() {
        let start = step("\"x\":1}").unwrap();
        for change in [
            r#""correlationId":"C2"}"#,
            r#""operationId":"O2"}"#,
            r#""resourceId":"/subscriptions/s/vm2"}"#,
            r#""operationName":{"value":"Microsoft.Compute/virtualMachines/delete"}}"#,
        ] {
            assert_ne!(step(change).unwrap().operation, start.operation, "{change}");
        }
    }

    #[test]
    fn a_record_of_no_operation_has_none() {
        for change in [
            r#""correlationId":null}"#,
            r#""correlationId":" "}"#,
            r#""status":{"value":"Active"}}"#,
            r#""category":{"value":"ResourceHealth"}}"#,
        ] {
            // The last of two members counts, save null, which says nothing.
            let known = change.contains("correlationId");
            assert_eq!(step(change).is_some(), known, "{change}");
        }
        let without = br#"{"operationName":"a/write","status":"Started"}"#;
        assert_eq!(Step::of(&Record::read(&without[..])), None);
    }
}
