//! Stores that others wrote take what the formats are made for: OpenSearch with the index templates of docs/elastic, and the
//! rules of docs/sigma, converted by pySigma.
//!
//! `.ci/run` installs both; `cargo xtask test` runs these tests where they are.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use azure_activity::event::{Normalizer, Outcome, Settings};
use azure_activity::format::Format;
use azure_activity::labels::Labels;
use azure_activity::record::Record;
use serde_json::{Value, json};

use crate::artifacts;
use crate::collector::free_address;
use crate::corpus;
use crate::corpus::query::{Language, Query};
use crate::kill::{assert_nothing_lost, killed_on_the_way, source};
use crate::lab;
use crate::odd_records;
use crate::receivers::Receiver;

/// It starts in twenty seconds, and in more while other tests run.
const PATIENCE: Duration = Duration::from_secs(180);

/// A node of OpenSearch; it ends with the test.
struct Engine {
    _process: Receiver,
    address: SocketAddr,
}

impl Engine {
    fn start(folder: &Path) -> Self {
        let address = free_address();
        let libraries = artifacts::target().join("engines/opensearch/*");
        let mut java = Command::new("java");
        java.args(["-Xmx1g", "-cp"])
            .arg(libraries)
            .arg(artifacts::workspace().join("tests/engines/Engine.java"))
            .arg(address.port().to_string())
            .arg(folder.join("engine"))
            .stdout(Stdio::null());
        let engine = Self {
            _process: Receiver::start(java),
            address,
        };
        let since = Instant::now();
        while engine.try_call("GET", "/", "").is_none() {
            assert!(since.elapsed() < PATIENCE, "OpenSearch does not start");
            std::thread::sleep(Duration::from_millis(500));
        }
        engine
    }

    /// The answer to a request; none where nobody answers.
    fn try_call(&self, method: &str, path: &str, body: &str) -> Option<(String, Value)> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.0\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).ok()?;
        stream.write_all(body.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.lines().next()?.to_owned();
        Some((status, serde_json::from_str(body).unwrap_or_default()))
    }

    fn call(&self, method: &str, path: &str, body: &str) -> Value {
        let (status, answer) = self.try_call(method, path, body).expect("OpenSearch answers");
        assert!(
            status.contains(" 200") || status.contains(" 201"),
            "{path}: {status} {answer}"
        );
        answer
    }

    /// Installs the template of a format as the documentation has it; returns the index that its events go to.
    fn install(&self, format: Format) -> String {
        let name = format.name();
        let path = artifacts::workspace().join(format!("docs/elastic/opensearch/{name}.json"));
        let template = fs::read_to_string(path).expect("the template is there");
        self.call(
            "PUT",
            &format!("/_index_template/azure-activity-{name}"),
            &template,
        );
        let template: Value = serde_json::from_str(&template).expect("it is JSON");
        let pattern = template["index_patterns"][0].as_str().expect("a pattern");
        pattern.replace('*', if pattern.ends_with("-*") { "default" } else { "" })
    }

    /// Adds documents; returns what was refused, and why.
    fn add(&self, index: &str, documents: &[(String, String)]) -> Vec<String> {
        let mut refused = Vec::new();
        for part in documents.chunks(100) {
            let mut body = String::new();
            for (id, document) in part {
                body += &format!("{}\n{document}\n", json!({"create": {"_id": id}}));
            }
            let answer = self.call("POST", &format!("/{index}/_bulk"), &body);
            for item in answer["items"].as_array().expect("an outcome for each") {
                if item["create"]["status"] != 201 {
                    refused.push(item["create"]["error"].to_string());
                }
            }
        }
        self.call("POST", &format!("/{index}/_refresh"), "");
        refused
    }

    fn count(&self, index: &str) -> u64 {
        self.call("GET", &format!("/{index}/_count"), "")["count"]
            .as_u64()
            .expect("a number")
    }

    /// The ids of the documents that a query in Lucene's syntax finds.
    fn find(&self, index: &str, lucene: &str) -> Vec<String> {
        let query = json!({
            "size": 1_000, "_source": false,
            "query": {"query_string": {"query": lucene, "analyze_wildcard": true}},
        });
        let answer = self.call("POST", &format!("/{index}/_search"), &query.to_string());
        let hits = answer["hits"]["hits"].as_array().expect("a list");
        let mut ids: Vec<String> = hits
            .iter()
            .map(|hit| hit["_id"].as_str().unwrap_or_default().to_owned())
            .collect();
        ids.sort();
        ids
    }
}

/// Odd records as events of a format, each with its id.
fn odd_events(format: Format) -> Vec<(String, String)> {
    let mut normalizer = Normalizer::new(Settings {
        format,
        labels: Labels::new([("tenant", "contoso")]),
        ..Settings::default()
    });
    let event = |record: &Vec<u8>| match normalizer.apply(&Record::read(record.as_slice())) {
        Outcome::Event(event) => (event.id, event.body),
        other => panic!("{other:?}"),
    };
    odd_records::records(1_300).iter().map(event).collect()
}

