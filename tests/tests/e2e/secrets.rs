//! Secrets and tokens stay where they belong.

use std::sync::{Mutex, PoisonError};

use fake_azure::scenario::example;

use crate::artifacts;
use crate::collector::free_address;
use crate::lab;
use crate::network::Recorder;
use crate::site::{Site, Source, finish, wait_until};
use crate::watched;

#[test]
fn no_secret_or_token_leaves_the_process_at_any_log_level() {
    let refused = format!(
        r#"{{"faults": [{{"on": {{"endpoint": "log", "from": 3, "times": 1}}, "do": "expire_token"}},
            {{"on": {{"endpoint": "log", "from": 4, "times": 1, "subscription": "{}"}}, "do": {{"fail": {{"status": 500}}}}}}]}}"#,
        example::PRODUCTION
    );
    let server = lab::serve_with_faults(lab::with_events(700), &refused);
    let site = Site::new(&[Source::azure("contoso", server.endpoint())]);
    let configuration = site.path("headwater.toml");
    for arguments in [
        ["run", "--once"].as_slice(),
        &["check"],
        &["state", "list"],
        &["state", "show"],
    ] {
        let child = crate::site::headwater(&site.path(""))
            .args(arguments)
            .arg("--config")
            .arg(&configuration)
            .env("RUST_LOG", "trace")
            .spawn()
            .expect("headwater starts");
        let finished = finish(child);
        finished.exits_with(0);
        assert_clean(arguments, finished.text().as_bytes());
    }
    for name in ["state.redb", "contoso.ndjson", "contoso.dead.ndjson"] {
        let bytes = std::fs::read(site.path(name)).unwrap_or_default();
        assert_clean(name, &bytes);
    }
}

fn assert_clean(place: impl std::fmt::Debug, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    assert!(
        !text.contains(example::CLIENT_SECRET),
        "the secret stands in {place:?}"
    );
    // The fake Azure's tokens are `lab.` and a long run of hexadecimal digits.
    for (position, start) in text.match_indices("lab.") {
        let digits = text[position + start.len()..]
            .bytes()
            .take_while(u8::is_ascii_hexdigit)
            .count();
        assert!(digits < 16, "a token stands in {place:?}");
    }
}

/// What stands in front of the secret where the fake Azure echoes it.
const ECHOED: &str = "echoed-upstream";

/// An Azure that puts the access token and the client secret into the first record of each page of one subscription, and
/// into its refusal of the other one.
fn echoing() -> fake_azure::Server {
    let faults = format!(
        r#"{{"faults": [
            {{"on": {{"endpoint": "log", "times": null, "subscription": "{}"}},
                "do": {{"echo": {{"text": "{ECHOED} {}"}}}}}},
            {{"on": {{"endpoint": "log", "times": null, "subscription": "{}"}},
                "do": {{"fail": {{"status": 403, "code": "AuthorizationFailed", "message": "not with {}"}}}}}}]}}"#,
        example::PRODUCTION,
        example::CLIENT_SECRET,
        example::DEVELOPMENT,
        example::CLIENT_SECRET,
    );
    lab::serve_with_faults(lab::with_events(40), &faults)
}

/// A receiver that refuses the records with the echo, and quotes what it does not like in so many letters or more.
fn quoting(padding: usize) -> Recorder {
    Recorder::replying(move |body| match body.find(ECHOED) {
        Some(_) => {
            let token = body.find("lab.").unwrap_or_default();
            let quoted: String = body[token..].chars().take(2_000).collect();
            (400, format!("cannot parse {quoted}{}", " ".repeat(padding)))
        }
        None => (200, String::new()),
    })
}

