//! Receivers that others wrote take what the sinks send, and the host is killed on the way: each event arrives, and only
//! batches in flight arrive twice.
//!
//! `.ci/run` installs the receivers; `cargo xtask test` runs these tests where they are.

use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use fake_azure::scenario::example;
use headwater::model::event_key;
use serde_json::{Value, json};

use crate::artifacts;
use crate::collector::{free_address, post};
use crate::kill::{assert_nothing_lost, killed_on_the_way, source};
use crate::lab;
use crate::site::{Site, event_id, finish, parse_lines, wait_until};

const SHARED_KEY: &str = "an example of a shared key";
const PASSWORD: &str = "an example of a password";

#[test]
#[ignore = "needs @fluent-org/logger for Node"]
fn forward_is_taken_by_a_fluent_server() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (_receiver, port) = fluent_server(folder.path(), json!({}));
    let server = lab::serve(lab::with_events(1_000));
    killed_on_the_way(source(
        &server,
        &format!("type = \"forward\"\naddress = \"127.0.0.1:{port}\""),
    ));
    assert_nothing_lost(&server, received(folder.path()));
}

#[test]
#[ignore = "needs @fluent-org/logger for Node"]
fn forward_is_taken_by_a_fluent_server_with_tls_and_shared_key() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, certified.cert.pem()).expect("the folder can be written");
    let security = json!({
        "serverHostname": "receiver", "sharedKey": SHARED_KEY, "authorize": true, "userDict": { "headwater": PASSWORD },
    });
    let tls = json!({ "key": certified.signing_key.serialize_pem(), "cert": certified.cert.pem() });
    let (_receiver, port) = fluent_server(folder.path(), json!({ "security": security, "tlsOptions": tls }));
    let server = lab::serve(lab::with_events(50));
    let start = |password: &str, trust: &str, roots: &Path| {
        let sink = format!(
            "type = \"forward\"\naddress = \"localhost:{port}\"\ntls = true\nshared_key = \"{SHARED_KEY}\"\n\
             user = \"headwater\"\npassword = \"{password}\"\n{trust}"
        );
        let site = Site::new(&[source(&server, &sink)]);
        let child = crate::site::headwater(&site.path(""))
            .args(["run", "--once", "--config", "headwater.toml"])
            .env("SSL_CERT_FILE", roots)
            .spawn()
            .expect("headwater starts");
        (site, child)
    };
    let (_site, mut refused) = start("another password", "", &ca);
    thread::sleep(Duration::from_secs(2));
    let _ = refused.kill();
    let refused = finish(refused);
    refused.says("it refuses the login");
    assert!(!refused.text().contains(SHARED_KEY) && !refused.text().contains("another password"));
    assert_eq!(received(folder.path()).len(), 0);
    let none = folder.path().join("none.pem");
    std::fs::write(&none, "").expect("the folder can be written");
    let trust = format!("ca = \"{}\"", ca.display());
    let (_site, child) = start(PASSWORD, &trust, &none);
    finish(child).exits_with(0);
    assert_nothing_lost(&server, received(folder.path()));
}

#[test]
#[ignore = "needs rotel"]
fn otlp_is_taken_by_a_collector() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (_collector, http, log) = collector(folder.path());
    let server = lab::serve(lab::with_events(1_000));
    let site = killed_on_the_way(source(
        &server,
        &format!("type = \"otlp\"\nurl = \"http://{http}/v1/logs\""),
    ));
    assert_eq!(site.read("contoso.dead.ndjson"), "", "nothing was refused");
    let ids = || {
        let log = std::fs::read_to_string(&log).unwrap_or_default();
        let lines = log
            .lines()
            .filter_map(|line| line.trim().strip_prefix("-> log.record.uid: Str("));
        lines
            .map(|line| line.trim_end_matches(')').to_owned())
            .collect::<Vec<_>>()
    };
    // It writes its log a little later than it accepts.
    wait_until("the collector has logged everything", || ids().len() >= 2_000);
    let keys = ids();
    let distinct: HashSet<&String> = keys.iter().collect();
    let sent: HashSet<String> = lab::visible_ids(&server)
        .iter()
        .flat_map(|id| {
            [example::PRODUCTION, example::DEVELOPMENT]
                .map(|partition| event_key("contoso", &format!("subscriptions/{partition}"), id))
        })
        .collect();
    assert_eq!(distinct.len(), 2_000);
    assert!(distinct.into_iter().all(|key| sent.contains(key)));
}

