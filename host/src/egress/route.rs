//! The way out of this machine: whom to trust at its end.

use std::path::PathBuf;
use std::sync::Arc;

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use rustls::ClientConfig;
use thiserror::Error;

use super::tls::{self, CaError};

/// What an operator says about the way out, of a source or of its sink.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outbound {
    /// A PEM file of certificate authorities to trust besides the system's.
    pub ca: Option<PathBuf>,
}

/// Why there is no way out. The text begins with the key.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OutboundError {
    /// The authorities cannot be read.
    #[error("ca: {0}")]
    Ca(#[from] CaError),
}

/// The way out, ready to be used.
#[derive(Debug, Clone)]
pub struct Route {
    tls: Arc<ClientConfig>,
}

impl Outbound {
    /// Reads what the settings refer to.
    pub fn open(&self) -> Result<Route, OutboundError> {
        Ok(Route {
            tls: tls::client_config(self.ca.as_deref())?,
        })
    }
}

impl Route {
    /// A connector for http and https over one for plain connections.
    pub(crate) fn connector<C>(&self, plain: C) -> HttpsConnector<C> {
        HttpsConnectorBuilder::new()
            .with_tls_config(self.tls.as_ref().clone())
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(plain)
    }
}
