//! The ten questions of docs/detections.md, executed on the demonstration's hour and on the fixtures.

mod corpus;

use azure_activity::format::Format;
use serde_json::Value;

use corpus::query::{Language, Query};
use corpus::{Question, questions};

const LANGUAGES: [(&str, Language); 3] = [
    ("kql", Language::Kql),
    ("esql", Language::Esql),
    ("spl", Language::Spl),
];

/// What is told of a document.
fn told(document: &Value) -> String {
    let logs = &document["azure"]["activity_logs"];
    let part = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    [
        part(&logs["operation"]),
        part(&document["user"]["name"]),
        part(&logs["phase"]),
        part(&document["event"]["outcome"]),
    ]
    .join(" ")
}

#[test]
fn each_question_has_the_same_answer_in_every_language() {
    let documents = corpus::documents(Format::Ecs);
    let questions = questions();
    assert_eq!(questions.len(), 10);
    let mut answers = String::new();
    for Question { title, queries } in &questions {
        let answer = |language: &str, kind| {
            let text = queries
                .get(language)
                .unwrap_or_else(|| panic!("{title} has no {language}"));
            let query = Query::read(kind, text);
            let found = documents.iter().filter(|document| query.matches(document));
            found.collect::<Vec<_>>()
        };
        let found = LANGUAGES.map(|(name, language)| answer(name, language));
        for (other, (name, _)) in found.iter().zip(LANGUAGES) {
            assert_eq!(*other, found[0], "{title} in {name}");
        }
        assert!(
            !found[0].is_empty() && found[0].len() < documents.len() / 4,
            "{title}"
        );
        let mut lines: Vec<String> = found[0].iter().map(|document| told(document)).collect();
        lines.sort();
        lines.dedup();
        answers += &format!("{title}\n  {}\n", lines.join("\n  "));
    }
    insta::assert_snapshot!(answers);
}
