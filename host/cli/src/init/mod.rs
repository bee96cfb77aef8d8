//! `headwater init`: asks for what a plugin needs, and writes a first configuration.

#![expect(
    clippy::disallowed_methods,
    reason = "runs on the main thread, which is not a worker"
)]

mod dialog;
mod question;
mod written;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use headwater::model::{Failure, Issue, SOURCE_NAME_RULE, is_source_name};
use headwater::{BuildError, Plugin};
use serde_json::{Map, Value};
use thiserror::Error;

pub(crate) use dialog::{Dialog, Terminal};
use question::{Question, SecretPlace, questions};
use written::Written;

/// How the first source is called unless somebody says otherwise.
const NAME: &str = "tenant";
/// Stands for a secret while the plugin judges the rest: no plugin can tell it from a real one.
const INVENTED: &str = "q5V8~t1nW3xKz0mBpR7uYcE4hJ6sD2fG9aLo";

/// What the command line gives.
#[derive(Debug, Default)]
pub(crate) struct Given {
    /// The file to write.
    pub(crate) config: PathBuf,
    /// The source's name.
    pub(crate) name: Option<String>,
    /// Keys of the plugin's configuration with their values, as `KEY=VALUE`.
    pub(crate) set: Vec<String>,
}

/// Why nothing was written.
#[derive(Debug, Error)]
pub(crate) enum InitError {
    /// There is a file of that name.
    #[error("{} exists already, and nothing was written; give another name with --config, or rename the file", .0.display())]
    Exists(PathBuf),
    /// The plugin says nothing of itself.
    #[error(transparent)]
    Plugin(#[from] Failure),
    /// A value of the command line, or one that was typed.
    #[error("{0}")]
    Value(String),
    /// There is nobody to ask.
    #[error(
        "there is no terminal to ask at; give also {}",
        .0.iter().map(|key| format!("--set {key}=…")).collect::<Vec<_>>().join(" ")
    )]
    Missing(Vec<String>),
    /// The plugin refuses the configuration.
    #[error("nothing was written, because the plugin refuses these values:\n  {}", .0.issues().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  "))]
    Refused(BuildError),
    /// The terminal or the file.
    #[error("{0}")]
    Io(String),
}

/// Refuses a file that exists, before anybody types anything.
pub(crate) fn refuse_existing(path: &Path) -> Result<(), InitError> {
    match path.symlink_metadata() {
        Ok(_) => Err(InitError::Exists(path.to_owned())),
        Err(_) => Ok(()),
    }
}

/// Asks for what `given` leaves out, has the plugin judge it, and writes the file. Returns what to do next.
///
/// # Errors
///
/// Something is missing or wrong, or the file cannot be written; there is no file then.
pub(crate) async fn init(
    plugin: &Plugin,
    given: &Given,
    dialog: &mut (impl Dialog + Send),
) -> Result<String, InitError> {
    refuse_existing(&given.config)?;
    let manifest = plugin.describe().await?;
    let set = read_set(&given.set)?;
    if let Some(unknown) = set
        .keys()
        .find(|key| manifest.keys.iter().all(|known| known.name != **key))
    {
        return Err(InitError::Value(format!(
            "--set {unknown}: the plugin has no such key; `headwater describe {}` lists them",
            plugin.path().display()
        )));
    }
    let questions = questions(&manifest, &set);
    if !dialog.is_terminal() {
        let missing: Vec<String> = questions
            .iter()
            .filter(|question| !set.contains_key(&question.key))
            .map(|question| question.key.clone())
            .collect();
        if !missing.is_empty() {
            return Err(InitError::Missing(missing));
        }
    }
    let name = source_name(given.name.as_deref(), dialog)?;
    let mut answers = set;
    loop {
        for question in &questions {
            if !answers.contains_key(&question.key) {
                answers.insert(question.key.clone(), ask(question, dialog)?);
            }
        }
        let (values, secrets) = sort(&questions, &answers)?;
        match plugin.origins(&judged(&values, &secrets)).await {
            Ok(allow) => {
                let written = Written {
                    plugin: plugin.path(),
                    name: &name,
                    allow: &allow,
                    questions: &questions,
                    values: &values,
                    secrets: &secrets,
                };
                written.save(&given.config)?;
                return Ok(written.next_steps(&given.config));
            }
            Err(refused) => {
                let may_ask = dialog.is_terminal() && forget(refused.issues(), &given.set, &mut answers);
                if !may_ask {
                    return Err(InitError::Refused(refused));
                }
                for issue in refused.issues() {
                    dialog.say(&format!("{issue}\n"))?;
                }
            }
        }
    }
}

/// Forgets the answers that are refused, so that they are asked for again. Not where that is no help: an issue that concerns
/// something else, or what the command line has fixed.
fn forget(issues: &[Issue], fixed: &[String], answers: &mut BTreeMap<String, String>) -> bool {
    let typed = |issue: &Issue| {
        let pointer = issue.pointer.as_deref()?;
        let key = pointer.trim_start_matches('/').split('/').next()?.to_owned();
        let is_fixed = fixed.iter().any(|pair| pair.split('=').next() == Some(&key));
        (!is_fixed && answers.contains_key(&key)).then_some(key)
    };
    let Some(wrong) = issues.iter().map(typed).collect::<Option<Vec<String>>>() else {
        return false;
    };
    answers.retain(|key, _| !wrong.contains(key));
    true
}

