//! The presets of the HTTP sink against receivers that keep to the published protocols, the host being killed on the way.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use fake_azure::scenario::example;
use headwater::model::event_key;
use serde_json::{Value, json};

use crate::kill::{assert_nothing_lost, killed_on_the_way, source};
use crate::lab;
use crate::network::Recorder;
use crate::site::{event_id, parse_lines};

#[test]
fn elasticsearch_has_every_event_as_one_document_whatever_comes_again() {
    let documents: Arc<Mutex<HashMap<String, Value>>> = Arc::default();
    let index = documents.clone();
    let receiver = Recorder::answering(move |body| {
        let mut index = index.lock().unwrap_or_else(PoisonError::into_inner);
        let mut create = |pair: &[Value]| {
            let id = pair[0]["create"]["_id"].as_str().expect("an action with an id");
            let before = index.insert(id.to_owned(), pair[1].clone());
            json!({ "create": { "_id": id, "status": if before.is_some() { 409 } else { 201 } } })
        };
        // In another order than the events.
        let items: Vec<Value> = parse_lines(body).chunks(2).rev().map(&mut create).collect();
        json!({ "items": items }).to_string()
    });
    let server = lab::serve(lab::with_events(1_000));
    let sink = sink(
        "elasticsearch",
        &receiver,
        "index = \"logs-audit\"\nheaders = { authorization = \"ApiKey k\" }",
    );
    killed_on_the_way(source(&server, &sink));
    let documents = documents.lock().unwrap_or_else(PoisonError::into_inner);
    assert_nothing_lost(&server, documents.values().map(event_id).collect());
    let is_key = |id: &str, document: &Value| {
        let key = |partition| {
            event_key(
                "contoso",
                &format!("subscriptions/{partition}"),
                &event_id(document),
            )
        };
        [example::PRODUCTION, example::DEVELOPMENT]
            .map(key)
            .contains(&id.to_owned())
    };
    assert!(documents.iter().all(|(id, document)| is_key(id, document)));
    assert_all_went_to(&receiver, "POST /logs-audit/_bulk?", "apikey k");
}

#[test]
fn splunk_gets_every_event_with_its_time_and_its_place() {
    let receiver = Recorder::answering(|_| json!({ "text": "Success", "code": 0 }).to_string());
    let server = lab::serve(lab::with_events(1_000));
    let sink = sink(
        "splunk-hec",
        &receiver,
        "token = \"the-token\"\nindex = \"audit\"",
    );
    killed_on_the_way(source(&server, &sink));
    let sent: Vec<Value> = receiver
        .requests()
        .iter()
        .flat_map(|request| parse_lines(body(request)))
        .collect();
    assert_nothing_lost(
        &server,
        sent.iter().map(|sent| event_id(&sent["event"])).collect(),
    );
    for sent in sent {
        assert_eq!(
            (&sent["host"], &sent["index"]),
            (&json!("contoso"), &json!("audit"))
        );
        let at = chrono::DateTime::parse_from_rfc3339(sent["event"]["@timestamp"].as_str().expect("a time"));
        let apart = at.expect("RFC 3339").timestamp_millis() as f64 / 1_000.0
            - sent["time"].as_f64().expect("a number");
        assert!(apart.abs() < 0.002, "{sent}");
    }
    assert_all_went_to(&receiver, "POST /services/collector/event ", "splunk the-token");
}

#[test]
fn aisoc_gets_every_event_in_the_name_of_its_connector() {
    let receiver = Recorder::answering(|_| json!({ "accepted": 1, "rejected": 0 }).to_string());
    let server = lab::serve(lab::with_events(1_000));
    let keys = "tenant = \"contoso\"\nconnector_type = \"azure_activity\"";
    killed_on_the_way(source(&server, &sink("aisoc", &receiver, keys)).set("format", "\"aisoc\""));
    let mut ids = Vec::new();
    for request in receiver.requests() {
        let request: Value = serde_json::from_str(body(&request)).expect("a JSON document");
        assert_eq!(
            (&request["connector_id"], &request["connector_type"]),
            (&json!("contoso"), &json!("azure_activity"))
        );
        let events = request["events"].as_array().expect("a list of events");
        ids.extend(
            events
                .iter()
                .map(|event| event["external_id"].as_str().unwrap_or_default().to_owned()),
        );
    }
    assert_nothing_lost(&server, ids);
    assert_all_went_to(&receiver, "POST /v1/ingest ", "x-tenant-id: contoso");
}

#[test]
fn sekoia_gets_the_records_as_azure_wrote_them() {
    let receiver = Recorder::start();
    let server = lab::serve(lab::with_events(1_000));
    let sink = sink("sekoia", &receiver, "intake_key = \"the-key\"");
    killed_on_the_way(source(&server, &sink).set("format", "\"raw\""));
    let sent = receiver.requests();
    let sent = sent.iter().flat_map(|request| parse_lines(body(request)));
    assert_nothing_lost(
        &server,
        sent.map(|event| event["eventDataId"].as_str().unwrap_or_default().to_owned())
            .collect(),
    );
    assert_all_went_to(&receiver, "POST /plain/batch ", "the-key");
}

fn sink(preset: &str, receiver: &Recorder, keys: &str) -> String {
    let port = receiver.port();
    format!("type = \"http\"\npreset = \"{preset}\"\nurl = \"http://127.0.0.1:{port}\"\ngzip = false\n{keys}")
}

fn body(request: &str) -> &str {
    request.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

/// Every request begins with that line and carries that login.
fn assert_all_went_to(receiver: &Recorder, line: &str, login: &str) {
    let requests = receiver.requests();
    assert!(!requests.is_empty());
    for request in &requests {
        let head = &request[..request.len() - body(request).len()];
        assert!(
            head.starts_with(line) && head.to_lowercase().contains(login),
            "{head}"
        );
    }
}
