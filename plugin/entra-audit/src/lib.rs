//! The source for Microsoft Entra's directory audit log (who changed which user, group, role, application or policy), and for its
//! sign-in log.
//!
//! It is written with the SDK (`headwater-source`) as any other author would: all that is the same for every source whose upstream
//! is asked for stretches of time, and shows records late, is [`headwater_source::TimedSource`]'s.
//!
//! | concern | modules |
//! | --- | --- |
//! | the source | [`source`]: what the SDK makes a component of |
//! | the configuration | [`config`], [`cloud`] |
//! | Microsoft Graph | [`log`]: the two logs; [`graph`]: addresses and refusals; [`page`]: the list in an answer |
//! | an event | [`facts`]: what a record says; [`rating`]: how serious that is; [`ecs`]: its shape, or `raw`: as received |

#![cfg_attr(not(target_family = "wasm"), forbid(unsafe_code))]

pub mod cloud;
pub mod config;
pub mod ecs;
pub mod facts;
pub mod graph;
pub mod log;
pub mod page;
pub mod rating;
mod raw;
pub mod source;

pub use source::EntraAudit;
