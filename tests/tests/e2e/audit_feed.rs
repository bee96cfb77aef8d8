//! An audit log over HTTP, as the starters of `sdk/` read it: a login with client credentials, pages, and what goes wrong.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

/// The only client.
pub const CLIENT_ID: &str = "example-client";
pub const CLIENT_SECRET: &str = "example-secret-of-the-feed";

/// The log, and what it has seen.
#[derive(Default)]
pub struct Log {
    entries: Mutex<Vec<Value>>,
    logins: AtomicU64,
    /// The number of the only token that is accepted.
    token: AtomicU64,
    /// Pages so far, and of how many a token ends; 0 for tokens that do not end.
    pages: AtomicU64,
    life: AtomicU64,
    /// What every request for entries is answered with; 0 for what it asks for.
    status: AtomicU16,
}

/// The log at work. Lives as long as the test process.
pub struct Feed {
    pub url: String,
    pub log: Arc<Log>,
}

impl Feed {
    /// A log of so many entries.
    pub fn serve(entries: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let log = Arc::new(Log::default());
        let served = log.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let log = served.clone();
                thread::spawn(move || log.answer(stream));
            }
        });
        let feed = Self { url, log };
        feed.append(entries);
        feed
    }

    /// Adds entries.
    pub fn append(&self, count: u64) {
        let mut entries = self.log.entries.lock().expect("nobody panicked");
        for _ in 0..count {
            let number = entries.len() + 1;
            entries.push(json!({
                "number": number,
                "time": format!("2026-03-01T12:00:00.{number:06}Z"),
                "level": "warning",
                "text": format!("entry ä {number}"),
            }));
        }
    }

    /// Ends each token after so many pages, so that sources need another in the middle of their reading; 0 for never.
    pub fn end_tokens_after(&self, pages: u64) {
        self.log.life.store(pages, Ordering::Relaxed);
    }

    /// Answers requests for entries with this status from now on; 0 answers them.
    pub fn refuse(&self, status: u16) {
        self.log.status.store(status, Ordering::Relaxed);
    }

    /// Logins so far.
    pub fn logins(&self) -> u64 {
        self.log.logins.load(Ordering::Relaxed)
    }
}

impl Log {
    fn answer(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream);
        let (mut line, mut length, mut authorization) = (String::new(), 0, String::new());
        if reader.read_line(&mut line).is_err() {
            return;
        }
        loop {
            let mut header = String::new();
            match reader.read_line(&mut header) {
                Ok(1..) if !header.trim().is_empty() => {}
                _ => break,
            }
            let (name, value) = header.split_once(':').unwrap_or_default();
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().unwrap_or(0),
                "authorization" => value.trim().clone_into(&mut authorization),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let target = line.split(' ').nth(1).unwrap_or_default();
        let (status, answer) = match target.split_once('?') {
            None if target == "/token" => self.log_in(&String::from_utf8_lossy(&body)),
            Some(("/entries", query)) => self.page(&authorization, query),
            _ => (404, json!({ "error": "not found" })),
        };
        let answer = answer.to_string();
        let head = format!(
            "HTTP/1.1 {status} Answer\r\ncontent-type: application/json\r\nretry-after: 2\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n",
            answer.len()
        );
        let _ = reader.get_mut().write_all(format!("{head}{answer}").as_bytes());
    }

    fn log_in(&self, form: &str) -> (u16, Value) {
        let has = |name: &str, value: &str| form.split('&').any(|pair| pair == format!("{name}={value}"));
        let good = has("grant_type", "client_credentials")
            && has("client_id", CLIENT_ID)
            && has("client_secret", CLIENT_SECRET);
        if !good {
            return (400, json!({ "error": "invalid_client" }));
        }
        self.logins.fetch_add(1, Ordering::Relaxed);
        (
            200,
            json!({ "access_token": self.token(), "token_type": "Bearer", "expires_in": 3600 }),
        )
    }

    fn token(&self) -> String {
        format!("a-token-of-the-feed-{:08}", self.token.load(Ordering::Relaxed))
    }

    fn page(&self, authorization: &str, query: &str) -> (u16, Value) {
        if authorization != format!("Bearer {}", self.token()) {
            return (401, json!({ "error": "invalid_token" }));
        }
        match self.status.load(Ordering::Relaxed) {
            0 => {}
            // The worst kind: a refusal that looks like a page without entries.
            status => return (status, json!({ "entries": [], "more": false })),
        }
        let number = |name: &str| -> usize {
            let value = query
                .split('&')
                .find_map(|pair| pair.strip_prefix(&format!("{name}=")));
            value.and_then(|value| value.parse().ok()).unwrap_or(0)
        };
        let (page, life) = (
            1 + self.pages.fetch_add(1, Ordering::Relaxed),
            self.life.load(Ordering::Relaxed),
        );
        if page.checked_rem(life) == Some(0) {
            self.token.fetch_add(1, Ordering::Relaxed);
        }
        let entries = self.entries.lock().expect("nobody panicked");
        let (after, limit) = (number("after").min(entries.len()), number("limit"));
        let end = (after + limit).min(entries.len());
        (
            200,
            json!({ "entries": entries[after..end], "more": end < entries.len() }),
        )
    }
}
