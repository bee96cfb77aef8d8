//! Upstreams for an examination: one that stands still, and one that breaks off.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Method, Request, Response, header};
use http_body_util::{BodyExt, Full};
use wasmtime_wasi_http::{Error, WasiBody};

use crate::egress::{Answer, Grant, Transport};

/// The real upstream as it was when each question was first asked. The same question gets the same answer, so that two
/// polls differ only by what the source does; and the upstream is asked everything once.
pub(super) struct Frozen {
    inner: Arc<dyn Transport>,
    grant: Arc<Grant>,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    answers: HashMap<(Method, String, Bytes), Response<Bytes>>,
    /// Values of `Authorization`, without the scheme.
    credentials: Vec<String>,
}

impl Frozen {
    /// Asks `inner`, under the operator's grant.
    pub(super) fn new(inner: Arc<dyn Transport>, grant: Arc<Grant>) -> Self {
        Self {
            inner,
            grant,
            seen: Arc::default(),
        }
    }

    /// The credentials that have been sent.
    pub(super) fn credentials(&self) -> Vec<String> {
        lock(&self.seen).credentials.clone()
    }
}

impl Transport for Frozen {
    fn send(&self, _: &Arc<Grant>, request: Request<WasiBody>) -> Answer {
        let (inner, grant, seen) = (self.inner.clone(), self.grant.clone(), self.seen.clone());
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            let question = (head.method.clone(), head.uri.to_string(), body.clone());
            {
                let mut seen = lock(&seen);
                if let Some(credential) = credential(&head.headers)
                    && !seen.credentials.contains(&credential)
                {
                    seen.credentials.push(credential);
                }
                if let Some(answer) = seen.answers.get(&question) {
                    return Ok(answer.clone().map(full));
                }
            }
            let answer = inner.send(&grant, Request::from_parts(head, full(body))).await?;
            let (head, body) = answer.into_parts();
            let answer = Response::from_parts(head, body.collect().await?.to_bytes());
            // A refusal may pass; an answer is the truth of this examination.
            if answer.status().is_success() {
                lock(&seen).answers.insert(question, answer.clone());
            }
            Ok(answer.map(full))
        })
    }
}

/// No upstream at all, for what must work offline.
pub(super) struct Nowhere;

impl Transport for Nowhere {
    fn send(&self, _: &Arc<Grant>, _: Request<WasiBody>) -> Answer {
        Box::pin(std::future::ready(Err(Error::ConnectionRefused)))
    }
}

/// An upstream whose connections are lost after so many answers.
pub(super) struct Failing {
    inner: Arc<dyn Transport>,
    left: AtomicU32,
}

impl Failing {
    /// Answers `healthy` requests.
    pub(super) fn after(healthy: u32, inner: Arc<dyn Transport>) -> Self {
        Self {
            inner,
            left: AtomicU32::new(healthy),
        }
    }
}

impl Transport for Failing {
    fn send(&self, grant: &Arc<Grant>, request: Request<WasiBody>) -> Answer {
        let take = |left: u32| left.checked_sub(1);
        match self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) {
            Ok(_) => self.inner.send(grant, request),
            Err(_) => Box::pin(std::future::ready(Err(Error::ConnectionTerminated))),
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

fn full(bytes: Bytes) -> WasiBody {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers with the number of the request, every third one with 500.
    #[derive(Default)]
    struct Counting(AtomicU32);

    impl Transport for Counting {
        fn send(&self, _: &Arc<Grant>, _: Request<WasiBody>) -> Answer {
            let number = 1 + self.0.fetch_add(1, Ordering::Relaxed);
            let answer = Response::builder().status(if number.is_multiple_of(3) { 500 } else { 200 });
            let body = full(number.to_string().into());
            Box::pin(async move { answer.body(body).map_err(|_| Error::HttpProtocolError) })
        }
    }

    async fn ask(upstream: &dyn Transport, path: &str) -> Result<String, Error> {
        let request = Request::get(format!("https://example.com{path}"))
            .header("authorization", "Bearer token-of-the-lab")
            .body(full(Bytes::new()))
            .unwrap();
        let answer = upstream.send(&Arc::default(), request).await?;
        let body = answer.into_body().collect().await?.to_bytes();
        Ok(String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_question_is_asked_once_and_refusals_are_asked_again() {
        let upstream = Frozen::new(Arc::new(Counting::default()), Arc::default());
        for (path, answer) in [
            ("/a", "1"),
            ("/b", "2"),
            ("/a", "1"),
            ("/c", "3"),
            ("/c", "4"),
            ("/c", "4"),
        ] {
            assert_eq!(ask(&upstream, path).await.unwrap(), answer, "{path}");
        }
        assert_eq!(upstream.credentials(), ["token-of-the-lab"]);
    }

    #[tokio::test]
    async fn a_failing_upstream_fails_for_good() {
        let upstream = Failing::after(1, Arc::new(Counting::default()));
        assert_eq!(ask(&upstream, "/").await.unwrap(), "1");
        for _ in 0..2 {
            assert!(ask(&upstream, "/").await.is_err());
        }
    }
}
