//! The server on a real socket.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use fake_azure::scenario::example::{CLIENT_ID, CLIENT_SECRET, TENANT, directory};
use fake_azure::{Azure, Script, Server, Settings};
use serde_json::Value;

const LIST: &str = "/subscriptions?api-version=2020-01-01";

fn server(script: &str) -> Server {
    let mut azure = Azure::new(Settings::default(), directory(2));
    azure.play(Script::parse(script).unwrap());
    Server::start(azure, "127.0.0.1:0".parse().unwrap()).unwrap()
}

fn fault(action: &str) -> String {
    format!(r#"{{"faults": [{{"on": {{"endpoint": "subscriptions"}}, "do": {action}}}]}}"#)
}

/// Sends raw bytes and reads until the other side is done with the connection.
fn exchange(endpoint: &str, request: &str) -> (Vec<u8>, Option<ErrorKind>) {
    let address = endpoint.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let (mut answer, mut buffer) = (Vec::new(), [0; 65536]);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return (answer, None),
            Ok(count) => answer.extend_from_slice(&buffer[..count]),
            Err(error) => return (answer, Some(error.kind())),
        }
    }
}

fn get(endpoint: &str, target: &str, token: &str) -> (Vec<u8>, Option<ErrorKind>) {
    exchange(
        endpoint,
        &format!(
            "GET {target} HTTP/1.1\r\nhost: lab\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\r\n"
        ),
    )
}

fn json(answer: &[u8]) -> Value {
    let text = std::str::from_utf8(answer).unwrap();
    let (_, body) = text
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no body: {text}"));
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"))
}

fn log_in(endpoint: &str) -> String {
    let secret: String = CLIENT_SECRET.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let form = format!(
        "grant_type=client_credentials&client_id={CLIENT_ID}&client_secret={secret}&scope={endpoint}/.default"
    );
    let request = format!(
        "POST /{TENANT}/oauth2/v2.0/token HTTP/1.1\r\nhost: lab\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
        form.len()
    );
    json(&exchange(endpoint, &request).0)["access_token"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// What comes back when the list of subscriptions is asked for under a fault.
fn list_under(action: &str) -> (Vec<u8>, Option<ErrorKind>) {
    let server = server(&fault(action));
    let token = log_in(server.endpoint());
    get(server.endpoint(), LIST, &token)
}

#[test]
fn a_client_logs_in_and_reads() {
    let server = server(r#"{"faults": []}"#);
    let token = log_in(server.endpoint());
    let (answer, _) = get(server.endpoint(), LIST, &token);
    assert_eq!(json(&answer)["value"][0]["displayName"], "Contoso Production");
    let (stats, _) = get(server.endpoint(), "/_lab/stats", "");
    assert_eq!(json(&stats)["by_endpoint"]["subscriptions"], 1);
    assert_eq!(server.azure().requests().count(), 2);
}

#[test]
fn a_reset_is_a_reset_before_the_head_or_in_the_body() {
    let (answer, end) = list_under(r#"{"reset": {"after": 0}}"#);
    assert_eq!((answer.len(), end), (0, Some(ErrorKind::ConnectionReset)));
    let (answer, end) = list_under(r#"{"reset": {"after": 10}}"#);
    assert!(
        answer.ends_with(b"\r\n\r\n{\"value\":["),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    assert_eq!(end, Some(ErrorKind::ConnectionReset));
}

#[test]
fn a_hanging_request_gets_no_byte() {
    let (answer, end) = list_under(r#""hang""#);
    assert_eq!((answer.len(), end), (0, Some(ErrorKind::WouldBlock)));
}

#[test]
fn a_dripping_body_arrives_whole() {
    let (answer, end) = list_under(r#"{"drip": {"bytes": 200, "pause_ms": 1}}"#);
    assert_eq!((json(&answer)["value"].as_array().unwrap().len(), end), (2, None));
}

#[test]
fn padding_comes_without_a_length() {
    let (answer, end) = list_under(r#"{"pad": {"bytes": 5000000}}"#);
    assert!(
        answer.len() > 5_000_000 && end.is_none(),
        "{} {end:?}",
        answer.len()
    );
    let head = String::from_utf8_lossy(&answer[..1000]);
    assert!(!head.contains("content-length"), "{head}");
}

#[test]
fn the_program_says_how_to_reach_it_and_stops_on_sigterm() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_fake-azure"))
        .args(["--tenants", "3", "--subscriptions", "2", "--scenario", "bulk:30"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(
        &mut std::io::BufReader::new(child.stdout.take().unwrap()),
        &mut line,
    )
    .unwrap();
    let connection: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&connection["tenant_id"], &connection["client_id"]),
        (&TENANT.into(), &CLIENT_ID.into())
    );
    assert_eq!(connection["tenants"].as_array().unwrap().len(), 3);
    assert_eq!(
        connection["tenants"][2]["subscriptions"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let (ids, _) = get(connection["base_url"].as_str().unwrap(), "/_lab/ids", "");
    let visible = json(&ids)
        .as_object()
        .unwrap()
        .values()
        .map(|log| log["visible"].as_array().unwrap().len())
        .sum::<usize>();
    assert_eq!(visible, 30);

    let killed = Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(killed.success());
    assert!(child.wait().unwrap().success());
}
