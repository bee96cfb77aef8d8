//! A receiver for the tests of the sinks: answers as it is told and remembers what came.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

type Requests = Arc<Mutex<Vec<(HeaderMap, Vec<u8>)>>>;

pub(super) struct Receiver {
    pub(super) url: String,
    requests: Requests,
}

impl Receiver {
    /// Answers each body with what `answer` says: a status and a text.
    pub(super) async fn start(answer: impl Fn(&str) -> (u16, &'static str) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/ingest", listener.local_addr().unwrap());
        let requests = Requests::default();
        let (answer, kept) = (Arc::new(answer), requests.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, kept) = (answer.clone(), kept.clone());
                let service = service_fn(move |request: Request<Incoming>| {
                    let (answer, kept) = (answer.clone(), kept.clone());
                    async move {
                        let (head, body) = request.into_parts();
                        let body = body.collect().await.unwrap().to_bytes().to_vec();
                        let (status, text) = answer(&String::from_utf8_lossy(&body));
                        kept.lock().unwrap().push((head.headers, body));
                        let response = Response::builder().status(status);
                        Ok::<_, Infallible>(response.body(Full::new(Bytes::from(text))).unwrap())
                    }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Self { url, requests }
    }

    pub(super) fn requests(&self) -> Vec<(HeaderMap, Vec<u8>)> {
        self.requests.lock().unwrap().clone()
    }
}
