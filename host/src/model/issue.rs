//! What is wrong with a configuration.

use std::fmt;

/// One thing that is wrong with a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// JSON Pointer (RFC 6901) to the offending place in the configuration; none for what concerns no single place of it. Empty
    /// for the whole of it.
    pub pointer: Option<String>,
    /// One sentence that says what is wrong and what to do. Never the value of a secret.
    pub message: String,
}

impl Issue {
    /// An issue that concerns no single place of the configuration.
    pub(crate) fn general(message: impl ToString) -> Self {
        Self {
            pointer: None,
            message: message.to_string(),
        }
    }
}

/// As people write keys: `/filter/resource_id` as `config.filter.resource_id`.
impl fmt::Display for Issue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.pointer {
            None => formatter.write_str(&self.message),
            Some(pointer) => {
                let dotted = pointer.replace('/', ".").replace("~1", "/").replace("~0", "~");
                write!(formatter, "config{dotted}: {}", self.message)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_read_like_keys() {
        for (pointer, text) in [
            (None, "wrong"),
            (Some(""), "config: wrong"),
            (Some("/client_id"), "config.client_id: wrong"),
            (Some("/drop/0/a~1b"), "config.drop.0.a/b: wrong"),
        ] {
            let issue = Issue {
                pointer: pointer.map(str::to_owned),
                message: "wrong".to_owned(),
            };
            assert_eq!(issue.to_string(), text);
        }
    }
}
