use sha2::{Digest, Sha512};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use serde_json::json;

use super::super::delivery;
use super::*;
use crate::model::Attribute;

fn events(bodies: &[&str]) -> Vec<Event> {
    let event = |body: &&str| Event {
        id: "1".to_owned(),
        time: Some(1_000_000_002),
        severity: 0,
        attributes: Vec::new(),
        body: (*body).to_owned(),
    };
    bodies.iter().map(event).collect()
}

/// A sink for whoever listens, and the listener.
async fn sink(login: serde_json::Value) -> (ForwardSink, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let receiver = ForwardReceiver {
        address: listener.local_addr().unwrap().to_string(),
        tag: "audit".to_owned(),
        attributes: None,
        tls: false,
        ca: None,
        login: Template::new("sink", &login, &[]).unwrap(),
    };
    (ForwardSink::new(receiver), listener)
}

async fn receive(stream: &mut TcpStream) -> Value {
    let mut bytes = Vec::new();
    loop {
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "the sink hung up");
        if let Ok(message) = rmpv::decode::read_value(&mut bytes.as_slice()) {
            return message;
        }
    }
}

async fn say(stream: &mut TcpStream, message: Value) {
    let mut bytes = Vec::new();
    rmpv::encode::write_value(&mut bytes, &message).unwrap();
    // In two pieces, as a network may cut it.
    stream.write_all(&bytes[..1]).await.unwrap();
    tokio::task::yield_now().await;
    stream.write_all(&bytes[1..]).await.unwrap();
}

fn ack(message: &Value) -> Value {
    Value::Map(vec![("ack".into(), message[2]["chunk"].clone())])
}

#[test]
fn a_receiver_is_looked_up_beside_whatever_blocks() {
    // One thread for whatever blocks, and it never comes back: as if the system's resolver had it.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (release, hold) = std::sync::mpsc::channel::<()>();
    runtime.spawn_blocking(move || hold.recv());
    runtime.block_on(async {
        let (mut honest, listener) = sink(json!({})).await;
        honest.receiver.address = honest.receiver.address.replace("127.0.0.1", "localhost");
        let (mut hanging, _) = sink(json!({})).await;
        hanging.receiver.address = "hung.example:24224".to_owned();
        hanging.resolver = TrustingResolver::hung();
        let receiver = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let message = receive(&mut stream).await;
            say(&mut stream, ack(&message)).await;
        });
        let (theirs, ours) = (events(&["{}"]), events(&["{}"]));
        tokio::select! {
            biased;
            result = hanging.deliver(delivery(&theirs)) => panic!("the name was looked up: {result:?}"),
            result = honest.deliver(delivery(&ours)) => assert_eq!(result.unwrap(), Accepted::default()),
        }
        receiver.await.unwrap();
    });
    drop(release);
}

#[tokio::test]
async fn a_chunk_is_accepted_by_its_acknowledgement_and_the_connection_kept() {
    let (sink, listener) = sink(json!({})).await;
    let receiver = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut messages = Vec::new();
        for _ in 0..2 {
            let message = receive(&mut stream).await;
            say(&mut stream, ack(&message)).await;
            messages.push(message);
        }
        messages
    });
    for bodies in [&["{\"a\":1}"][..], &["{}", "{}"]] {
        assert_eq!(
            sink.deliver(delivery(&events(bodies))).await.unwrap(),
            Accepted::default()
        );
    }
    let first = &receiver.await.unwrap()[0];
    assert_eq!(first[0].as_str(), Some("audit"));
    let time = Value::Ext(0, vec![0, 0, 0, 1, 0, 0, 0, 2]);
    let record = Value::Map(vec![("a".into(), 1.into())]);
    assert_eq!(first[1][0], Value::Array(vec![time, record]));
    assert_eq!(first[2]["size"].as_u64(), Some(1));
}

