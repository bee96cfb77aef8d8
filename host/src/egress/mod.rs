//! What leaves a sandbox: which origins, which addresses, how much, how long.
//!
//! A request passes three gates. `gate` knows the source and its poll: is the origin granted, is the poll within its
//! bounds? `substitute` puts secrets in place that the source has no more than a placeholder of. `sender` knows the
//! network: it resolves a name once, has `address` judge what came out, and connects to exactly that, the way that `route`
//! shows: directly or through a `proxy`. `body` watches the answer while it is read.
//!
//! None of it takes anything from other sources: connections run on a `runtime` of their own, names are looked up on threads
//! of their own (`lookup`), `connections` bounds how many a source has, and `meter` what an upstream may send on each.

mod address;
mod body;
mod connections;
mod gate;
mod lookup;
mod meter;
mod origin;
mod proxy;
mod resolver;
mod route;
mod runtime;
mod sender;
mod substitute;
mod tls;

pub use address::Refusal;
pub(crate) use connections::limit_connections;
pub use gate::{Bounds, Gate, Traffic};
pub use origin::{Grant, Origin};
pub use proxy::{ProxyChoice, ProxyError};
pub(crate) use proxy::{ProxyConnector, last_cause};
pub(crate) use resolver::{CheckedResolver, TrustingResolver, is_inside};
pub use route::{Outbound, OutboundError, Route};
pub use sender::{Answer, Sender, Transport};
pub use substitute::{BoundSecret, BoundSecrets};
pub use tls::CaError;
pub(crate) use tls::client_config;