fn read_set(pairs: &[String]) -> Result<BTreeMap<String, String>, InitError> {
    let mut set = BTreeMap::new();
    for pair in pairs {
        let Some((key, value)) = pair.split_once('=') else {
            // What is wrong may hold a secret: it is not shown.
            return Err(InitError::Value(
                "--set takes KEY=VALUE, for example --set region=eu".to_owned(),
            ));
        };
        if set.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(InitError::Value(format!("--set {key} is given twice")));
        }
    }
    Ok(set)
}

fn source_name(given: Option<&str>, dialog: &mut impl Dialog) -> Result<String, InitError> {
    if given.is_none() && dialog.is_terminal() {
        loop {
            let name = dialog.ask(&format!(
                "Name of the source, for its state and its log lines [{NAME}]: "
            ))?;
            let name = if name.is_empty() { NAME } else { &name };
            if is_source_name(name) {
                return Ok(name.to_owned());
            }
            dialog.say(&format!("This is not a valid name: {SOURCE_NAME_RULE}\n"))?;
        }
    }
    let name = given.unwrap_or(NAME);
    if is_source_name(name) {
        Ok(name.to_owned())
    } else {
        Err(InitError::Value(format!(
            "--name {}: not a valid name of a source: {SOURCE_NAME_RULE}",
            name.escape_debug()
        )))
    }
}

/// Asks until there is an answer that can be read.
fn ask(question: &Question, dialog: &mut impl Dialog) -> Result<String, InitError> {
    dialog.say(&question.text())?;
    loop {
        let answer = dialog.ask(&question.prompt())?;
        let answer = match (&answer[..], question.suggestion()) {
            ("", Some(suggestion)) => suggestion,
            _ => answer,
        };
        match question.problem(&answer) {
            None => return Ok(answer),
            Some(problem) => dialog.say(&format!("{problem}\n"))?,
        }
    }
}

type Sorted = (Map<String, Value>, BTreeMap<String, SecretPlace>);

/// Values as the plugin reads them, and where secrets are.
fn sort(questions: &[Question], answers: &BTreeMap<String, String>) -> Result<Sorted, InitError> {
    let (mut values, mut secrets) = Sorted::default();
    for question in questions {
        let Some(answer) = answers.get(&question.key) else {
            continue;
        };
        if let Some(problem) = question.problem(answer) {
            return Err(InitError::Value(format!("--set {}: {problem}", question.key)));
        }
        match SecretPlace::read(answer) {
            Some(place) if question.secret => {
                secrets.insert(question.key.clone(), place);
            }
            _ => {
                values.insert(question.key.clone(), question.value(answer));
            }
        }
    }
    Ok((values, secrets))
}

/// The configuration that the plugin judges.
fn judged(values: &Map<String, Value>, secrets: &BTreeMap<String, SecretPlace>) -> Value {
    let mut config = values.clone();
    config.extend(secrets.keys().map(|key| (key.clone(), INVENTED.into())));
    Value::Object(config)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// Somebody who answers as written down.
    struct Script {
        answers: VecDeque<&'static str>,
        shown: String,
    }

    impl Script {
        fn new(answers: &[&'static str]) -> Self {
            Self {
                answers: answers.iter().copied().collect(),
                shown: String::new(),
            }
        }
    }

    impl Dialog for Script {
        fn is_terminal(&self) -> bool {
            true
        }

        fn say(&mut self, text: &str) -> Result<(), InitError> {
            self.shown += text;
            Ok(())
        }

        fn ask(&mut self, prompt: &str) -> Result<String, InitError> {
            self.shown += prompt;
            let answer = self.answers.pop_front();
            Ok(answer.expect("there is an answer to every question").to_owned())
        }
    }

    #[test]
    fn what_cannot_be_read_is_asked_again_and_nothing_means_the_suggestion() {
        let mut script = Script::new(&["hunter2", ""]);
        assert_eq!(
            ask(&Question::secret("password"), &mut script).unwrap(),
            "env:PASSWORD"
        );
        assert!(
            script.shown.contains("password [env:PASSWORD]: "),
            "{}",
            script.shown
        );
        assert!(script.shown.contains("say where it is"), "{}", script.shown);
        assert!(!script.shown.contains("hunter2"), "{}", script.shown);
    }

    #[test]
    fn a_name_that_is_none_is_asked_again() {
        let mut script = Script::new(&["a b", "contoso"]);
        assert_eq!(source_name(None, &mut script).unwrap(), "contoso");
        assert_eq!(source_name(None, &mut Script::new(&[""])).unwrap(), NAME);
        assert!(source_name(Some("a b"), &mut Script::new(&[])).is_err());
    }

    #[test]
    fn answers_that_the_plugin_refuses_are_forgotten_unless_the_command_line_gave_them() {
        let refused = |pointer: &str| {
            [Issue {
                pointer: Some(pointer.to_owned()),
                message: "is wrong".to_owned(),
            }]
        };
        let answers = || {
            BTreeMap::from([
                ("id".to_owned(), "x".to_owned()),
                ("other".to_owned(), "y".to_owned()),
            ])
        };
        let (mut typed, mut given) = (answers(), answers());
        assert!(forget(&refused("/id/0"), &[], &mut typed));
        assert_eq!(typed.keys().collect::<Vec<_>>(), ["other"]);
        assert!(!forget(&refused("/id"), &["id=x".to_owned()], &mut given));
        assert!(!forget(&refused("/elsewhere"), &[], &mut given));
        assert_eq!(given, answers());
    }
}
