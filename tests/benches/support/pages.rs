//! Pages to measure with.

use std::fs;
use std::path::{Path, PathBuf};

use azure_activity::json::minify;

/// How many records a page has.
pub const RECORDS: usize = 1_000;

/// A page of role assignments of 2.9 KB each, one line, as the API sends them: two records of each operation, one after
/// the other, and ten operations of each caller.
pub fn role_assignments() -> Vec<u8> {
    let record = read(&fixtures().join("bench/role-assignment.json"));
    page((0..RECORDS).map(|number| {
        record
            .trim_end()
            .replace("EVENT-DATA-ID", &identity(number))
            .replace("OPERATION", &format!("{:08x}", number / 2))
            .replace("CALLER", &format!("{:08x}", number / 20))
    }))
}

/// A page of every record in `fixtures/events`, again and again, on one line each with its members in their order. Every
/// repetition has an identity of its own, without which the component would leave it out.
pub fn mixed() -> Vec<u8> {
    let mut files: Vec<_> = fs::read_dir(fixtures().join("events"))
        .expect("the fixtures are beside the crate")
        .map(|entry| entry.expect("a readable directory").path())
        .collect();
    files.sort();
    let records: Vec<String> = files.iter().map(|file| one_line(&read(file))).collect();
    page((0..RECORDS).map(|number| {
        let record = &records[number % records.len()];
        // Of two members of one name the last counts.
        let rest = record.strip_suffix('}').expect("records are objects");
        format!(r#"{rest},"eventDataId":"{}"}}"#, identity(number))
    }))
}

fn one_line(record: &str) -> String {
    let line = minify(record.as_bytes()).expect("fixtures are JSON");
    String::from_utf8(line).expect("fixtures are text")
}

fn identity(number: usize) -> String {
    format!("{number:08x}-0000-4000-8000-00000000e7e7")
}

fn page(records: impl Iterator<Item = String>) -> Vec<u8> {
    format!("{{\"value\":[{}]}}", records.collect::<Vec<_>>().join(",")).into_bytes()
}

/// Beside the packages above the one that measures: not all lie equally deep.
fn fixtures() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package
        .ancestors()
        .map(|folder| folder.join("fixtures"))
        .find(|folder| folder.is_dir())
        .expect("the fixtures are in the repository")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
