//! An HTTP receiver of NDJSON that refuses what it is told to, and the smallest client.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::site::{event_id, parse_lines};

/// Takes NDJSON without gzip. Lives as long as the test process.
#[derive(Clone)]
pub struct Collector {
    /// A body with this text in it is answered with 400.
    refused: String,
    taken: Arc<Mutex<String>>,
}

impl Collector {
    /// Listens; refuses every body that holds `refused`.
    pub fn start(listener: TcpListener, refused: &str) -> Self {
        let collector = Self {
            refused: refused.to_owned(),
            taken: Arc::default(),
        };
        let serving = collector.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that goes away in the middle has had nothing accepted.
                let _ = serving.answer(stream);
            }
        });
        collector
    }

    /// The ids of all events taken, sorted, repetitions kept.
    pub fn ids(&self) -> Vec<String> {
        let taken = self.taken.lock().expect("nobody panics with it");
        let mut ids: Vec<String> = parse_lines(&taken).iter().map(event_id).collect();
        ids.sort();
        ids
    }

    fn answer(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? <= 2 {
                break;
            }
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let body = String::from_utf8_lossy(&body);
        let is_refused = !self.refused.is_empty() && body.contains(&self.refused);
        if !is_refused {
            self.taken.lock().expect("nobody panics with it").push_str(&body);
        }
        let status = if is_refused { "400 Bad Request" } else { "200 OK" };
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno");
        reader.get_mut().write_all(answer.as_bytes())
    }
}

/// The body of an answer to GET.
#[track_caller]
pub fn get(address: SocketAddr, path: &str) -> String {
    exchange(address, &format!("GET {path} HTTP/1.0\r\n\r\n"))
}

/// The body of an answer to POST.
#[track_caller]
pub fn post(address: SocketAddr, body: &str) -> String {
    exchange(
        address,
        &format!("POST / HTTP/1.0\r\nContent-Length: {}\r\n\r\n{body}", body.len()),
    )
}

#[track_caller]
fn exchange(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("somebody listens");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("it speaks HTTP");
    assert!(head.contains(" 200 "), "{answer}");
    body.to_owned()
}

/// Where nobody listens at present.
pub fn free_address() -> SocketAddr {
    listener().local_addr().expect("it is bound")
}

/// A listener on a free port.
pub fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").expect("a loopback port is free")
}
