//! The network itself: pooled connections, TLS, one resolved and checked address per connection.

use std::error::Error as StdError;
use std::future::{Future, poll_fn};
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{HttpConnector, capture_connection};
use hyper_util::rt::TokioTimer;
use tracing::{Instrument, Span, warn};
use wasmtime_wasi_http::{Error, WasiBody};

use super::connections::{Connections, MeteredConnector};
use super::meter::{Account, Exchange, Meter, SentTooMuch};
use super::origin::{Grant, Origin};
use super::proxy::{ProxyConnector, TunnelError};
use super::resolver::{self, CheckedResolver, ResolveError};
use super::route::Route;
use super::runtime::{self, EgressExecutor};

/// One attempt to reach an address.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Servers close idle connections after one to four minutes; ours goes first.
const IDLE_CONNECTION_TIMEOUT: Duration = Duration::from_secs(50);
/// Header fields of an answer.
const MOST_HEADERS: usize = 128;
/// Buffer for an answer's head, and with HTTP/2 the size of its header list.
const HEAD_BUFFER: usize = 128 << 10;
/// With HTTP/2, what an upstream may send of a body before it is read, of one and of all bodies of a connection: that waits
/// in memory. With a hundred milliseconds to the upstream that is still 20 Mbit/s for each.
const WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 512 << 10;

/// An answer to come.
pub type Answer = Pin<Box<dyn Future<Output = Result<Response<WasiBody>, Error>> + Send>>;

/// Sends requests that have been admitted. Tests and benchmarks answer in place of the network.
pub trait Transport: Send + Sync {
    /// Sends one request under a grant; the URL leaves byte for byte.
    fn send(&self, grant: &Arc<Grant>, request: Request<WasiBody>) -> Answer;
}

/// The real network, for one source: connections are shared between its polls and with no other source.
#[derive(Debug, Clone)]
pub struct Sender {
    client: HttpClient,
    account: Arc<Account>,
}

type HttpClient =
    Client<HttpsConnector<MeteredConnector<ProxyConnector<HttpConnector<CheckedResolver>>>>, WasiBody>;

impl Sender {
    /// A sender that connects to what the grant allows.
    pub fn new(grant: Arc<Grant>, route: &Route) -> Self {
        let (connections, account) = (Connections::default(), Arc::<Account>::default());
        let idle = connections.idle_per_origin(grant.origins());
        let mut connector = HttpConnector::new_with_resolver(CheckedResolver::new(grant));
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let metered = MeteredConnector::new(route.plain(connector), connections, account.clone());
        // Both schemes: that plain http goes to loopback only has been settled by the grant.
        let client = Client::builder(EgressExecutor)
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_CONNECTION_TIMEOUT)
            .pool_max_idle_per_host(idle)
            .http1_max_headers(MOST_HEADERS)
            .http1_max_buf_size(HEAD_BUFFER)
            .http2_max_header_list_size(HEAD_BUFFER as u32)
            .http2_initial_stream_window_size(WINDOW)
            .http2_initial_connection_window_size(CONNECTION_WINDOW)
            .build(route.secure(metered));
        Self { client, account }
    }
}

impl Transport for Sender {
    fn send(&self, grant: &Arc<Grant>, request: Request<WasiBody>) -> Answer {
        // The connector asks its resolver about names only, so a literal address is judged here.
        if let Err(refusal) = check_literal(grant, &request) {
            return Box::pin(std::future::ready(Err(explain(&refusal))));
        }
        let Some(origin) = Origin::of(request.uri()) else {
            return Box::pin(std::future::ready(Err(Error::HttpRequestUriInvalid)));
        };
        let (client, account) = (self.client.clone(), self.account.clone());
        Box::pin(async move {
            account.admit(&origin).await;
            let exchanged = runtime::spawn(exchange(client, request).instrument(Span::current()));
            exchanged.await.unwrap_or(Err(Error::HttpProtocolError))
        })
    }
}

/// One request and the head of its answer, and what is known of its connection then.
async fn exchange(client: HttpClient, mut request: Request<WasiBody>) -> Result<Response<WasiBody>, Error> {
    let captured = capture_connection(&mut request);
    let mut on: Option<Exchange> = None;
    let mut response = pin!(client.request(request));
    let response = poll_fn(|context| {
        let polled = response.as_mut().poll(context);
        // The client may try a second connection when the first one turns out to be closed.
        let meter = captured.connection_metadata().as_ref().and_then(Meter::of);
        if let Some(meter) = meter
            && !on.as_ref().is_some_and(|on| on.is_on(&meter))
        {
            on = Some(Exchange::begin(meter));
        }
        polled
    });
    let response = response.await.map_err(|error| classify(&error))?;
    if let Some(on) = &on {
        on.head();
    }
    Ok(response.map(|body| MeteredBody { inner: body, on }.boxed_unsync()))
}

/// A body that says to its connection's meter how much of it has been read.
struct MeteredBody {
    inner: Incoming,
    on: Option<Exchange>,
}

