//! Proxies: which requests go through one, and the tunnel there.

use std::env;
use std::error::Error as StdError;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Uri;
use http::uri::{Authority, Scheme};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::net::TcpStream;
use tower_service::Service;

use super::origin::Origin;
use super::resolver::TrustingResolver;
use crate::secret::SecretText;

/// Where the environment names proxies.
const VARIABLES: [&str; 6] = [
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
];

/// What an operator says about a proxy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ProxyChoice {
    /// What the environment says, in the variables that curl reads.
    #[default]
    Environment,
    /// None, whatever the environment says.
    Direct,
    /// This one: `http://[user:password@]host:port`.
    Url(SecretText),
}

/// Why a proxy cannot be used. Never shows its address, which may hold a password.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// Its address is kept where it cannot be had.
    #[error("{0}")]
    Missing(String),
    /// Its address is none.
    #[error(
        "{place} is not a proxy address; write \"http://host:port\" or \"http://user:password@host:port\", with %XX for \
         letters that a URL cannot hold"
    )]
    NoAddress {
        /// Where it stands.
        place: String,
    },
    /// It is of a kind that this host cannot use.
    #[error(
        "{place} names a {scheme} proxy, which is not supported; use one that is addressed with http:// or https://"
    )]
    Unsupported {
        /// Where it stands.
        place: String,
        /// The kind.
        scheme: String,
    },
}

/// The proxies in use, and for what.
#[derive(Debug, Clone)]
pub(super) struct Proxies(Option<Arc<Matcher>>);

impl Proxies {
    /// Reads what the choice refers to.
    pub(super) fn open(choice: &ProxyChoice) -> Result<Self, ProxyError> {
        let matcher = match choice {
            ProxyChoice::Direct => return Ok(Self(None)),
            ProxyChoice::Url(text) => {
                let url = text.fetch_blocking().map_err(ProxyError::Missing)?;
                check(&url, "the value")?;
                Matcher::builder().all(url).build()
            }
            ProxyChoice::Environment => {
                for variable in VARIABLES {
                    // The matcher would pass over what it cannot read, and requests would leave another way than meant.
                    if let Ok(url) = env::var(variable)
                        && !url.is_empty()
                    {
                        check(&url, &format!("the environment variable {variable}"))?;
                    }
                }
                Matcher::from_env()
            }
        };
        Ok(Self(Some(Arc::new(matcher))))
    }

    /// The proxy for a destination. This machine is always reached directly.
    fn of(&self, destination: &Uri) -> Option<Intercept> {
        let origin = Origin::of(destination)?;
        self.0
            .as_ref()
            .filter(|_| !origin.is_loopback())?
            .intercept(destination)
    }
}

fn check(url: &str, place: &str) -> Result<(), ProxyError> {
    let no_address = || ProxyError::NoAddress {
        place: place.to_owned(),
    };
    let matcher = Matcher::builder().all(url).build();
    let any = Uri::from_static("https://example.com");
    let found = matcher.intercept(&any).ok_or_else(no_address)?;
    match found.uri().scheme_str() {
        Some("http" | "https") if found.uri().port_u16().is_some_and(|port| port != 0) => Ok(()),
        Some("http" | "https") | None => Err(no_address()),
        Some(scheme) => Err(ProxyError::Unsupported {
            place: place.to_owned(),
            scheme: scheme.to_owned(),
        }),
    }
}

/// Why a proxy did not connect us.
#[derive(Debug, Error)]
#[error("the proxy {proxy} does not connect to {destination}: {reason}; check `proxy` and its rules")]
pub(super) struct TunnelError {
    proxy: Authority,
    destination: Authority,
    reason: String,
}

/// Connects directly with `C`, or through a tunnel that a proxy makes.
#[derive(Clone)]
pub(crate) struct ProxyConnector<C> {
    direct: C,
    /// Its own connector: the address of a proxy is the operator's, and no grant judges it.
    to_proxy: HttpsConnector<HttpConnector<TrustingResolver>>,
    proxies: Proxies,
}

type Connection = MaybeHttpsStream<TokioIo<TcpStream>>;
type BoxError = Box<dyn StdError + Send + Sync>;

