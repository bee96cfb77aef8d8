//! Names to addresses, each looked up once and judged before anybody connects to it.

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::dns::Name;
use thiserror::Error;
use tower_service::Service;

use super::address;
use super::origin::Grant;

/// Why a name has no address to connect to.
#[derive(Debug, Error)]
pub(super) enum ResolveError {
    #[error("the name {0} cannot be resolved; check its spelling and the name servers of this machine")]
    Unknown(String),
    #[error("{host} resolves to {address}, which is {reason}")]
    Prohibited {
        host: String,
        address: IpAddr,
        reason: &'static str,
    },
}

/// The connector's resolver. The connector connects to what comes out of here and asks nobody else.
#[derive(Clone)]
pub(super) struct CheckedResolver {
    grant: Arc<Grant>,
}

impl CheckedResolver {
    pub(super) fn new(grant: Arc<Grant>) -> Self {
        Self { grant }
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
        let grant = self.grant.clone();
        Box::pin(async move {
            let host = name.as_str();
            let found = tokio::net::lookup_host((host, 0)).await;
            let found = found.map_err(|_| ResolveError::Unknown(host.to_owned()))?;
            check(&grant, host, found.map(|address| address.ip())).map(Vec::into_iter)
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
    async fn a_name_for_this_machine_needs_a_literal_grant() {
        let name: Name = "localhost".parse().unwrap();
        let refused = CheckedResolver::new(Arc::default()).call(name).await.unwrap_err();
        assert!(matches!(refused, ResolveError::Prohibited { .. }), "{refused}");
    }
}
