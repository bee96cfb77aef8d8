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

/// A page of records of some 2.9 KB in which no two neighbours are alike: each has a caller, an address, a resource and an
/// operation of its own, as a busy tenant shows them. Forty operations take turns; `page` gives the records of each page
/// their identities, and moves the callers on.
pub fn varied(page: usize) -> Vec<u8> {
    let record = read(&fixtures().join("bench/role-assignment.json"));
    let record = record.trim_end();
    self::page((0..RECORDS).map(|number| {
        let number = page * RECORDS + number;
        record
            .replace(
                "Microsoft.Authorization/roleAssignments/write",
                &operation(number % 40),
            )
            .replace(
                "ada@contoso.com",
                &format!("user-{:04}@contoso.com", number % 9_973),
            )
            .replace("Ada Okafor", &format!("User {:04}", number % 9_973))
            .replace(
                "198.51.100.7",
                &format!("198.51.{}.{}", number / 251 % 100, number % 251),
            )
            .replace("EVENT-DATA-ID", &identity(number))
            .replace(
                "OPERATION",
                &format!("{:08x}", number.wrapping_mul(0x9e37) & 0xffff_ffff),
            )
            .replace("CALLER", &format!("{:08x}", number % 9_973))
    }))
}

/// One of forty operations, rated and unrated ones.
fn operation(number: usize) -> String {
    const KINDS: [&str; 10] = [
        "Microsoft.Compute/virtualMachines",
        "Microsoft.Storage/storageAccounts",
        "Microsoft.Network/networkSecurityGroups/securityRules",
        "Microsoft.KeyVault/vaults",
        "Microsoft.Web/sites",
        "Microsoft.Sql/servers/databases",
        "Microsoft.Authorization/roleAssignments",
        "Microsoft.Resources/deployments",
        "Microsoft.Insights/diagnosticSettings",
        "Microsoft.ContainerService/managedClusters",
    ];
    const VERBS: [&str; 4] = ["write", "delete", "restart/action", "listKeys/action"];
    format!("{}/{}", KINDS[number % 10], VERBS[number / 10])
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
