//! One connection to a receiver: TCP or TLS, and MessagePack both ways.

use std::io;
use std::path::Path;

use rmpv::Value;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::ForwardReceiver;
use super::helo::Helo;
use crate::egress::{self, TrustingResolver};

/// What receivers say is short: a greeting, an acknowledgement, a reason.
const LONGEST_ANSWER: usize = 8 << 10;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

pub(super) struct Connection {
    stream: Box<dyn Stream>,
    /// Bytes of the next answer.
    unread: Vec<u8>,
    /// Whether the receiver wants to see more than one chunk on it.
    is_lasting: bool,
}

impl Connection {
    /// Connects. Until the receiver says otherwise, it may carry more than one chunk.
    pub(super) async fn open(receiver: &ForwardReceiver, resolver: &TrustingResolver) -> io::Result<Self> {
        let stream = resolver.connect(&receiver.address).await?;
        // A chunk is written at once and then waited for.
        stream.set_nodelay(true)?;
        let stream: Box<dyn Stream> = if receiver.tls {
            Box::new(encrypted(stream, &receiver.address, receiver.ca.as_deref()).await?)
        } else {
            Box::new(stream)
        };
        Ok(Self {
            stream,
            unread: Vec::new(),
            is_lasting: true,
        })
    }

    /// Notes whether the receiver wants to see more than one chunk.
    pub(super) fn lasts(&mut self, is_lasting: bool) {
        self.is_lasting = is_lasting;
    }

    /// The connection, if there may be another chunk on it.
    pub(super) fn kept(self) -> Option<Self> {
        self.is_lasting.then_some(self)
    }

    /// Sends a chunk and waits for its acknowledgement.
    pub(super) async fn exchange(&mut self, chunk: &[u8], name: &str) -> io::Result<()> {
        self.write(chunk).await?;
        let answer = self.read().await?;
        let acknowledged = answer.as_map().and_then(|fields| {
            let (_, value) = fields.iter().find(|(key, _)| key.as_str() == Some("ack"))?;
            value.as_slice()
        });
        match acknowledged {
            Some(acknowledged) if acknowledged == name.as_bytes() => Ok(()),
            Some(_) => Err(invalid("it acknowledges another chunk")),
            None if Helo::read(&answer).is_some() => {
                Err(invalid("it asks for a shared key; set `sink.shared_key`"))
            }
            None => Err(invalid("it answers with something else than `ack`")),
        }
    }

    /// Sends whole messages.
    pub(super) async fn write(&mut self, message: &[u8]) -> io::Result<()> {
        self.stream.write_all(message).await?;
        self.stream.flush().await
    }

    /// The next message.
    pub(super) async fn read(&mut self) -> io::Result<Value> {
        loop {
            let mut rest = self.unread.as_slice();
            match rmpv::decode::read_value(&mut rest) {
                Ok(message) => {
                    let read = self.unread.len() - rest.len();
                    self.unread.drain(..read);
                    return Ok(message);
                }
                Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => {
                    return Err(invalid("it answers with something else than MessagePack"));
                }
                Err(_) if self.unread.len() >= LONGEST_ANSWER => {
                    return Err(invalid("its answer is too long"));
                }
                Err(_) => {}
            }
            if self.stream.read_buf(&mut self.unread).await? == 0 {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "it closed the connection",
                ));
            }
        }
    }
}

/// An answer that does not keep the protocol.
pub(super) fn invalid(problem: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem.to_owned())
}

async fn encrypted(stream: TcpStream, address: &str, ca: Option<&Path>) -> io::Result<impl Stream + use<>> {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    let config = egress::client_config(ca).map_err(io::Error::other)?;
    TlsConnector::from(config).connect(name, stream).await
}
