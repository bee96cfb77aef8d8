//! The network itself: pooled connections, TLS, one resolved and checked address per connection.

use std::error::Error as StdError;
use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{HttpConnector, capture_connection};
use hyper_util::rt::TokioTimer;
use tracing::{Instrument, Span, warn};

use super::account::Account;
use super::connections::Connections;
use super::meter::{Exchange, Meter, SentTooMuch};
use super::metered_connector::MeteredConnector;
use super::origin::{Grant, Origin};
use super::proxy::{ProxyConnector, TunnelError};
use super::resolver::{self, CheckedResolver, ResolveError};
use super::route::{CONNECT_TIMEOUT, Route};
use super::runtime::{self, EgressExecutor};
use super::transport::{Body, ResponseFuture, Transport, TransportError};

/// Servers close idle connections after one to four minutes; ours goes first.
const IDLE_CONNECTION_TIMEOUT: Duration = Duration::from_secs(50);
/// The same where the next poll comes later than that: for the next page, and the next partition.
const IDLE_WITHIN_A_POLL: Duration = Duration::from_secs(5);
/// Header fields of an answer.
const MOST_HEADERS: usize = 128;
/// Buffer for an answer's head, and with HTTP/2 the size of its header list.
const HEAD_BUFFER: usize = 128 << 10;
/// With HTTP/2, what an upstream may send of a body before it is read, of one and of all bodies of a connection: that waits
/// in memory. With a hundred milliseconds to the upstream that is still 20 Mbit/s for each.
const WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 512 << 10;

/// The real network, for one source: connections are shared between its polls and with no other source.
#[derive(Debug, Clone)]
pub struct HttpClient {
    client: PooledClient,
    account: Arc<Account>,
}

type PooledClient =
    Client<HttpsConnector<MeteredConnector<ProxyConnector<HttpConnector<CheckedResolver>>>>, Body>;