#[test]
#[ignore = "needs OpenSearch"]
fn opensearch_with_the_shipped_templates_refuses_no_odd_event_and_keeps_what_the_host_sends() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let engine = Engine::start(folder.path());
    for format in Format::ALL {
        let index = engine.install(format);
        let events = odd_events(format);
        let widest = events.iter().filter(|(_, body)| body.contains("m4999")).count();
        assert!(widest > 20, "{widest} events have 5,000 members");
        let refused = engine.add(&index, &events);
        assert!(
            refused.is_empty(),
            "{}: {} refused, {}",
            format.name(),
            refused.len(),
            refused[0]
        );
        assert_eq!(engine.count(&index), 1_300, "{}", format.name());
    }
    // Without a template the same events are refused: the test can fail.
    let refused = engine.add("guessed", &odd_events(Format::Raw));
    assert!(refused.len() > 100, "{} refused", refused.len());

    let server = lab::serve(lab::with_events(500));
    let sink = format!(
        "type = \"http\"\npreset = \"elasticsearch\"\nurl = \"http://{}\"\n\
         data_stream = \"logs-azure.activitylogs-lab\"\npipeline = \"_none\"",
        engine.address
    );
    let site = killed_on_the_way(source(&server, &sink).set("format", "\"elastic\""));
    assert_eq!(site.read("contoso.dead.ndjson"), "", "nothing was refused");
    let index = "logs-azure.activitylogs-lab";
    engine.call("POST", &format!("/{index}/_refresh"), "");
    let query = json!({"size": 2_000, "_source": ["event.id"]});
    let answer = engine.call("POST", &format!("/{index}/_search"), &query.to_string());
    let ids = answer["hits"]["hits"].as_array().expect("a list").iter();
    let ids: Vec<String> = ids
        .map(|hit| {
            hit["_source"]["event"]["id"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        })
        .collect();
    assert_eq!(ids.len(), lab::visible_ids(&server).len(), "each is one document");
    assert_nothing_lost(&server, ids);
}

/// What each question's KQL finds, by the name of its Sigma rule: the places of the documents, as text in order.
fn answers() -> BTreeMap<String, Vec<String>> {
    let documents = corpus::documents(Format::Ecs);
    let page = corpus::file("docs/detections.md");
    let answer = |question: corpus::Question| {
        let section = page.split(&question.title).nth(1).expect("it is on the page");
        let (_, rule) = section.split_once("(sigma/rules/").expect("it names its rule");
        let (rule, _) = rule.split_once(".yml").expect("it names its rule");
        let query = Query::read(Language::Kql, &question.queries["kql"]);
        let found = documents
            .iter()
            .enumerate()
            .filter(|(_, document)| query.matches(document));
        let mut places: Vec<String> = found.map(|(place, _)| place.to_string()).collect();
        places.sort();
        (rule.to_owned(), places)
    };
    corpus::questions().into_iter().map(answer).collect()
}

#[test]
#[ignore = "needs OpenSearch and pySigma"]
fn sigma_rules_converted_by_pysigma_find_in_every_format_what_the_questions_find() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let engine = Engine::start(folder.path());
    let converted = Command::new(artifacts::target().join("engines/sigma/bin/python"))
        .arg(artifacts::workspace().join("tests/engines/convert.py"))
        .arg(artifacts::workspace().join("docs/sigma"))
        .output()
        .expect("python starts; .ci/run installs it");
    assert!(
        converted.status.success(),
        "{}",
        String::from_utf8_lossy(&converted.stderr)
    );
    let queries: BTreeMap<String, BTreeMap<String, String>> =
        serde_json::from_slice(&converted.stdout).expect("it prints JSON");
    assert_eq!(queries.len(), 10);
    // Records as received are searched without regard to letter case, as the documentation says.
    let any_case = json!({
        "settings": {"analysis": {"normalizer": {"any_case": {"type": "custom", "filter": ["lowercase"]}}}},
        "mappings": {"date_detection": false, "dynamic_templates": [
            {"open": {"match": "properties", "mapping": {"type": "object", "enabled": false}}},
            {"claims": {"match": "claims", "mapping": {"type": "object", "enabled": false}}},
            {"texts": {"match_mapping_type": "string", "mapping": {"type": "keyword", "normalizer": "any_case"}}},
        ]},
    });
    engine.call("PUT", "/raw", &any_case.to_string());
    let mut indices = BTreeMap::from([("raw", "raw".to_owned())]);
    for format in [Format::Ecs, Format::Elastic] {
        indices.insert(format.name(), engine.install(format));
    }
    for format in [Format::Ecs, Format::Elastic, Format::Raw] {
        let documents = corpus::documents(format).into_iter().enumerate();
        let documents: Vec<_> = documents
            .map(|(number, document)| (number.to_string(), document.to_string()))
            .collect();
        let refused = engine.add(&indices[format.name()], &documents);
        // Two of the fixtures have members of other shapes, which the guessed mapping does not take.
        assert!(
            refused.len() <= if format == Format::Raw { 6 } else { 0 },
            "{refused:?}"
        );
    }
    let expected = answers();
    for (rule, queries) in queries {
        let answer = &expected[&rule];
        for (format, query) in &queries {
            let asks_for_ours = query.contains("azure.activity_logs.") || query.contains("event.");
            let is_known = match format.as_str() {
                "raw" => !asks_for_ours,
                "elastic" => !query.contains("event.type"),
                _ => true,
            };
            if is_known {
                assert_eq!(
                    engine.find(&indices[format.as_str()], query),
                    *answer,
                    "{rule} in {format}: {query}"
                );
            }
        }
    }
}
