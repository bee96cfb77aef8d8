//! The way out of this machine: through which proxy, and whom to trust at its end.

#![expect(
    clippy::disallowed_methods,
    reason = "reads through `small_file`, whose time-out gives the thread back"
)]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::ClientConfig;
use thiserror::Error;

use super::proxy::{Proxies, ProxyChoice, ProxyConnector, ProxyError};
use super::resolver::TrustingResolver;
use super::tls::{self, CaError};

/// One attempt to reach an address.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What an operator says about the way out, of a source or of its sink.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outbound {
    /// A PEM file of certificate authorities to trust besides the system's.
    pub ca: Option<PathBuf>,
    /// The proxy to go through.
    pub proxy: ProxyChoice,
}

/// Why there is no way out. The text begins with the key.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OutboundError {
    /// The authorities cannot be read.
    #[error("ca: {0}")]
    Ca(#[from] CaError),
    /// The proxy cannot be used.
    #[error("proxy: {0}")]
    Proxy(#[from] ProxyError),
}

/// The way out, ready to be used.
#[derive(Debug, Clone)]
pub struct Route {
    tls: Arc<ClientConfig>,
    proxies: Proxies,
}

impl Outbound {
    /// Reads what the settings refer to, on a thread that may wait.
    ///
    /// # Errors
    ///
    /// A file or a variable is missing, or what it holds is of no use.
    pub async fn route(&self) -> Result<Route, OutboundError> {
        let settings = self.clone();
        let opened = tokio::task::spawn_blocking(move || settings.open()).await;
        opened.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    }

    /// Reads what the settings refer to. Blocks: a file may hang for ten seconds.
    ///
    /// # Errors
    ///
    /// A file or a variable is missing, or what it holds is of no use.
    pub fn open(&self) -> Result<Route, OutboundError> {
        Ok(Route {
            tls: tls::client_config(self.ca.as_deref())?,
            proxies: Proxies::open(&self.proxy)?,
        })
    }
}

impl Route {
    /// A connector for http and https over one that connects directly.
    pub(crate) fn connector<C>(&self, direct: C) -> HttpsConnector<ProxyConnector<C>> {
        self.secure(self.plain(direct))
    }

    /// A connector for http over one that connects directly, or through the proxy.
    pub(super) fn plain<C>(&self, direct: C) -> ProxyConnector<C> {
        let mut to_proxy = HttpConnector::new_with_resolver(TrustingResolver::default());
        to_proxy.enforce_http(false);
        to_proxy.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let to_proxy = HttpsConnectorBuilder::new()
            .with_tls_config(self.tls.as_ref().clone())
            .https_or_http()
            .enable_http1()
            .wrap_connector(to_proxy);
        ProxyConnector::new(direct, to_proxy, self.proxies.clone())
    }

    /// A connector for http and https over one for http.
    pub(super) fn secure<C>(&self, plain: C) -> HttpsConnector<C> {
        HttpsConnectorBuilder::new()
            .with_tls_config(self.tls.as_ref().clone())
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(plain)
    }
}