impl Body for MeteredBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        match (&frame, &self.on) {
            (Some(Ok(frame)), Some(on)) => on.data(frame.data_ref().map_or(0, Bytes::len)),
            (None, Some(on)) => on.done(),
            _ => {}
        }
        Poll::Ready(frame.map(|frame| frame.map_err(|error| classify(&error))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

fn check_literal(grant: &Grant, request: &Request<WasiBody>) -> Result<(), ResolveError> {
    let host = request.uri().host().unwrap_or_default();
    match host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<IpAddr>()
    {
        Ok(address) => resolver::check(grant, host, std::iter::once(address)).map(drop),
        Err(_) => Ok(()),
    }
}

/// Tells the operator why an address was refused, and the plugin that it was.
fn explain(error: &ResolveError) -> Error {
    match error {
        ResolveError::Unknown(_) => Error::DestinationNotFound,
        ResolveError::Silent(_) => {
            warn!("{error}");
            Error::DnsTimeout
        }
        ResolveError::Prohibited { .. } => {
            warn!("refused to connect: {error}");
            Error::DestinationIpProhibited
        }
    }
}

/// Finds the cause that a plugin can act on in a chain of errors.
fn classify(error: &(dyn StdError + 'static)) -> Error {
    let mut cause = Some(error);
    while let Some(current) = cause {
        if let Some(error) = current.downcast_ref::<ResolveError>() {
            return explain(error);
        }
        if let Some(error) = current.downcast_ref::<TunnelError>() {
            warn!("{error}");
            return Error::DestinationUnavailable;
        }
        if let Some(error) = current.downcast_ref::<SentTooMuch>() {
            warn!("closed a connection: {error}");
            return Error::HttpProtocolError;
        }
        if let Some(error) = current.downcast_ref::<rustls::Error>() {
            return classify_tls(error);
        }
        if current
            .downcast_ref::<hyper::Error>()
            .is_some_and(hyper::Error::is_incomplete_message)
        {
            return Error::HttpResponseIncomplete;
        }
        if let Some(error) = current.downcast_ref::<io::Error>()
            && let Some(known) = classify_io(error)
        {
            return known;
        }
        // An error of the system that wraps another one shows it here and not as its source.
        cause = match current.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => current.source(),
        };
    }
    Error::HttpProtocolError
}

fn classify_tls(error: &rustls::Error) -> Error {
    match error {
        rustls::Error::InvalidCertificate(reason) => {
            warn!("refused a server's certificate: {reason}");
            Error::TlsCertificateError
        }
        rustls::Error::AlertReceived(alert) => Error::TlsAlertReceived {
            alert_id: Some(u8::from(*alert)),
            alert_message: Some(format!("{alert:?}")),
        },
        _ => Error::TlsProtocolError,
    }
}

fn classify_io(error: &io::Error) -> Option<Error> {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Some(Error::ConnectionRefused),
        io::ErrorKind::TimedOut => Some(Error::ConnectionTimeout),
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe => {
            Some(Error::ConnectionTerminated)
        }
        io::ErrorKind::UnexpectedEof => Some(Error::HttpResponseIncomplete),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            Some(Error::DestinationIpUnroutable)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Empty;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::super::origin::Origin;
    use super::super::route::Outbound;
    use super::*;

    async fn send(allow: &[&str], url: &str) -> Result<Response<WasiBody>, Error> {
        let origins = allow.iter().map(|origin| Origin::parse(origin).unwrap());
        let grant = Arc::new(Grant::new(origins, false));
        let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
        Sender::new(grant.clone(), &Outbound::default().open().unwrap())
            .send(&grant, Request::get(url).body(body).unwrap())
            .await
    }

    #[tokio::test]
    async fn a_url_leaves_byte_for_byte_with_the_right_host() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let served = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                stream.read_buf(&mut head).await.unwrap();
            }
            stream
                .write_all(b"HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n")
                .await
                .unwrap();
            String::from_utf8(head).unwrap()
        });
        let path = "/A/./b%2fc;d=1?$filter=x%20ge%20'y'&$skipToken=a;b:c+d%3D";
        let answer = send(&[&origin], &format!("{origin}{path}")).await.unwrap();
        assert_eq!(answer.status(), 302, "a redirect is an answer, not an order");
        let head = served.await.unwrap();
        assert!(head.starts_with(&format!("GET {path} HTTP/1.1\r\n")), "{head}");
        assert!(
            head.contains(&format!("host: {}\r\n", &origin["http://".len()..])),
            "{head}"
        );
    }

    #[tokio::test]
    async fn literal_addresses_are_judged_before_connecting() {
        for url in [
            "http://127.0.0.1:9/",
            "http://[::1]:9/",
            "http://169.254.169.254/",
            "http://10.0.0.1/",
        ] {
            let refused = send(&["https://example.com"], url).await.unwrap_err();
            assert!(
                matches!(refused, Error::DestinationIpProhibited),
                "{url}: {refused}"
            );
        }
    }

    #[tokio::test]
    async fn what_went_wrong_is_told_in_types() {
        let refused = send(&["http://127.0.0.1:9"], "http://127.0.0.1:9/")
            .await
            .unwrap_err();
        assert!(matches!(refused, Error::ConnectionRefused), "{refused}");
        let inside = send(&["https://example.com"], "http://localhost:9/")
            .await
            .unwrap_err();
        assert!(matches!(inside, Error::DestinationIpProhibited), "{inside}");
    }
}
