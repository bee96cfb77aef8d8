//! What the pages say of the code: each threat has its tests, each number its constant.

use std::collections::BTreeSet;

use crate::artifacts::workspace;
use crate::documentation::{read, rust_files};

#[test]
fn every_threat_names_tests_that_exist_and_run() {
    let page = read(&workspace().join("docs/security.md"));
    let threats = page.split("## Threats").nth(1).expect("it lists threats");
    let threats = threats.split("\n## ").next().unwrap_or_default();
    let code: Vec<String> = rust_files().iter().map(|file| read(file)).collect();
    let tests: BTreeSet<&str> = code.iter().flat_map(|text| tests_in(text)).collect();
    let rows = threats.lines().filter(|line| line.starts_with('|')).skip(2);
    let mut found = 0;
    for row in rows {
        found += 1;
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [threat, _, named] = cells.as_slice() else {
            panic!("not three cells: {row}")
        };
        for test in named.split(", ") {
            let name = test.strip_prefix('`').and_then(|test| test.strip_suffix('`'));
            let name = name.unwrap_or_else(|| panic!("{threat}: {test:?} is not the name of a test"));
            assert!(
                tests.contains(name),
                "{threat}: no test that runs is named {name}"
            );
        }
    }
    assert!(found > 30, "only {found} threats were found");
}

/// The functions of a file that are tests and are not left out.
fn tests_in(text: &str) -> BTreeSet<&str> {
    let mut attributes = Vec::new();
    let mut found = BTreeSet::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[") {
            attributes.push(line);
            continue;
        }
        let is_test = attributes
            .iter()
            .any(|attribute| attribute.starts_with("#[test]") || attribute.starts_with("#[tokio::test"));
        let is_left_out = attributes
            .iter()
            .any(|attribute| attribute.starts_with("#[ignore"));
        if let Some((_, rest)) = line.split_once("fn ")
            && is_test
            && !is_left_out
        {
            found.extend(rest.split('(').next());
        }
        // Comments may stand between the attributes and the function.
        if !line.starts_with("//") {
            attributes.clear();
        }
    }
    found
}

#[test]
fn a_test_is_told_by_its_attributes() {
    let text = "#[test]\nfn one() {}\n#[cfg(unix)]\n#[tokio::test(start_paused = true)]\n// Why.\nasync fn two() {}\n\
                fn three() {}\n#[test]\n#[ignore = \"slow\"]\nfn four() {}\n#[cfg(test)]\nfn five() {}\n";
    assert_eq!(tests_in(text).into_iter().collect::<Vec<_>>(), ["one", "two"]);
}

