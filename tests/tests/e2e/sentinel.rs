//! Microsoft Sentinel: the recipe's sink against the Logs Ingestion API of the fake Azure.

use fake_azure::scenario::example;
use fake_azure::{CollectionRule, Server};
use serde_json::Value;

use crate::kill::{assert_nothing_lost, killed_on_the_way, source};
use crate::lab;
use crate::site::{Site, Source};

const RULE: &str = "dcr-00000000000000000000000000000001";
const STREAM: &str = "Custom-HeadwaterActivity";

#[test]
fn sentinel_gets_every_record_in_calls_of_a_megabyte_with_a_token_of_its_own() {
    let server = with_rule(lab::serve(lab::with_events(1_000)));
    killed_on_the_way(sentinel(&server, "LAB_SECRET"));
    let azure = server.azure();
    let rule = azure.rule.as_ref().expect("there is a rule");
    assert!(
        rule.calls.iter().all(|size| *size <= 1_000_000),
        "{:?}",
        rule.calls
    );
    let ids = rule.records.iter().map(id).collect();
    drop(azure);
    assert_nothing_lost(&server, ids);
}

#[test]
fn a_token_that_ends_early_is_renewed_within_the_same_delivery() {
    let script = r#"{"faults": [{"on": {"endpoint": "ingestion", "from": 2}, "do": "expire_token"}]}"#;
    let server = with_rule(lab::serve_with_faults(lab::with_events(300), script));
    let site = Site::new(&[sentinel(&server, "LAB_SECRET")]);
    let finished = site.run(&["run", "--once"]);
    finished.exits_with(0);
    assert!(!finished.text().contains("401"), "{}", finished.text());
    let azure = server.azure();
    let records = &azure.rule.as_ref().expect("there is a rule").records;
    let mut ids: Vec<String> = records.iter().map(id).collect();
    ids.sort();
    drop(azure);
    assert_eq!(ids, lab::visible_ids(&server));
}

#[test]
fn check_tries_the_login_and_names_what_is_wrong_without_the_secret() {
    let server = with_rule(lab::serve(lab::with_events(10)));
    let good = Site::new(&[sentinel(&server, "LAB_SECRET")]);
    good.run(&["check"]).exits_with(0).says("logged in at 127.0.0.1:");
    let bad = Site::new(&[sentinel(&server, "WRONG_SECRET")]);
    let checked = bad.run_with(&[("WRONG_SECRET", "not-the~secret")], &["check"]);
    checked.exits_with(1).says("AADSTS7000215").says("sink.oauth2");
    assert!(!checked.text().contains("not-the~secret"), "{}", checked.text());
}

#[test]
fn a_record_of_more_than_the_bound_becomes_a_dead_letter_and_costs_no_other() {
    let server = with_rule(lab::serve(lab::with_events(100)));
    let mut source = sentinel(&server, "LAB_SECRET");
    // The least that is allowed; the records of the lab have up to ten kilobytes.
    source.sink = source.sink.replace("\"1MB\"", "\"16KiB\"");
    // Each format with the record in it twice makes some larger than that.
    let site = Site::new(&[source.set("format", "\"ocsf\"")]);
    site.run(&["run", "--once"]);
    let azure = server.azure();
    let rule = azure.rule.as_ref().expect("there is a rule");
    assert!(
        rule.calls.iter().all(|size| *size <= 16 << 10),
        "{:?}",
        rule.calls
    );
    let dead = site.events("contoso.dead.ndjson");
    assert!(!dead.is_empty(), "some are larger");
    for letter in &dead {
        let reason = letter["reason"].as_str().unwrap_or_default();
        assert!(reason.contains("the event alone"), "{reason}");
    }
    assert_eq!(rule.records.len() + dead.len(), 200);
}

fn with_rule(server: Server) -> Server {
    server.azure().rule = Some(CollectionRule {
        id: RULE.to_owned(),
        stream: STREAM.to_owned(),
        publisher: example::CLIENT_ID.to_owned(),
        records: Vec::new(),
        calls: Vec::new(),
    });
    server
}

fn sentinel(server: &Server, variable: &str) -> Source {
    let (endpoint, tenant, client) = (server.endpoint(), example::TENANT, example::CLIENT_ID);
    let sink = format!(
        "type = \"http\"\nurl = \"{endpoint}/dataCollectionRules/{RULE}/streams/{STREAM}?api-version=2023-01-01\"\n\
         format = \"array\"\nmax_request = \"1MB\"\n\
         [source.sink.oauth2]\ntoken_url = \"{endpoint}/{tenant}/oauth2/v2.0/token\"\nclient_id = \"{client}\"\n\
         client_secret = {{ env = \"{variable}\" }}\nscope = \"https://monitor.azure.com/.default\""
    );
    source(server, &sink).set("format", "\"raw\"")
}

fn id(record: &Value) -> String {
    record["eventDataId"].as_str().unwrap_or_default().to_owned()
}
