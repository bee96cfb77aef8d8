use bytes::Bytes;
use http_body_util::{Empty, Full};

use super::*;

/// Answers every request with the same status and body.
struct Echo {
    headers: usize,
    body: usize,
}

impl Transport for Echo {
    fn send(&self, _: &Arc<Grant>, _: Request<Body>) -> ResponseFuture {
        let body = Full::new(Bytes::from(vec![b'x'; self.body]))
            .map_err(|never| match never {})
            .boxed_unsync();
        let response = Response::builder()
            .header("content-length", self.body)
            .header("x-long", "y".repeat(self.headers));
        Box::pin(std::future::ready(Ok(response.body(body).unwrap())))
    }
}

fn hooks(transport: Echo, response: u64) -> EgressHooks {
    let grant = Grant::new([Origin::parse("https://granted.example.com").unwrap()], false);
    let mut hooks = EgressHooks::new(
        Arc::new(grant),
        Arc::new(transport),
        response,
        BoundSecrets::default(),
    );
    hooks.begin(Instant::now() + Duration::from_secs(60));
    hooks
}

async fn send(hooks: &mut EgressHooks, url: &str) -> Result<Response<WasiBody>, WasiError> {
    let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
    let request = Request::get(url).body(body).unwrap();
    let sent = hooks.send_request(request, None, Box::new(std::future::ready(Ok(()))));
    Box::into_pin(sent).await.map(|(answer, _)| answer)
}

#[tokio::test]
async fn only_granted_origins_are_reached() {
    let mut hooks = hooks(Echo { headers: 0, body: 3 }, 10);
    for url in [
        "https://granted.example.com/a;b?c=%20",
        "https://GRANTED.example.com:443/",
    ] {
        assert!(send(&mut hooks, url).await.is_ok(), "{url}");
    }
    for url in [
        "https://other.example.com/",
        "http://granted.example.com/",
        "https://granted.example.com:8443/",
        "https://granted.example.com.evil.example/",
        "https://127.0.0.1/",
    ] {
        let refused = send(&mut hooks, url).await;
        assert!(
            matches!(refused, Err(WasiError::HttpRequestDenied)),
            "{url}: {refused:?}"
        );
    }
    let disguised = send(&mut hooks, "https://granted.example.com@evil.example/").await;
    assert!(
        matches!(disguised, Err(WasiError::HttpRequestUriInvalid)),
        "{disguised:?}"
    );
    let traffic = hooks.traffic();
    assert_eq!((traffic.requests, traffic.refused), (8, 6));
    assert_eq!(
        traffic.answers[&("https://granted.example.com".to_owned(), 200)],
        2
    );
}

#[tokio::test]
async fn requests_of_one_call_are_counted() {
    let mut hooks = hooks(Echo { headers: 0, body: 0 }, 10);
    for _ in 0..MOST_REQUESTS {
        assert!(send(&mut hooks, "https://granted.example.com/").await.is_ok());
    }
    let refused = send(&mut hooks, "https://granted.example.com/").await;
    assert!(
        matches!(refused, Err(WasiError::ConnectionLimitReached)),
        "{refused:?}"
    );
}

#[tokio::test]
async fn an_announced_size_is_refused_before_reading() {
    let refused = send(
        &mut hooks(Echo { headers: 0, body: 11 }, 10),
        "https://granted.example.com/",
    )
    .await;
    assert!(
        matches!(refused, Err(WasiError::HttpResponseBodySize(Some(10)))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn large_headers_are_refused() {
    let refused = send(
        &mut hooks(
            Echo {
                headers: LARGEST_HEADERS,
                body: 0,
            },
            10,
        ),
        "https://granted.example.com/",
    )
    .await;
    assert!(
        matches!(refused, Err(WasiError::HttpResponseHeaderSectionSize(_))),
        "{refused:?}"
    );
}
