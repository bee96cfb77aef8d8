//! `/metrics`, `/healthz` and `/status` in the face of clients that mean no good.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::collector::free_address;
use crate::lab;
use crate::site::{Site, Source, wait_until};

/// The answer to a request, head and body.
fn exchange(address: SocketAddr, request: &str) -> String {
    let mut answer = String::new();
    let exchanged = TcpStream::connect(address).and_then(|mut stream| {
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        stream.write_all(request.as_bytes())?;
        stream.read_to_string(&mut answer)
    });
    if let Err(error) = exchanged {
        answer = format!("HTTP/1.1 0 {error}\r\n\r\n");
    }
    answer
}

/// The status of a GET; 0 if there is no answer.
pub fn status(address: SocketAddr, path: &str) -> u16 {
    let answer = exchange(address, &format!("GET {path} HTTP/1.0\r\n\r\n"));
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    status.unwrap_or_default()
}

/// The body of a GET, whatever its status.
pub fn body(address: SocketAddr, path: &str) -> String {
    let answer = exchange(address, &format!("GET {path} HTTP/1.0\r\n\r\n"));
    answer
        .split_once("\r\n\r\n")
        .map(|(_, body)| body.to_owned())
        .unwrap_or_default()
}

/// Runs `look` beside a host that listens.
fn beside_a_host(hosts: &str, look: impl FnOnce(SocketAddr)) {
    let server = lab::serve(lab::with_events(5));
    let site = Site::new(&[Source::azure("contoso", server.endpoint())]);
    let address = free_address();
    let configuration = site.read("headwater.toml");
    site.write(
        "headwater.toml",
        &format!("[listen]\naddress = \"{address}\"\n{hosts}\n{configuration}"),
    );
    let mut host = site.start(&["run"]);
    wait_until("it listens", || status(address, "/healthz") == 200);
    look(address);
    let _ = host.kill();
    let _ = host.wait();
}

#[test]
fn health_is_answered_beside_any_number_of_slow_readers_and_half_sent_requests() {
    beside_a_host("", |address| {
        let open = |request: &str| {
            let mut stream = TcpStream::connect(address).expect("it listens");
            stream.write_all(request.as_bytes()).expect("it reads");
            stream
        };
        let mut held = Vec::new();
        for _ in 0..200 {
            held.push(open("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"));
            held.push(open("GET /hea"));
            held.push(open(""));
        }
        let asked = Instant::now();
        assert_eq!(status(address, "/healthz"), 200);
        assert_eq!(status(address, "/metrics"), 200);
        assert!(asked.elapsed() < Duration::from_secs(30), "{:?}", asked.elapsed());
        // Each is cut off in the end, whatever it does.
        for mut stream in held {
            stream
                .set_read_timeout(Some(Duration::from_secs(60)))
                .expect("a valid time");
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest);
        }
        assert!(asked.elapsed() < Duration::from_secs(55), "{:?}", asked.elapsed());
    });
}

#[test]
fn a_connection_serves_one_request() {
    beside_a_host("", |address| {
        let request = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let answer = exchange(address, &request.repeat(2));
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    });
}

#[test]
fn a_name_that_is_not_ours_is_refused_and_no_page_may_frame_ours() {
    beside_a_host("hosts = [\"status.example\"]", |address| {
        let ask = |host: &str| {
            exchange(
                address,
                &format!("GET /status.json HTTP/1.1\r\nHost: {host}\r\n\r\n"),
            )
        };
        wait_until("it shows its source", || {
            body(address, "/status.json").contains("contoso")
        });
        for host in ["evil.example", "evil.example:9598", "192.0.2.1"] {
            let answer = ask(host);
            assert!(
                answer.starts_with("HTTP/1.1 421 ") && answer.contains("listen.hosts"),
                "{host}: {answer}"
            );
            assert!(!answer.contains("contoso"), "{host}: {answer}");
        }
        for host in ["localhost", "127.0.0.1:9598", "status.example"] {
            let answer = ask(host);
            assert!(
                answer.starts_with("HTTP/1.1 200 ") && answer.contains("contoso"),
                "{host}: {answer}"
            );
            assert!(answer.contains("frame-ancestors 'none'"), "{host}: {answer}");
        }
    });
}
