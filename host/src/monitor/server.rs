//! `/metrics`, `/healthz` and `/status` over HTTP, for the operator's own network.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tracing::{debug, info};

use super::Monitor;

/// Open connections; a scraper and a few browsers need no more.
const CONNECTIONS: usize = 64;
/// A client that sends no request in this time is let go.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// The status page: one file without anything from elsewhere.
const PAGE: &str = include_str!("status.html");
/// Allows exactly what the page consists of.
const PAGE_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'";

/// Listens, and serves in the background until the process ends.
pub async fn serve(address: SocketAddr, monitor: Monitor) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    info!(%address, "listening");
    tokio::spawn(accept(listener, monitor));
    Ok(address)
}

async fn accept(listener: TcpListener, monitor: Monitor) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        // Never closed: nobody but this loop has it.
        let Ok(permit) = room.clone().acquire_owned().await else {
            return;
        };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // For example too many open files: it passes, and must not turn into a busy loop.
                debug!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        let monitor = monitor.clone();
        tokio::spawn(async move {
            let answer = service_fn(move |request| {
                let response = answer(&request, &monitor);
                async move { Ok::<_, Infallible>(response) }
            });
            let mut http = hyper::server::conn::http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(REQUEST_TIMEOUT);
            if let Err(error) = http.serve_connection(TokioIo::new(stream), answer).await {
                debug!(%error, "a connection ended early");
            }
            drop(permit);
        });
    }
}

fn answer(request: &Request<Incoming>, monitor: &Monitor) -> Response<Full<Bytes>> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return respond(
            StatusCode::METHOD_NOT_ALLOWED,
            "text/plain",
            "only GET is served here\n".to_owned(),
        );
    }
    match request.uri().path() {
        "/metrics" => {
            let text = monitor.books().metrics.render();
            respond(StatusCode::OK, "text/plain; version=0.0.4", text)
        }
        "/healthz" => {
            let (healthy, lines) = {
                let board = &monitor.books().board;
                (board.is_healthy(), board.lines())
            };
            let status = if healthy {
                StatusCode::OK
            } else {
                StatusCode::SERVICE_UNAVAILABLE
            };
            respond(status, "text/plain; charset=utf-8", lines)
        }
        "/status.json" => {
            // Texts, numbers and lists of them always become JSON.
            let json = serde_json::json!(monitor.books().board.0).to_string();
            respond(StatusCode::OK, "application/json", json)
        }
        "/" | "/status" => respond(StatusCode::OK, "text/html; charset=utf-8", PAGE.to_owned()),
        _ => respond(
            StatusCode::NOT_FOUND,
            "text/plain",
            "try /status, /metrics or /healthz\n".to_owned(),
        ),
    }
}

fn respond(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, http::HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        http::HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        http::HeaderValue::from_static(PAGE_POLICY),
    );
    response
}
