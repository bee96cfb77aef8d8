//! Upstreams and receivers that mean no good, for tests and for the benchmark among attackers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::network::{Authority, Background, read_head};

/// What an attacker has seen and sent.
#[derive(Debug, Default)]
pub struct Counts {
    /// Connections that were opened.
    pub connections: AtomicU64,
    /// Bytes that the other side took.
    pub taken: AtomicU64,
}

impl Counts {
    /// Connections and bytes.
    pub fn now(&self) -> (u64, u64) {
        (
            self.connections.load(Ordering::Relaxed),
            self.taken.load(Ordering::Relaxed),
        )
    }
}

/// Takes every request and never answers.
pub fn hung() -> Background {
    Background::serve(|mut stream: TcpStream| async move {
        read_head(&mut stream).await;
        tokio::time::sleep(Duration::from_secs(3_600)).await;
    })
}

/// Repeats a line before its answer, without end.
pub fn talking(line: &'static str, counts: &Arc<Counts>) -> Background {
    let counts = counts.clone();
    Background::serve(move |mut stream: TcpStream| {
        let counts = counts.clone();
        async move {
            counts.connections.fetch_add(1, Ordering::Relaxed);
            read_head(&mut stream).await;
            let piece = line.repeat((64 << 10) / line.len());
            while stream.write_all(piece.as_bytes()).await.is_ok() {
                counts.taken.fetch_add(piece.len() as u64, Ordering::Relaxed);
            }
        }
    })
}

/// A frame of HTTP/2: length, type, flags, stream, payload (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const WINDOW_UPDATE: u8 = 8;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// `:status: 200` in HPACK's static table (RFC 7541, appendix A).
const STATUS_200: u8 = 0x88;
const PREFACE: usize = 24;

/// Speaks HTTP/2, answers every request with `[]`, and then grants its client a byte more of its window, without end, while
/// the connection is idle.
pub fn idle_flood(authority: &Authority, name: &str, counts: &Arc<Counts>) -> Background {
    let acceptor = authority.acceptor_for(name, &[b"h2"]);
    let counts = counts.clone();
    Background::serve(move |stream: TcpStream| {
        let (acceptor, counts) = (acceptor.clone(), counts.clone());
        async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                counts.connections.fetch_add(1, Ordering::Relaxed);
                // Whoever goes away has had enough.
                let _ = flood(stream, &counts).await;
            }
        }
    })
}

async fn flood(stream: TlsStream<TcpStream>, counts: &Counts) -> std::io::Result<()> {
    let (mut read, mut write) = tokio::io::split(stream);
    read.read_exact(&mut [0; PREFACE]).await?;
    write.write_all(&frame(SETTINGS, 0, 0, &[])).await?;
    let mut head = [0; 9];
    loop {
        read.read_exact(&mut head).await?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        read.read_exact(&mut vec![0; length as usize]).await?;
        match head[3] {
            SETTINGS if head[4] == 0 => write.write_all(&frame(SETTINGS, 1, 0, &[])).await?,
            HEADERS => {
                let mut answer = frame(HEADERS, END_HEADERS, stream, &[STATUS_200]);
                answer.extend(frame(DATA, END_STREAM, stream, b"[]"));
                write.write_all(&answer).await?;
                break;
            }
            _ => {}
        }
    }
    // Until it has been read: what comes before that belongs to the answer.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let piece = frame(WINDOW_UPDATE, 0, 0, &1_u32.to_be_bytes()).repeat(1_000);
    loop {
        write.write_all(&piece).await?;
        counts.taken.fetch_add(piece.len() as u64, Ordering::Relaxed);
    }
}
