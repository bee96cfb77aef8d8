//! One run of a helper program for secrets. Nothing that it writes is ever shown, but its words about a single secret.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;

use crate::redact::Redactor;

/// Ten thousand tenants with a secret of a kilobyte each fit.
const LARGEST_ANSWER: u64 = 16 << 20;
/// Bytes of one secret, as in a file.
const LONGEST_SECRET: usize = 64 << 10;
/// Letters of what is said about a secret that is not there.
const LONGEST_REASON: usize = 200;
/// What the program says about secrets that are not there is searched for those that are. Beside more bytes of them it is not shown.
const LARGEST_SEARCH: usize = 1 << 20;

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

/// What a run brought: a secret or why there is none, by its key.
pub(super) struct Answers(HashMap<String, Result<String, String>>);

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
        self.0.remove(key).unwrap_or_else(|| {
            Err(format!(
                "the helper `{helper}` said nothing about the key `{key}`; check the key, and that the helper answers \
                 for each key that it is asked for"
            ))
        })
    }

    /// What the program wrote; none if that is not the protocol. Takes time in proportion to it.
    fn read(helper: &str, written: &[u8]) -> Option<Self> {
        let replies: HashMap<String, Reply> = serde_json::from_slice(written).ok()?;
        let searched: usize = replies
            .values()
            .filter_map(|reply| reply.value.as_ref())
            .map(String::len)
            .sum();
        let says_why = replies
            .values()
            .any(|reply| reply.error.as_ref().is_some_and(|error| !error.is_empty()));
        let redactor = (says_why && searched <= LARGEST_SEARCH).then(|| {
            // The program may say too much.
            Redactor::new(replies.values().filter_map(|reply| reply.value.clone()))
        });
        let shown = |error: &str| match &redactor {
            Some(redactor) => redactor.clean(error).chars().take(LONGEST_REASON).collect(),
            None => "it says why, which is not shown beside so many secrets".to_owned(),
        };
        let secrets = replies.iter().filter_map(|(key, reply)| {
            let secret = match (&reply.error, &reply.value) {
                (Some(error), _) if !error.is_empty() => Err(format!(
                    "the helper `{helper}` has no secret for the key `{key}`: {}",
                    shown(error)
                )),
                (_, Some(value)) if value.len() > LONGEST_SECRET => Err(format!(
                    "the helper `{helper}` gave {} bytes for the key `{key}`; a secret has at most {LONGEST_SECRET}",
                    value.len()
                )),
                (_, Some(value)) => Ok(value.clone()),
                (_, None) => return None,
            };
            Some((key.clone(), secret))
        });
        Some(Self(secrets.collect()))
    }
}

/// A program that is being started. Where it is on a hung mount, that has no end, and is not begun a second time.
pub(super) type Starting = Option<oneshot::Receiver<std::io::Result<Group>>>;

/// Runs the program once for these keys. The error is a sentence without anything that the program wrote.
pub(super) async fn run(
    settings: &HelperSettings,
    keys: &[String],
    starting: &mut Starting,
) -> Result<Answers, String> {
    let HelperSettings {
        name,
        program,
        arguments,
        timeout,
        ..
    } = settings;
    let called = format!("the helper `{name}` ({})", program.display());
    let by_hand = "run it by hand to see why; what it writes is not shown here, because that may be secrets";
    let unstartable = |error: std::io::Error| {
        format!("{called} cannot be started: {error}; check `command` in [secrets.{name}]")
    };
    let mut started = match starting.take() {
        Some(started) => started,
        None => start(program, arguments).map_err(unstartable)?,
    };
    let mut group = match tokio::time::timeout(*timeout, &mut started).await {
        Ok(Ok(started)) => started.map_err(unstartable)?,
        Ok(Err(_)) => return Err(format!("starting {called} ended unexpectedly")),
        Err(_) => {
            *starting = Some(started);
            return Err(format!(
                "{called} has not started within {}; check the mount or the volume that it is on",
                humantime::format_duration(*timeout)
            ));
        }
    };
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
    let helper = name.clone();
    let answers = apart(move || Answers::read(&helper, &written)).map_err(unstartable)?;
    answers.await.ok().flatten().ok_or_else(|| {
        format!(
            "{called} did not answer in the protocol: a JSON object with {{\"value\": …, \"error\": …}} for each key; {by_hand}"
        )
    })
}

/// Starts the program, which takes as long as the system needs to read it.
fn start(program: &Path, arguments: &[String]) -> std::io::Result<oneshot::Receiver<std::io::Result<Group>>> {
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
    let runtime = tokio::runtime::Handle::current();
    apart(move || {
        let _entered = runtime.enter();
        command.spawn().map(Group)
    })
}

/// Does something on a thread of its own. A helper has one such thing at a time.
fn apart<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> std::io::Result<oneshot::Receiver<T>> {
    let (sender, done) = oneshot::channel();
    let thread = std::thread::Builder::new().name("secret-helper".to_owned());
    thread.spawn(move || {
        // Nobody listens any more where the source has been removed.
        let _ = sender.send(work());
    })?;
    Ok(done)
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
pub(super) struct Group(Child);

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