#[tokio::test]
async fn a_record_says_where_it_comes_from_unless_the_event_has_such_a_member() {
    let (mut sink, _) = sink(json!({})).await;
    sink.receiver.attributes = Some("origin".to_owned());
    let attribute = |name: &str, value: &str| Attribute {
        name: name.to_owned(),
        value: value.to_owned(),
    };
    let mut events = events(&["{\"a\":1}", "{\"origin\":2}"]);
    events[0].attributes = vec![attribute("cloud.account.id", "own")];
    let attributes = [attribute("cloud.account.id", "shared"), attribute("tenant", "t")];
    let delivery = Delivery {
        attributes: &attributes,
        ..delivery(&events)
    };
    let chunk = chunk(&sink.receiver, "name", delivery).unwrap();
    let message = rmpv::decode::read_value(&mut chunk.as_slice()).unwrap();
    let records = [&message[1][0][1], &message[1][1][1]].map(ToString::to_string);
    insta::assert_snapshot!(records.join("\n"), @r#"
    {"a": 1, "origin": {"source": "contoso", "partition": "p", "tenant": "t", "cloud.account.id": "own"}}
    {"origin": 2}
    "#);
}

#[tokio::test]
async fn without_its_own_acknowledgement_a_chunk_is_not_accepted() {
    let greeting = vec![("nonce".into(), "n".into())];
    for (answer, said) in [
        (
            Value::Map(vec![("ack".into(), "another".into())]),
            "another chunk",
        ),
        (Value::Nil, "something else"),
        (
            Value::Array(vec!["HELO".into(), Value::Map(greeting)]),
            "shared_key",
        ),
    ] {
        let (sink, listener) = sink(json!({})).await;
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            receive(&mut stream).await;
            say(&mut stream, answer).await;
        });
        let error = sink.deliver(delivery(&events(&["{}"]))).await.unwrap_err();
        assert!(matches!(error.error, SinkError::Unavailable { .. }), "{error:?}");
        assert!(error.to_string().contains(said), "{error}");
    }
}

#[tokio::test]
async fn a_connection_closed_while_idle_is_opened_anew_at_once() {
    let (sink, listener) = sink(json!({})).await;
    tokio::spawn(async move {
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().await.unwrap();
            let message = receive(&mut stream).await;
            say(&mut stream, ack(&message)).await;
        }
    });
    for _ in 0..2 {
        sink.deliver(delivery(&events(&["{}"]))).await.unwrap();
    }
}

#[tokio::test]
async fn a_login_proves_the_key_to_both_sides() {
    fn digest(parts: &[&str]) -> String {
        let digest = Sha512::digest(parts.concat());
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
    for (server_key, accepted) in [("sesame", true), ("mellon", false)] {
        let (sink, listener) = sink(json!({ "shared_key": "sesame", "user": "u", "password": "p" })).await;
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let options = vec![("nonce".into(), "nonce".into()), ("auth".into(), "salt".into())];
            say(
                &mut stream,
                Value::Array(vec!["HELO".into(), Value::Map(options)]),
            )
            .await;
            let ping = receive(&mut stream).await;
            let salt = ping[2].as_str().unwrap();
            assert_eq!(
                ping[3].as_str(),
                Some(digest(&[salt, "headwater", "nonce", "sesame"]).as_str())
            );
            assert_eq!(
                (ping[4].as_str(), ping[5].as_str()),
                (Some("u"), Some(digest(&["salt", "u", "p"]).as_str()))
            );
            let proof = digest(&[salt, "server", "nonce", server_key]);
            let pong = ["", "server", &proof].map(Value::from);
            let mut parts = vec!["PONG".into(), Value::from(true)];
            parts.extend(pong);
            say(&mut stream, Value::Array(parts)).await;
            let message = receive(&mut stream).await;
            say(&mut stream, ack(&message)).await;
        });
        let delivered = sink.deliver(delivery(&events(&["{}"]))).await;
        assert_eq!(delivered.is_ok(), accepted, "{delivered:?}");
    }
}

#[tokio::test]
async fn a_refused_login_says_why_without_the_secret() {
    let (sink, listener) = sink(json!({ "shared_key": "sesame" })).await;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let options = vec![("nonce".into(), Value::Binary(b"\xff\0".to_vec()))];
        say(
            &mut stream,
            Value::Array(vec!["HELO".into(), Value::Map(options)]),
        )
        .await;
        receive(&mut stream).await;
        let reason = "shared_key mismatch: sesame";
        let parts = vec![
            "PONG".into(),
            Value::from(false),
            reason.into(),
            "".into(),
            "".into(),
        ];
        say(&mut stream, Value::Array(parts)).await;
    });
    let error = sink
        .deliver(delivery(&events(&["{}"])))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("shared_key mismatch") && error.contains("check `sink.shared_key`"),
        "{error}"
    );
    assert!(!error.contains("sesame"), "{error}");
}
