//! Writes log sources for Headwater.
//!
//! A source says what it is, which partitions there are, and what comes after a position. All that is the same for every source is
//! here: judging the configuration, logging in and once more when a token is refused, keeping the deadline of a call, turning a
//! refusal into the right fault, staying within the budget of a batch, cursors with a version and a checksum, measures.
//!
//! ```
//! use headwater_source::{Call, Description, Event, Failure, Key, Page, PagedSource, Partition, Source};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Deserialize)]
//! struct Config {
//!     url: String,
//! }
//!
//! #[derive(Deserialize, Serialize)]
//! struct Entry {
//!     number: u64,
//!     text: String,
//! }
//!
//! struct Feed;
//!
//! impl Source for Feed {
//!     type Config = Config;
//!
//!     fn describe() -> Description {
//!         Description::new("example-feed", "1.0.0", "A numbered feed over HTTP", "https://example.com")
//!             .key(Key::url("url", "URL", "Where the feed is.").required())
//!     }
//!
//!     fn partitions(config: &Config, _: &mut Call) -> Result<Vec<Partition>, Failure> {
//!         Ok(vec![Partition::new(&config.url, "The feed")])
//!     }
//! }
//!
//! impl PagedSource for Feed {
//!     type Position = u64; // the number of the last entry that was delivered
//!
//!     fn read(config: &Config, call: &mut Call, _: &str, after: Option<&u64>) -> Result<Page<u64>, Failure> {
//!         let url = format!("{}?after={}", config.url, after.unwrap_or(&0));
//!         let entries: Vec<Entry> = call.get(&url)?.json()?;
//!         let mut page = Page::new();
//!         for entry in entries {
//!             page.event(entry.number, Event::json(entry.number.to_string(), &entry)?);
//!         }
//!         Ok(page)
//!     }
//! }
//!
//! headwater_source::export!(Feed);
//!
//! # use headwater_source::testing::{Answers, poll};
//! # let mut upstream = Answers::new([(200, r#"[{"number":1,"text":"a"},{"number":2,"text":"b"}]"#), (403, "[]")]);
//! # let config = r#"{"url":"https://feed.example/entries"}"#;
//! # let batch = poll::<Feed>(&mut upstream, config, "https://feed.example/entries", None).unwrap();
//! # assert_eq!((batch.events.len(), batch.caught_up), (2, true));
//! # let error = poll::<Feed>(&mut upstream, config, "https://feed.example/entries", Some(batch.cursor)).unwrap_err();
//! # assert_eq!(error.code, "upstream.forbidden", "a refusal is never an empty page");
//! ```
//!
//! `docs/write-a-source.md` of the repository builds this source from an empty folder and runs it.
//!
//! | concern | modules |
//! | --- | --- |
//! | the contract | [`contract`]: its records; [`Component`]: its five functions, for sources that need more room than [`PagedSource`] gives |
//! | the world outside | [`http`]: requests, clock, chance and log lines, behind a trait so that sources are tested natively |
//! | a source | [`Source`], [`PagedSource`], [`Call`], [`Page`], [`Description`] |
//! | a source whose upstream is asked for stretches of time, and shows records late | [`TimedSource`], made of [`lookback`] (the reading law), [`dedup_window`], [`window_scan`] |
//! | the login at Microsoft Entra | [`entra`] |
//! | parts | [`duration`], [`instant`], [`measures`], [`batch`], [`cursor`], [`frame`], [`retry`], [`error_body`], [`link`], [`origin`], [`percent`] |

#![warn(clippy::missing_errors_doc, clippy::missing_panics_doc)]
#![cfg_attr(not(target_family = "wasm"), forbid(unsafe_code))]

mod adapter;
mod basics;
pub mod batch;
mod call;
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod component;
mod config;
pub mod contract;
pub mod cursor;
pub mod dedup_window;
mod description;
pub mod duration;
pub mod entra;
pub mod error_body;
mod exports;
mod failure;
pub mod frame;
pub mod http;
pub mod instant;
pub mod link;
pub mod lookback;
pub mod measures;
pub mod origin;
mod page;
pub mod percent;
mod planning;
pub mod retry;
mod secret;
mod session;
mod source;
pub mod testing;
mod timed;
mod token;
pub mod window_scan;

#[doc(hidden)]
pub use adapter::Adapter as __Adapter;
pub use call::Call;
pub use contract::{Attribute, Event, Rejected};
pub use description::{Description, Key};
pub use exports::Component;
pub use failure::Failure;
pub use page::{Page, Partition};
pub use planning::Planning;
pub use secret::Secret;
pub use source::{PagedSource, Source};
pub use timed::{Law, Query, Record, Records, Start, Timed, TimedSource};
pub use token::Token;

pub use instant::parse_rfc3339 as parse_time;
