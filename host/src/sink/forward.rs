//! The Fluent Forward protocol (version 1, Forward mode) over TCP. Accepted when the receiver acknowledges the chunk.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use super::msgpack;
use super::{Accepted, Delivery, Sink, SinkError};
use crate::base64::base64;
use crate::batch::Event;

/// From connecting to the acknowledgement. Receivers acknowledge when their buffer has the chunk, often after a flush.
const TIMEOUT: Duration = Duration::from_secs(60);
/// How an acknowledgement begins: a map with the one key `ack`.
const ACK: &[u8] = b"\x81\xa3ack";
/// An acknowledgement is a little longer than the chunk's name.
const LONGEST_ACK: usize = 256;

pub(super) struct ForwardSink {
    address: String,
    tag: String,
    /// The connection, kept while it works. One delivery at a time, since acknowledgements follow their chunks.
    connection: Mutex<Option<TcpStream>>,
}

impl ForwardSink {
    pub(super) fn new(address: &str, tag: &str) -> Self {
        Self {
            address: address.to_owned(),
            tag: tag.to_owned(),
            connection: Mutex::default(),
        }
    }

    async fn deliver_all(&self, events: &[Event]) -> Result<Accepted, SinkError> {
        let unavailable = |error| SinkError::Unavailable {
            reason: format!("{}: {error}", self.address),
            retry_after: None,
        };
        let mut connection = self.connection.lock().await;
        let exchanged = tokio::time::timeout(TIMEOUT, self.exchange(connection.take(), events)).await;
        let late = || {
            io::Error::new(
                io::ErrorKind::TimedOut,
                format!("no acknowledgement within {TIMEOUT:?}"),
            )
        };
        // Only a connection that worked is kept: on another one a late acknowledgement could stand for the wrong chunk.
        *connection = Some(exchanged.unwrap_or_else(|_| Err(late())).map_err(unavailable)?);
        Ok(Accepted::default())
    }

    /// Sends a chunk and waits for its acknowledgement. Gives the connection back.
    async fn exchange(&self, kept: Option<TcpStream>, events: &[Event]) -> io::Result<TcpStream> {
        let chunk = chunk_name();
        let message = message(&self.tag, &chunk, events);
        let mut stream = match kept {
            Some(stream) => stream,
            None => TcpStream::connect(&self.address).await?,
        };
        stream.write_all(&message).await?;
        let mut answer = Vec::new();
        while !is_ack(&answer, &chunk) {
            let mut buffer = [0; LONGEST_ACK];
            let length = stream.read(&mut buffer).await?;
            answer.extend_from_slice(&buffer[..length]);
            if length == 0 {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "it closed the connection",
                ));
            }
            if answer.len() > LONGEST_ACK {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "it answers with something else than `ack`",
                ));
            }
        }
        Ok(stream)
    }
}

impl Sink for ForwardSink {
    fn deliver<'a>(&'a self, events: &'a [Event]) -> Delivery<'a> {
        Box::pin(self.deliver_all(events))
    }
}

/// `[tag, [[time, record], …], {chunk, size}]`
fn message(tag: &str, chunk: &str, events: &[Event]) -> Vec<u8> {
    let mut out = Vec::new();
    msgpack::array(&mut out, 3);
    msgpack::text(&mut out, tag);
    msgpack::array(&mut out, events.len());
    for event in events {
        msgpack::array(&mut out, 2);
        msgpack::time(&mut out, event.time);
        // Checked when the batch arrived; a body that cannot be taken apart would still go out, as text in a record.
        let record = serde_json::from_str(&event.body);
        msgpack::value(
            &mut out,
            &record.unwrap_or_else(|_| serde_json::json!({ "message": event.body })),
        );
    }
    msgpack::map(&mut out, 2);
    msgpack::text(&mut out, "chunk");
    msgpack::text(&mut out, chunk);
    msgpack::text(&mut out, "size");
    msgpack::unsigned(&mut out, events.len() as u64);
    out
}

/// Whether this is the acknowledgement of the chunk, whatever marker the receiver puts before the text.
fn is_ack(answer: &[u8], chunk: &str) -> bool {
    answer
        .strip_prefix(ACK)
        .is_some_and(|rest| rest.ends_with(chunk.as_bytes()))
}

/// A name that no other chunk on the connection has.
fn chunk_name() -> String {
    let random = || RandomState::new().build_hasher().finish().to_be_bytes();
    base64(&[random(), random()].concat())
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    fn events(bodies: &[&str]) -> Vec<Event> {
        let event = |body: &&str| Event {
            id: "1".to_owned(),
            time: 1_000_000_002,
            severity: 0,
            body: (*body).to_owned(),
        };
        bodies.iter().map(event).collect()
    }

    /// Reads one chunk and returns it with the chunk's name, which stands between the last two keys.
    async fn receive(stream: &mut TcpStream) -> (Vec<u8>, String) {
        let mut message = Vec::new();
        while !message.windows(5).any(|window| window == b"\xa4size") {
            stream.read_buf(&mut message).await.unwrap();
        }
        let at = message
            .windows(6)
            .position(|window| window == b"\xa5chunk")
            .unwrap()
            + 7;
        let name = String::from_utf8(message[at..at + 24].to_vec()).unwrap();
        (message, name)
    }

    async fn answer(stream: &mut TcpStream, name: &str) {
        let mut ack = ACK.to_vec();
        msgpack::text(&mut ack, name);
        stream.write_all(&ack).await.unwrap();
    }

    #[tokio::test]
    async fn a_chunk_is_accepted_by_its_acknowledgement_and_the_connection_kept() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sink = ForwardSink::new(&listener.local_addr().unwrap().to_string(), "audit");
        let receiver = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut messages = Vec::new();
            for _ in 0..2 {
                let (message, name) = receive(&mut stream).await;
                answer(&mut stream, &name).await;
                messages.push(message);
            }
            messages
        });
        for bodies in [&["{\"a\":1}"][..], &["{}", "{}"]] {
            assert_eq!(sink.deliver(&events(bodies)).await.unwrap(), Accepted::default());
        }
        let first = &receiver.await.unwrap()[0];
        let expected = b"\x93\xa5audit\x91\x92\xd7\0\0\0\0\x01\0\0\0\x02\x81\xa1a\x01\x82\xa5chunk";
        assert_eq!(&first[..expected.len()], expected);
    }

    #[tokio::test]
    async fn without_its_own_acknowledgement_a_chunk_is_not_accepted() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sink = ForwardSink::new(&listener.local_addr().unwrap().to_string(), "audit");
        tokio::spawn(async move {
            for reply in ["c29tZWJvZHkgZWxzZSdzIQ==", ""] {
                let (mut stream, _) = listener.accept().await.unwrap();
                receive(&mut stream).await;
                answer(&mut stream, reply).await;
            }
        });
        for _ in 0..2 {
            let error = sink.deliver(&events(&["{}"])).await.unwrap_err();
            assert!(matches!(error, SinkError::Unavailable { .. }), "{error}");
        }
    }
}
