//! Reads logs through WebAssembly components, each in a sandbox of its own, and loses nothing.
//!
//! A *plugin* is a component that implements the contract `headwater:source`: it logs in to an upstream, reads a log and
//! makes events of it. A *source* is a plugin with a configuration, and what it may reach; it has *partitions*, streams that are
//! read and resumed on their own. This crate compiles plugins, runs them within bounds, calls them on schedule, and hands
//! out *batches* of events. What you do with the events is yours; when they are safe, you acknowledge the batch, and only then is the
//! cursor stored after which reading goes on. A batch that is not acknowledged is fetched again.
//!
//! ```
//! use headwater::{Host, cursor::MemoryStore, secret::Secret};
//! use serde_json::json;
//!
//! # struct Pipeline(usize);
//! # impl Pipeline {
//! #     async fn send(&mut self, events: &[headwater::model::Event]) -> Result<(), std::io::Error> {
//! #         self.0 += events.len();
//! #         Ok(())
//! #     }
//! # }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use fake_azure::scenario::example;
//! # let server = fake_azure::scenario::served::serve(fake_azure::scenario::served::with_events(25));
//! # unsafe { std::env::set_var("AZURE_CLIENT_SECRET", example::CLIENT_SECRET) };
//! # let file = std::env::var("HEADWATER_COMPONENT")?;
//! # let (t, c, url) = (example::TENANT, example::CLIENT_ID, server.endpoint().to_owned());
//! # let (store, mut pipeline) = (MemoryStore::new(), Pipeline(0));
//! let host = Host::builder().cursors(store).build()?; // or a CursorStore of yours
//! let plugin = host.load(file).await?; // compiled once, shared; .pinned("sha256:…")
//! let source = plugin
//!     .source("contoso")
//!     .config(json!({ "tenant_id": t, "client_id": c, "subscription_id": "*",
//!         "start": "24h", "cloud": { "authority": url, "resource_manager": url } }))
//!     .secret("/client_secret", Secret::env("AZURE_CLIENT_SECRET"))
//!     .allow([url])
//!     .build()
//!     .await?; // every issue at once, each with its pointer
//! let mut batches = source.batches(); // a Stream: all partitions, discovery, schedule, back-off inside
//! while let Some(batch) = batches.next().await {
//!     pipeline.send(batch.events()).await?;
//!     batch.ack().await?; // commits the cursor; a dropped batch is fetched again
//! #   if pipeline.0 == 50 { break }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Where things are
//!
//! * [`Host`] loads plugins; [`Plugin::source`] makes a [`Source`]; [`reading`] is what a source brings: [`reading::Batches`],
//!   [`reading::Batch`], and the [`reading::Observer`] that hears how it goes.
//! * [`cursor`] has the trait [`cursor::CursorStore`] for places where cursors are kept, and two such places.
//! * [`model`] has the words that everything else speaks: events, failures, limits.
//! * [`secret`] and [`redact`]: where secrets are kept, and how they stay out of texts.
//! * [`component`], [`plugin`], [`sandbox`], [`egress`]: the way into a plugin, what one call runs in, and what may leave it.
//!
//! # What it promises
//!
//! * At least once: every event of the upstream's log is in a batch, and is delivered again, with an equal id, until its batch is acknowledged.
//! * Nothing that a plugin, an upstream or a secret store does ends a source: failures are reported ([`model::Failure`]) and tried again.
//! * It never panics on what comes from outside, never prints, never exits the process, and reads no environment variable
//!   unless asked ([`secret::Secret::env`], [`egress::ProxyChoice::Environment`], [`plugin::CachePlace::Usual`]), but for
//!   `SSL_CERT_FILE` and `SSL_CERT_DIR`, which say where the system's certificates are. It logs through [`tracing`]. (Built with debug assertions it also looks for
//!   `HEADWATER_WATCHDOG`, which the tests of its repository set.)
//!
//! # Features
//!
//! None is on by default.
//!
//! | feature | what it adds |
//! | --- | --- |
//! | `redb` | [`cursor::state_file`]: cursors in one durable file |
//! | `postgres` | [`cursor::postgres`]: cursors in a database, and leases for several hosts |
//! | `oci` | `plugin::registry`: plugins from OCI registries |
//! | `monitor` | `monitor`: metrics and a status page over HTTP |
//! | `sinks` | `sink`: files, HTTP receivers, Fluent Forward and OTLP as places for events, and a file for dead letters |

#![warn(clippy::missing_errors_doc, clippy::missing_panics_doc)]
#![cfg_attr(
    test,
    allow(
        clippy::disallowed_methods,
        reason = "tests run on threads of their own, and may wait"
    )
)]
// What a feature alone uses is not dead: all of it is checked with all features.
#![cfg_attr(
    not(all(
        feature = "monitor",
        feature = "oci",
        feature = "postgres",
        feature = "redb",
        feature = "sinks"
    )),
    allow(dead_code, unused_imports)
)]

pub mod component;
pub mod cursor;
pub mod egress;
// Of use to the program of this repository, and no part of what other programs may rely on.
#[doc(hidden)]
pub mod file;
mod host;
pub mod model;
#[cfg(feature = "monitor")]
pub mod monitor;
pub mod plugin;
pub mod reading;
pub mod redact;
mod sandbox;
pub mod secret;
#[cfg(feature = "sinks")]
pub mod sink;
#[doc(hidden)]
pub mod work;

pub use host::{
    BuildError, Host, HostBuilder, HostError, Load, LoadFuture, Plugin, Source, SourceBuilder,
    run_helper_if_asked,
};