#[test]
fn an_event_that_echoes_token_and_secret_and_is_refused_is_kept_without_them() {
    // Long answers are read in another place than short ones.
    for padding in [0, 20_000] {
        let (server, receiver) = (echoing(), quoting(padding));
        let mut source = Source::azure("contoso", server.endpoint());
        source.sink = format!(
            "type = \"http\"\nurl = \"http://127.0.0.1:{}/\"\ngzip = false",
            receiver.port()
        );
        let site = Site::new(&[source]);
        let finished = site.run_with(&[("RUST_LOG", "trace")], &["run", "--once"]);
        finished.exits_with(1).says("cannot parse [secret]");
        let sent = receiver.requests().concat();
        assert!(
            sent.contains(example::CLIENT_SECRET) && sent.contains("lab."),
            "the record that Azure shows is delivered as it is"
        );
        let dead = site.events("contoso.dead.ndjson");
        assert!(!dead.is_empty(), "nothing was kept");
        for letter in &dead {
            let reason = letter["reason"].as_str().unwrap_or_default();
            assert!(
                reason.contains("answered 400") && reason.contains("cannot parse [secret]"),
                "{reason}"
            );
            let raw = letter["raw"].as_str().unwrap_or_default();
            assert!(raw.contains(&format!("[secret] {ECHOED} [secret]")), "{raw}");
        }
        assert_clean("the output", finished.text().as_bytes());
        for name in ["contoso.dead.ndjson", "state.redb"] {
            assert_clean(name, &std::fs::read(site.path(name)).expect("it was made"));
        }
    }
}

#[test]
fn no_secret_or_token_stands_on_a_page_of_the_monitor_or_in_the_lists_of_the_state() {
    let (server, quoted) = (echoing(), Mutex::new(String::new()));
    let receiver = Recorder::replying(move |body| {
        let mut quoted = quoted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(token) = body.find("lab.") {
            *quoted = body[token..].chars().take(2_000).collect();
        }
        (400, format!("cannot parse {quoted}"))
    });
    let mut refused = Source::azure("fabrikam", server.endpoint());
    refused.sink = format!(
        "type = \"http\"\nurl = \"http://127.0.0.1:{}/\"\ngzip = false",
        receiver.port()
    );
    let site = Site::new(&[Source::azure("contoso", server.endpoint()), refused]);
    let address = free_address();
    let configuration = site.read("headwater.toml");
    site.write(
        "headwater.toml",
        &format!("[listen]\naddress = \"{address}\"\n{configuration}"),
    );
    let mut host = site.start_with(&[("RUST_LOG", "trace")], &["run"]);
    wait_until("it listens", || std::net::TcpStream::connect(address).is_ok());
    wait_until("both sources have read, and both refusals are shown", || {
        let status = watched::body(address, "/status.json");
        status.contains("azure.forbidden")
            && status.contains("cannot parse [secret]")
            && !site.read("contoso.ndjson").is_empty()
    });
    for page in ["/metrics", "/status", "/status.json", "/healthz"] {
        let body = watched::body(address, page);
        assert!(!body.is_empty(), "{page}");
        assert_clean(page, body.as_bytes());
    }
    let _ = host.kill();
    assert_clean("the log", finish(host).text().as_bytes());
    for arguments in [["state", "list"], ["state", "show"]] {
        let listed = site.run_with(&[("RUST_LOG", "trace")], &arguments);
        listed.exits_with(0).says("contoso");
        assert_clean(arguments, listed.text().as_bytes());
    }
}

/// Every letter that a form or JSON spells differently.
const AWKWARD: &str = r#"p@ss w+rd&x="\%7/end"#;

/// A source that sends its secret to `urls` and then searches its memory for it.
fn spendthrift(recorder: &Recorder, marker: &str, bound_to: &str) -> Source {
    let port = recorder.port();
    // Quoted as TOML needs it.
    let raised = |text: &str| {
        let raised: String = text.bytes().map(|byte| char::from(byte + 1)).collect();
        toml::Value::from(raised).to_string()
    };
    let mut source = Source::azure(
        "mallory",
        &format!("http://127.0.0.1:{port}\", \"http://localhost:{port}"),
    );
    source.plugin = artifacts::hostile_source().to_owned();
    source.config = format!(
        "attack = \"spend-secret\"\nsecret = {{ file = \"secret.txt\"{bound_to} }}\nmarker = \"{marker}\"\n\
         secret_plus_one = {}\nmarker_plus_one = {}\n\
         urls = [\"http://127.0.0.1:{port}/bound\", \"http://localhost:{port}/elsewhere\"]",
        raised(AWKWARD),
        raised(marker),
    );
    source
}

