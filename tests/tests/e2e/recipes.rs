//! The files in `docs/recipes` that others read, read by them.
//!
//! `.ci/run` installs the programs; `cargo xtask test` runs these tests where they are.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::artifacts;
use crate::site::Site;

#[test]
fn the_rule_for_sentinel_takes_what_records_have_and_its_function_reads_what_the_rule_keeps() {
    let folder = artifacts::workspace().join("docs/recipes/sentinel");
    let read = |name: &str| fs::read_to_string(folder.join(name)).expect("the recipe has it");
    let rule: serde_json::Value = serde_json::from_str(&read("rule.json")).expect("the rule is JSON");
    let columns = &rule["properties"]["streamDeclarations"]["Custom-HeadwaterActivity"]["columns"];
    let columns = columns.as_array().expect("a list of columns");
    let kind = |name: &str| {
        let column = columns.iter().find(|column| column["name"] == name);
        column.and_then(|column| column["type"].as_str())
    };
    // Every member of the usual records has a column of its own kind.
    for record in [
        "administrative-role-assignment-succeeded",
        "administrative-list-keys",
        "security-alert-high",
    ] {
        let path = artifacts::workspace().join(format!("fixtures/events/{record}.json"));
        let record = fs::read_to_string(path).expect("the fixture is there");
        let record: serde_json::Value = serde_json::from_str(&record).expect("it is JSON");
        for (name, value) in record.as_object().expect("an object") {
            let expected = match value {
                serde_json::Value::Null => continue,
                serde_json::Value::Object(_) => "dynamic",
                _ if name.ends_with("Timestamp") => "datetime",
                _ => "string",
            };
            let is_left_out = ["channels", "relatedEvents"].contains(&name.as_str());
            assert!(
                is_left_out || kind(name) == Some(expected),
                "{name}: {:?}",
                kind(name)
            );
        }
    }
    // The transformation reads columns that are declared, and the function reads those that it makes.
    let transformation = rule["properties"]["dataFlows"][0]["transformKql"]
        .as_str()
        .expect("a text");
    let (_, made) = transformation.split_once("project ").expect("it projects");
    let mut kept = Vec::new();
    for (name, from) in made.split(", ").filter_map(|part| part.split_once(" = ")) {
        kept.push(name);
        let from = from.trim_start_matches("coalesce(").trim_end_matches(')');
        assert!(kind(from).is_some(), "{from}");
    }
    let function = read("HeadwaterAzureActivity.kql");
    for name in &kept {
        assert!(
            function.contains(name) || ["EventName", "ResourceType", "Description"].contains(name),
            "{name} is not read"
        );
    }
    let calls = ["word(", "shown(", "tostring(", "tolower("];
    for call in calls.iter().flat_map(|call| function.split(call).skip(1)) {
        let name: String = call.chars().take_while(char::is_ascii_alphanumeric).collect();
        let is_parameter = ["label", "StatusWord"].contains(&name.as_str());
        assert!(
            is_parameter || kept.contains(&name.as_str()),
            "{name} is not a column"
        );
    }
}

#[test]
fn the_configuration_in_the_manifest_is_accepted() {
    let manifest = fs::read_to_string(recipe("kubernetes.yaml")).expect("the recipe is there");
    let (_, rest) = manifest
        .split_once("  headwater.toml: |\n")
        .expect("it holds a configuration");
    let lines = rest
        .lines()
        .take_while(|line| line.is_empty() || line.starts_with("    "));
    let configuration: String = lines.map(|line| format!("{}\n", line.trim_start())).collect();
    let site = Site::new(&[]);
    site.write("headwater.toml", &configuration);
    // Reads the whole configuration; the state file is on the volume.
    site.run(&["state", "list"]).says("there is no state file");
}

#[test]
#[ignore = "needs systemd-analyze"]
fn a_service_is_correct_and_confined() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let unit = fs::read_to_string(recipe("headwater.service")).expect("the recipe is there");
    let host = artifacts::host().display().to_string();
    // It must be there to be correct.
    let unit = unit.replace("/usr/local/bin/headwater", &host);
    let file = folder.path().join("headwater.service");
    fs::write(&file, unit).expect("the folder can be written");
    let analyze = |arguments: &[&str]| {
        let output = Command::new("systemd-analyze")
            .args(arguments)
            .arg(&file)
            .output();
        succeeded(output.expect("systemd-analyze starts"))
    };
    assert_eq!(analyze(&["verify", "--man=no"]), "");
    analyze(&["security", "--offline=true", "--threshold=20"]);
}

#[test]
#[ignore = "needs actionlint"]
fn the_workflows_have_nothing_that_actionlint_warns_of() {
    let mut command = Command::new(artifacts::target().join("recipes/bin/actionlint"));
    let output = command.current_dir(artifacts::workspace()).output();
    assert_eq!(succeeded(output.expect("actionlint starts")), "");
}

#[test]
#[ignore = "needs kubernetes-validate"]
fn a_manifest_fits_the_schemas_of_kubernetes() {
    let mut command = Command::new(artifacts::target().join("recipes/bin/kubernetes-validate"));
    let output = command.arg("--strict").arg(recipe("kubernetes.yaml")).output();
    let text = succeeded(output.expect("kubernetes-validate starts"));
    assert_eq!(text.matches("passed for resource").count(), 4, "{text}");
}

fn recipe(name: &str) -> PathBuf {
    artifacts::workspace().join(Path::new("docs/recipes")).join(name)
}

/// What a program printed that was content.
#[track_caller]
fn succeeded(output: Output) -> String {
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(output.status.success(), "{text}");
    text
}
