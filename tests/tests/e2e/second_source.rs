//! The host knows no source: another one runs with everything the first one has.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread;

use crate::artifacts;
use crate::site::{Site, Source};

/// A feed of so many entries, for the example source. Lives as long as the test process.
pub fn serve_feed(entries: u64) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut line = String::new();
            let mut reader = BufReader::new(stream);
            if reader.read_line(&mut line).is_err() {
                continue;
            }
            let after = line
                .split("after=")
                .nth(1)
                .and_then(|rest| rest.split(' ').next()?.parse().ok())
                .unwrap_or(0);
            let list: Vec<String> = (after + 1..=entries)
                .map(|number| format!("{{\"number\":{number},\"text\":\"entry\"}}"))
                .collect();
            let body = format!("[{}]", list.join(","));
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            let _ = reader.get_mut().write_all(format!("{head}{body}").as_bytes());
        }
    });
    format!("http://{address}")
}

#[test]
fn an_unrelated_source_is_checked_run_and_resumed() {
    let feed = serve_feed(25);
    let source = Source {
        name: "feed".to_owned(),
        plugin: artifacts::example_source().to_owned(),
        allow: feed.clone(),
        interval: "1s".to_owned(),
        keys: String::new(),
        config: format!("url = \"{feed}/entries\""),
        sink: "type = \"file\"\npath = \"feed.ndjson\"".to_owned(),
        rest: "[source.limits]\nbatch_events = 10".to_owned(),
    };
    let site = Site::new(&[source]);
    site.run(&["check"]).exits_with(0).says("25 records");
    for _ in 0..2 {
        site.run(&["run", "--once"]).exits_with(0);
        let numbers: Vec<u64> = site
            .events("feed.ndjson")
            .iter()
            .filter_map(|event| event["number"].as_u64())
            .collect();
        assert_eq!(numbers, (1..=25).collect::<Vec<u64>>());
    }
}
