//! The configuration: judged by its keys, read, and judged by the source.

use serde_json::Value;

use crate::contract::{Issue, Plan};
use crate::description::judge;
use crate::planning::Planning;
use crate::source::Source;

/// The configuration and what it asks for, or everything that is wrong with it.
pub(crate) fn plan<S: Source>(text: &str) -> Result<(S::Config, Plan), Vec<Issue>> {
    let mut planning = Planning::default();
    let value: Value = serde_json::from_str(text).unwrap_or_default();
    let Value::Object(object) = &value else {
        planning.issue("", "is not an object");
        return Err(planning.issues);
    };
    judge(&S::describe(), object, &mut planning);
    if !planning.issues.is_empty() {
        return Err(planning.issues);
    }
    match serde_json::from_value::<S::Config>(value) {
        Ok(config) => {
            S::plan(&config, &mut planning);
            let Planning {
                origins,
                issues,
                warnings,
            } = planning;
            if issues.is_empty() {
                Ok((config, Plan { origins, warnings }))
            } else {
                Err(issues)
            }
        }
        Err(error) => {
            planning.issue("", error.to_string());
            Err(planning.issues)
        }
    }
}
