//! What is found out about a configuration.

use crate::contract::Issue;

/// What is found out about a configuration.
#[derive(Debug, Default)]
pub struct Planning {
    pub(crate) origins: Vec<String>,
    pub(crate) issues: Vec<Issue>,
    pub(crate) warnings: Vec<Issue>,
}

impl Planning {
    /// Names an origin (`scheme://host` or `scheme://host:port`) that calls will contact.
    pub fn origin(&mut self, origin: impl Into<String>) {
        let origin = origin.into();
        if !self.origins.contains(&origin) {
            self.origins.push(origin);
        }
    }

    /// Notes what is wrong, at a JSON Pointer.
    pub fn issue(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        self.issues.push(Issue {
            pointer: pointer.into(),
            message: message.into(),
        });
    }

    /// Notes what is allowed but probably not meant.
    pub fn warning(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        self.warnings.push(Issue {
            pointer: pointer.into(),
            message: message.into(),
        });
    }
}