impl HttpClient {
    /// A client that connects to what the grant allows, for a source that is polled this often.
    pub fn new(grant: Arc<Grant>, route: &Route, interval: Duration) -> Self {
        let (connections, account) = (Connections::default(), Arc::<Account>::default());
        let idle = connections.idle_per_origin(grant.origins());
        let mut connector = HttpConnector::new_with_resolver(CheckedResolver::new(grant));
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let metered = MeteredConnector::new(route.plain(connector), connections, account.clone());
        // Both schemes: that plain http goes to loopback only has been settled by the grant.
        let client = Client::builder(EgressExecutor(account.clone()))
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(if interval < IDLE_CONNECTION_TIMEOUT {
                IDLE_CONNECTION_TIMEOUT
            } else {
                IDLE_WITHIN_A_POLL
            })
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

impl Transport for HttpClient {
    fn send(&self, grant: &Arc<Grant>, request: Request<Body>) -> ResponseFuture {
        // The connector asks its resolver about names only, so a literal address is judged here.
        if let Err(refusal) = check_literal(grant, &request) {
            return Box::pin(std::future::ready(Err(explain(&refusal))));
        }
        let Some(origin) = Origin::of(request.uri()) else {
            return Box::pin(std::future::ready(Err(TransportError::InvalidUrl)));
        };
        let (client, account) = (self.client.clone(), self.account.clone());
        Box::pin(async move {
            account.admit(&origin).await;
            let exchanged = runtime::spawn(&account, exchange(client, request).instrument(Span::current()));
            exchanged.await.unwrap_or(Err(TransportError::Protocol))
        })
    }
}

/// One request and the head of its answer, and what is known of its connection then.
async fn exchange(
    client: PooledClient,
    mut request: Request<Body>,
) -> Result<Response<Body>, TransportError> {
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

impl HttpBody for MeteredBody {
    type Data = Bytes;
    type Error = TransportError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, TransportError>>> {
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

fn check_literal(grant: &Grant, request: &Request<Body>) -> Result<(), ResolveError> {
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
fn explain(error: &ResolveError) -> TransportError {
    match error {
        ResolveError::Unknown(_) => TransportError::NameNotFound,
        ResolveError::Silent(_) => {
            warn!("{error}");
            TransportError::NameTimeout
        }
        ResolveError::Prohibited { .. } => {
            warn!("refused to connect: {error}");
            TransportError::AddressProhibited
        }
    }
}

/// Finds the cause that a plugin can act on in a chain of errors.
fn classify(error: &(dyn StdError + 'static)) -> TransportError {
    let mut cause = Some(error);
    while let Some(current) = cause {
        if let Some(error) = current.downcast_ref::<ResolveError>() {
            return explain(error);
        }
        if let Some(error) = current.downcast_ref::<TunnelError>() {
            warn!("{error}");
            return TransportError::ProxyFailed;
        }
        if let Some(error) = current.downcast_ref::<SentTooMuch>() {
            warn!("closed a connection: {error}");
            return TransportError::Protocol;
        }
        if let Some(error) = current.downcast_ref::<rustls::Error>() {
            return classify_tls(error);
        }
        if current
            .downcast_ref::<hyper::Error>()
            .is_some_and(hyper::Error::is_incomplete_message)
        {
            return TransportError::ResponseIncomplete;
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
    TransportError::Protocol
}

fn classify_tls(error: &rustls::Error) -> TransportError {
    match error {
        rustls::Error::InvalidCertificate(reason) => {
            warn!("refused a server's certificate: {reason}");
            TransportError::InvalidCertificate
        }
        rustls::Error::AlertReceived(alert) => TransportError::TlsAlert {
            number: u8::from(*alert),
            name: format!("{alert:?}"),
        },
        _ => TransportError::TlsFailed,
    }
}

fn classify_io(error: &io::Error) -> Option<TransportError> {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Some(TransportError::ConnectionRefused),
        io::ErrorKind::TimedOut => Some(TransportError::ConnectionTimeout),
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe => {
            Some(TransportError::ConnectionTerminated)
        }
        io::ErrorKind::UnexpectedEof => Some(TransportError::ResponseIncomplete),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            Some(TransportError::AddressUnroutable)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use http_body_util::Empty;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::super::origin::Origin;
    use super::super::route::Outbound;
    use super::*;

    async fn send(allow: &[&str], url: &str) -> Result<Response<Body>, TransportError> {
        let origins = allow.iter().map(|origin| Origin::parse(origin).unwrap());
        let grant = Arc::new(Grant::new(origins, false));
        let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
        HttpClient::new(
            grant.clone(),
            &Outbound::default().open().unwrap(),
            Duration::ZERO,
        )
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

    /// Answers every request on every connection. Counts connections and requests.
    async fn answering() -> (String, Arc<AtomicUsize>, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let (opened, asked): (Arc<AtomicUsize>, Arc<AtomicUsize>) = Default::default();
        let (connections, requests) = (opened.clone(), asked.clone());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                let requests = requests.clone();
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while stream.read_buf(&mut head).await.is_ok_and(|count| count > 0) {
                        if head.ends_with(b"\r\n\r\n") {
                            head.clear();
                            requests.fetch_add(1, Ordering::SeqCst);
                            let answer = b"HTTP/1.1 204 No Content\r\n\r\n";
                            stream.write_all(answer).await.unwrap();
                        }
                    }
                });
            }
        });
        (origin, opened, asked)
    }

    #[tokio::test]
    async fn an_idle_connection_of_one_source_serves_no_other() {
        let (origin, opened, asked) = answering().await;
        let grant = Arc::new(Grant::new([Origin::parse(&origin).unwrap()], false));
        let route = Outbound::default().open().unwrap();
        let client = || HttpClient::new(grant.clone(), &route, Duration::ZERO);
        let (one, other) = (client(), client());
        let ask = async |client: &HttpClient| {
            let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
            let request = Request::get(format!("{origin}/")).body(body).unwrap();
            let answer = client.send(&grant, request).await.unwrap();
            answer.into_body().collect().await.unwrap();
            // Until the connection is idle.
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        let reused = || asked.load(Ordering::SeqCst) > opened.load(Ordering::SeqCst);
        for _ in 0..100 {
            if !reused() {
                ask(&one).await;
            }
        }
        assert!(reused(), "a source uses its own connection again");
        let before = opened.load(Ordering::SeqCst);
        ask(&other).await;
        assert_eq!(opened.load(Ordering::SeqCst), before + 1);
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
                matches!(refused, TransportError::AddressProhibited),
                "{url}: {refused}"
            );
        }
    }

    #[tokio::test]
    async fn what_went_wrong_is_told_in_types() {
        let refused = send(&["http://127.0.0.1:9"], "http://127.0.0.1:9/")
            .await
            .unwrap_err();
        assert!(matches!(refused, TransportError::ConnectionRefused), "{refused}");
        let inside = send(&["https://example.com"], "http://localhost:9/")
            .await
            .unwrap_err();
        assert!(matches!(inside, TransportError::AddressProhibited), "{inside}");
    }
}