impl<C> ProxyConnector<C> {
    pub(super) fn new(
        direct: C,
        to_proxy: HttpsConnector<HttpConnector<TrustingResolver>>,
        proxies: Proxies,
    ) -> Self {
        Self {
            direct,
            to_proxy,
            proxies,
        }
    }
}

impl<C> Service<Uri> for ProxyConnector<C>
where
    C: Service<Uri, Response = TokioIo<TcpStream>>,
    C::Future: Send + 'static,
    C::Error: Into<BoxError>,
{
    type Response = Connection;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Connection, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.direct.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, destination: Uri) -> Self::Future {
        let Some(proxy) = self.proxies.of(&destination) else {
            let connecting = self.direct.call(destination);
            return Box::pin(async move { Ok(connecting.await.map_err(Into::into)?.into()) });
        };
        let mut tunnel = Tunnel::new(proxy.uri().clone(), self.to_proxy.clone());
        if let Some(authorization) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(authorization.clone());
        }
        Box::pin(async move {
            let connecting = tunnel.call(with_port(&destination));
            connecting.await.map_err(|error| {
                let authority = |uri: &Uri| {
                    uri.authority()
                        .cloned()
                        .unwrap_or_else(|| Authority::from_static("-"))
                };
                let failure = TunnelError {
                    proxy: authority(proxy.uri()),
                    destination: authority(&destination),
                    reason: last_cause(&error),
                };
                failure.into()
            })
        })
    }
}

/// The destination with its port, since a tunnel takes a missing one for 443.
fn with_port(destination: &Uri) -> Uri {
    let Some(host) = destination.host().filter(|_| destination.port_u16().is_none()) else {
        return destination.clone();
    };
    let port = if destination.scheme() == Some(&Scheme::HTTP) {
        80
    } else {
        443
    };
    let mut parts = destination.clone().into_parts();
    parts.authority = format!("{host}:{port}").parse().ok();
    Uri::from_parts(parts).unwrap_or_else(|_| destination.clone())
}

/// The text of the last cause, which says most: "connection refused", "invalid peer certificate".
pub(crate) fn last_cause(error: &(dyn StdError + 'static)) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {

    use super::*;

    fn open(url: &str) -> Result<Proxies, ProxyError> {
        let text = SecretText::written(url);
        Proxies::open(&ProxyChoice::Url(text))
    }

    #[test]
    fn a_proxy_takes_every_destination_but_this_machine() {
        let proxies = open("http://proxy.example:3128").unwrap();
        for (destination, expected) in [
            ("https://example.com/a", true),
            ("https://example.com:8443/a", true),
            ("https://20.190.128.1/", true),
            ("http://127.0.0.1:8080/", false),
            ("https://localhost/", false),
            ("https://[::1]:8443/", false),
        ] {
            let proxy = proxies.of(&Uri::from_static(destination));
            assert_eq!(proxy.is_some(), expected, "{destination}");
        }
        let direct = Proxies::open(&ProxyChoice::Direct).unwrap();
        assert!(direct.of(&Uri::from_static("https://example.com")).is_none());
    }

    #[test]
    fn what_is_no_usable_proxy_is_refused_without_showing_it() {
        for (url, words) in [
            ("http://user:hunter2@proxy.example", "http://host:port"),
            ("http://user:hunter2@proxy.example:0", "http://host:port"),
            ("http://user:hunter2@proxy.example:99999", "http://host:port"),
            ("http://user:hunter2 @proxy.example:3128", "http://host:port"),
            ("ftp://user:hunter2@proxy.example:21", "http://host:port"),
            ("socks5://user:hunter2@proxy.example:1080", "a socks5 proxy"),
        ] {
            let error = open(url).unwrap_err().to_string();
            assert!(
                error.contains(words) && !error.contains("hunter2"),
                "{url}: {error}"
            );
        }
    }

    #[test]
    fn a_tunnel_is_asked_for_with_a_port() {
        for (destination, expected) in [
            ("https://example.com/a?b", "https://example.com:443/a?b"),
            ("http://example.com/", "http://example.com:80/"),
            ("https://example.com:8443/", "https://example.com:8443/"),
        ] {
            assert_eq!(with_port(&Uri::from_static(destination)).to_string(), expected);
        }
    }
}
