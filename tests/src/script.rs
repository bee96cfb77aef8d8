//! Scripted failures: which request goes wrong, and how.
//!
//! A script is a list of faults, each `{"on": …, "do": …}`. For a request the first fault that is due acts; the others
//! do not see the request. `tests/README.md` shows every form.

use http::HeaderValue;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::entra_error;
use crate::route::Endpoint;

/// A list of faults.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// Decides about every `chance`.
    #[serde(default)]
    pub seed: u64,
    /// The faults, in the order in which they are tried.
    pub faults: Vec<Fault>,
}

/// One thing that goes wrong.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// When.
    #[serde(default)]
    pub on: When,
    /// What.
    #[serde(rename = "do")]
    pub action: Action,
}

/// Which requests a fault is about. All given parts must match; the matching requests are counted from 1.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct When {
    /// Requests to this endpoint.
    pub endpoint: Option<Endpoint>,
    /// Requests for this subscription.
    pub subscription: Option<String>,
    /// Requests for this page of a list, the first being 1.
    pub page: Option<u32>,
    /// The first matching request that can fail.
    pub from: u64,
    /// How often the fault acts; `null` for always.
    pub times: Option<u64>,
    /// How probable it is that the fault acts on a matching request, from 0 to 1.
    pub chance: f64,
}

impl Default for When {
    fn default() -> When {
        When {
            endpoint: None,
            subscription: None,
            page: None,
            from: 1,
            times: Some(1),
            chance: 1.0,
        }
    }
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// 429 with `Retry-After`. Whoever asks again before that is refused, waits anew, and is recorded.
    Throttle {
        /// Seconds to wait.
        seconds: u32,
        /// Whether `Retry-After` is an HTTP date.
        #[serde(default)]
        as_date: bool,
    },
    /// Another status.
    Fail {
        /// The status.
        status: u16,
        /// What stands in the body.
        #[serde(default)]
        body: ErrorBody,
        /// The error code; `Scripted` if not given.
        code: Option<String>,
        /// The error message.
        message: Option<String>,
        /// Seconds of a `Retry-After` that goes with it; they count as with `throttle`.
        retry_after: Option<u32>,
    },
    /// Any status with any body.
    Answer {
        /// The status.
        status: u16,
        /// The body, as it is sent.
        body: String,
    },
    /// `nextLink` is this, whatever page it is.
    Link {
        /// Any JSON.
        value: Value,
    },
    /// Every item of the page is this.
    Items {
        /// Any JSON.
        value: Value,
    },
    /// A refusal of the token endpoint by its AADSTS number.
    Entra {
        /// The number, for example 7000222.
        number: u32,
    },
    /// 302 with this `Location`.
    Redirect {
        /// Where to.
        to: String,
    },
    /// The access token of the request expires now: 401, and so will every later request with it.
    ExpireToken,
    /// No answer.
    Hang,
    /// The connection is reset after so many bytes of the body.
    Reset {
        /// Bytes sent before.
        #[serde(default)]
        after: usize,
    },
    /// The right body, slowly.
    Drip {
        /// Bytes per piece.
        bytes: usize,
        /// Milliseconds between pieces.
        pause_ms: u64,
    },
    /// The body breaks off although the response looks complete.
    Truncate {
        /// Percent of the body that is sent.
        keep_percent: u8,
    },
    /// The right body with blanks after it.
    Pad {
        /// Number of blanks.
        bytes: u64,
    },
    /// `nextLink` leads to another origin.
    ForeignLink {
        /// `scheme://host:port`.
        origin: String,
    },
    /// `nextLink` is the link that led here.
    RepeatLink,
    /// The next page has the same events again, under another link, before the list goes on.
    RepeatPage,
    /// A page without events whose `nextLink` leads to the events that belong here.
    EmptyPage,
    /// On the last page something stands in place of a missing `nextLink`, for example `null`, `""` or `"None"`.
    LastLink {
        /// Any JSON.
        value: Value,
    },
    /// Every description on the page begins with bytes that are no UTF-8.
    InvalidUtf8,
    /// The description of the first event of the page begins with the access token of the request and this text.
    Echo {
        /// Text without quotes.
        text: String,
    },
    /// The first event of the page gets a member `nested` of so many arrays inside each other.
    Nest {
        /// Number of arrays.
        levels: usize,
    },
}

/// The bodies of errors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorBody {
    /// `{"error":{"code","message"}}`, as Resource Manager writes it.
    #[default]
    Arm,
    /// `{"code","message"}`, as Microsoft.Insights writes it.
    Insights,
    /// A gateway's page.
    Html,
    /// Nothing.
    Empty,
}

/// Why a script cannot be used.
#[derive(Debug, Error)]
pub enum ScriptError {
    /// It is no JSON, or not of the form of a script.
    #[error("the script is not readable")]
    Json(#[from] serde_json::Error),
    /// A number without meaning.
    #[error("fault {fault}: {problem}")]
    Value {
        /// Which fault, counted from 1.
        fault: usize,
        /// What is wrong.
        problem: String,
    },
}

impl Script {
    /// Reads and checks a script.
    pub fn parse(json: &str) -> Result<Script, ScriptError> {
        let script: Script = serde_json::from_str(json)?;
        for (index, fault) in script.faults.iter().enumerate() {
            if let Some(problem) = fault.problem() {
                return Err(ScriptError::Value {
                    fault: index + 1,
                    problem,
                });
            }
        }
        Ok(script)
    }
}

impl Fault {
    fn problem(&self) -> Option<String> {
        if !(0.0..=1.0).contains(&self.on.chance) {
            return Some(format!("chance {} is not between 0 and 1", self.on.chance));
        }
        match &self.action {
            Action::Fail { status, .. } | Action::Answer { status, .. } if !(200..600).contains(status) => {
                Some(format!("{status} is not a status between 200 and 599"))
            }
            Action::Entra { number } if !entra_error::is_known(*number) => Some(format!(
                "AADSTS{number} is not in the lab's table (entra_error.rs)"
            )),
            Action::Truncate { keep_percent } if *keep_percent > 99 => {
                Some(format!("keep_percent {keep_percent} is not below 100"))
            }
            Action::Redirect { to } if HeaderValue::from_str(to).is_err() => {
                Some(format!("'{to}' cannot stand in a header"))
            }
            Action::Drip { bytes: 0, .. } => Some("a drip needs at least 1 byte".to_owned()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_that_make_no_sense_are_refused() {
        let cases = [
            r#"{"faults": [{"do": "explode"}]}"#,
            r#"{"faults": [{"on": {"endpont": "log"}, "do": "hang"}]}"#,
            r#"{"faults": [{"on": {"chance": 2}, "do": "hang"}]}"#,
            r#"{"faults": [{"do": {"fail": {"status": 99}}}]}"#,
            r#"{"faults": [{"do": {"entra": {"number": 1}}}]}"#,
            r#"{"faults": [{"do": {"truncate": {"keep_percent": 100}}}]}"#,
            r#"{"faults": [{"do": {"redirect": {"to": "a\nb"}}}]}"#,
            r#"{"faults": [{"do": {"drip": {"bytes": 0, "pause_ms": 1}}}]}"#,
        ];
        for script in cases {
            assert!(Script::parse(script).is_err(), "{script}");
        }
    }
}
