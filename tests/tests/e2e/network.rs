//! What stands between a host and its upstream in some networks: a TLS end with a certificate of a private authority,
//! and a proxy. And an upstream that remembers what it was sent.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// A certificate authority that no system knows.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its certificate as PEM text.
    pub pem: String,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key pair");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    fn acceptor(&self, name: &str) -> TlsAcceptor {
        self.acceptor_for(name, &[])
    }

    /// Takes TLS connections for `name` whose client speaks one of these protocols.
    pub fn acceptor_for(&self, name: &str, protocols: &[&[u8]]) -> TlsAcceptor {
        let key = KeyPair::generate().expect("a key pair");
        let params = CertificateParams::new([name.to_owned()]).expect("a name for a certificate");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has the default versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("a key that fits its certificate");
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Arc::new(config).into()
    }
}

/// Takes TLS connections for `name` and passes what is inside on to `upstream`.
pub struct TlsEnd(Background);

impl TlsEnd {
    pub fn start(authority: &Authority, name: &str, upstream: SocketAddr) -> Self {
        let acceptor = authority.acceptor(name);
        Self(Background::serve(move |stream| {
            let acceptor = acceptor.clone();
            async move {
                // Who does not trust the certificate leaves here.
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    relay(&mut stream, upstream).await;
                }
            }
        }))
    }

    pub fn address(&self) -> SocketAddr {
        self.0.address
    }
}

/// A proxy that knows CONNECT, and one destination whatever the name.
pub struct Proxy {
    background: Background,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Lets everybody in, or who sends this `Proxy-Authorization`.
    pub fn start(upstream: SocketAddr, authorization: Option<String>) -> Self {
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = heads.clone();
        let background = Background::serve(move |mut stream| {
            let (kept, authorization) = (kept.clone(), authorization.clone());
            async move {
                let head = read_head(&mut stream).await;
                let line =
                    authorization.map(|value| format!("proxy-authorization: {}\r\n", value.to_lowercase()));
                let admitted = line.is_none_or(|line| head.to_lowercase().contains(&line.to_lowercase()));
                let is_tunnel = head.starts_with("CONNECT ");
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(head);
                let answer = match (admitted, is_tunnel) {
                    (true, true) => "200 Connection established",
                    (true, false) => "405 Method Not Allowed",
                    (false, _) => "407 Proxy Authentication Required",
                };
                let _ = stream
                    .write_all(format!("HTTP/1.1 {answer}\r\n\r\n").as_bytes())
                    .await;
                if admitted && is_tunnel {
                    relay(&mut stream, upstream).await;
                }
            }
        });
        Self { background, heads }
    }

    /// Host and port.
    pub fn address(&self) -> SocketAddr {
        self.background.address
    }

    /// The request lines that came.
    pub fn requests(&self) -> Vec<String> {
        let heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
        let line = |head: &String| head.lines().next().unwrap_or_default().to_owned();
        heads.iter().map(line).collect()
    }
}

/// Answers every request and remembers it.
pub struct Recorder {
    background: Background,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Recorder {
    /// Its answers are empty.
    pub fn start() -> Self {
        Self::answering(|_| String::new())
    }

    /// Answers what `answer` makes of a request's body.
    pub fn answering(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        Self::replying(move |body| (200, answer(body)))
    }

    /// The same with a status.
    pub fn replying(answer: impl Fn(&str) -> (u16, String) + Send + Sync + 'static) -> Self {
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let (kept, answer) = (requests.clone(), Arc::new(answer));
        let background = Background::serve(move |mut stream| {
            let (kept, answer) = (kept.clone(), answer.clone());
            async move {
                let head = read_head(&mut stream).await;
                let length = head
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
                let mut body = vec![0; length.unwrap_or_default()];
                let whole = stream.read_exact(&mut body).await.is_ok() && head.ends_with("\r\n\r\n");
                if !whole {
                    // Whoever goes away in the middle has sent nothing.
                    return;
                }
                let body = String::from_utf8_lossy(&body);
                let (status, answer) = answer(&body);
                let request = head + &body;
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(request);
                let head = format!("content-length: {}\r\nconnection: close", answer.len());
                let answer = format!("HTTP/1.1 {status} Example\r\n{head}\r\n\r\n{answer}");
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self { background, requests }
    }

    pub fn port(&self) -> u16 {
        self.background.address.port()
    }

    /// Heads and bodies.
    pub fn requests(&self) -> Vec<String> {
        self.requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// A server on a thread of its own that ends when it is dropped.
pub struct Background {
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    pub fn serve<S: Future<Output = ()> + Send + 'static>(
        serve: impl Fn(TcpStream) -> S + Send + 'static,
    ) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
        listener
            .set_nonblocking(true)
            .expect("a listener can be made non-blocking");
        let address = listener.local_addr().expect("it is bound");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).expect("a listener of this runtime");
                let accept = async {
                    while let Ok((stream, _)) = listener.accept().await {
                        tokio::spawn(serve(stream));
                    }
                };
                tokio::select! {
                    () = accept => {}
                    _ = stopped => {}
                }
            });
        });
        Self {
            address,
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in there has been printed already.
            let _ = thread.join();
        }
    }
}

async fn relay(
    stream: &mut (impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin),
    upstream: SocketAddr,
) {
    if let Ok(mut upstream) = TcpStream::connect(upstream).await {
        // Either side may break off at any time.
        let _ = copy_bidirectional(stream, &mut upstream).await;
    }
}

pub async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    // Byte by byte, so as not to read beyond the head.
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}
