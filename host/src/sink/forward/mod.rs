//! The Fluent Forward protocol (version 1, Forward mode) over TCP or TLS. Accepted when the receiver acknowledges the
//! chunk.

mod connection;
mod handshake;
mod helo;

use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rmpv::Value;
use tokio::sync::Mutex;

use self::connection::Connection;
use super::{Accepted, DeliverFuture, Delivery, Sink, SinkError, Undelivered};
use crate::egress::TrustingResolver;
use crate::model::Event;
use crate::secret::Template;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// From connecting to the acknowledgement. Receivers acknowledge when their buffer has the chunk, often after a flush.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The type of an `EventTime` among MessagePack's extensions.
const EVENT_TIME: i8 = 0;

/// A receiver and how to talk to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardReceiver {
    /// Host and port.
    pub address: String,
    /// The tag of all events.
    pub tag: String,
    /// The member of each record that says where it comes from: source, partition and attributes. None adds no member.
    pub attributes: Option<String>,
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// A PEM file of certificate authorities to trust besides the system's.
    pub ca: Option<PathBuf>,
    /// `shared_key`, `user` and `password`, as far as they are configured; read again for every connection.
    pub login: Template,
}

/// Connects and logs in, and sends nothing. Returns what was found, in one sentence.
pub(super) async fn try_login(receiver: &ForwardReceiver) -> io::Result<String> {
    handshake::connect(receiver, &TrustingResolver::default()).await?;
    Ok(match receiver.login == Template::default() {
        true => format!(
            "{} takes connections; whether it acknowledges shows with the first batch",
            receiver.address
        ),
        false => format!("{} accepts the login", receiver.address),
    })
}

pub(super) struct ForwardSink {
    receiver: ForwardReceiver,
    resolver: TrustingResolver,
    /// The connection, kept while it works. One delivery at a time, since acknowledgements follow their chunks.
    connection: Mutex<Option<Connection>>,
}

impl ForwardSink {
    pub(super) fn new(receiver: ForwardReceiver) -> Self {
        Self {
            receiver,
            resolver: TrustingResolver::default(),
            connection: Mutex::default(),
        }
    }

    async fn deliver_all(&self, delivery: Delivery<'_>) -> Result<Accepted, Undelivered> {
        let mut connection = self.connection.lock().await;
        let exchanged = tokio::time::timeout(TIMEOUT, self.exchange(connection.take(), delivery)).await;
        let late = |_| {
            Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("no acknowledgement within {TIMEOUT:?}"),
            ))
        };
        // Only a connection that worked is kept: on another one a late acknowledgement could stand for the wrong chunk.
        *connection = exchanged.unwrap_or_else(late).map_err(|error| {
            let reason = format!("{}: {error}", self.receiver.address);
            Undelivered::all(delivery.events.len(), SinkError::unavailable(reason))
        })?;
        Ok(Accepted::default())
    }

    /// Delivers a chunk. Gives the connection back if it may be used again.
    async fn exchange(
        &self,
        kept: Option<Connection>,
        delivery: Delivery<'_>,
    ) -> io::Result<Option<Connection>> {
        let name = chunk_name()?;
        let chunk = chunk(&self.receiver, &name, delivery)?;
        if let Some(mut connection) = kept {
            match connection.exchange(&chunk, &name).await {
                // It may have been closed while there was nothing to say, which is no reason to wait.
                Err(error) if is_disconnect(&error) => {}
                done => return done.map(|()| connection.kept()),
            }
        }
        let mut connection = handshake::connect(&self.receiver, &self.resolver).await?;
        connection.exchange(&chunk, &name).await?;
        Ok(connection.kept())
    }
}

impl Sink for ForwardSink {
    fn deliver<'a>(&'a self, delivery: Delivery<'a>) -> DeliverFuture<'a> {
        Box::pin(self.deliver_all(delivery))
    }
}

fn is_disconnect(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
    )
}

/// `[tag, [[time, record], …], {chunk, size}]`
fn chunk(receiver: &ForwardReceiver, name: &str, delivery: Delivery<'_>) -> io::Result<Vec<u8>> {
    let now = now();
    let events = delivery.events;
    let entries = events.iter().map(|event| {
        // Checked when the batch arrived; a body that cannot be taken apart would still go out, as text in a record.
        let mut record = serde_json::from_str(&event.body)
            .unwrap_or_else(|_| Value::Map(vec![("message".into(), event.body.as_str().into())]));
        if let (Some(member), Value::Map(members)) = (&receiver.attributes, &mut record)
            && !members.iter().any(|(name, _)| name.as_str() == Some(member))
        {
            members.push((member.as_str().into(), origin(delivery, event)));
        }
        Value::Array(vec![time(event.time.unwrap_or(now)), record])
    });
    let options = vec![
        ("chunk".into(), name.into()),
        ("size".into(), events.len().into()),
    ];
    let message = Value::Array(vec![
        receiver.tag.as_str().into(),
        Value::Array(entries.collect()),
        Value::Map(options),
    ]);
    let mut bytes = Vec::new();
    rmpv::encode::write_value(&mut bytes, &message)?;
    Ok(bytes)
}

/// Where an event comes from. What is true of the event alone counts more than what is true of its partition.
fn origin(delivery: Delivery<'_>, event: &Event) -> Value {
    let mut members = vec![
        ("source".into(), delivery.source.into()),
        ("partition".into(), delivery.partition.into()),
    ];
    let own = |name: &str| event.attributes.iter().any(|attribute| attribute.name == name);
    let shared = delivery
        .attributes
        .iter()
        .filter(|attribute| !own(&attribute.name));
    members.extend(
        shared
            .chain(&event.attributes)
            .map(|attribute| (attribute.name.as_str().into(), attribute.value.as_str().into())),
    );
    Value::Map(members)
}

/// The present time in nanoseconds since 1970: that of an event whose source knows none.
fn now() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}

/// An `EventTime`: seconds and nanoseconds, 32 bits each.
fn time(nanoseconds: u64) -> Value {
    let seconds = u32::try_from(nanoseconds / 1_000_000_000).unwrap_or(u32::MAX);
    let rest = (nanoseconds % 1_000_000_000) as u32;
    Value::Ext(EVENT_TIME, [seconds.to_be_bytes(), rest.to_be_bytes()].concat())
}

/// A name that no other chunk on the connection has.
fn chunk_name() -> io::Result<String> {
    Ok(BASE64_STANDARD.encode(random()?))
}

/// Sixteen bytes that nobody can guess.
fn random() -> io::Result<[u8; 16]> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| io::Error::other(format!("this system gives no random numbers: {error}")))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
