//! What leaves a sandbox: which origins, which addresses, how much, how long.
//!
//! A request passes three stations. `hooks` know the source and its poll: is the origin granted, is the poll within its
//! bounds? `substitute` puts secrets in place that the source has no more than a placeholder of. `http_client` knows the
//! network, unless another `transport` stands in for it: it resolves a name once, has `address` judge what came out, and
//! connects to exactly that, the way that `route` shows: directly or through a `proxy`. `body` watches the response while
//! it is read.
//!
//! None of it takes anything from other sources: connections run on a `runtime` of their own, names are looked up on
//! threads of their own (`lookup`), `connections` bounds how many a source has, `meter` what an upstream may send on each, and
//! `account` keeps what that costs its source.

mod account;
mod address;
mod body;
mod connections;
mod hooks;
mod http_client;
mod lookup;
mod meter;
mod metered_connector;
mod metered_stream;
mod origin;
mod proxy;
mod resolver;
mod route;
mod runtime;
mod substitute;
mod tls;
mod transport;

pub use address::Refusal;
pub(crate) use connections::limit_connections;
pub(crate) use hooks::EgressHooks;
pub use hooks::Traffic;
pub use http_client::HttpClient;
pub use origin::{Grant, Origin};
pub use proxy::{ProxyChoice, ProxyError};
pub(crate) use proxy::{ProxyConnector, last_cause};
pub(crate) use resolver::{CheckedResolver, TrustingResolver, is_inside};
pub use route::{Outbound, OutboundError, Route};
pub use substitute::{BoundSecret, BoundSecrets};
pub use tls::CaError;
pub(crate) use tls::client_config;
pub use transport::{Body, NoNetwork, ResponseFuture, Transport, TransportError};
