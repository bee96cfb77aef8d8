//! The fake Azure behind a socket.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use chrono::Utc;
use http::header::{CONTENT_LENGTH, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::answer::{Answer, Wire};
use crate::azure::Azure;
use crate::line::{Line, Reset};
use crate::wire::{Broken, WireBody};

/// No request to Azure that the lab knows is near this size.
const LARGEST_REQUEST: usize = 1024 * 1024;

/// A running server. It stops when it is dropped.
#[derive(Debug)]
pub struct Server {
    azure: Arc<Mutex<Azure>>,
    endpoint: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts to serve on an address; port 0 takes a free one. The server runs on a thread of its own, so tests need
    /// no runtime.
    pub fn start(mut azure: Azure, address: SocketAddr) -> io::Result<Server> {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        azure.settings_mut().endpoint = endpoint.clone();
        let azure = Arc::new(Mutex::new(azure));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let served = azure.clone();
        let thread = thread::Builder::new()
            .name("fake-azure".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = accept(listener, served) => {}
                        _ = stopped => {}
                    }
                });
            })?;
        Ok(Server {
            azure,
            endpoint,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// `http://address:port`, both the login and the resource-manager endpoint.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The Azure inside, to look at it or to change it while it runs. Requests wait as long as it is held.
    pub fn azure(&self) -> MutexGuard<'_, Azure> {
        lock(&self.azure)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in there has been printed already.
            let _ = thread.join();
        }
    }
}

/// A panic while answering must not take the statistics of the whole run with it.
fn lock(azure: &Mutex<Azure>) -> MutexGuard<'_, Azure> {
    azure.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: std::net::TcpListener, azure: Arc<Mutex<Azure>>) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return eprintln!("fake-azure cannot listen: {error}"),
    };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(converse(stream, azure.clone()));
            }
            // Too many open files, for example: it passes when clients hang up.
            Err(error) => {
                eprintln!("fake-azure cannot accept a connection: {error}");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

async fn converse(stream: TcpStream, azure: Arc<Mutex<Azure>>) {
    // Small pieces of a dripping body must leave at once.
    let _ = stream.set_nodelay(true);
    let reset = Reset::default();
    let line = TokioIo::new(Line::new(stream, reset.clone()));
    let service = service_fn(|request| respond(request, azure.clone(), reset.clone()));
    // Errors here are clients that went away and resets that were asked for.
    let _ = http1::Builder::new().serve_connection(line, service).await;
}

async fn respond(
    request: Request<Incoming>,
    azure: Arc<Mutex<Azure>>,
    reset: Reset,
) -> Result<Response<WireBody>, Broken> {
    let (head, body) = request.into_parts();
    let answer = match Limited::new(body, LARGEST_REQUEST).collect().await {
        Ok(body) => answer(&mut lock(&azure), Request::from_parts(head, body.to_bytes())),
        Err(error) => Answer::arm_error(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestTooLarge",
            &error.to_string(),
        ),
    };
    let (mut head, body) = answer.response.into_parts();
    match answer.wire {
        Wire::Hang => std::future::pending().await,
        Wire::Reset { after } => {
            reset.arm();
            if after == 0 {
                return Err(Broken);
            }
        }
        _ => {}
    }
    // Padding comes without notice, in chunks: a reader must count for itself.
    if !matches!(answer.wire, Wire::Padded { .. }) {
        head.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    Ok(Response::from_parts(head, WireBody::send(body, answer.wire)))
}

/// Azure's answer, or the lab's own under `/_lab`.
fn answer(azure: &mut Azure, request: Request<Bytes>) -> Answer {
    let now = Utc::now();
    match request.uri().path() {
        "/_lab/stats" => Answer::json(StatusCode::OK, &json!(azure.stats(now))),
        "/_lab/ids" => Answer::json(StatusCode::OK, &json!(azure.ids(now))),
        "/_lab/requests" => Answer::json(StatusCode::OK, &json!(azure.requests().collect::<Vec<_>>())),
        _ => azure.answer(now, &request),
    }
}
