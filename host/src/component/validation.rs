//! What a plugin thinks of its configuration, made fit for people. How much it says is its own choice, so this is done away
//! from the workers.

use super::raw;
use crate::egress::{Grant, Origin};
use crate::model::Issue;
use crate::redact::Redactor;

/// What is shown of a plugin's issues, warnings and origins, and of each in letters.
const MOST_SENTENCES: usize = 20;
const LONGEST_SENTENCE: usize = 500;
/// Origins that a configuration may need.
const MOST_ORIGINS: usize = 1_000;
/// Longer texts are no origins: a scheme, a name of 253 letters, a port.
const LONGEST_ORIGIN: usize = 300;

/// What is to be said of a configuration.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Validation {
    /// Why the source cannot be made.
    pub(crate) problems: Vec<Issue>,
    /// What the plugin warns of, also where there are problems.
    pub(crate) warnings: Vec<Issue>,
    /// The origins that the plugin needs, granted or not; what is no origin is left out.
    pub(crate) origins: Vec<Origin>,
}

/// Judges what a plugin said, and compares what it needs with what it is granted.
pub(crate) fn judge(said: Result<raw::Plan, Vec<Issue>>, grant: &Grant, redactor: &Redactor) -> Validation {
    // A cut could leave a part of a secret, so secrets are looked for before it.
    let clean = |text: &str| shortened(redactor.clean(text));
    let issue = |issue: &Issue| Issue {
        pointer: issue.pointer.as_deref().map(clean),
        message: clean(&issue.message),
    };
    let plan = match said {
        Ok(plan) => plan,
        Err(issues) => {
            return Validation {
                problems: first(&issues, issue),
                ..Validation::default()
            };
        }
    };
    Validation {
        warnings: first(&plan.warnings, issue),
        problems: check_origins(&plan.origins, grant, clean)
            .err()
            .into_iter()
            .collect(),
        origins: origins(&plan.origins).collect(),
    }
}

/// Those that are origins.
fn origins(texts: &[String]) -> impl Iterator<Item = Origin> {
    let short = texts
        .iter()
        .take(MOST_ORIGINS)
        .filter(|text| text.len() <= LONGEST_ORIGIN);
    short.filter_map(|text| Origin::parse(text).ok())
}

/// Compares the origins that a plugin needs with those it is granted.
fn check_origins(origins: &[String], grant: &Grant, clean: impl Fn(&str) -> String) -> Result<(), Issue> {
    if origins.len() > MOST_ORIGINS {
        return Err(Issue::general(format_args!(
            "the plugin needs {} origins for this configuration, and {MOST_ORIGINS} are allowed; ask for less in \
             `config`, or report it to the plugin's author",
            origins.len()
        )));
    }
    let is_granted = |text: &&String| {
        text.len() <= LONGEST_ORIGIN && Origin::parse(text).is_ok_and(|origin| grant.contains(&origin))
    };
    let missing: Vec<&String> = origins.iter().filter(|text| !is_granted(text)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let missing = first(&missing, |text| {
        Issue::general(format_args!("\"{}\"", clean(text)))
    });
    let missing: Vec<String> = missing.iter().map(Issue::to_string).collect();
    Err(Issue::general(format_args!(
        "allow: this configuration also needs {}; add to `allow` what you trust",
        missing.join(", ")
    )))
}

/// The first of what a plugin says, and how many more there are.
fn first<T>(items: &[T], issue: impl Fn(&T) -> Issue) -> Vec<Issue> {
    let mut issues: Vec<Issue> = items.iter().take(MOST_SENTENCES).map(issue).collect();
    if items.len() > MOST_SENTENCES {
        issues.push(Issue::general(format_args!(
            "and {} more",
            items.len() - MOST_SENTENCES
        )));
    }
    issues
}

/// The beginning of a text that is too long for a sentence.
fn shortened(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(LONGEST_SENTENCE) {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issue(message: String) -> Issue {
        Issue {
            pointer: Some("/key".to_owned()),
            message,
        }
    }

    fn needing(origins: Vec<String>) -> Validation {
        let plan = raw::Plan {
            origins,
            warnings: vec![issue("look out".to_owned())],
        };
        judge(Ok(plan), &Grant::default(), &Redactor::default())
    }

    #[test]
    fn no_part_of_a_secret_is_left_where_a_sentence_is_cut() {
        let redactor = Redactor::new(["s3cret-value".to_owned()]);
        for before in LONGEST_SENTENCE - 12..=LONGEST_SENTENCE {
            let message = format!("{}s3cret-value", "x".repeat(before));
            let problems = judge(Err(vec![issue(message)]), &Grant::default(), &redactor).problems;
            assert!(!problems[0].message.contains("s3"), "{before}: {}", problems[0]);
        }
    }

    #[test]
    fn much_is_counted_and_not_shown() {
        let issues: Vec<Issue> = (0..5_000).map(|_| issue("wrong".repeat(1_000))).collect();
        let problems = judge(Err(issues), &Grant::default(), &Redactor::default()).problems;
        assert_eq!(problems.len(), MOST_SENTENCES + 1);
        assert_eq!(problems[MOST_SENTENCES].message, "and 4980 more");
        let shown: usize = problems.iter().map(|problem| problem.message.len()).sum();
        assert!(shown < 15_000);
    }

    #[test]
    fn origins_that_are_not_granted_too_many_or_too_long_stop_the_source() {
        let accepted = needing(Vec::new());
        assert_eq!((accepted.problems.len(), accepted.warnings.len()), (0, 1));
        let origin = |number: usize| format!("https://host-{number}.example");
        let problem = |origins: Vec<String>| {
            let Validation {
                problems, warnings, ..
            } = needing(origins);
            assert_eq!(
                warnings[0].to_string(),
                "config.key: look out",
                "said all the same"
            );
            problems[0].to_string()
        };
        assert!(problem(vec![origin(7)]).contains("\"https://host-7.example\""));
        assert!(problem((0..=MOST_ORIGINS).map(origin).collect()).contains("1001 origins"));
        let long = format!("https://{}.example", "x".repeat(100_000));
        assert!(problem(vec![long]).len() < 1_000);
    }
}
