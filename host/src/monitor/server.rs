//! `/metrics`, `/healthz` and `/status` over HTTP, for the operator's own network.
//!
//! On a thread of its own, so that nothing that happens to sources keeps operators from looking, and the other way round. A
//! connection serves one request and is closed after a while whatever it does: neither slow readers nor half-sent requests
//! can hold what others need.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tracing::{debug, error, info};

use super::Monitor;
use super::connections::Connections;
use super::hosts::Hosts;
use super::pages::Pages;

/// A client that has not sent the head of its request in this time is disconnected.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// The same for one that has not received its answer whole.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(20);
/// Bytes that the system holds for one client. Left to itself it takes megabytes, and copies as much for each that asks and does
/// not read.
const SEND_BUFFER: u32 = 128 << 10;
/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1_024;

/// The status page: one file without anything from elsewhere.
const PAGE: &str = include_str!("status.html");
/// Sent with every answer. The policy allows exactly what the page consists of, and no other page to frame it.
const HEADERS: [(header::HeaderName, &str); 6] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CONNECTION, "close"),
];

/// Listens, and serves in the background until the process ends. `hosts` are names under which a request may ask for this
/// host, besides its addresses.
///
/// # Errors
///
/// The address is taken, or is none of this machine.
pub async fn serve(address: SocketAddr, hosts: Vec<String>, monitor: Monitor) -> io::Result<SocketAddr> {
    let listener = listen(address)?.into_std()?;
    let address = listener.local_addr()?;
    let pages = Pages::start(monitor)?;
    let site = Arc::new(Site {
        hosts: Hosts::new(address.ip(), hosts),
        pages,
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    std::thread::Builder::new()
        .name("monitor".to_owned())
        .spawn(move || {
            runtime.block_on(async move {
                match TcpListener::from_std(listener) {
                    Ok(listener) => accept(listener, site).await,
                    Err(error) => error!(%error, "cannot serve /metrics, /healthz and /status"),
                }
            });
        })?;
    info!(%address, "listening");
    Ok(address)
}

/// Connections have what the listening socket has.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // As servers do, so that a restart need not wait for old connections. On Windows it means something else.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// What requests are answered from.
struct Site {
    hosts: Hosts,
    pages: Pages,
}

async fn accept(listener: TcpListener, site: Arc<Site>) {
    let connections = Connections::default();
    loop {
        let (stream, client) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // For example too many open files: it passes, and must not turn into a busy loop.
                debug!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        connections.spawn(client.ip(), talk(stream, site.clone()));
    }
}

/// One connection from its beginning to its end.
async fn talk(stream: TcpStream, site: Arc<Site>) {
    let respond = service_fn(move |request| {
        let site = site.clone();
        async move { Ok::<_, Infallible>(site.respond(&request).await) }
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .keep_alive(false);
    let connection = http.serve_connection(TokioIo::new(stream), respond);
    match tokio::time::timeout(EXCHANGE_TIMEOUT, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!(%error, "a connection ended early"),
        Err(_) => debug!("a client that reads too slowly was disconnected"),
    }
}

impl Site {
    async fn respond(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let text = "text/plain; charset=utf-8";
        if request.method() != Method::GET && request.method() != Method::HEAD {
            return respond(StatusCode::METHOD_NOT_ALLOWED, text, "only GET is served here\n");
        }
        if !self.hosts.allow(request) {
            return respond(
                StatusCode::MISDIRECTED_REQUEST,
                text,
                "this name is not one of this host's; add it to `listen.hosts` of the configuration\n",
            );
        }
        match request.uri().path() {
            "/metrics" => match self.pages.metrics().await {
                Some(page) => respond(StatusCode::OK, "text/plain; version=0.0.4", page),
                None => respond(
                    StatusCode::SERVICE_UNAVAILABLE,
                    text,
                    "not ready in time; ask again\n",
                ),
            },
            "/healthz" => {
                let (healthy, lines) = self.pages.health();
                let status = if healthy {
                    StatusCode::OK
                } else {
                    StatusCode::SERVICE_UNAVAILABLE
                };
                respond(status, text, lines)
            }
            "/status.json" => match self.pages.status().await {
                Some(page) => respond(StatusCode::OK, "application/json", page),
                None => respond(
                    StatusCode::SERVICE_UNAVAILABLE,
                    text,
                    "not ready in time; ask again\n",
                ),
            },
            "/host.json" => match self.pages.host().await {
                Some(page) => respond(StatusCode::OK, "application/json", page),
                None => respond(
                    StatusCode::SERVICE_UNAVAILABLE,
                    text,
                    "not ready in time; ask again\n",
                ),
            },
            "/" | "/status" => respond(StatusCode::OK, "text/html; charset=utf-8", PAGE),
            _ => respond(StatusCode::NOT_FOUND, text, "try /status, /metrics or /healthz\n"),
        }
    }
}

fn respond(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
