//! `plugin = "oci://…"`: from a registry on loopback, once, and nothing but the bytes that were asked for.

mod server;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};

use serde_json::json;

use self::server::{Image, MANIFEST, Registry, digest};
use crate::artifacts;
use crate::collector::free_address;
use crate::receivers::Receiver;
use crate::second_source::serve_feed;
use crate::site::{Site, Source, wait_until};

const COMPONENT: &str = "application/wasm";
const ENTRIES: usize = 5;

#[test]
fn a_plugin_is_fetched_once() {
    let registry = Registry::with_plugin(COMPONENT);
    let site = Site::new(&[feed(&registry.reference())]);
    site.run(&["run", "--once"]).exits_with(0);
    assert_eq!(site.events("feed.ndjson").len(), ENTRIES);
    let asked = registry.asked();
    let manifest = format!("/v2/team/feed/manifests/{}", registry.manifest);
    let blob = format!("/v2/team/feed/blobs/{}", registry.component);
    let wanted = [
        format!("{manifest} "),
        "/token?service=a%20registry&scope=repository:team/feed:pull ".to_owned(),
        format!("{manifest} Bearer for readers"),
        format!("{blob} Bearer for readers"),
        "/storage ".to_owned(),
    ];
    assert_eq!(asked, wanted);

    site.run(&["run", "--once"]).exits_with(0);
    assert_eq!(registry.asked(), wanted);
}

#[test]
fn a_kept_plugin_that_was_altered_is_fetched_anew() {
    let registry = Registry::with_plugin(COMPONENT);
    let site = Site::new(&[feed(&registry.reference())]);
    site.run(&["check"]).exits_with(0);
    let kept = format!(
        "plugins/{}.wasm",
        registry.component.trim_start_matches("sha256:")
    );
    let good = fs::read(site.path(&kept)).expect("it is kept");
    site.write(&kept, "something else");
    site.run(&["check"]).exits_with(0);
    assert_eq!(fs::read(site.path(&kept)).expect("it is kept"), good);
}

#[test]
fn bytes_that_were_not_asked_for_are_refused_and_not_kept() {
    let registry = Registry::with_plugin(COMPONENT);
    registry.put("/storage", b"\0asm of somebody else".to_vec());
    let site = Site::new(&[feed(&registry.reference())]);
    site.run(&["run", "--once"])
        .exits_with(2)
        .says("do not have the digest");
    let kept: Vec<_> = fs::read_dir(site.path("plugins"))
        .expect("it was made")
        .flatten()
        .filter(|entry| entry.path().extension() != Some("json".as_ref()))
        .collect();
    assert!(kept.is_empty(), "{kept:?}");
}

#[test]
fn images_that_are_no_plugins_are_refused() {
    let registry = Registry::with_plugin("application/vnd.oci.image.layer.v1.tar+gzip");
    let site = Site::new(&[feed(&registry.reference())]);
    site.run(&["check"]).exits_with(2).says("not application/wasm");
}

#[test]
fn a_manifest_can_neither_forge_a_log_line_nor_command_the_terminal() {
    let forged = "text/plain\n2026-01-01T00:00:00Z  INFO source{id=\"contoso\"}: delivered\u{1b}[2J\u{202e}";
    let registry = Registry::with_plugin(forged);
    let finished = Site::new(&[feed(&registry.reference())]).run(&["check"]);
    finished.exits_with(2).says("not application/wasm");
    let lines = finished.stderr.lines();
    assert_eq!(
        lines.filter(|line| line.starts_with("2026-01-01")).count(),
        0,
        "{}",
        finished.stderr
    );
    assert!(
        !finished.stderr.contains(['\u{1b}', '\u{202e}']),
        "{}",
        finished.stderr
    );
}

#[test]
fn what_the_registry_lacks_is_a_mistake_and_a_registry_that_is_away_is_none() {
    let registry = Registry::with_plugin(COMPONENT);
    let unknown = registry.reference().replace("team/feed", "team/food");
    Site::new(&[feed(&unknown)])
        .run(&["check"])
        .exits_with(2)
        .says("check repository and digest");
    let away = format!("oci://{}/team/feed@{}", free_address(), registry.manifest);
    Site::new(&[feed(&away)])
        .run(&["check"])
        .exits_with(1)
        .says("cannot fetch");
}

#[test]
fn a_tag_is_refused() {
    let site = Site::new(&[feed("oci://registry.example/team/feed:latest")]);
    site.run(&["check"])
        .exits_with(2)
        .says("a tag can be moved and is not accepted");
}

#[test]
#[ignore = "needs docker-registry"]
fn the_distribution_registry_serves_plugins() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let address = free_address();
    let settings = json!({
        "version": "0.1",
        "storage": { "filesystem": { "rootdirectory": folder.path().join("contents") } },
        "http": { "addr": address.to_string() },
    });
    // Every JSON document is YAML.
    let file = folder.path().join("registry.yml");
    fs::write(&file, settings.to_string()).expect("the folder can be written");
    let mut command = Command::new("docker-registry");
    command.arg("serve").arg(&file).stdout(Stdio::null());
    let _registry = Receiver::start(command);
    wait_until("the registry listens", || TcpStream::connect(address).is_ok());
    let image = Image::of(artifacts::example_source(), COMPONENT);
    for content in [&image.component, &image.config] {
        let path = send(address, "POST", "/v2/team/feed/blobs/uploads/", "", b"");
        let path = path
            .split_once(&address.to_string())
            .map_or(&*path, |(_, path)| path);
        let target = format!("{path}&digest={}", digest(content));
        send(address, "PUT", &target, "application/octet-stream", content);
    }
    let target = format!("/v2/team/feed/manifests/{}", digest(&image.manifest));
    send(address, "PUT", &target, MANIFEST, &image.manifest);

    let reference = format!("oci://{address}/team/feed@{}", digest(&image.manifest));
    let site = Site::new(&[feed(&reference)]);
    site.run(&["run", "--once"]).exits_with(0);
    assert_eq!(site.events("feed.ndjson").len(), ENTRIES);
}

/// The example source from a registry, with something to read.
fn feed(reference: &str) -> Source {
    let feed = serve_feed(ENTRIES as u64);
    Source {
        name: "feed".to_owned(),
        plugin: reference.into(),
        allow: feed.clone(),
        interval: "1s".to_owned(),
        keys: String::new(),
        config: format!("url = \"{feed}/entries\""),
        sink: "type = \"file\"\npath = \"feed.ndjson\"".to_owned(),
        rest: String::new(),
    }
}

/// Sends a request that must succeed, and says where its answer leads.
#[track_caller]
fn send(address: SocketAddr, method: &str, target: &str, kind: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let head = format!(
        "{method} {target} HTTP/1.0\r\nHost: {address}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream
        .write_all(&[head.as_bytes(), body].concat())
        .expect("it reads");
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let status = lines.next().unwrap_or_default();
    assert!(status.contains(" 20"), "{method} {target}: {status}");
    lines
        .find_map(|line| Some(line.strip_prefix("Location: ")?.to_owned()))
        .unwrap_or_default()
}
