//! Secrets from a helper program, in the protocol of Vector's exec backend, version 1.0.
//!
//! The program reads `{"version": "1.0", "secrets": ["key", …]}` and writes `{"key": {"value": "…", "error": null}, …}`. One run brings
//! everything that is wanted at the time; what it brought is kept until it is old, or until somebody refuses it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tracing::warn;

use super::helper_run::{Answers, HelperSettings, Starting, run};

/// A run that failed is not repeated within this time: whoever wants a secret meanwhile has the same answer at once.
const FAILURE_HOLDS: Duration = Duration::from_secs(5);
/// A secret that was refused is fetched again, but not one that has just been fetched: a refusal may have other reasons.
pub(super) const YOUNG: Duration = Duration::from_secs(10);

/// A program that knows secrets. Clones share what it has said.
#[derive(Clone)]
pub struct SecretHelper(pub(super) Arc<Inner>);

pub(super) struct Inner {
    settings: HelperSettings,
    known: Mutex<Known>,
    /// Held by the one run at a time.
    run: tokio::sync::Mutex<Starting>,
}

#[derive(Default)]
pub(super) struct Known {
    /// What sources want, as long as they want it.
    wanted: HashMap<String, Weak<str>>,
    pub(super) answers: HashMap<String, Answer>,
    /// When the last run failed as a whole, and why.
    failed: Option<(Instant, String)>,
}

/// What the program said about one secret: its value, or why there is none.
pub(super) struct Answer {
    pub(super) at: Instant,
    is_refused: bool,
    value: Result<String, String>,
}

/// A secret of a helper program.
#[derive(Clone)]
pub(super) struct HelperKey {
    helper: SecretHelper,
    key: Arc<str>,
}

impl SecretHelper {
    /// A helper that has not been run yet.
    pub fn new(settings: HelperSettings) -> Self {
        Self(Arc::new(Inner {
            settings,
            known: Mutex::default(),
            run: tokio::sync::Mutex::default(),
        }))
    }

    /// How it is run.
    pub fn settings(&self) -> &HelperSettings {
        &self.0.settings
    }

    /// What the program knows under this key. It is fetched with the next run, whoever causes that.
    pub(super) fn key(&self, key: &str) -> HelperKey {
        let mut known = self.0.known();
        let present = known.wanted.get(key).and_then(Weak::upgrade);
        let key = present.unwrap_or_else(|| {
            let key: Arc<str> = key.into();
            known.wanted.insert(key.to_string(), Arc::downgrade(&key));
            key
        });
        drop(known);
        HelperKey {
            helper: self.clone(),
            key,
        }
    }
}

impl HelperKey {
    /// The secret; the error says why there is none.
    pub(super) async fn fetch(&self) -> Result<String, String> {
        let inner = &self.helper.0;
        if let Some(answer) = inner.known().fresh(&self.key, inner.settings.refresh) {
            return answer;
        }
        let mut turn = inner.run.lock().await;
        // Whoever had the turn before may have brought it.
        if let Some(answer) = inner.known().fresh(&self.key, inner.settings.refresh) {
            return answer;
        }
        let wanted = inner.known().stale_keys(inner.settings.refresh);
        let outcome = run(&inner.settings, &wanted, &mut turn).await;
        inner.known().note(&inner.settings, &self.key, wanted, outcome)
    }

    /// Has the secret fetched again, because somebody refused it.
    pub(super) fn refused(&self) {
        if let Some(answer) = self.helper.0.known().answers.get_mut(&*self.key) {
            answer.is_refused |= answer.at.elapsed() >= YOUNG;
        }
    }
}

impl Inner {
    /// Each change is complete in itself, so what is known stays usable after a panic elsewhere.
    pub(super) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// What can be said without a run.
    fn fresh(&self, key: &str, refresh: Option<Duration>) -> Option<Result<String, String>> {
        let failed = self
            .failed
            .as_ref()
            .filter(|(at, _)| at.elapsed() < FAILURE_HOLDS);
        match (self.answers.get(key), failed) {
            (Some(answer), _) if answer.is_fresh(refresh) => Some(answer.value.clone()),
            // An old one is better than none while the program fails.
            (Some(Answer { value: Ok(value), .. }), Some(_)) => Some(Ok(value.clone())),
            (_, Some((_, problem))) => Some(Err(problem.clone())),
            (_, None) => None,
        }
    }

    /// What a run is to bring: everything that is still wanted and not known well enough.
    fn stale_keys(&mut self, refresh: Option<Duration>) -> Vec<String> {
        self.wanted.retain(|_, key| key.strong_count() > 0);
        let Self { wanted, answers, .. } = self;
        answers.retain(|key, _| wanted.contains_key(key));
        let is_stale = |key: &&String| answers.get(*key).is_none_or(|answer| !answer.is_fresh(refresh));
        let mut stale: Vec<String> = wanted.keys().filter(is_stale).cloned().collect();
        stale.sort();
        stale
    }

    /// Notes what a run brought, and returns what it means for one key.
    fn note(
        &mut self,
        settings: &HelperSettings,
        key: &str,
        wanted: Vec<String>,
        outcome: Result<Answers, String>,
    ) -> Result<String, String> {
        let at = Instant::now();
        match outcome {
            Ok(mut answers) => {
                self.failed = None;
                for key in wanted {
                    let value = answers.take(&settings.name, &key);
                    self.answers.insert(
                        key,
                        Answer {
                            at,
                            is_refused: false,
                            value,
                        },
                    );
                }
                let answer = self.answers.get(key).map(|answer| answer.value.clone());
                answer.unwrap_or_else(|| Err(format!("the helper `{}` was not asked for it", settings.name)))
            }
            Err(problem) => {
                self.failed = Some((at, problem.clone()));
                match self.answers.get(key) {
                    Some(Answer { value: Ok(value), .. }) => {
                        warn!(
                            helper = settings.name,
                            "{problem}; the secrets that it gave before stay in use"
                        );
                        Ok(value.clone())
                    }
                    _ => Err(problem),
                }
            }
        }
    }
}

impl Answer {
    fn is_fresh(&self, refresh: Option<Duration>) -> bool {
        // What is not there may be there soon: whoever waits for it asks again, as for a file.
        let longest = if self.value.is_ok() {
            refresh
        } else {
            Some(FAILURE_HOLDS)
        };
        !self.is_refused && longest.is_none_or(|longest| self.at.elapsed() < longest)
    }
}

impl PartialEq for HelperKey {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key && self.helper.settings() == other.helper.settings()
    }
}

impl Eq for HelperKey {}

impl std::hash::Hash for HelperKey {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.key.hash(state);
        self.helper.settings().name.hash(state);
    }
}

impl fmt::Display for HelperKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.helper.settings().name;
        write!(formatter, "the key `{}` of the helper `{name}`", self.key)
    }
}

impl fmt::Debug for SecretHelper {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("SecretHelper")
            .field(&self.0.settings.name)
            .finish()
    }
}
