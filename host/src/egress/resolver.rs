//! Names to addresses, each looked up once and judged before anybody connects to it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::dns::Name;
use thiserror::Error;
use tokio::net::TcpStream;
use tower_service::Service;

use super::address;
use super::lookup::{Failed, LookupShare};
use super::origin::Grant;

/// Why a name has no address to connect to.
#[derive(Debug, Error)]
pub(crate) enum ResolveError {
    #[error("the name {0} cannot be resolved; check its spelling and the name servers of this machine")]
    Unknown(String),
    #[error("no name server has answered for {0} in time; check the name servers of this machine")]
    Silent(String),
    #[error("{host} resolves to {address}, which is {reason}")]
    Prohibited {
        host: String,
        address: IpAddr,
        reason: &'static str,
    },
}

/// The connector's resolver. The connector connects to what comes out of here and asks nobody else.
#[derive(Clone)]
pub(crate) struct CheckedResolver {
    grant: Arc<Grant>,
    lookups: LookupShare,
}

impl CheckedResolver {
    pub(crate) fn new(grant: Arc<Grant>) -> Self {
        Self {
            grant,
            lookups: LookupShare::default(),
        }
    }
}

/// The same for names that the operator gives, of proxies, receivers and registries: nobody judges where they lead. Each
/// has lookups of its own, so that a name that hangs delays nobody else.
#[derive(Debug, Clone, Default)]
pub(crate) struct TrustingResolver(LookupShare);

impl TrustingResolver {
    /// Connects to `host:port`, to the first of its addresses that takes the connection.
    ///
    /// # Errors
    /// The system's reason, or a [`ResolveError`] inside when the name has no address.
    pub(crate) async fn connect(&self, address: &str) -> io::Result<TcpStream> {
        let invalid = || io::Error::new(io::ErrorKind::InvalidInput, "the address is not `host:port`");
        let (host, port) = address.rsplit_once(':').ok_or_else(invalid)?;
        let port: u16 = port.parse().map_err(|_| invalid())?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let found = match host.parse() {
            Ok(address) => Arc::from([address]),
            Err(_) => look_up(&self.0, host).await.map_err(io::Error::other)?,
        };
        // Addresses and no name: with a name tokio would look it up on its blocking threads.
        let addresses: Vec<_> = found
            .iter()
            .map(|address| SocketAddr::new(*address, port))
            .collect();
        TcpStream::connect(addresses.as_slice()).await
    }

    /// One whose lookups all hang.
    #[cfg(test)]
    pub(crate) fn hung() -> Self {
        Self(LookupShare::used_up())
    }
}

/// Asks for a name's addresses, and says in words why there are none.
async fn look_up(lookups: &LookupShare, host: &str) -> Result<Arc<[IpAddr]>, ResolveError> {
    lookups.look_up(host).await.map_err(|failed| match failed {
        Failed::Unknown => ResolveError::Unknown(host.to_owned()),
        Failed::Silent => ResolveError::Silent(host.to_owned()),
    })
}

impl Service<Name> for TrustingResolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = ResolveError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ResolveError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ResolveError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let lookups = self.0.clone();
        Box::pin(async move {
            let found = look_up(&lookups, name.as_str()).await?;
            let found: Vec<_> = found.iter().map(|address| SocketAddr::new(*address, 0)).collect();
            Ok(found.into_iter())
        })
    }
}

impl Service<Name> for CheckedResolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = ResolveError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ResolveError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ResolveError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (grant, lookups) = (self.grant.clone(), self.lookups.clone());
        Box::pin(async move {
            let host = name.as_str();
            let found = look_up(&lookups, host).await?;
            check(&grant, host, found.iter().copied()).map(Vec::into_iter)
        })
    }
}

/// Refuses the name if any of its addresses is refused: a name that mixes inside and outside is up to something.
pub(super) fn check(
    grant: &Grant,
    host: &str,
    addresses: impl Iterator<Item = IpAddr>,
) -> Result<Vec<SocketAddr>, ResolveError> {
    let prohibited = |address, refusal: address::Refusal| ResolveError::Prohibited {
        host: host.to_owned(),
        address,
        reason: refusal.reason(),
    };
    let checked: Vec<SocketAddr> = addresses
        .map(|address| match address::check(grant, host, address) {
            Ok(()) => Ok(SocketAddr::new(address, 0)),
            Err(refusal) => Err(prohibited(address, refusal)),
        })
        .collect::<Result<_, _>>()?;
    if checked.is_empty() {
        Err(ResolveError::Unknown(host.to_owned()))
    } else {
        Ok(checked)
    }
}

/// Whether a host is an address of this machine or of a private network, or a name that leads to one. No name that cannot be
/// looked up does.
pub(crate) async fn is_inside(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let addresses: Arc<[IpAddr]> = match host.parse() {
        Ok(address) => [address].into(),
        Err(_) => look_up(&LookupShare::default(), host).await.unwrap_or_default(),
    };
    addresses
        .iter()
        .any(|address| address::check(&Grant::default(), host, *address).is_err())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_refused_address_refuses_the_name() {
        let addresses = ["20.190.128.1", "169.254.169.254"].map(|address| address.parse().unwrap());
        let refused = check(&Grant::default(), "rebind.example.com", addresses.into_iter()).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "rebind.example.com resolves to 169.254.169.254, which is a link-local address, where clouds keep their metadata service"
        );
    }

    #[test]
    fn a_name_without_addresses_is_unknown() {
        let unknown = check(&Grant::default(), "empty.example.com", std::iter::empty()).unwrap_err();
        assert!(matches!(unknown, ResolveError::Unknown(_)), "{unknown}");
    }

    #[tokio::test]
    async fn an_address_is_connected_to_however_it_is_written() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let resolver = TrustingResolver::default();
        for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"] {
            let connected = resolver.connect(&format!("{host}:{port}")).await;
            assert!(connected.is_ok(), "{host}: {connected:?}");
        }
        for address in ["localhost", "localhost:", "localhost:65536", "[::1]"] {
            let error = resolver.connect(address).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{address}: {error}");
        }
    }

    #[tokio::test]
    async fn what_is_inside_is_told_by_address() {
        for (host, expected) in [
            ("127.0.0.1", true),
            ("[::1]", true),
            ("10.1.2.3", true),
            ("169.254.169.254", true),
            ("localhost", true),
            ("1.1.1.1", false),
            ("[2603:1030::1]", false),
        ] {
            assert_eq!(is_inside(host).await, expected, "{host}");
        }
    }

    #[tokio::test]
    async fn a_name_for_this_machine_needs_a_literal_grant() {
        // Those of numbers are not written as an address, and the system's resolver takes them for 127.0.0.1.
        for name in ["localhost", "127.1", "2130706433", "0x7f.0x1"] {
            let asked = CheckedResolver::new(Arc::default()).call(name.parse().unwrap());
            let refused = asked.await.unwrap_err();
            assert!(
                matches!(refused, ResolveError::Prohibited { .. }),
                "{name}: {refused}"
            );
        }
    }
}