#[test]
#[ignore = "needs rotel"]
fn otlp_log_records_are_taken_with_their_attributes_and_a_resource_for_each_subscription() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (_collector, http, log) = collector(folder.path());
    let server = lab::serve(lab::with_events(20));
    let sink = format!("type = \"otlp\"\nurl = \"http://{http}/v1/logs\"");
    let site = Site::new(&[source(&server, &sink)
        .set("format", "\"otel\"")
        .set("labels", "{ tenant = \"contoso\" }")]);
    site.run(&["run", "--once"]).exits_with(0);
    assert_eq!(site.read("contoso.dead.ndjson"), "", "nothing was refused");
    let text = || std::fs::read_to_string(&log).unwrap_or_default();
    let count = |words: &str| text().matches(words).count();
    wait_until("the collector has logged everything", || {
        count("-> azure.operation.name: Str(") >= 40
    });
    assert_eq!(count("-> azure.activity_log.severity.rule: Str("), 40);
    for words in [
        "-> cloud.resource_id: Str(/subscriptions/",
        "-> client.address: Str(",
        "-> http.response.status_code: Int(",
    ] {
        assert!(count(words) > 0, "{words}\n{}", text());
    }
    assert!(count("-> labels.tenant: Str(contoso)") >= 2);
    for subscription in [example::PRODUCTION, example::DEVELOPMENT] {
        let resources = count(&format!("-> cloud.account.id: Str({subscription})"));
        assert!(
            (1..20).contains(&resources),
            "{resources} resources of {subscription}"
        );
    }
}

#[test]
#[ignore = "needs ClickHouse"]
fn http_is_taken_by_a_database() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let address = free_address();
    let at = folder.path().display();
    let settings = format!(
        "<yandex><logger><level>warning</level><console>1</console></logger><http_port>{}</http_port>\
         <listen_host>127.0.0.1</listen_host><path>{at}/data/</path><tmp_path>{at}/tmp/</tmp_path>\
         <users_config>{at}/users.xml</users_config><mark_cache_size>5000000</mark_cache_size></yandex>",
        address.port()
    );
    let users = "<yandex><profiles><default/></profiles><quotas><default/></quotas><users><default><password/>\
         <networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></default></users></yandex>";
    for (name, text) in [("config.xml", settings.as_str()), ("users.xml", users)] {
        std::fs::write(folder.path().join(name), text).expect("the folder can be written");
    }
    let mut database = Command::new("clickhouse-server");
    database
        .arg(format!("--config-file={at}/config.xml"))
        .stdout(Stdio::null());
    let _database = Receiver::start(database);
    wait_for(address);
    post(
        address,
        "CREATE TABLE events (eventDataId String) ENGINE = Memory",
    );
    let server = lab::serve(lab::with_events(1_000));
    let insert = "query=INSERT%20INTO%20events%20FORMAT%20JSONEachRow&input_format_skip_unknown_fields=1";
    let sink = format!("type = \"http\"\nurl = \"http://{address}/?{insert}\"");
    killed_on_the_way(source(&server, &sink).set("format", "\"raw\""));
    let ids = post(address, "SELECT eventDataId FROM events FORMAT TSV");
    assert_nothing_lost(&server, ids.lines().map(str::to_owned).collect());
}

/// A receiver's process; it ends with the test.
pub struct Receiver(Child);

impl Receiver {
    pub fn start(mut command: Command) -> Self {
        let child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn();
        Self(child.unwrap_or_else(|error| panic!("{command:?}: {error}; .ci/run installs it")))
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a collector that logs what it takes: itself, where it takes OTLP over HTTP, and its log.
fn collector(folder: &Path) -> (Receiver, SocketAddr, PathBuf) {
    let (http, grpc) = (free_address(), free_address());
    let log = folder.join("collector.log");
    let mut collector = Command::new(artifacts::target().join("receivers/python/rotel/rotel-agent"));
    collector
        .args(["start", "--exporter", "blackhole"])
        .args(["--debug-log", "logs", "--debug-log-verbosity", "detailed"])
        .args(["--otlp-http-endpoint", &http.to_string()])
        .args(["--otlp-grpc-endpoint", &grpc.to_string()])
        .stdout(std::fs::File::create(&log).expect("the folder can be written"));
    let collector = Receiver::start(collector);
    wait_for(http);
    (collector, http, log)
}

/// Starts the Fluent server of `tests/receivers`; returns its port.
fn fluent_server(folder: &Path, mut options: Value) -> (Receiver, u16) {
    options["out"] = folder.join("received.ndjson").display().to_string().into();
    let mut node = Command::new("node");
    node.arg(artifacts::workspace().join("tests/receivers/forward.js"))
        .arg(options.to_string())
        .env(
            "NODE_PATH",
            artifacts::target().join("receivers/node/node_modules"),
        )
        .stdout(Stdio::piped());
    let mut receiver = Receiver::start(node);
    let mut line = String::new();
    let stdout = receiver.0.stdout.take().expect("it is piped");
    let _ = BufReader::new(stdout).read_line(&mut line);
    let port = line.trim().parse().expect("the receiver prints its port");
    (receiver, port)
}

/// The ids of the events in the Fluent server's file.
fn received(folder: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join("received.ndjson")).unwrap_or_default();
    parse_lines(&text).iter().map(event_id).collect()
}

fn wait_for(address: SocketAddr) {
    wait_until("the receiver listens", || TcpStream::connect(address).is_ok());
}
