//! What the questions are asked of, the demonstration's hour and the fixtures; and the questions.

#[path = "query.rs"]
pub mod query;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use azure_activity::event::{Normalizer, Outcome, Settings};
use azure_activity::format::Format;
use azure_activity::record::Record;
use chrono::{DateTime, Utc};
use fake_azure::scenario::demo;
use serde_json::Value;

/// A file of the project.
pub fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The events of all of them in a format, each record once.
pub fn documents(format: Format) -> Vec<Value> {
    let end: DateTime<Utc> = "2026-05-04T11:00:00Z".parse().expect("an instant");
    let mut records: Vec<String> = demo::events(end, 1)
        .into_iter()
        .map(|(_, event)| event.text().into_owned())
        .collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/events");
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("the fixtures are there")
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    files.sort();
    records.extend(
        files
            .iter()
            .map(|path| fs::read_to_string(path).expect("a readable file")),
    );
    let mut normalizer = Normalizer::new(Settings {
        format,
        ..Settings::default()
    });
    let event = |record: &String| match normalizer.apply(&Record::read(record.as_bytes())) {
        Outcome::Event(event) => serde_json::from_str(&event.body).expect("bodies are JSON"),
        other => panic!("{other:?}"),
    };
    records.iter().map(event).collect()
}

/// A question, and its queries by the name of their language.
pub struct Question {
    /// Its title.
    pub title: String,
    /// By the name of their language.
    pub queries: BTreeMap<String, String>,
}

/// The questions of the page.
pub fn questions() -> Vec<Question> {
    let page = file("docs/detections.md");
    let (_, ten) = page.split_once("## Ten questions").expect("the page has them");
    let (ten, _) = ten.split_once("\n## ").expect("something follows");
    let question = |section: &str| {
        let (title, rest) = section.split_once('\n').expect("a title");
        let mut queries = BTreeMap::new();
        for block in rest.split("\n```").collect::<Vec<_>>().chunks(2) {
            if let [_, block] = block {
                let (language, text) = block.split_once('\n').expect("a language");
                queries.insert(language.to_owned(), text.trim().to_owned());
            }
        }
        Question {
            title: title.to_owned(),
            queries,
        }
    };
    ten.split("\n### ").skip(1).map(question).collect()
}
