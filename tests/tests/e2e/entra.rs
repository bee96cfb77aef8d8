//! The audit logs of Microsoft Entra, end to end: the real component, which is written with the SDK, in the real host
//! against the fake Microsoft Graph.

use std::thread;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use fake_azure::scenario::{audits, example};
use fake_azure::{Azure, Server, Settings};
use serde_json::Value;

use crate::artifacts;
use crate::kill;
use crate::lab;
use crate::site::{Site, Source, finish};

/// So many records of the last ten hours, on pages of so many.
fn with_records(count: u32, page_size: usize) -> Azure {
    let mut azure = Azure::new(Settings::default(), example::directory(0));
    azure.settings_mut().page_size = page_size;
    let start = Utc::now() - TimeDelta::hours(10);
    let spacing = TimeDelta::hours(10) / i32::try_from(count.max(1)).expect("a small number");
    for record in audits::records(count, start, spacing, TimeDelta::zero()) {
        azure.add(&audits::log(), record);
    }
    azure
}

/// The example tenant's audit log at a server.
fn source(server: &Server) -> Source {
    let endpoint = server.endpoint();
    let azure = Source::azure("contoso", endpoint);
    let config = azure
        .config
        .lines()
        .filter(|line| !line.starts_with("subscription_id") && !line.starts_with("cloud"));
    Source {
        plugin: artifacts::entra_audit().to_owned(),
        config: config.collect::<Vec<_>>().join("\n"),
        ..azure
    }
    .set(
        "cloud",
        &format!("{{ authority = \"{endpoint}\", graph = \"{endpoint}\" }}"),
    )
}

/// Runs once: everything in sight is delivered once, and nothing was asked too early.
#[track_caller]
fn reads_everything_once(server: &Server) -> Site {
    let site = Site::new(&[source(server)]);
    site.run(&["run", "--once"]).exits_with(0);
    assert_eq!(site.ids("contoso.ndjson"), lab::visible_ids(server));
    let azure = server.azure();
    assert!(azure.violations().is_empty(), "{:?}", azure.violations());
    site
}

#[test]
fn the_log_is_read_to_its_end_and_each_record_is_an_event() {
    let mut azure = with_records(500, 100);
    azure.add(
        &audits::log(),
        audits::role_given("Directory_given_1", Utc::now() - TimeDelta::hours(1)),
    );
    let server = lab::serve(azure);
    let site = reads_everything_once(&server);
    let events = site.events("contoso.ndjson");
    let event = events
        .iter()
        .find(|event| event["event"]["id"] == "Directory_given_1")
        .expect("it was read");
    assert_eq!(event["event"]["action"], "Add member to role");
    assert_eq!(event["event"]["severity"], 73);
    assert_eq!(event["user"]["name"], "ada@contoso.example");
    assert_eq!(event["user"]["target"]["name"], "grace@contoso.example");
    assert_eq!(
        event["azure"]["auditlogs"]["role"]["name"],
        "Global Administrator"
    );
    // A second run finds nothing new, and repeats nothing.
    site.run(&["run", "--once"]).exits_with(0);
    assert_eq!(site.ids("contoso.ndjson"), lab::visible_ids(&server));
    site.run(&["check"])
        .exits_with(0)
        .says("records of the last hour");
}

#[test]
fn the_raw_format_is_the_record_as_microsoft_graph_shows_it() {
    let server = lab::serve(with_records(3, 100));
    let site = Site::new(&[source(&server).set("format", "\"raw\"")]);
    site.run(&["run", "--once"]).exits_with(0);
    let mut ids: Vec<String> = site
        .events("contoso.ndjson")
        .iter()
        .filter_map(|event| Some(event["id"].as_str()?.to_owned()))
        .collect();
    ids.sort();
    assert_eq!(ids, lab::visible_ids(&server));
    assert!(site.read("contoso.ndjson").starts_with("{\"activityDateTime\""));
}

