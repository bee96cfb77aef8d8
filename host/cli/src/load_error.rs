//! Why a source cannot be made ready, and whether and when that is worth another try.

use std::io;

use headwater::BuildError;
use headwater::model::{Failure, Fault, Issue};
use headwater::plugin::PluginError;
use headwater::plugin::registry::RegistryError;
use thiserror::Error;

/// Why a source cannot be made ready: every problem, each a sentence that says what to do.
#[derive(Debug, Clone, Error)]
#[error("{}", .problems.join("; "))]
pub struct LoadError {
    /// The problems.
    pub problems: Vec<String>,
    /// Whether waiting may be all that it takes: nothing but a registry that cannot be asked at present, or a machine
    /// that has no process to compile a plugin in.
    pub may_pass: bool,
    /// Whether trying again costs next to nothing.
    pub is_cheap: bool,
    /// Whether the problems say themselves whose they are, as those of the configuration file do.
    pub is_located: bool,
}

impl LoadError {
    /// The problems, each with the name of its source.
    pub fn lines(&self, source: &str) -> impl Iterator<Item = String> {
        self.problems.iter().map(move |problem| match self.is_located {
            true => problem.clone(),
            false => format!("source \"{source}\": {problem}"),
        })
    }

    /// What operators are told of it.
    pub fn to_failure(&self) -> Failure {
        let fault = if self.may_pass {
            Fault::Retry
        } else if self.is_cheap {
            // As when it goes missing later: the source starts by itself once it is there.
            Fault::Denied
        } else {
            Fault::InvalidConfig
        };
        Failure::host(fault, "start", self)
    }

    /// Problems that the plugin or its compilation showed.
    pub fn of_plugin(problems: Vec<String>) -> Self {
        Self {
            problems,
            may_pass: false,
            is_cheap: false,
            is_located: false,
        }
    }

    /// Problems of the configuration file.
    pub fn of_config(problems: Vec<String>) -> Self {
        Self {
            is_located: true,
            ..Self::of_plugin(problems)
        }
    }

    /// Whether the configuration has to be changed: no file, variable or registry that comes back makes the source usable.
    pub fn is_mistake(&self) -> bool {
        !self.may_pass && !self.is_cheap
    }

    /// A problem with something that the configuration names and that is not there.
    pub fn missing(problem: impl ToString) -> Self {
        Self {
            problems: vec![problem.to_string()],
            may_pass: false,
            is_cheap: true,
            is_located: false,
        }
    }
}

impl From<PluginError> for LoadError {
    fn from(error: PluginError) -> Self {
        match &error {
            PluginError::Unreadable { source, .. } if source.kind() != io::ErrorKind::FileTooLarge => {
                Self::missing(error)
            }
            // Nothing has been compiled, and the machine may recover in a moment.
            PluginError::NotNow { .. } => Self {
                may_pass: true,
                ..Self::missing(error)
            },
            PluginError::Killed { .. } => Self {
                may_pass: true,
                ..Self::of_plugin(vec![error.to_string()])
            },
            _ => Self::of_plugin(vec![error.to_string()]),
        }
    }
}

impl From<BuildError> for LoadError {
    fn from(error: BuildError) -> Self {
        Self {
            problems: error.issues().iter().map(Issue::to_string).collect(),
            may_pass: false,
            is_cheap: error.is_missing(),
            is_located: false,
        }
    }
}

impl From<RegistryError> for LoadError {
    fn from(error: RegistryError) -> Self {
        Self {
            may_pass: matches!(error, RegistryError::Unavailable { .. }),
            ..Self::missing(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_that_cannot_be_compiled_at_present_is_tried_again_soon() {
        let path = std::path::PathBuf::from("source.wasm");
        let reason = "Resource temporarily unavailable (os error 11)".to_owned();
        let at_present = LoadError::from(PluginError::NotNow {
            path: path.clone(),
            reason,
        });
        assert!(at_present.may_pass && at_present.is_cheap && !at_present.is_mistake());
        assert_eq!(at_present.to_failure().fault, Fault::Retry);
        let text = at_present.to_string();
        for words in [
            "source.wasm cannot be compiled at present",
            "os error 11",
            "check the memory",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
        // Each try may take all memory that there is, so that they become rare.
        let killed = LoadError::from(PluginError::Killed { path: path.clone() });
        assert!(killed.may_pass && !killed.is_cheap && !killed.is_mistake());
        // One that exceeds its bounds does so at every try.
        let stopped = LoadError::from(PluginError::Stopped {
            path,
            reason: "compiling it takes longer than 120 s".to_owned(),
        });
        assert!(!stopped.may_pass && stopped.is_mistake());
    }
}
