//! An upstream over a real socket that costs little: pages made beforehand in all but their identities, and a receiver that
//! swallows.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// The token that it gives.
const TOKEN: &str = r#"{"token_type":"Bearer","expires_in":3599,"access_token":"an-example"}"#;
/// Where it swallows what it is sent.
pub const RECEIVER: &str = "/swallow";

/// Makes the page of a number.
pub type Page = fn(usize) -> Vec<u8>;

/// Serves `pages` pages, one after the other, to whoever asks for the first; who asks again gets an empty
/// one.
pub struct Canned {
    address: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

struct State {
    address: SocketAddr,
    pages: usize,
    page: Page,
    asked: AtomicUsize,
}

impl Canned {
    /// Begins to serve; `page` makes the page of a number.
    pub fn serve(pages: usize, page: Page) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0)))?;
        let address = listener.local_addr()?;
        let state = Arc::new(State {
            address,
            pages,
            page,
            asked: AtomicUsize::new(0),
        });
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let state = state.clone();
                let service = service_fn(move |request| answer(state.clone(), request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Ok(Self {
            address,
            _runtime: runtime,
        })
    }

    /// Its origin.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn answer(state: Arc<State>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    // What was sent is read, or the connection could not be used again.
    let mut body = request.into_body();
    while let Some(Ok(_)) = body.frame().await {}
    if path == RECEIVER {
        return Ok(Response::new(Full::default()));
    }
    let body = if path.ends_with("/token") {
        TOKEN.to_owned().into_bytes()
    } else if path.ends_with("/values") {
        state.log(&path, &query)
    } else {
        br#"{"displayName":"Canned","state":"Enabled"}"#.to_vec()
    };
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = StatusCode::OK;
    Ok(response)
}

impl State {
    fn log(&self, path: &str, query: &str) -> Vec<u8> {
        let number = match query.split("skiptoken=").nth(1) {
            Some(number) => number.parse().expect("it is one of ours"),
            None if self.asked.fetch_add(1, Ordering::Relaxed) == 0 => 0,
            None => return br#"{"value":[]}"#.to_vec(),
        };
        let mut page = (self.page)(number);
        if number + 1 < self.pages {
            page.pop();
            let next = format!(
                r#","nextLink":"http://{}{path}?api-version=2015-04-01&$skiptoken={}"}}"#,
                self.address,
                number + 1
            );
            page.extend(next.into_bytes());
        }
        page
    }
}
