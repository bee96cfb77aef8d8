//! The plugin under examination, and what is found out about it: fresh instances at one instant, with everything
//! watched.

use std::fmt::Display;
use std::sync::{Mutex, MutexGuard, PoisonError};

use headwater::Plugin;
use headwater::component::raw::Log;
use headwater::component::{CallError, Instance, Surroundings};
use headwater::redact::Redactor;

use super::check::Check;
use super::findings::Findings;

/// Lines of stderr that are shown of a call that did not return: a panic takes two.
const LAST_LINES: usize = 4;
/// Letters of each.
const LONGEST_LINE: usize = 300;

/// The plugin, and what is found out about it.
pub(super) struct Harness<'a> {
    plugin: &'a Plugin,
    findings: Mutex<Findings>,
}

/// Under which circumstances a call is made.
#[derive(Clone)]
pub(super) struct Setting {
    pub(super) surroundings: Surroundings,
    /// Knows what must stay inside.
    pub(super) secrets: Redactor,
}

impl<'a> Harness<'a> {
    pub(super) fn new(plugin: &'a Plugin) -> Self {
        Self {
            plugin,
            findings: Mutex::default(),
        }
    }

    /// Notes that a check was made, and what is wrong unless it `holds`.
    pub(super) fn expect(&self, check: Check, holds: bool, otherwise: impl FnOnce() -> String) {
        self.findings().expect(check, holds, otherwise);
    }

    /// Notes why a check cannot be made.
    pub(super) fn skip(&self, check: Check, reason: impl Into<String>) {
        self.findings().skip(check, reason);
    }

    pub(super) fn findings(&self) -> MutexGuard<'_, Findings> {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes it when a text that leaves the component holds a secret.
    pub(super) fn guard(&self, secrets: &Redactor, place: impl Display, text: &str) {
        let clean = secrets.redact(text) == text;
        self.expect(Check::Secrets, clean, || {
            format!("{place} holds a secret or a credential")
        });
    }

    /// A fresh instance.
    pub(super) fn instance(&self, setting: &Setting) -> Instance {
        self.plugin.instance(setting.surroundings.clone())
    }

    /// Looks at how a call ended. None when it did not return, which is noted.
    pub(super) fn returned<T>(
        &self,
        setting: &Setting,
        what: &str,
        instance: &mut Instance,
        returned: Result<T, CallError>,
    ) -> Option<T> {
        let log = instance.take_log();
        self.log(setting, what, &log);
        let refused = instance.usage().traffic.refused;
        self.expect(Check::Origins, refused == 0, || {
            format!("{what}: {refused} request(s) to origins that are not in its plan, or too many")
        });
        self.expect(Check::BatchOrError, returned.is_ok(), || match &returned {
            Ok(_) => String::new(),
            Err(error) => format!("{what}: {error}{}", last_words(setting, &log)),
        });
        returned.ok()
    }

    fn log(&self, setting: &Setting, what: &str, Log { text, dropped }: &Log) {
        self.guard(&setting.secrets, format_args!("the log of {what}"), text);
        self.expect(Check::Logs, *dropped == 0, || {
            format!("{what}: {dropped} bytes of its log were too many for one call")
        });
        let is_plain = |line: &str| !line.contains(|letter: char| letter.is_control() && letter != '\t');
        self.expect(Check::Logs, text.lines().all(is_plain), || {
            format!("{what}: its log holds control characters")
        });
    }
}

/// What a call that did not return wrote to stderr in the end, without secrets.
fn last_words(setting: &Setting, log: &Log) -> String {
    let lines: Vec<&str> = log.text.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
    if last.is_empty() {
        return "; it wrote nothing to stderr".to_owned();
    }
    let shown = last.iter().map(|line| {
        let clean = setting.secrets.redact(line);
        clean.trim().chars().take(LONGEST_LINE).collect::<String>()
    });
    format!(
        "; its stderr ends with: {}",
        shown.collect::<Vec<_>>().join(" / ")
    )
}
