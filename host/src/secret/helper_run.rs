//! One run of a helper program for secrets. Nothing that it writes is ever shown, but its words about a single secret.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use crate::redact::Redactor;

/// Ten thousand tenants with a long secret each have a tenth of that.
const LARGEST_ANSWER: u64 = 64 << 20;
/// Letters of what is said about a secret that is not there.
const LONGEST_REASON: usize = 200;

/// How a helper program is run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct HelperSettings {
    /// What it is called in messages.
    pub name: String,
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// How long one run may take; ten seconds, if this is not changed.
    pub timeout: Duration,
    /// How old a secret may be; any age, if this is none.
    pub refresh: Option<Duration>,
}

#[derive(Serialize)]
struct Request<'a> {
    version: &'static str,
    secrets: &'a [String],
}

#[derive(Deserialize)]
struct Reply {
    value: Option<String>,
    error: Option<String>,
}

/// What a run brought.
pub(super) struct Answers {
    replies: HashMap<String, Reply>,
    redactor: Redactor,
}

impl HelperSettings {
    /// A program without arguments, with the usual times.
    pub fn new(name: impl Into<String>, program: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            program: program.into(),
            arguments: Vec::new(),
            timeout: Duration::from_secs(10),
            refresh: None,
        }
    }
}

impl Answers {
    /// The secret of this key, or why there is none.
    pub(super) fn take(&mut self, helper: &str, key: &str) -> Result<String, String> {
        match self.replies.remove(key) {
            Some(Reply {
                error: Some(error), ..
            }) if !error.is_empty() => {
                // The program may say too much.
                let reason: String = self.redactor.clean(&error).chars().take(LONGEST_REASON).collect();
                Err(format!(
                    "the helper `{helper}` has no secret for the key `{key}`: {reason}"
                ))
            }
            Some(Reply {
                value: Some(value), ..
            }) => Ok(value),
            _ => Err(format!(
                "the helper `{helper}` said nothing about the key `{key}`; check the key, and that the helper answers \
                 for each key that it is asked for"
            )),
        }
    }
}

/// Runs the program once for these keys. The error is a sentence without anything that the program wrote.
pub(super) async fn run(settings: &HelperSettings, keys: &[String]) -> Result<Answers, String> {
    let HelperSettings {
        name,
        program,
        arguments,
        timeout,
        ..
    } = settings;
    let called = format!("the helper `{name}` ({})", program.display());
    let by_hand = "run it by hand to see why; what it writes is not shown here, because that may be secrets";
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    // What it starts itself ends with it.
    #[cfg(unix)]
    command.process_group(0);
    let child = command.spawn().map_err(|error| {
        format!("{called} cannot be started: {error}; check `command` in [secrets.{name}]")
    })?;
    let mut group = Group(child);
    let request = serde_json::json!(Request {
        version: "1.0",
        secrets: keys
    })
    .to_string();
    let answer = tokio::time::timeout(*timeout, exchange(&mut group.0, request)).await;
    let (written, status) = match answer {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return Err(format!("{called} cannot be asked: {error}; {by_hand}")),
        Err(_) => {
            let timeout = humantime::format_duration(*timeout);
            return Err(format!(
                "{called} did not answer within {timeout}; {by_hand}, or raise its `timeout`"
            ));
        }
    };
    if !status.success() {
        return Err(format!("{called} failed ({status}); {by_hand}"));
    }
    if written.len() as u64 > LARGEST_ANSWER {
        return Err(format!(
            "{called} wrote more than {LARGEST_ANSWER} bytes; {by_hand}"
        ));
    }
    let replies: HashMap<String, Reply> = serde_json::from_slice(&written).map_err(|_| {
        format!(
            "{called} did not answer in the protocol: a JSON object with {{\"value\": …, \"error\": …}} for each key; {by_hand}"
        )
    })?;
    let values = replies.values().filter_map(|reply| reply.value.clone());
    let redactor = Redactor::new(values);
    Ok(Answers { replies, redactor })
}

/// Asks, and reads to the end. Both at once: a program may answer before it has read everything.
async fn exchange(
    child: &mut Child,
    request: String,
) -> std::io::Result<(Vec<u8>, std::process::ExitStatus)> {
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let ask = async {
        if let Some(mut stdin) = stdin {
            // One that needs no list reads none.
            let _ = stdin.write_all(request.as_bytes()).await;
        }
    };
    let read = async {
        let mut written = Vec::new();
        match stdout {
            Some(stdout) => stdout
                .take(LARGEST_ANSWER + 1)
                .read_to_end(&mut written)
                .await
                .map(|_| written),
            None => Ok(written),
        }
    };
    let ((), written) = tokio::join!(ask, read);
    let written = written?;
    if written.len() as u64 > LARGEST_ANSWER {
        child.start_kill()?;
    }
    Ok((written, child.wait().await?))
}

/// A program and everything that it has started, which end with this.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        // One that has been waited for has no number any more, and its number may be somebody else's.
        #[cfg(unix)]
        if let Some(id) = self.0.id()
            && let Some(group) = i32::try_from(id).ok().and_then(rustix::process::Pid::from_raw)
        {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}