#[test]
fn faults_of_every_kind_hide_and_repeat_nothing() {
    let script = r#"{"seed": 3, "faults": [
        {"on": {"endpoint": "directory_audits", "from": 2}, "do": {"throttle": {"seconds": 1}}},
        {"on": {"endpoint": "directory_audits", "from": 3}, "do": "expire_token"},
        {"on": {"endpoint": "directory_audits", "from": 4}, "do": {"fail": {"status": 500}}},
        {"on": {"endpoint": "directory_audits", "from": 5}, "do": {"fail": {"status": 503, "body": "html", "retry_after": 1}}},
        {"on": {"endpoint": "directory_audits", "from": 6}, "do": {"answer": {"status": 200, "body": "<html>Sign in</html>"}}},
        {"on": {"endpoint": "directory_audits", "from": 7}, "do": {"truncate": {"keep_percent": 60}}},
        {"on": {"endpoint": "directory_audits", "from": 8}, "do": {"reset": {"after": 500}}},
        {"on": {"endpoint": "directory_audits", "from": 9}, "do": "repeat_link"},
        {"on": {"endpoint": "directory_audits", "from": 10}, "do": {"foreign_link": {"origin": "http://127.0.0.1:9"}}},
        {"on": {"endpoint": "directory_audits", "page": 2, "from": 3}, "do": {"fail": {"status": 400}}},
        {"on": {"endpoint": "directory_audits", "chance": 0.1, "times": 10}, "do": {"fail": {"status": 502, "body": "html"}}}
    ]}"#;
    let server = lab::serve_with_faults(with_records(400, 40), script);
    reads_everything_once(&server);
    let acted = server.azure().faults_acted();
    assert!(acted.iter().all(|acted| *acted > 0), "{acted:?}");
}

#[test]
fn a_refusal_is_never_an_empty_log_and_names_its_remedy() {
    let script = |code: &str| {
        format!(
            r#"{{"faults": [{{"on": {{"endpoint": "directory_audits", "times": null}},
                "do": {{"fail": {{"status": 403, "code": "{code}"}}}}}}]}}"#
        )
    };
    for (code, named, remedy) in [
        (
            "Authentication_MSGraphPermissionMissing",
            "graph.no_permission",
            "AuditLog.Read.All",
        ),
        (
            "Authentication_RequestFromNonPremiumTenantOrB2CTenant",
            "graph.no_premium_license",
            "P1 or P2",
        ),
    ] {
        let server = lab::serve_with_faults(with_records(3, 10), &script(code));
        let site = Site::new(&[source(&server)]);
        for command in [&["check"][..], &["run", "--once"]] {
            site.run(command).exits_with(1).says(named).says(remedy);
        }
        assert_eq!(site.read("contoso.ndjson"), "");
        // Nothing was taken for read.
        server.azure().play(fake_azure::Script::default());
        site.run(&["run", "--once"]).exits_with(0);
        assert_eq!(site.ids("contoso.ndjson"), lab::visible_ids(&server));
    }
    let mut azure = with_records(3, 10);
    azure.directory.grants.clear();
    let server = lab::serve(azure);
    let site = Site::new(&[source(&server)]);
    site.run(&["check"])
        .exits_with(1)
        .says("graph.no_permission")
        .says("admin consent");
}

#[test]
fn the_sign_in_log_is_read_beside_the_audit_log_and_says_when_a_licence_is_missing() {
    let mut azure = with_records(30, 10);
    for record in audits::sign_ins(25, Utc::now() - TimeDelta::minutes(50), TimeDelta::minutes(1)) {
        azure.add(&audits::sign_in_log(), record);
    }
    azure.settings_mut().premium = false;
    let server = lab::serve(azure);
    let site = Site::new(&[source(&server).set("logs", "[\"directoryAudits\", \"signIns\"]")]);
    site.run(&["check"])
        .exits_with(1)
        .says("graph.no_premium_license")
        .says("P1 or P2");
    // One log that is refused does not stop the other.
    site.run(&["run", "--once"]).exits_with(1);
    assert_eq!(site.events("contoso.ndjson").len(), 30);
    server.azure().settings_mut().premium = true;
    site.run(&["run", "--once"]).exits_with(0);
    assert_eq!(site.ids("contoso.ndjson"), lab::visible_ids(&server));
    let events = site.events("contoso.ndjson");
    let sign_ins = events
        .iter()
        .filter(|event| event["event"]["dataset"] == "azure.signinlogs");
    assert_eq!(sign_ins.count(), 25);
    // Two partitions show also the last promise.
    let plugin = artifacts::entra_audit().display().to_string();
    let report = site.run(&["conformance", &plugin, "--format", "json"]);
    assert!(
        !report.exits_with(0).stdout.contains("\"not-checked\""),
        "{}",
        report.stdout
    );
}

