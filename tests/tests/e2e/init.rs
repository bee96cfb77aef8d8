//! `headwater init`: a first configuration without a terminal, and what it refuses.

use std::path::Path;

use fake_azure::scenario::example;

use crate::artifacts;
use crate::lab;
use crate::site::{Finished, finish, headwater};

const IDS: [&str; 6] = [
    "--set",
    "tenant_id=11111111-1111-1111-1111-111111111111",
    "--set",
    "client_id=22222222-2222-2222-2222-222222222222",
    "--set",
    "client_secret=env:LAB_SECRET",
];

fn init(folder: &Path, arguments: &[&str]) -> Finished {
    let mut command = headwater(folder);
    command
        .arg("init")
        .arg(artifacts::azure_activity())
        .args(arguments);
    finish(command.spawn().expect("headwater starts"))
}

#[test]
fn what_init_writes_is_valid_as_it_is() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let written = init(
        folder.path(),
        &[IDS.as_slice(), &["--set", "subscription_id=*"]].concat(),
    );
    written.exits_with(0).says("headwater check");
    let path = folder.path().join("headwater.toml");
    let text = std::fs::read_to_string(&path).expect("it was written");
    for line in [
        "allow = [\"https://login.microsoftonline.com\", \"https://management.azure.com\"]",
        "client_secret = { env = \"LAB_SECRET\" }",
        "subscription_id = \"*\"",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
    assert!(!text.contains(example::CLIENT_SECRET), "{text}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&path)
            .expect("it is there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let mut command = headwater(folder.path());
    command.arg("validate");
    finish(command.spawn().expect("headwater starts"))
        .exits_with(0)
        .says("tenant: ok");
}

#[test]
fn what_init_writes_reads_the_fake_azure() {
    let server = lab::serve(lab::with_events(5));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let endpoint = server.endpoint();
    let cloud = format!("cloud={{\"authority\": \"{endpoint}\", \"resource_manager\": \"{endpoint}\"}}");
    let (tenant, client) = (
        format!("tenant_id={}", example::TENANT),
        format!("client_id={}", example::CLIENT_ID),
    );
    let set = |pair: &str| ["--set".to_owned(), pair.to_owned()];
    let arguments: Vec<String> = [
        &tenant,
        &client,
        "client_secret=env:LAB_SECRET",
        "subscription_id=*",
        &cloud,
        "start=24h",
    ]
    .into_iter()
    .flat_map(set)
    .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    init(
        folder.path(),
        &[arguments.as_slice(), &["--name", "contoso"]].concat(),
    )
    .exits_with(0);
    let mut command = headwater(folder.path());
    command.args(["run", "--once"]);
    finish(command.spawn().expect("headwater starts")).exits_with(0);
    let events = std::fs::read_to_string(folder.path().join("contoso.ndjson")).expect("events came out");
    assert_eq!(events.lines().count(), lab::visible_ids(&server).len());
}

#[test]
fn an_existing_file_is_left_as_it_is() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("headwater.toml");
    std::fs::write(&path, "precious").expect("the folder can be written");
    init(folder.path(), &IDS)
        .exits_with(2)
        .says("exists already, and nothing was written");
    assert_eq!(std::fs::read_to_string(&path).expect("it is there"), "precious");
}

#[test]
fn without_a_terminal_every_key_that_is_missing_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    init(folder.path(), &[])
        .exits_with(2)
        .says("no terminal")
        .says("--set tenant_id=… --set client_id=… --set client_secret=… --set subscription_id=…");
    assert!(!folder.path().join("headwater.toml").exists());
}

#[test]
fn ids_that_are_no_ids_unknown_keys_and_secrets_themselves_are_refused_and_nothing_is_written() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let everything = [IDS.as_slice(), &["--set", "subscription_id=production"]].concat();
    init(folder.path(), &everything)
        .exits_with(2)
        .says("the plugin refuses")
        .says("subscription_id");
    init(folder.path(), &["--set", "subscription=*"])
        .exits_with(2)
        .says("no such key")
        .says("headwater describe");
    let refused = init(
        folder.path(),
        &["--set", "client_secret=hunter2-hunter2", "--set", "tenant_id=a"],
    );
    refused.exits_with(2);
    let everything = [
        &IDS[..4],
        &[
            "--set",
            "client_secret=hunter2-hunter2",
            "--set",
            "subscription_id=*",
        ],
    ]
    .concat();
    let refused = init(folder.path(), &everything);
    refused.exits_with(2).says("env:NAME");
    assert!(!refused.text().contains("hunter2"), "{refused:?}");
    init(folder.path(), &["--name", "a b"]).exits_with(2);
    assert!(!folder.path().join("headwater.toml").exists());
}

#[test]
fn the_only_plugin_of_a_directory_need_not_be_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = |folder: &Path| {
        let mut command = headwater(folder);
        command.arg("init").args(IDS).args(["--set", "subscription_id=*"]);
        finish(command.spawn().expect("headwater starts"))
    };
    run(folder.path()).exits_with(2).says("no .wasm file");
    let copy = |name: &str| {
        std::fs::copy(artifacts::azure_activity(), folder.path().join(name)).expect("it can be copied");
    };
    copy("one.wasm");
    copy("two.wasm");
    run(folder.path()).exits_with(2).says("one.wasm | two.wasm");
    std::fs::remove_file(folder.path().join("two.wasm")).expect("it is there");
    run(folder.path()).exits_with(0);
    let text = std::fs::read_to_string(folder.path().join("headwater.toml")).expect("it was written");
    assert!(text.contains("plugin = \"one.wasm\""), "{text}");
}

#[test]
fn the_name_of_the_program_alone_is_answered_with_the_next_step() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let start = || finish(headwater(folder.path()).spawn().expect("headwater starts"));
    std::fs::write(folder.path().join("source.wasm"), "").expect("the folder can be written");
    start().exits_with(2).says("\nNext: headwater init source.wasm\n");
    std::fs::write(folder.path().join("headwater.toml"), "").expect("the folder can be written");
    start()
        .exits_with(2)
        .says("\nNext: `headwater check` tests the headwater.toml of this directory");
}
