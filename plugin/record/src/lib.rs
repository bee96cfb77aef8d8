//! Records of the Azure Activity Log: from the bytes of a page to what they say and how serious it is, and on to events.
//!
//! | concern | modules |
//! | --- | --- |
//! | records | [`page`] shows the records of a page, [`record`] reads one, [`time`] its instants |
//! | what they mean | [`facts`] |
//! | how serious they are | [`severity`], [`pattern`], the operator's [`rules`] |
//! | events | [`event`] drops or rates a record, [`format`](mod@format) writes it, with the operator's [`labels`] |
//!
//! All of it runs for every record. It is a package of its own so that it is compiled for speed, as the JSON package is,
//! while the rest of the component is compiled for size.

#![forbid(unsafe_code)]

pub mod event;
pub mod facts;
pub mod format;
pub mod labels;
pub mod page;
pub mod pattern;
pub mod record;
pub mod rules;
pub mod severity;
pub mod time;

use activity_json as json;