#[test]
fn a_login_that_is_refused_says_why() {
    let server = lab::serve(with_records(3, 10));
    let site = Site::new(&[source(&server).set("client_secret", "\"another\"")]);
    site.run(&["check"])
        .exits_with(1)
        .says("AADSTS7000215")
        .says("entra.wrong_secret");
}

#[test]
fn a_server_that_never_answers_ends_a_poll_at_its_deadline() {
    let script = r#"{"faults": [{"on": {"endpoint": "directory_audits"}, "do": "hang"}]}"#;
    let server = lab::serve_with_faults(with_records(30, 10), script);
    let mut source = source(&server);
    source.rest = "[source.limits]\npoll_timeout = \"3s\"".to_owned();
    let site = Site::new(&[source]);
    site.run(&["run", "--once"]).exits_with(0);
    assert_eq!(site.ids("contoso.ndjson"), lab::visible_ids(&server));
}

#[test]
fn killed_on_the_way_it_loses_nothing() {
    let server = lab::serve(with_records(2_000, 100));
    let source = Source {
        rest: "[source.limits]\nbatch_events = 100".to_owned(),
        ..source(&server)
    };
    let site = kill::killed_on_the_way(source);
    let ids = site
        .events("contoso.ndjson")
        .iter()
        .map(crate::site::event_id)
        .collect();
    kill::assert_nothing_lost(&server, ids);
}

#[test]
fn records_that_become_readable_late_arrive_once_in_a_live_run() {
    let mut azure = Azure::new(Settings::default(), example::directory(0));
    // Records of the last twenty minutes, of which some come into sight during the run, in no order.
    let start = Utc::now() - TimeDelta::minutes(20);
    let latest = TimeDelta::minutes(20) + TimeDelta::seconds(8);
    for record in audits::records(300, start, TimeDelta::milliseconds(4_000), latest) {
        azure.add(&audits::log(), record);
    }
    let server = lab::serve(azure);
    let early = lab::visible_ids(&server).len();
    let site = Site::new(&[source(&server)]);
    let run = site.start(&["run"]);
    thread::sleep(Duration::from_secs(12));
    let pid = run.id().to_string();
    let _ = std::process::Command::new("kill").args(["-TERM", &pid]).status();
    finish(run).exits_with(0);
    // What came into sight after the last poll is for the next one.
    site.run(&["run", "--once"]).exits_with(0);
    let visible = lab::visible_ids(&server);
    assert!(visible.len() > early, "nothing was late");
    assert_eq!(site.ids("contoso.ndjson"), visible);
}

#[test]
fn it_keeps_every_promise_that_one_partition_can_show() {
    let server = lab::serve(with_records(60, 25));
    let site = Site::new(&[source(&server)]);
    let plugin = artifacts::entra_audit().display().to_string();
    let finished = site.run(&["conformance", &plugin, "--format", "json"]);
    let report: Value = serde_json::from_str(&finished.exits_with(0).stdout).expect("a report");
    let of = |outcome: &str| -> Vec<&str> {
        let checks = report["checks"].as_array().expect("a list").iter();
        let of = checks.filter(|check| check["outcome"] == outcome);
        of.filter_map(|check| check["check"].as_str()).collect()
    };
    assert_eq!(of("failed"), [""; 0], "{report:#}");
    assert_eq!(of("not-checked"), ["independence"], "{report:#}");
    assert!(server.azure().violations().is_empty());
}

#[test]
fn mistakes_of_the_configuration_are_named_with_their_place() {
    let server = lab::serve(with_records(0, 10));
    for (key, value, words) in [
        ("tenant_id", "\"contoso.example\"", "is not a GUID"),
        ("cloud", "\"azure\"", "us-government-dod"),
        ("start", "\"yesterday\"", "neither a duration"),
        ("start", "\"31d\"", "30 days"),
        ("lookback", "\"8d\"", "longer than 7d"),
        ("page_size", "5000", "between 1 and 1000"),
        ("format", "\"ocsf\"", "not one of ecs, raw"),
        ("subscription_id", "\"*\"", "not a known key"),
        (
            "client_assertion",
            "\"a.b.c\"",
            "cannot be used together with client_secret",
        ),
        ("labels", "{ a = 1 }", "is not text"),
        ("logs", "[\"signins\"]", "is not a list of logs"),
        ("logs", "[]", "is not a list of logs"),
    ] {
        let site = Site::new(&[source(&server).set(key, value)]);
        site.run(&["validate"]).exits_with(2).says(key).says(words);
    }
}
