//! What stands in for the network during an examination: recordings of it, a network that breaks off, and none at all.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use headwater::egress::{Body, Grant, ResponseFuture, Transport, TransportError};
use http::{Method, Request, Response, header};
use http_body_util::{BodyExt, Full};

/// The real upstream as it was when each request was first sent. The same request gets the same response, so that two
/// polls differ only by what the source does; and the upstream is asked everything once.
pub(super) struct RecordedTransport {
    network: Arc<dyn Transport>,
    grant: Arc<Grant>,
    recording: Arc<Mutex<Recording>>,
}

#[derive(Default)]
struct Recording {
    responses: HashMap<(Method, String, Bytes), Response<Bytes>>,
    /// Values of `Authorization`, without the scheme.
    credentials: Vec<String>,
}

impl RecordedTransport {
    /// Records `network`, under the operator's grant.
    pub(super) fn new(network: Arc<dyn Transport>, grant: Arc<Grant>) -> Self {
        Self {
            network,
            grant,
            recording: Arc::default(),
        }
    }

    /// What the upstream has answered so far.
    pub(super) fn answers(&self) -> Vec<String> {
        let recording = lock(&self.recording);
        let bodies = recording.responses.values().map(Response::body);
        bodies
            .map(|body| String::from_utf8_lossy(body).into_owned())
            .collect()
    }

    /// The credentials that have been sent.
    pub(super) fn credentials(&self) -> Vec<String> {
        lock(&self.recording).credentials.clone()
    }
}

impl Transport for RecordedTransport {
    fn send(&self, _: &Arc<Grant>, request: Request<Body>) -> ResponseFuture {
        let (network, grant, recording) = (self.network.clone(), self.grant.clone(), self.recording.clone());
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            let asked = (head.method.clone(), head.uri.to_string(), body.clone());
            {
                let mut recording = lock(&recording);
                if let Some(credential) = credential(&head.headers)
                    && !recording.credentials.contains(&credential)
                {
                    recording.credentials.push(credential);
                }
                if let Some(response) = recording.responses.get(&asked) {
                    return Ok(response.clone().map(full));
                }
            }
            let response = network
                .send(&grant, Request::from_parts(head, full(body)))
                .await?;
            let (head, body) = response.into_parts();
            let response = Response::from_parts(head, body.collect().await?.to_bytes());
            // A refusal may pass; a success is the truth of this examination.
            if response.status().is_success() {
                lock(&recording).responses.insert(asked, response.clone());
            }
            Ok(response.map(full))
        })
    }
}

/// A network whose connections are lost after so many responses.
pub(super) struct InterruptedTransport {
    network: Arc<dyn Transport>,
    left: AtomicU32,
}

impl InterruptedTransport {
    /// Sends `healthy` requests.
    pub(super) fn after(healthy: u32, network: Arc<dyn Transport>) -> Self {
        Self {
            network,
            left: AtomicU32::new(healthy),
        }
    }
}

impl Transport for InterruptedTransport {
    fn send(&self, grant: &Arc<Grant>, request: Request<Body>) -> ResponseFuture {
        let take = |left: u32| left.checked_sub(1);
        match self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) {
            Ok(_) => self.network.send(grant, request),
            Err(_) => Box::pin(std::future::ready(Err(TransportError::ConnectionTerminated))),
        }
    }
}

fn credential(headers: &http::HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    Some(
        value
            .split_once(' ')
            .map_or(value, |(_, credential)| credential)
            .to_owned(),
    )
}

fn full(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

fn lock(recording: &Mutex<Recording>) -> MutexGuard<'_, Recording> {
    recording.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Responds with the number of the request, every third time with 500.
    #[derive(Default)]
    struct Counting(AtomicU32);

    impl Transport for Counting {
        fn send(&self, _: &Arc<Grant>, _: Request<Body>) -> ResponseFuture {
            let number = 1 + self.0.fetch_add(1, Ordering::Relaxed);
            let response = Response::builder().status(if number.is_multiple_of(3) { 500 } else { 200 });
            let body = full(number.to_string().into());
            Box::pin(async move { response.body(body).map_err(|_| TransportError::Protocol) })
        }
    }

    async fn ask(network: &dyn Transport, path: &str) -> Result<String, TransportError> {
        let request = Request::get(format!("https://example.com{path}"))
            .header("authorization", "Bearer an-example-token")
            .body(full(Bytes::new()))
            .unwrap();
        let response = network.send(&Arc::default(), request).await?;
        let body = response.into_body().collect().await?.to_bytes();
        Ok(String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_request_is_sent_once_and_again_after_a_refusal() {
        let recorded = RecordedTransport::new(Arc::new(Counting::default()), Arc::default());
        for (path, response) in [
            ("/a", "1"),
            ("/b", "2"),
            ("/a", "1"),
            ("/c", "3"),
            ("/c", "4"),
            ("/c", "4"),
        ] {
            assert_eq!(ask(&recorded, path).await.unwrap(), response, "{path}");
        }
        assert_eq!(recorded.credentials(), ["an-example-token"]);
    }

    #[tokio::test]
    async fn a_network_that_breaks_off_does_not_come_back() {
        let interrupted = InterruptedTransport::after(1, Arc::new(Counting::default()));
        assert_eq!(ask(&interrupted, "/").await.unwrap(), "1");
        for _ in 0..2 {
            assert_eq!(
                ask(&interrupted, "/").await,
                Err(TransportError::ConnectionTerminated)
            );
        }
    }
}