#[test]
fn a_bound_secret_is_on_the_wire_to_its_origin_and_nowhere_in_the_source() {
    let recorder = Recorder::start();
    let bound_to = format!(", bound_to = \"http://127.0.0.1:{}\"", recorder.port());
    let site = Site::new(&[spendthrift(&recorder, "a-marker-to-find", &bound_to)]);
    site.write("secret.txt", AWKWARD);
    let finished = site.run_with(&[("RUST_LOG", "trace")], &["run", "--once"]);
    finished.exits_with(0);
    let spent = &site.events("mallory.ndjson")[0];
    assert_eq!(spent["secrets"], 0, "the secret lies in the source's memory");
    assert_ne!(spent["markers"], 0, "the search finds what is there");
    let placeholder = spent["had"].as_str().unwrap_or_default();
    assert_eq!(placeholder.len(), 40, "{placeholder}");

    let requests = recorder.requests();
    let [form, json, form_elsewhere, json_elsewhere] = &requests[..] else {
        panic!("{requests:#?}")
    };
    let body = "a=1&secret=p%40ss%20w%2Brd%26x%3D%22%5C%257%2Fend&b=2";
    assert!(form.ends_with(&format!("\r\n\r\n{body}")), "{form}");
    assert!(json.ends_with(r#"{"secret":"p@ss w+rd&x=\"\\%7/end"}"#), "{json}");
    for request in [form, json] {
        assert!(
            request.starts_with("POST /bound ") && request.contains(&format!("x-secret: {AWKWARD}\r\n")),
            "{request}"
        );
    }
    for request in [form_elsewhere, json_elsewhere] {
        assert!(
            request.starts_with("POST /elsewhere ") && request.matches(placeholder).count() == 2,
            "{request}"
        );
        assert!(!request.contains("ss w"), "{request}");
    }
    for text in [AWKWARD, placeholder] {
        assert!(!finished.text().contains(text), "{}", finished.text());
    }
}

#[test]
fn the_search_of_the_memory_finds_a_secret_that_is_not_bound() {
    let recorder = Recorder::start();
    let site = Site::new(&[spendthrift(&recorder, "a-marker-to-find", "")]);
    site.write("secret.txt", AWKWARD);
    site.run(&["run", "--once"]).exits_with(0);
    assert_ne!(site.events("mallory.ndjson")[0]["secrets"], 0);
}

#[test]
fn the_component_logs_in_with_a_secret_that_it_never_has() {
    let server = lab::serve(lab::with_events(20));
    let bound = |origin: &str| format!("{{ env = \"LAB_SECRET\", bound_to = \"{origin}\" }}");
    let here = Source::azure("contoso", server.endpoint()).set("client_secret", &bound(server.endpoint()));
    // Bound to another origin, the same secret stays at home, and what the component has in its place opens nothing.
    let elsewhere = "http://127.0.0.1:9";
    let mut other = Source::azure("fabrikam", server.endpoint()).set("client_secret", &bound(elsewhere));
    other.allow = format!("{}\", \"{elsewhere}", server.endpoint());
    let site = Site::new(&[here, other]);
    site.run(&["run", "--once"]).exits_with(1).says("AADSTS7000215");
    assert_eq!(site.ids("contoso.ndjson"), lab::visible_ids(&server));
    assert_eq!(site.read("fabrikam.ndjson"), "");
}

#[test]
fn a_binding_that_cannot_work_ends_the_start() {
    let bound = |origin: &str| format!("{{ env = \"LAB_SECRET\", bound_to = \"{origin}\" }}");
    let source = Source::azure("contoso", "http://127.0.0.1:9");
    let not_granted = source.set("client_secret", &bound("https://login.example.com"));
    Site::new(&[not_granted])
        .run(&["check"])
        .exits_with(2)
        .says("config.client_secret.bound_to: https://login.example.com is not in `allow`");
    let mut of_sink = Source::azure("contoso", "http://127.0.0.1:9");
    of_sink.sink = format!(
        "type = \"http\"\nurl = \"http://127.0.0.1:9/\"\nheaders = {{ x-key = {} }}",
        bound("http://127.0.0.1:9")
    );
    Site::new(&[of_sink])
        .run(&["check"])
        .exits_with(2)
        .says("sink.headers.x-key.bound_to: is for secrets in `source.config`");
}

/// A source of each kind of leak, with the secret in each of these spellings.
fn leaking(spellings: &[&str]) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut add = |name: String, config: String| {
        let mut source = Source::hostile("leak");
        source.config = format!("attack = \"leak\"\nsecret = {{ file = \"secret.txt\" }}\n{config}");
        source.sink = format!("type = \"file\"\npath = \"{name}.ndjson\"");
        source.name = name;
        sources.push(source);
    };
    let toml = |text: &str| toml::Value::from(text).to_string();
    for place in [
        "log",
        "cursor",
        "label",
        "measure",
        "event-id",
        "rejected-id",
        "reason",
        "raw",
        "code",
        "message",
        "hint",
    ] {
        for (number, text) in spellings.iter().enumerate() {
            add(
                format!("{place}-{number}"),
                format!("place = \"{place}\"\ntext = {}", toml(text)),
            );
        }
    }
    for (number, text) in spellings.iter().enumerate() {
        let text = toml(text);
        add(
            format!("title-{number}"),
            format!("place = \"log\"\ntitle = {text}\ntext = \"x\""),
        );
        add(format!("partition-{number}"), format!("partitions = [{text}]"));
    }
    sources
}

/// A secret that each spelling below spells differently, and its spellings.
const LEAKED: &str = "s3cret/value-of+mallory";
const SPELLINGS: [&str; 8] = [
    LEAKED,
    "s3cret%2fvalue-of%2bmallory",
    "czNjcmV0L3ZhbHVlLW9mK21hbGxvcnk=",
    "dTpzM2NyZXQvdmFsdWUtb2YrbWFsbG9yeQ",
    "7333637265742f76616c75652d6f662b6d616c6c6f7279",
    "7333637265742F76616C75652D6F662B6D616C6C6F7279",
    "\\u00733cret\\/value-of\\u002bmallory",
    "&#115;3cret&#x2F;value-of+mallory",
];

#[test]
fn what_a_source_gives_away_is_refused_or_redacted_wherever_it_puts_it() {
    let site = Site::new(&leaking(&SPELLINGS));
    site.write("secret.txt", LEAKED);
    let mut places = Vec::new();
    for arguments in [
        ["run", "--once"].as_slice(),
        &["check"],
        &["state", "list"],
        &["state", "show"],
    ] {
        let finished = site.run(arguments);
        places.push((format!("{arguments:?}"), finished.text().into_bytes()));
    }
    // Whatever the leaks are, what is fit to be delivered is.
    assert_eq!(site.events("log-0.ndjson").len(), 1);
    for entry in std::fs::read_dir(site.path(""))
        .expect("the folder is there")
        .flatten()
    {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !["headwater.toml", "secret.txt"].contains(&name.as_str()) {
            places.push((name, std::fs::read(entry.path()).unwrap_or_default()));
        }
    }
    assert!(
        places.iter().any(|(name, _)| name.ends_with(".dead.ndjson")),
        "items were kept"
    );
    for (place, bytes) in places {
        let text = String::from_utf8_lossy(&bytes);
        for spelling in SPELLINGS {
            let escaped = serde_json::Value::from(spelling).to_string();
            for text_of in [spelling, escaped.trim_matches('"')] {
                assert!(!text.contains(text_of), "{spelling} is in {place}:\n{text}");
            }
        }
    }
}

#[test]
fn a_token_that_a_call_obtained_is_redacted_in_that_very_call() {
    let recorder = Recorder::start();
    let mut source = Source::azure("mallory", &format!("http://127.0.0.1:{}", recorder.port()));
    source.plugin = artifacts::hostile_source().to_owned();
    source.config = format!(
        "attack = \"leak\"\nplace = \"log\"\ntoken = \"tok3n-of-this-call\"\nurl = \"http://127.0.0.1:{}/\"",
        recorder.port()
    );
    let finished = Site::new(&[source]).run(&["run", "--once"]);
    finished.exits_with(0).says("the login with [secret] worked");
    assert!(!finished.text().contains("tok3n"), "{}", finished.text());
}

#[test]
fn a_secret_that_is_a_word_of_a_code_changes_no_code() {
    let server = lab::serve(lab::with_events(5));
    let source = Source::azure("contoso", server.endpoint()).set("client_secret", "\"secret\"");
    let finished = Site::new(&[source]).run(&["check"]);
    finished.exits_with(1).says("[entra.wrong_secret]");
}
