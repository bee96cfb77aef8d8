//! What the component is and what it needs from a host: locked, so that a dependency cannot drag in an interface unseen.

use crate::artifacts;
use crate::site::{finish, headwater};

/// The contract promises a small file (issue 2).
const LARGEST_COMPONENT: u64 = 640_000;

#[test]
fn imports_and_exports_are_the_stable_interfaces_of_the_contract() {
    let described = describe(artifacts::azure_activity());
    let interfaces: Vec<&str> = described
        .split_whitespace()
        .filter(|word| word.starts_with("wasi:") || word.starts_with("headwater:"))
        .collect();
    insta::assert_snapshot!(interfaces.join("\n"));
}

#[test]
fn every_key_of_the_configuration_is_described() {
    let described = describe(artifacts::azure_activity());
    for key in [
        "tenant_id",
        "client_id",
        "client_secret",
        "subscription_id",
        "lookback",
        "severity",
        "drop",
    ] {
        assert!(described.contains(key), "{key} is missing in:\n{described}");
    }
}

#[test]
fn the_component_is_under_640_kilobytes() {
    let size = std::fs::metadata(artifacts::azure_activity())
        .expect("it was built")
        .len();
    assert!(size < LARGEST_COMPONENT, "{size} bytes");
}

#[test]
fn the_components_hold_no_path_of_the_machine_that_built_them() {
    let workspace = env!("CARGO_MANIFEST_DIR").trim_end_matches("tests");
    for component in [
        artifacts::azure_activity(),
        artifacts::azure_activity_with_certificate(),
    ] {
        let bytes = std::fs::read(component).expect("it was built");
        let text = String::from_utf8_lossy(&bytes);
        for path in [workspace, "registry/src"] {
            assert!(!text.contains(path), "{} holds {path}", component.display());
        }
    }
}

fn describe(component: &std::path::Path) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let child = headwater(folder.path())
        .arg("describe")
        .arg(component)
        .spawn()
        .expect("headwater starts");
    let finished = finish(child);
    finished.exits_with(0);
    finished.stdout
}