/// What the section about memory says, and the constants that it says it of.
const MEMORY: [(&str, &str, &str); 42] = [
    (
        "src/reading/source_task.rs",
        "SOURCE_POLLS_AT_ONCE: usize = 8;",
        "8 × sources, 256",
    ),
    ("src/work/fair_slots.rs", "MOST: usize = 8;", "8 × sources, 256"),
    (
        "src/plugin/engine.rs",
        "COMPONENTS_AT_ONCE: usize = 256;",
        "8 × sources, 256",
    ),
    (
        "src/model/limits.rs",
        "TRANSFER_BYTES: u64 = 64 << 20;",
        "what it returns (`limits.memory`, at most 64 MiB)",
    ),
    (
        "src/model/limits.rs",
        "SEARCH_BYTES: u64 = 4 << 20;",
        "4 MiB to search that for secrets",
    ),
    (
        "src/model/limits.rs",
        "ANSWER_BYTES: u64 = 16 * (640 << 10);",
        "10 MiB for answers that it has not read yet (16 requests at once, 640 KiB each)",
    ),
    (
        "src/model/limits.rs",
        "DEFAULT_MEMORY: u64 = 64 << 20;",
        "with the default limits 158 MiB",
    ),
    (
        "src/model/limits.rs",
        "DEFAULT_HOST_MEMORY: u64 = 16 << 20;",
        "with the default limits 158 MiB",
    ),
    (
        "src/plugin/engine.rs",
        "KEPT_MEMORY: usize = 12 << 20;",
        "| 12 MiB (1 MiB before",
    ),
    (
        "src/plugin/engine.rs",
        "KEPT_UNSEEN: usize = 1 << 20;",
        "| 12 MiB (1 MiB before",
    ),
    (
        "src/plugin/engine.rs",
        "IDLE_INSTANCES: u32 = 32;",
        "and for 32 more",
    ),
    (
        "src/egress/connections.rs",
        "MOST_CONNECTIONS: u64 = 8_192;",
        "never more than 800 MiB",
    ),
    (
        "src/egress/connections.rs",
        "IDLE_BYTES: u64 = 100 << 10;",
        "never more than 800 MiB",
    ),
    (
        "src/host/mod.rs",
        "CONNECTIONS_PART: u64 = 4;",
        "a quarter of `[limits] memory`",
    ),
    (
        "src/egress/http_client.rs",
        "HEAD_BUFFER: usize = 128 << 10;",
        "640 KiB each",
    ),
    (
        "src/egress/http_client.rs",
        "CONNECTION_WINDOW: u32 = 512 << 10;",
        "640 KiB each",
    ),
    (
        "src/egress/hooks.rs",
        "REQUESTS_AT_ONCE: usize = 16;",
        "(16 for a call)",
    ),
    (
        "src/egress/lookup.rs",
        "LOOKUPS_PER_SOURCE: usize = 4;",
        "(4 for a source, a sink, a proxy or a registry; 256 in all)",
    ),
    (
        "src/egress/lookup.rs",
        "LOOKUPS_AT_ONCE: usize = 256;",
        "(4 for a source, a sink, a proxy or a registry; 256 in all)",
    ),
    (
        "src/egress/lookup.rs",
        "STACK_BYTES: usize = 256 << 10;",
        "256 in all) | 256 KiB |",
    ),
    (
        "src/cursor/budget.rs",
        "KEPT_IN_MEMORY: usize = 16 << 10;",
        "100 partitions of 26 KiB with their cursors",
    ),
    (
        "src/component/partition_pool.rs",
        "PARTITION_BYTES: usize = 26 << 10;",
        "100 partitions of 26 KiB with their cursors",
    ),
    (
        "src/component/partition_pool.rs",
        "TEXT_BYTES: usize = 4 << 10;",
        "attributes and other texts take more than 4 KiB",
    ),
    (
        "src/component/partition_pool.rs",
        "OWN: usize = 100;",
        "100 partitions of 26 KiB with their cursors",
    ),
    (
        "src/component/partition_pool.rs",
        "SHARED: usize = 20_000;",
        "520 MiB: 20,000",
    ),
    (
        "src/sink/encoding/mod.rs",
        "LARGEST_REQUEST: usize = 8 << 20;",
        "8 MiB of events",
    ),
    (
        "src/sink/exchange.rs",
        "LONGEST_RESPONSE: usize = 4 << 20;",
        "4 MiB of its answer",
    ),
    (
        "src/monitor/mod.rs",
        "LARGEST_PAGE: usize = 64 << 20;",
        "two pages of 64 MiB",
    ),
    (
        "src/cursor/state_file/file.rs",
        "CACHE_BYTES: usize = 8 << 20;",
        "4 MiB that wait to be written; 8 MiB",
    ),
    (
        "src/file/small_file.rs",
        "PLUGIN: Self = Self::new(256 << 20, 60);",
        "while it is being read | 256 MiB, and twice its native code |",
    ),
    (
        "src/reading/batch_memory.rs",
        "OWN_KIB: u32 = 16 << 10;",
        "16 MiB for each source + 384 MiB",
    ),
    (
        "src/reading/batch_memory.rs",
        "SHARED_KIB: u32 = 256 << 10;",
        "16 MiB for each source + 384 MiB",
    ),
    (
        "src/reading/batch_memory.rs",
        "WAITING_KIB: u32 = 128 << 10;",
        "16 MiB for each source + 384 MiB",
    ),
    (
        "cli/src/run/source_run.rs",
        "DELIVERIES_AT_ONCE: usize = 8;",
        "each request to a receiver (8 for a source)",
    ),
    (
        "src/egress/substitute.rs",
        "LARGEST_BODY: usize = 256 << 10;",
        "(16 for a call) | 768 KiB |",
    ),
    (
        "src/component/session.rs",
        "LARGEST_SESSION: usize = 64 << 10;",
        "4 MiB: its session with what searches for it",
    ),
    (
        "src/monitor/mod.rs",
        "LARGEST_HEALTH: usize = 4 << 20;",
        "4 MiB for `/healthz`",
    ),
    (
        "cli/src/stderr.rs",
        "MOST_BYTES: usize = 4 << 20;",
        "4 MiB that wait to be written",
    ),
    (
        "src/reading/observer.rs",
        "MOST_BYTES: usize = 64 << 20;",
        "what the monitor has not been told yet | 64 MiB |",
    ),
    (
        "src/file/last_line.rs",
        "LONGEST_PARSED: u64 = 64 << 20;",
        "if a crash cut it off, at most 64 MiB |",
    ),
    (
        "src/secret/helper_run.rs",
        "LARGEST_ANSWER: u64 = 16 << 20;",
        "while it answers | 64 MiB |",
    ),
    (
        "src/file/small_file.rs",
        "CONFIGURATION: Self = Self::new(16 << 20, 10);",
        "none has more than 16 MiB",
    ),
];

#[test]
fn the_numbers_of_the_memory_formula_are_those_of_the_code() {
    let page = read(&workspace().join("docs/host.md"));
    let section = page.split("\n## Memory\n").nth(1).expect("it has the formula");
    let section = section.split("\n## ").next().unwrap_or_default();
    // Lines end anywhere.
    let section = section.split_whitespace().collect::<Vec<_>>().join(" ");
    for (file, constant, words) in MEMORY {
        let code = read(&workspace().join("host").join(file));
        assert!(
            code.contains(&format!("const {constant}")),
            "{file} has no `{constant}`; is {words:?} still right?"
        );
        assert!(section.contains(words), "{words:?} is not in the formula");
    }
}
