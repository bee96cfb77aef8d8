//! `docs/errors.md` and the source's part of `docs/configuration.md` against the code: no code or key without a row, no
//! row without a code or key, and what the rows say is what the source says.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use azure_activity::contract::Fault;
use azure_activity::describe;
use azure_activity::fault::entra::{self, Refusal};
use azure_activity::fault::{Failure, arm, transport};
use azure_activity::http::{Response, TransportError};
use serde_json::{Value, json};

/// What codes of errors begin with.
const AREAS: [&str; 5] = ["azure.", "config.", "cursor.", "entra.", "network."];

#[test]
fn every_code_has_a_row_and_every_row_a_code() {
    let documented: BTreeSet<String> = rows("errors.md")
        .into_iter()
        .map(|row| row.code)
        .filter(|code| !code.starts_with("host.") && !code.starts_with("plugin."))
        .collect();
    let mut written = BTreeSet::new();
    collect_codes(&folder("plugin/src"), &mut written);
    collect_codes(&folder("sdk/src/entra"), &mut written);
    assert_eq!(documented, written);
}

#[test]
fn every_answer_of_azure_means_what_its_row_says() {
    let mut answers = 0;
    for row in rows("errors.md") {
        let Some((answer, message)) = row.when.split_once(": ") else {
            continue;
        };
        for failure in failures(&row.code, answer) {
            answers += 1;
            let error = failure.error;
            assert_eq!(error.code, row.code, "{answer}");
            assert_eq!(name(error.fault), row.fault, "{answer}");
            assert!(error.message.starts_with(message), "{answer}: {}", error.message);
            assert_eq!(error.hint.as_deref().unwrap_or("–"), row.hint, "{answer}");
        }
    }
    assert!(answers > 40, "only {answers} rows name an answer");
}

#[test]
fn every_failure_on_the_way_means_what_its_row_says() {
    let rows = rows("errors.md");
    for error in [
        TransportError::Denied(String::new()),
        TransportError::Dns,
        TransportError::Connect,
        TransportError::Tls,
        TransportError::Timeout,
        TransportError::TooLarge,
        TransportError::Incomplete,
        TransportError::Other(String::new()),
    ] {
        let failure = transport::failure(&error, "https://login.microsoftonline.com").error;
        let row = rows.iter().find(|row| row.code == failure.code);
        let row = row.unwrap_or_else(|| panic!("no row for {}", failure.code));
        assert_eq!(name(failure.fault), row.fault, "{}", failure.code);
        assert_eq!(failure.hint.as_deref(), Some(&*row.hint), "{}", failure.code);
    }
}

#[test]
fn every_key_of_the_schema_has_a_row_with_its_default() {
    let page = page("configuration.md");
    let (_, section) = page
        .split_once("### `[source.config]` of `azure-activity`")
        .expect("the section");
    let section = section.split("\n## ").next().unwrap_or_default();
    let documented: BTreeSet<(String, String)> = section
        .lines()
        .filter_map(|line| {
            let cells = cells(line)?;
            Some((plain(cells.first()?), plain(cells.get(2)?)))
        })
        .collect();
    let schema: Value = serde_json::from_str(&describe::manifest().config_schema).expect("it is JSON");
    let properties = schema["properties"].as_object().expect("it describes an object");
    let described: BTreeSet<(String, String)> = properties
        .iter()
        .map(|(key, property)| (key.clone(), default(property)))
        .collect();
    assert_eq!(documented, described);
}

/// A row of a table of codes.
struct Row {
    code: String,
    when: String,
    fault: String,
    hint: String,
}

fn rows(name: &str) -> Vec<Row> {
    let page = page(name);
    let row = |line: &str| match &cells(line)?[..] {
        [code, when, fault, hint] => Some(Row {
            code: plain(code),
            when: when.clone(),
            fault: fault.clone(),
            // What stands in brackets behind a dash is the page's own remark.
            hint: if hint.starts_with("– (") { "–" } else { hint }.to_owned(),
        }),
        _ => None,
    };
    page.lines().filter_map(row).collect()
}

/// The cells of a row that begins with a word in code marks.
fn cells(line: &str) -> Option<Vec<String>> {
    let row = line.strip_prefix("| ")?.strip_suffix(" |")?;
    row.starts_with('`')
        .then(|| row.split(" | ").map(str::to_owned).collect())
}

fn plain(cell: &str) -> String {
    cell.replace('`', "")
}

/// A default as the page writes it: text without quotes, and a dash where there is none.
fn default(property: &Value) -> String {
    match &property["default"] {
        Value::Null => "–".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What the source makes of answers that a row names: `404`, `404 SubscriptionNotFound`, `AADSTS70001, AADSTS70002`,
/// `400 invalid_client`.
fn failures(code: &str, answer: &str) -> Vec<Failure> {
    if answer.starts_with("AADSTS") {
        let numbers = answer
            .split(", ")
            .filter_map(|number| number.strip_prefix("AADSTS"));
        return numbers
            .map(|number| {
                let number = number.parse().expect("a number");
                refused(400, "invalid_client", number)
            })
            .collect();
    }
    let (status, word) = answer.split_once(' ').unwrap_or((answer, ""));
    let Ok(status) = status.parse() else {
        return Vec::new();
    };
    if code.starts_with("entra.") {
        return vec![refused(status, word, 0)];
    }
    let body = json!({ "error": { "code": word, "message": "x" } }).to_string();
    let response = Response {
        status,
        headers: Vec::new(),
        body: body.into_bytes(),
    };
    vec![arm::failure(&response, 0)]
}

fn refused(status: u16, word: &str, number: u32) -> Failure {
    entra::failure(&Refusal {
        status,
        word: word.to_owned(),
        number,
        trace: String::new(),
    })
}

fn name(fault: Fault) -> &'static str {
    match fault {
        Fault::Retry => "retry",
        Fault::Denied => "denied",
        Fault::InvalidConfig => "invalid-config",
        Fault::InvalidCursor => "invalid-cursor",
        Fault::Broken => "broken",
    }
}

/// Every text in the code that is a code of an error.
fn collect_codes(folder: &Path, codes: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("the sources are there") {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            collect_codes(&path, codes);
            continue;
        }
        let text = fs::read_to_string(&path).expect("sources are text");
        let of_code = |byte: u8| byte.is_ascii_lowercase() || byte == b'_' || byte == b'.';
        codes.extend(
            text.split('"')
                .filter(|part| {
                    AREAS.iter().any(|area| part.starts_with(area))
                        && part.bytes().all(of_code)
                        && !part.ends_with('.')
                        // Names of attributes have more words.
                        && part.matches('.').count() == 1
                })
                .map(str::to_owned),
        );
    }
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

fn page(name: &str) -> String {
    fs::read_to_string(folder("docs").join(name)).expect("the page is there")
}
