//! What operators mark all events of a source with.

use crate::json::Writer;

/// Names and values, as they are written: nothing of them differs from event to event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels {
    object: Vec<u8>,
    list: Vec<u8>,
}

impl Labels {
    /// Prepares labels, each with a name and a value.
    pub fn new<'a>(labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> Labels {
        let (mut object, mut list) = (Writer::default(), Writer::default());
        // What opens them is left out again: it tells that no comma is needed.
        object.byte(b'{');
        list.byte(b'[');
        for (name, value) in labels {
            object.separate();
            object.string(name.as_bytes());
            object.byte(b':');
            object.string(value.as_bytes());
            let element = list.open_element();
            list.member_bytes("name", name.as_bytes());
            list.member_bytes("value", value.as_bytes());
            list.close(element);
        }
        Labels {
            object: object.written()[1..].to_vec(),
            list: list.written()[1..].to_vec(),
        }
    }

    /// Writes them as a member that is an object; nothing if there are none.
    #[inline(never)]
    pub fn write(&self, output: &mut Writer, name: &'static str) {
        let object = output.open(name);
        output.copy(&self.object);
        output.close(object);
    }

    /// Writes them as a member that is a list of objects with name and value; nothing if there are none.
    #[inline(never)]
    pub fn write_list(&self, output: &mut Writer, name: &'static str) {
        let list = output.open_array(name);
        output.copy(&self.list);
        output.close_array(list);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_written_as_an_object_and_as_a_list() {
        let mut output = Writer::default();
        let labels = Labels::new([("tenant", "contoso"), ("env", "a \"b\"")]);
        let document = output.open_document();
        Labels::default().write(&mut output, "none");
        labels.write(&mut output, "labels");
        labels.write_list(&mut output, "tags");
        Labels::default().write_list(&mut output, "none");
        output.close(document);
        let expected = r#"{"labels":{"tenant":"contoso","env":"a \"b\""},"tags":[{"name":"tenant","value":"contoso"},{"name":"env","value":"a \"b\""}]}"#;
        assert_eq!(output.finish().0, expected);
    }
}
