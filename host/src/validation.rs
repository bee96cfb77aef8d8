//! What a plugin thinks of its configuration, made fit for people. How much it says is its own choice, so this is done away
//! from the workers.

use crate::bindings::exports::headwater::source::source::{Issue, Plan};
use crate::egress::{Grant, Origin};
use crate::redact::Redactor;

/// What is shown of a plugin's issues, warnings and origins, and of each in letters.
const MOST_SENTENCES: usize = 20;
const LONGEST_SENTENCE: usize = 500;
/// Origins that a configuration may need.
const MOST_ORIGINS: usize = 1_000;
/// Longer texts are no origins: a scheme, a name of 253 letters, a port.
const LONGEST_ORIGIN: usize = 300;

/// What is to be said of a configuration. Each is a sentence.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Why the source cannot be started.
    pub(crate) problems: Vec<String>,
    /// What the plugin warns of, also where there are problems.
    pub(crate) warnings: Vec<String>,
}

/// Judges what a plugin said, and compares what it needs with what it is granted.
pub(crate) fn judge(said: Result<Plan, Vec<Issue>>, grant: &Grant, redactor: &Redactor) -> Verdict {
    // A cut could leave a part of a secret, so secrets are looked for before it.
    let clean = |text: &str| shortened(redactor.clean(text));
    let sentence = |issue: &Issue| {
        format!(
            "config{}: {}",
            dotted(&clean(&issue.pointer)),
            clean(&issue.message)
        )
    };
    let plan = match said {
        Ok(plan) => plan,
        Err(issues) => {
            return Verdict {
                problems: first(&issues, sentence),
                warnings: Vec::new(),
            };
        }
    };
    let warnings = first(&plan.warnings, sentence);
    let problems = match check_origins(&plan.origins, grant, clean) {
        Ok(()) => Vec::new(),
        Err(problem) => vec![problem],
    };
    Verdict { problems, warnings }
}

/// Compares the origins that a plugin needs with those it is granted.
fn check_origins(origins: &[String], grant: &Grant, clean: impl Fn(&str) -> String) -> Result<(), String> {
    if origins.len() > MOST_ORIGINS {
        return Err(format!(
            "the plugin needs {} origins for this configuration, and {MOST_ORIGINS} are allowed; ask for less in \
             `config`, or report it to the plugin's author",
            origins.len()
        ));
    }
    let is_granted = |text: &&String| {
        text.len() <= LONGEST_ORIGIN && Origin::parse(text).is_ok_and(|origin| grant.contains(&origin))
    };
    let missing: Vec<&String> = origins.iter().filter(|text| !is_granted(text)).collect();
    if !missing.is_empty() {
        let missing = first(&missing, |text| format!("\"{}\"", clean(text)));
        return Err(format!(
            "allow: this configuration also needs {}; add to `allow` what you trust",
            missing.join(", ")
        ));
    }
    Ok(())
}

/// The first of what a plugin says, and how many more there are.
fn first<T>(items: &[T], sentence: impl Fn(&T) -> String) -> Vec<String> {
    let mut sentences: Vec<String> = items.iter().take(MOST_SENTENCES).map(sentence).collect();
    if items.len() > MOST_SENTENCES {
        sentences.push(format!("and {} more", items.len() - MOST_SENTENCES));
    }
    sentences
}

/// The beginning of a text that is too long for a sentence.
fn shortened(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(LONGEST_SENTENCE) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// A JSON Pointer as people write keys: `/filter/resource_id` as `.filter.resource_id`.
fn dotted(pointer: &str) -> String {
    pointer.replace('/', ".").replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issue(message: String) -> Issue {
        Issue {
            pointer: "/key".to_owned(),
            message,
        }
    }

    fn needing(origins: Vec<String>) -> Verdict {
        let plan = Plan {
            origins,
            warnings: vec![issue("look out".to_owned())],
        };
        judge(Ok(plan), &Grant::default(), &Redactor::default())
    }

    #[test]
    fn pointers_read_like_keys() {
        for (pointer, key) in [
            ("", ""),
            ("/client_id", ".client_id"),
            ("/drop/0/a~1b", ".drop.0.a/b"),
        ] {
            assert_eq!(dotted(pointer), key);
        }
    }

    #[test]
    fn no_part_of_a_secret_is_left_where_a_sentence_is_cut() {
        let redactor = Redactor::new(["s3cret-value".to_owned()]);
        for before in LONGEST_SENTENCE - 12..=LONGEST_SENTENCE {
            let message = format!("{}s3cret-value", "x".repeat(before));
            let problems = judge(Err(vec![issue(message)]), &Grant::default(), &redactor).problems;
            assert!(!problems[0].contains("s3"), "{before}: {}", problems[0]);
        }
    }

    #[test]
    fn much_is_counted_and_not_shown() {
        let issues: Vec<Issue> = (0..5_000).map(|_| issue("wrong".repeat(1_000))).collect();
        let problems = judge(Err(issues), &Grant::default(), &Redactor::default()).problems;
        assert_eq!(problems.len(), MOST_SENTENCES + 1);
        assert_eq!(problems[MOST_SENTENCES], "and 4980 more");
        assert!(problems.concat().len() < 15_000);
    }

    #[test]
    fn origins_that_are_not_granted_too_many_or_too_long_stop_the_source() {
        let accepted = needing(Vec::new());
        assert_eq!((accepted.problems.len(), accepted.warnings.len()), (0, 1));
        let origin = |number: usize| format!("https://host-{number}.example");
        let problem = |origins: Vec<String>| {
            let Verdict { problems, warnings } = needing(origins);
            assert_eq!(warnings, ["config.key: look out"], "said all the same");
            problems.concat()
        };
        assert!(problem(vec![origin(7)]).contains("\"https://host-7.example\""));
        assert!(problem((0..=MOST_ORIGINS).map(origin).collect()).contains("1001 origins"));
        let long = format!("https://{}.example", "x".repeat(100_000));
        assert!(problem(vec![long]).len() < 1_000);
    }
}
