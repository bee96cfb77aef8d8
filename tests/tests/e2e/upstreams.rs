//! Upstreams that attack the host through an honest question: the hostile source asks, and the honest tenant beside it
//! must not notice.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::lab;
use crate::network::{Background, read_head};
use crate::site::{Finished, Site, Source};

/// What `limits.response` allows here, ten thousand times less than is offered.
const LIMIT: u64 = 1 << 20;
/// What fits into the sockets between the two sides, generously.
const IN_FLIGHT: u64 = 16 << 20;
const TEN_GIGABYTES: u64 = 10 << 30;

/// Answers every request in the same bad way, and counts the bytes of bodies that somebody took.
struct BadUpstream {
    background: Background,
    taken: Arc<AtomicU64>,
}

#[derive(Clone)]
enum Body {
    /// Ten gigabytes, announced or not.
    Endless { announced: bool },
    /// A byte now and then, for ever.
    Drip,
    /// None, but the place of another.
    Elsewhere(String),
}

impl BadUpstream {
    fn start(body: Body) -> Self {
        let taken: Arc<AtomicU64> = Arc::default();
        let count = taken.clone();
        let background = Background::serve(move |stream| answer(stream, body.clone(), count.clone()));
        Self { background, taken }
    }

    fn origin(&self) -> String {
        format!("http://{}", self.background.address)
    }
}

async fn answer(mut stream: TcpStream, body: Body, taken: Arc<AtomicU64>) {
    read_head(&mut stream).await;
    let head = match &body {
        Body::Endless { announced: true } => format!("200 OK\r\ncontent-length: {TEN_GIGABYTES}"),
        Body::Endless { announced: false } | Body::Drip => "200 OK\r\nconnection: close".to_owned(),
        Body::Elsewhere(place) => format!("302 Found\r\nlocation: {place}\r\ncontent-length: 0"),
    };
    let head = format!("HTTP/1.1 {head}\r\n\r\n");
    let mut result = stream.write_all(head.as_bytes()).await;
    let (piece, pause) = match body {
        Body::Endless { .. } => (vec![b' '; 64 << 10], Duration::ZERO),
        Body::Drip => (vec![b' '], Duration::from_millis(50)),
        Body::Elsewhere(_) => return,
    };
    while result.is_ok() && taken.load(Ordering::Relaxed) < TEN_GIGABYTES {
        tokio::time::sleep(pause).await;
        result = stream.write_all(&piece).await;
        taken.fetch_add(piece.len() as u64, Ordering::Relaxed);
    }
}

/// The hostile source asks this upstream, beside an honest tenant that gets everything.
fn ask(upstream: &BadUpstream) -> (Finished, Site) {
    let server = lab::serve(lab::with_events(30));
    let mut asking = Source::hostile("fetch").set("url", &format!("\"{}/\"", upstream.origin()));
    asking.allow = upstream.origin();
    asking.rest = "[source.limits]\npoll_timeout = \"2s\"\nresponse = \"1MiB\"".to_owned();
    let site = Site::new(&[asking, Source::azure("contoso", server.endpoint())]);
    let finished = site.run(&["run", "--once"]);
    assert_eq!(
        site.ids("contoso.ndjson"),
        lab::visible_ids(&server),
        "the honest tenant noticed"
    );
    (finished, site)
}

#[test]
fn a_body_of_ten_gigabytes_is_broken_off_at_the_limit() {
    for announced in [false, true] {
        let upstream = BadUpstream::start(Body::Endless { announced });
        let (_, site) = ask(&upstream);
        assert!(
            site.read("mallory.ndjson").contains("refused"),
            "{}",
            site.read("mallory.ndjson")
        );
        let taken = upstream.taken.load(Ordering::Relaxed);
        assert!(taken < LIMIT + IN_FLIGHT, "{taken} bytes were taken");
    }
}

#[test]
fn a_body_that_drips_for_ever_ends_with_the_poll() {
    let upstream = BadUpstream::start(Body::Drip);
    let (_, site) = ask(&upstream);
    // Whether the exchange or the poll ends first is decided by less than a millisecond.
    let events = site.events("mallory.ndjson");
    assert!(
        events.iter().all(|event| event["refused"].is_string()),
        "{events:?}"
    );
}

#[test]
fn a_redirect_is_shown_to_the_source_and_not_followed() {
    let trap = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
    trap.set_nonblocking(true)
        .expect("a listener can be made non-blocking");
    let elsewhere = format!("http://{}/", trap.local_addr().expect("it is bound"));
    let upstream = BadUpstream::start(Body::Elsewhere(elsewhere));
    let (finished, site) = ask(&upstream);
    finished.exits_with(0);
    assert_eq!(site.events("mallory.ndjson")[0]["status"], 302);
    assert!(trap.accept().is_err(), "somebody connected");
}
