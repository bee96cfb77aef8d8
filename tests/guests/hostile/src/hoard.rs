//! Attacks that make the host hold something for the source: what lies in the host's memory, and not in the source's.
//! Each goes on until the host ends it.

use std::hint::black_box;

use waki::bindings::wasi::clocks::monotonic_clock;
use waki::bindings::wasi::http::outgoing_handler;
use waki::bindings::wasi::http::types::{
    Fields, FutureIncomingResponse, IncomingBody, Method, OutgoingBody, OutgoingRequest, OutgoingResponse,
    RequestOptions, Scheme,
};
use waki::bindings::wasi::io::poll::poll;
use waki::bindings::wasi::io::streams::OutputStream;

/// Runs an attack; whether one has that name. `authority` is where requests go.
pub fn run(name: &str, authority: &str) -> bool {
    match name {
        "hoard-methods" => {
            let long = "M".repeat(16 << 20);
            forever(|| {
                let request = OutgoingRequest::new(Fields::new());
                let _ = request.set_method(&Method::Other(long.clone()));
                request
            })
        }
        "hoard-authorities" => {
            let long = "a".repeat(16 << 20);
            forever(|| {
                let request = OutgoingRequest::new(Fields::new());
                let _ = request.set_authority(Some(&long));
                request
            })
        }
        "hoard-paths" => {
            let long = format!("/{}", "p".repeat(30_000));
            forever(|| {
                let request = OutgoingRequest::new(Fields::new());
                let _ = request.set_path_with_query(Some(&long));
                request
            })
        }
        "hoard-fields" => forever(|| full_fields(60_000)),
        "hoard-listed-fields" => {
            let value = vec![b'v'; 30_000];
            forever(|| {
                Fields::from_list(&[
                    ("x-a".to_owned(), value.clone()),
                    ("x-b".to_owned(), value.clone()),
                ])
            })
        }
        "hoard-cloned-fields" => {
            let fields = full_fields(60_000);
            forever(|| {
                let copy = fields.clone();
                let _ = copy.append(&"x-own".to_owned(), &b"1".to_vec());
                copy
            })
        }
        // In waves, so that places in the host's table are used again by something larger.
        "hoard-in-waves" => {
            let mut hoard: Vec<Fields> = (0..1_000).map(|_| Fields::new()).collect();
            hoard.clear();
            hoard.extend((0..1_000).map(|_| Fields::new()));
            for fields in &hoard {
                let _ = fields.append(&"x-long".to_owned(), &vec![b'v'; 60_000]);
            }
            forever(|| full_fields(60_000))
        }
        "hoard-bodies" => forever(|| {
            let request = OutgoingRequest::new(Fields::new());
            let body = request.body().ok();
            let stream = body.as_ref().and_then(fill);
            (stream, body, request)
        }),
        "hoard-response-bodies" => forever(|| {
            let response = OutgoingResponse::new(Fields::new());
            let body = response.body().ok();
            let stream = body.as_ref().and_then(fill);
            (stream, body, response)
        }),
        "hoard-trailers" => forever(|| {
            let request = OutgoingRequest::new(Fields::new());
            if let Ok(body) = request.body() {
                let _ = OutgoingBody::finish(body, Some(full_fields(60_000)));
            }
            request
        }),
        "hoard-requests" => forever(|| send(authority).expect("the origin is granted")),
        "hoard-answers" => forever(|| {
            let future = send(authority)?;
            future.subscribe().block();
            let answer = future.get()?.ok()?.ok()?;
            let fields: Vec<Fields> = (0..100).map(|_| answer.headers()).collect();
            let body = answer.consume().ok();
            let stream = body.as_ref().and_then(|body: &IncomingBody| body.stream().ok());
            Some((fields, stream, body, answer))
        }),
        "hoard-options" => forever(RequestOptions::new),
        "hoard-pollables" => forever(|| monotonic_clock::subscribe_duration(u64::MAX)),
        "hoard-waits" => {
            let pollable = monotonic_clock::subscribe_duration(u64::MAX);
            let list = vec![&pollable; 4_000_000];
            poll(&list);
        }
        _ => return false,
    }
    true
}

/// Makes one after the other, and keeps all.
fn forever<T>(mut make: impl FnMut() -> T) {
    let mut hoard = Vec::new();
    loop {
        hoard.push(make());
        black_box(&hoard);
    }
}

fn full_fields(bytes: usize) -> Fields {
    let fields = Fields::new();
    let _ = fields.append(&"x-long".to_owned(), &vec![b'v'; bytes]);
    fields
}

/// Writes into a body for as long as the host takes it.
fn fill(body: &OutgoingBody) -> Option<OutputStream> {
    let stream = body.write().ok()?;
    while let Ok(taken @ 1..) = stream.check_write() {
        stream.write(&vec![b'b'; usize::try_from(taken).ok()?]).ok()?;
    }
    Some(stream)
}

/// Asks for a page of JSON, and waits so long for its body, or for as long as it takes. The status, or 0 for what is no JSON.
pub fn ask(url: &str, patience: u64, for_ever: bool) -> Option<u16> {
    let future = send(url)?;
    let timer = monotonic_clock::subscribe_duration(if for_ever { u64::MAX } else { patience });
    let ready = future.subscribe();
    let answer = loop {
        match future.get() {
            Some(answer) => break answer.ok()?.ok()?,
            None if poll(&[&ready, &timer]).contains(&0) => {}
            None => return None,
        }
    };
    let body = answer.consume().ok()?;
    let stream = body.stream().ok()?;
    let ready = stream.subscribe();
    let mut text = Vec::new();
    while !timer.ready() {
        match stream.read(1 << 20) {
            Ok(piece) if piece.is_empty() => {
                poll(&[&ready, &timer]);
            }
            Ok(piece) => text.extend(piece),
            Err(_) => {
                let is_json = serde_json::from_slice::<serde_json::Value>(&text).is_ok();
                return Some(if is_json { answer.status() } else { 0 });
            }
        }
    }
    None
}

/// Sends a request that nobody waits for.
pub fn send(authority: &str) -> Option<FutureIncomingResponse> {
    let request = OutgoingRequest::new(Fields::new());
    let (scheme, authority) = match authority.strip_prefix("http://") {
        Some(plain) => (Scheme::Http, plain),
        None => (Scheme::Https, authority.trim_start_matches("https://")),
    };
    request.set_scheme(Some(&scheme)).ok()?;
    let authority = authority.trim_end_matches('/').to_owned();
    request.set_authority(Some(&authority)).ok()?;
    request.set_path_with_query(Some("/")).ok()?;
    outgoing_handler::handle(request, None).ok()
}
