//! The configuration: judged by its keys, read, and judged by the source.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::contract::{Issue, Plan};
use crate::description::{Description, judge};
use crate::planning::Planning;

/// The configuration and what it asks for, or everything that is wrong with it. `look` is the source's own judgement.
pub(crate) fn plan<C: DeserializeOwned>(
    text: &str,
    description: &Description,
    look: impl FnOnce(&C, &mut Planning),
) -> Result<(C, Plan), Vec<Issue>> {
    let mut planning = Planning::default();
    let value: Value = serde_json::from_str(text).unwrap_or_default();
    let Value::Object(object) = &value else {
        planning.issue("", "is not an object");
        return Err(planning.issues);
    };
    judge(description, object, &mut planning);
    if !planning.issues.is_empty() {
        return Err(planning.issues);
    }
    match serde_json::from_value::<C>(value) {
        Ok(config) => {
            look(&config, &mut planning);
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
