//! The receiver for the OpenTelemetry Collector: its own tests, and a real Collector, built by the Collector's builder.
//!
//! `.ci/run` installs the builder; `cargo xtask test` builds the Collector where it is, and runs these tests then.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use fake_azure::Server;
use fake_azure::scenario::example;
use serde_json::Value;

use crate::artifacts;
use crate::collector::free_address;
use crate::kill::{assert_nothing_lost, killed_on_the_way, source};
use crate::lab;
use crate::site::{Finished, Site, finish, parse_lines, wait_until};

#[test]
#[ignore = "needs Go"]
fn the_receivers_own_tests_pass() {
    let libraries = artifacts::target().join("debug");
    let libraries = libraries.display();
    for arguments in [&["vet", "./..."][..], &["test", "-count=1", "./..."]] {
        let output = Command::new("go")
            .args(arguments)
            .current_dir(artifacts::workspace().join("collectors/opentelemetry"))
            .env("CGO_ENABLED", "1")
            // Go's cache, which all checkouts share, does not know of what pkg-config says, but of this.
            .env("CGO_LDFLAGS", format!("-L{libraries} -Wl,-rpath,{libraries}"))
            .env(
                "PKG_CONFIG_PATH",
                artifacts::target().join("collectors/debug/pkgconfig"),
            )
            .env("HEADWATER_EXAMPLE_SOURCE", artifacts::example_source())
            .env("HEADWATER_HOSTILE_SOURCE", artifacts::hostile_source())
            .output()
            .expect("Go is installed");
        assert!(
            output.status.success(),
            "{}\n{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
#[ignore = "needs an OpenTelemetry Collector"]
fn a_collector_delivers_the_ids_that_the_program_does_killed_on_the_way() {
    let server = lab::serve(lab::with_events(2_000));
    // What it exports to is not killed; its own queue is on disk.
    let (backend, address) = (Otelcol::new(&server), free_address());
    backend.write(&Otelcol::taking(address));
    let taking = backend.start();
    let otelcol = Otelcol::new(&server);
    let exporter = format!(
        "  otlp_http:\n    endpoint: http://{address}\n    sending_queue:\n      storage: file_storage\n"
    );
    otelcol.write(&Otelcol::reading(&server, &exporter, "otlp_http"));
    for kill in 1..=3 {
        let mut child = otelcol.start();
        let least = 500 * kill;
        wait_until("something was delivered", || backend.ids().len() >= least);
        child.kill().expect("it runs");
        let _ = finish(child);
    }
    let child = otelcol.start();
    wait_until("everything was delivered", || backend.distinct() >= 4_000);
    otelcol.stop(child).exits_with(0);
    backend.stop(taking).exits_with(0);
    assert_nothing_lost(&server, backend.ids());
    assert!(
        backend
            .site
            .read("logs.json")
            .contains("\"severityText\":\"Info\""),
        "severity has number and text"
    );
    let kept = std::fs::read_dir(otelcol.site.path("storage"))
        .expect("a folder")
        .flatten();
    let names: Vec<String> = kept
        .map(|file| file.file_name().to_string_lossy().into_owned())
        .collect();
    assert!(
        names
            .iter()
            .any(|name| name.starts_with("receiver_headwater_contoso")),
        "the cursors are in the storage extension: {names:?}"
    );
    let program = Site::new(&[source(&server, "type = \"file\"\npath = \"contoso.ndjson\"")]);
    program.run(&["run", "--once"]).exits_with(0);
    let ids: BTreeSet<String> = backend.ids().into_iter().collect();
    assert_eq!(ids, program.ids("contoso.ndjson").into_iter().collect());
}

#[test]
#[ignore = "needs an OpenTelemetry Collector"]
fn a_backend_that_refuses_for_a_while_gets_everything_when_it_is_back() {
    let server = lab::serve(lab::with_events(500));
    let backend = Otelcol::new(&server);
    let address = free_address();
    let relay = Otelcol::new(&server);
    relay.write(&Otelcol::reading(&server, &format!(
        "  otlp_http:\n    endpoint: http://{address}\n    compression: none\n    retry_on_failure:\n      enabled: false\n    \
         sending_queue:\n      enabled: false\n"
    ), "otlp_http"));
    let child = relay.start();
    wait_until("it reads", || server.azure().stats(chrono::Utc::now()).tokens > 0);
    thread::sleep(Duration::from_secs(5));
    backend.write(&Otelcol::taking(address));
    let taking = backend.start();
    wait_until("everything was delivered", || backend.distinct() >= 1_000);
    relay.stop(child).exits_with(0).says("connection refused");
    backend.stop(taking).exits_with(0);
    assert_nothing_lost(&server, backend.ids());
    assert_eq!(
        relay.site.read("contoso.dead.ndjson"),
        "",
        "nothing was refused for ever"
    );
}

#[test]
#[ignore = "needs an OpenTelemetry Collector"]
fn a_wrong_secret_leaves_it_running_with_the_remedy_in_its_log_and_the_secret_nowhere() {
    let server = lab::serve(lab::with_events(1));
    let otelcol = Otelcol::new(&server);
    let mut command = otelcol.command();
    let child = command
        .env("LAB_SECRET", "a wrong secret")
        .spawn()
        .expect("it starts");
    wait_until("the login was refused", || {
        server.azure().stats(chrono::Utc::now()).counts.requests > 0
    });
    thread::sleep(Duration::from_secs(2));
    let finished = otelcol.stop(child);
    finished.exits_with(0).says("AADSTS7000215");
    assert!(!finished.text().contains("a wrong secret"));
}

#[test]
#[ignore = "needs an OpenTelemetry Collector"]
fn what_cannot_be_started_ends_the_collector_with_the_reason() {
    let server = lab::serve(lab::with_events(1));
    let otelcol = Otelcol::new(&server);
    let good = otelcol.site.read("config.yaml");
    for (from, to, words) in [
        (
            "extensions: [file_storage]",
            "extensions: []",
            "there is no extension",
        ),
        ("    storage: file_storage\n", "", "storage: missing"),
        (".wasm", ".wasn", "cannot read the plugin"),
        ("interval: 1s", "intervall: 1s", "intervall"),
    ] {
        otelcol.write(&good.replace(from, to));
        finish(otelcol.start()).exits_with(1).says(words);
    }
}

/// The sink for OTLP into the real thing.
#[test]
#[ignore = "needs an OpenTelemetry Collector"]
fn the_otlp_sink_is_taken_by_a_collector_while_the_host_is_killed() {
    let server = lab::serve(lab::with_events(1_000));
    let address = free_address();
    let collector = Otelcol::new(&server);
    collector.write(&Otelcol::taking(address));
    let taking = collector.start();
    wait_until("it listens", || std::net::TcpStream::connect(address).is_ok());
    let sink = format!("type = \"otlp\"\nurl = \"http://{address}/v1/logs\"");
    let site = killed_on_the_way(source(&server, &sink));
    wait_until("everything was delivered", || collector.distinct() >= 2_000);
    collector.stop(taking).exits_with(0);
    assert_nothing_lost(&server, collector.ids());
    assert_eq!(site.read("contoso.dead.ndjson"), "", "nothing was refused");
}

/// A folder with a configuration of the Collector.
struct Otelcol {
    site: Site,
}

impl Otelcol {
    /// One that reads the lab and writes a file.
    fn new(server: &Server) -> Self {
        let otelcol = Self { site: Site::new(&[]) };
        std::fs::create_dir(otelcol.site.path("storage")).expect("the folder can be written");
        let file = "  file:\n    path: logs.json\n    flush_interval: 50ms\n";
        otelcol.write(&Self::reading(server, file, "file"));
        otelcol
    }

    fn write(&self, config: &str) {
        self.site.write("config.yaml", config);
    }

    /// A configuration that reads the lab.
    fn reading(server: &Server, exporter: &str, name: &str) -> String {
        let endpoint = server.endpoint();
        format!(
            "receivers:\n  headwater/contoso:\n    plugin: {plugin}\n    storage: file_storage\n    allow: [\"{endpoint}\"]\n    \
             interval: 1s\n    limits:\n      batch_events: 100\n    config:\n      tenant_id: {tenant}\n      client_id: {client}\n      \
             subscription_id: \"*\"\n      start: 24h\n      cloud: {{ authority: \"{endpoint}\", resource_manager: \"{endpoint}\" }}\n    \
             secrets:\n      client_secret: ${{env:LAB_SECRET}}\n\
             extensions:\n  file_storage:\n    directory: storage\n\
             exporters:\n{exporter}\
             service:\n  extensions: [file_storage]\n  telemetry:\n    metrics:\n      level: none\n  \
             pipelines:\n    logs:\n      receivers: [headwater/contoso]\n      exporters: [{name}]\n",
            plugin = artifacts::azure_activity().display(),
            tenant = example::TENANT,
            client = example::CLIENT_ID,
        )
    }

    /// A configuration that takes OTLP and writes a file.
    fn taking(address: SocketAddr) -> String {
        format!(
            "receivers:\n  otlp:\n    protocols:\n      http:\n        endpoint: {address}\n\
             exporters:\n  file:\n    path: logs.json\n    flush_interval: 50ms\n\
             service:\n  telemetry:\n    metrics:\n      level: none\n  \
             pipelines:\n    logs:\n      receivers: [otlp]\n      exporters: [file]\n"
        )
    }

    fn command(&self) -> Command {
        let program: PathBuf = artifacts::target().join("collectors/debug/otelcol-headwater");
        let mut command = crate::embedded::command(&program, &self.site.path(""));
        command.args(["--config", "config.yaml"]).stdout(Stdio::null());
        command
    }

    fn start(&self) -> Child {
        self.command().spawn().expect("the Collector starts")
    }

    /// Ends it as a service manager does.
    fn stop(&self, child: Child) -> Finished {
        let status = Command::new("kill").arg(child.id().to_string()).status();
        assert!(status.expect("kill runs").success());
        finish(child)
    }

    /// The ids of all events in its file; the last line may be half there.
    fn ids(&self) -> Vec<String> {
        let text = self.site.read("logs.json");
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let mut ids = Vec::new();
        for request in parse_lines(whole) {
            visit(&request, &mut ids);
        }
        ids
    }

    fn distinct(&self) -> usize {
        self.ids().into_iter().collect::<BTreeSet<_>>().len()
    }
}

/// Finds `event.id` in the bodies of log records.
fn visit(request: &Value, ids: &mut Vec<String>) {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    for resource in list(&request["resourceLogs"]) {
        for scope in list(&resource["scopeLogs"]) {
            for record in list(&scope["logRecords"]) {
                let event = field(&record["body"]["kvlistValue"], "event");
                let id = field(&event["kvlistValue"], "id");
                ids.push(id["stringValue"].as_str().expect("an id").to_owned());
            }
        }
    }
}

fn field(list: &Value, key: &str) -> Value {
    let members = list["values"].as_array().cloned().unwrap_or_default();
    let member = members.into_iter().find(|member| member["key"] == key);
    member.map_or(Value::Null, |member| member["value"].clone())
}
